//! The face calls of JD Cloud: `/jdai/...`.

mod md5;
mod params;
mod signature;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use crate::Context;

/// How it is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// How far the clock of a client may be off.
    pub clock_skew: std::time::Duration,
    /// Groups (libraries) that an app may have before no more can be made here.
    pub max_groups: u64,
    /// Faces that a group may have before no more can be made here.
    pub max_faces: u64,
}

pub(crate) async fn handle(_: &Context, _: Request) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
