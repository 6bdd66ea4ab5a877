//! Pages that browsers show: which of them may act for the user of a machine whose calls need no token.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};

use crate::links::Site;

/// Whether a page of another site sends the request.
pub(super) fn is_of_other_site(headers: &HeaderMap, site: &Site) -> bool {
    is_cross_site(headers, site) || may_be_rebound(headers, site)
}

/// Whether a browser sends the request for a page of another site. Such a page must not act for the user of a machine
/// whose calls need no token.
fn is_cross_site(headers: &HeaderMap, site: &Site) -> bool {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text(header::ORIGIN) {
        Some(origin) => {
            let is_ours = site.public_url.as_deref().is_some_and(|url| origin_of(url) == Some(origin));
            !is_ours && origin.split_once("://").map(|(_, host)| host) != text(header::HOST)
        }
        None => text(header::HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site == "cross-site"),
    }
}

/// Whether the host name of the page may belong to another site that resolves it to this server (DNS rebinding): the
/// browser would treat such a page as same-origin. IP addresses, `localhost` and the host of `public_url` are trusted.
fn may_be_rebound(headers: &HeaderMap, site: &Site) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    // Browsers send ASCII only.
    let Ok(origin) = origin.to_str() else { return true };
    if site.public_url.as_deref().is_some_and(|url| origin_of(url) == Some(origin)) {
        return false;
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority).unwrap_or_default();
    let is_address = authority.parse::<SocketAddr>().is_ok()
        || authority.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    !is_address && name != "localhost"
}

/// Returns the origin (scheme, host, port) of a URL.
fn origin_of(url: &str) -> Option<&str> {
    let after_scheme = url.find("://")? + 3;
    Some(url.get(after_scheme..)?.find('/').map_or(url, |path| &url[..after_scheme + path]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn site(public_url: Option<&str>) -> Site {
        let local_address = SocketAddr::from(([127, 0, 0, 1], 9012));
        Site {
            public_url: public_url.map(str::to_owned),
            local_address,
            is_encrypted: false,
            face_url_lifetime: std::time::Duration::from_secs(60),
        }
    }

    /// Whether a page with this origin, requested under this host, may act without a token.
    fn may_act(origin: &str, host: &'static str, site: &Site) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_str(origin).expect("a header"));
        headers.insert(header::HOST, HeaderValue::from_static(host));
        !is_of_other_site(&headers, site)
    }

    #[test]
    fn only_our_own_pages_act_without_a_token() {
        let plain = site(None);
        for host in ["127.0.0.1:9012", "localhost:9012", "localhost", "[::1]:9012", "192.0.2.7"] {
            assert!(may_act(&format!("http://{host}"), host, &plain), "{host}");
        }
        assert!(!may_act("http://example.com", "127.0.0.1:9012", &plain));
        assert!(!may_act("http://example.com:9012", "example.com:9012", &plain), "a name that was made to point here");
        assert!(!may_act("null", "127.0.0.1:9012", &plain));
        let behind_a_proxy = site(Some("https://example.com/base"));
        assert!(may_act("https://example.com", "127.0.0.1:9012", &behind_a_proxy));
        assert!(!may_act("https://example.org", "127.0.0.1:9012", &behind_a_proxy));
        let mut unreadable = HeaderMap::new();
        unreadable.insert(header::ORIGIN, HeaderValue::from_bytes(b"http://\xcc").expect("a header"));
        assert!(may_be_rebound(&unreadable, &plain));
        assert!(!is_of_other_site(&HeaderMap::new(), &plain));
    }
}
