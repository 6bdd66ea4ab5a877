//! The face library of Alibaba Cloud LinkVisual: `/?Action=...`.

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use crate::Context;

/// How it is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls of one action that an account may make in a second.
    pub calls_per_second: std::num::NonZeroU32,
}

/// Whether a request for `/` is for this dialect; others get the console.
pub(crate) fn is_meant(_: &Request) -> bool {
    false
}

pub(crate) async fn handle(_: &Context, _: Request) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
