//! One address to fetch, taken apart.

use hyper::http::uri::PathAndQuery;
use hyper::http::{HeaderValue, Uri};
use url::{Host, Url};

use crate::{Error, Result};

/// Bytes that an address may have.
const MAX_URL: usize = 8 << 10;

/// An http or https address that is well formed. Whether it may be reached is not said.
pub(crate) struct Target {
    url: Url,
    /// Where the bytes come from.
    pub host: Host<String>,
    /// Its port, never 0.
    pub port: u16,
    /// What is asked for, as it goes into the request line.
    pub path: Uri,
    /// The host header.
    pub authority: HeaderValue,
}

impl Target {
    /// Reads an address the way a browser does, so that odd spellings of an IPv4 address become that address here and
    /// not later.
    ///
    /// # Errors
    /// [`Error::BadUrl`] if it is none, is too long, is neither http nor https, or carries a user or port 0.
    pub fn parse(url: &str) -> Result<Self> {
        if url.len() > MAX_URL {
            return Err(Error::BadUrl);
        }
        Self::new(Url::parse(url).map_err(|_| Error::BadUrl)?)
    }

    /// The address that a redirect from here leads to.
    ///
    /// # Errors
    /// As [`Target::parse`]; [`Error::Downgraded`] if it leads from https to http.
    pub fn redirect(&self, location: &[u8]) -> Result<Self> {
        let location = str::from_utf8(location).map_err(|_| Error::BadUrl)?;
        let url = self.url.join(location).map_err(|_| Error::BadUrl)?;
        if url.as_str().len() > MAX_URL {
            return Err(Error::BadUrl);
        }
        let target = Self::new(url)?;
        if self.is_https() && !target.is_https() { Err(Error::Downgraded) } else { Ok(target) }
    }

    /// Whether the connection is encrypted.
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
        // The default port of the scheme is not part of the header.
        let authority = match url.port() {
            Some(port) => HeaderValue::try_from(format!("{host}:{port}")),
            None => HeaderValue::try_from(host.to_string()),
        };
        Ok(Self { host, port, path, authority: authority.map_err(|_| Error::BadUrl)?, url })
    }
}
