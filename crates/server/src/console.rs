//! Files of the web console, which are part of the program.

use std::borrow::Cow;

use aicp_requests::{Interface, UnreadBody};
use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{self, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use rust_embed::{EmbeddedFile, RustEmbed};

/// What the pages may load and do: the server's own files and calls, pictures and the camera. Ant Design writes styles into
/// the page.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
    media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const PAGE: &str = "index.html";
/// Folder of the files whose names have a hash of their content.
const HASHED: &str = "console/";
/// Encodings that files are stored in, and the ends of their names; the smallest first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];
const NOT_BUILT: &str = "the program was built without the console: run `make build`\n";

/// What `npm run build` makes of `console/`. Without that, a program has no console.
#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Files;

/// The web console at `/`. It must come after LinkVisual, whose actions have the same path, and before the AICP manual, which
/// answers whatever is left.
pub(crate) struct Console;

#[async_trait]
impl Interface for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn claims(&self, request: &Request) -> bool {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        is_read && name_of(request.uri().path()).is_some_and(|name| name == PAGE || Files::get(name).is_some())
    }

    async fn answer(&self, parts: &Parts, _: &mut UnreadBody) -> Response {
        answer(parts)
    }
}

/// Returns the name of the file that a path stands for. A target that is a host or `*` has no path (RFC 9112, section 3.2).
fn name_of(path: &str) -> Option<&str> {
    path.strip_prefix('/').map(|name| if name.is_empty() { PAGE } else { name })
}

fn answer(parts: &Parts) -> Response {
    let name = name_of(parts.uri.path()).unwrap_or(PAGE);
    let Some((file, encoding)) = encoded(name, &parts.headers) else {
        let mut response = Response::new(Body::from(NOT_BUILT));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    let is_known = parts.headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let body = match file.data {
        _ if is_known || parts.method == Method::HEAD => Body::empty(),
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    let mut response = Response::new(body);
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, type_of(name));
    set(header::ETAG, &tag);
    // A page names the hashed files, so it alone is asked for again.
    set(
        header::CACHE_CONTROL,
        if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" },
    );
    set(header::VARY, "Accept-Encoding");
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(self), microphone=(), geolocation=()");
    response
}

/// Returns a file in the smallest encoding that the client reads, and the name of the encoding.
fn encoded(name: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let smallest = ENCODINGS
        .iter()
        .filter(|(encoding, _)| accepts(headers, encoding))
        .find_map(|(encoding, end)| Some((Files::get(&format!("{name}{end}"))?, Some(*encoding))));
    smallest.or_else(|| Some((Files::get(name)?, None)))
}

/// Whether a client reads an encoding.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let sent = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(',')).any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let is_refused =
            weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>().is_ok_and(|q| q == 0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !is_refused
    })
}

fn type_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
