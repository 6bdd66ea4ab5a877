//! A door for the fuzz targets, which see no private function otherwise.

use axum::http::HeaderMap;

/// The token in the headers.
pub fn bearer(headers: &HeaderMap) -> Option<String> {
    super::bearer(headers).map(str::to_owned)
}
