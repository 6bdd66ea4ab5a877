//! Parsed URL of a fetch.

use hyper::http::uri::PathAndQuery;
use hyper::http::{HeaderValue, Uri};
use url::{Host, Url};

use crate::{Error, Result};

/// Maximum length of a URL in bytes.
const MAX_URL_BYTES: usize = 8 << 10;

/// A well-formed http or https URL. Its address is not checked yet.
pub(crate) struct Target {
    url: Url,
    /// Host to connect to.
    pub host: Host<String>,
    /// Port to connect to, never 0.
    pub port: u16,
    /// Path and query for the request line.
    pub path: Uri,
    /// Value of the Host header.
    pub authority: HeaderValue,
}

impl Target {
    /// Parses a URL as a browser does, so that odd spellings of an IPv4 address are normalised before the checks.
    ///
    /// # Errors
    /// [`Error::BadUrl`] if it is malformed, too long, neither http nor https, or carries a user or port 0.
    pub fn parse(url: &str) -> Result<Self> {
        if url.len() > MAX_URL_BYTES {
            return Err(Error::BadUrl);
        }
        Self::new(Url::parse(url).map_err(|_| Error::BadUrl)?)
    }

    /// Returns the target that a redirect from here leads to.
    ///
    /// # Errors
    /// As [`Target::parse`]; [`Error::Downgraded`] if it leads from https to http.
    pub fn redirect(&self, location: &[u8]) -> Result<Self> {
        let location = str::from_utf8(location).map_err(|_| Error::BadUrl)?;
        let url = self.url.join(location).map_err(|_| Error::BadUrl)?;
        if url.as_str().len() > MAX_URL_BYTES {
            return Err(Error::BadUrl);
        }
        let target = Self::new(url)?;
        if self.is_https() && !target.is_https() { Err(Error::Downgraded) } else { Ok(target) }
    }

    /// Returns whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    fn new(url: Url) -> Result<Self> {
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(Error::BadUrl);
        }
        let host = url.host().ok_or(Error::BadUrl)?.to_owned();
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(Error::BadUrl)?;
        let path = match url.query() {
            Some(query) => PathAndQuery::try_from(format!("{}?{query}", url.path())),
            None => PathAndQuery::try_from(url.path()),
        };
        let path = Uri::from(path.map_err(|_| Error::BadUrl)?);
        // The header omits the scheme's default port.
        let authority = match url.port() {
            Some(port) => HeaderValue::try_from(format!("{host}:{port}")),
            None => HeaderValue::try_from(host.to_string()),
        };
        Ok(Self { host, port, path, authority: authority.map_err(|_| Error::BadUrl)?, url })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Returns the Host header and the path of a target.
    fn asked(target: &Target) -> (String, String) {
        (target.authority.to_str().expect("a header").into(), target.path.to_string())
    }

    #[test]
    fn asks_for_what_the_address_says() {
        // A host may be spelled as a number (WHATWG URL, section 3.5).
        let spelled = format!("  http://{}/\n", "0x7f.1");
        for (url, authority, path) in [
            ("http://example.com", "example.com", "/"),
            ("HTTPS://EXAMPLE.com:443/A?b=c#d", "example.com", "/A?b=c"),
            ("http://example.com:443/", "example.com:443", "/"),
            ("http://example.com/a/../b c/\u{4f60}?q= \u{597d}", "example.com", "/b%20c/%E4%BD%A0?q=%20%E5%A5%BD"),
            ("http://example.com?x={}|^`\"'<>", "example.com", "/?x={}|^`%22%27%3C%3E"),
            ("http://b\u{fc}cher.example.com/", "xn--bcher-kva.example.com", "/"),
            ("http://[2001:DB8::1]:8080/", "[2001:db8::1]:8080", "/"),
            (spelled.as_str(), "127.0.0.1", "/"),
            ("http:\\\\example.com\\a", "example.com", "/a"),
        ] {
            let target = Target::parse(url).expect(url);
            assert_eq!(asked(&target), (authority.into(), path.into()), "{url}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_to_fetch_or_refused(
            text in prop_oneof![any::<String>(), "(https?|ftp)://[ -~]{0,40}", "https?://[0-9a-fx.:@%/\\[\\]]{0,30}"],
            location in vec(any::<u8>(), 0..40),
        ) {
            let Ok(target) = Target::parse(&text) else { return Ok(()) };
            for target in [target.redirect(text.as_bytes()), target.redirect(&location), Ok(target)] {
                let Ok(target) = target else { continue };
                prop_assert!(target.port != 0);
                prop_assert!(matches!(target.url.scheme(), "http" | "https"));
                prop_assert!(target.url.username().is_empty() && target.url.password().is_none());
                prop_assert!(target.path.path().starts_with('/'));
                prop_assert!(target.path.authority().is_none());
            }
        }
    }
}
