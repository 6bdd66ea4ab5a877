//! Calls from pages of other origins (CORS: the Fetch Standard of the WHATWG, section "HTTP-CORS protocol").
//!
//! Only the origins of the settings are admitted, each by its exact text. Credentials of the browser (cookies) are never
//! admitted: a page sends its token itself.

use std::fmt;
use std::str::FromStr;

use axum::http::request::Parts;
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Headers that a page may send.
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id",
);
/// Headers that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Disposition, ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
);
/// Seconds for which a browser may remember a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Scheme, host and port of a page, as browsers write them: `https://example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no origin, such as https://example.com");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_web = uri.scheme().is_some_and(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let host = uri.authority().map(Authority::host).unwrap_or_default();
        let default_port = if uri.scheme() == Some(&Scheme::HTTP) { ":80" } else { ":443" };
        // Browsers write an origin in lower case, without the default port, path or user.
        let is_exact = is_web
            && !host.is_empty()
            && !host.contains('*')
            && !text.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'@')
            && !text.ends_with(default_port)
            && text
                == format!(
                    "{}://{}",
                    uri.scheme_str().unwrap_or_default(),
                    uri.authority().map_or("", Authority::as_str)
                );
        if is_exact { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The admitted origins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cors(Vec<Origin>);

impl Cors {
    pub fn new(origins: Vec<Origin>) -> Self {
        Self(origins)
    }

    /// Returns the origin of a request, if it is admitted.
    fn admitted<'r>(&self, headers: &'r HeaderMap) -> Option<&'r HeaderValue> {
        let mut sent = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (sent.next(), sent.next()) else { return None };
        self.0.iter().any(|known| known.0.as_bytes() == origin.as_bytes()).then_some(origin)
    }

    /// Answers the question of a browser whether a page may make a request; `None` for any other request, and for pages that
    /// may not.
    pub fn preflight(&self, parts: &Parts) -> Option<Response> {
        let asks = parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let origin = self.admitted(&parts.headers).filter(|_| asks)?;
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        Some(response)
    }

    /// Lets a page read the answer to its request, if its origin is admitted.
    pub fn tell(&self, parts: &Parts, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.admitted(&parts.headers) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_write_them() {
        for good in ["https://example.com", "http://localhost:3000", "http://127.0.0.1:8080", "https://[::1]:8443"] {
            assert_eq!(good.parse::<Origin>().expect("an origin").to_string(), good);
        }
        for bad in [
            "",
            "*",
            "null",
            "example.com",
            "https://",
            "https://*",
            "https://*.example.com",
            "https://example.com/",
            "https://[FE80::1]",
            "https://example.com/x",
            "https://example.com:443",
            "http://example.com:80",
            "https://localhost@[::1]",
            "ftp://example.com",
            "https://example.com?x",
            "https://example.com https://example.org",
            "HTTPS://example.com",
            "file:///x",
        ] {
            bad.parse::<Origin>().expect_err(bad);
        }
    }
}
