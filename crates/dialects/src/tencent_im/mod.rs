//! Friends, friend groups and accounts of Tencent Cloud IM: `/v4/...`.

mod usersig;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;

use crate::Context;

/// How it is served.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls of one command that an app may make in a second; the account commands but `account_import` half as many.
    pub calls_per_second: std::num::NonZeroU32,
    /// User ids that may call on behalf of their app.
    pub admins: Vec<String>,
    /// Whether `group_get` answers in full even if the caller's sequence is the current one.
    pub always_full_list: bool,
}

pub(crate) async fn handle(_: &Context, _: Request) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
