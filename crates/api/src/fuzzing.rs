//! Access to private functions for the fuzz targets.

use axum::http::HeaderMap;

/// Extracts the bearer token from the headers.
pub fn bearer(headers: &HeaderMap) -> Option<String> {
    super::bearer(headers).map(str::to_owned)
}
