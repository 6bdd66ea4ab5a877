//! `/oauth/2.0/token`: the official SDKs of face-api exchange a key pair for a token before their first call. Here the
//! pair is an app's id (`client_id`) and token (`client_secret`), and the answer is the same token.

use aicp_platform::TokenError;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::envelope::Shape;
use super::failure::Failure;
use super::json_response;
use crate::Context;
use crate::query::Query;
use aicp_requests::{BodyError, UnreadBody};

/// Maximum length of a request body in bytes.
const MAX_BODY: usize = 16 << 10;
/// Announced lifetime of the token in seconds, after which SDKs ask again. A grant may expire earlier; calls then fail.
const LIFE: u32 = 2_592_000;
/// Scope that tells the SDKs to send the token with every call.
const SCOPE: &str = "public brain_all_scope";

#[derive(Serialize)]
struct Token<'a> {
    access_token: &'a str,
    expires_in: u32,
    scope: &'static str,
}

/// Error answer (RFC 6749 section 5.2).
#[derive(Serialize)]
struct Refused {
    error: &'static str,
    error_description: &'static str,
}

pub(super) async fn answer(context: &Context, parts: &Parts, body: &mut UnreadBody) -> Response {
    if !matches!(parts.method, Method::GET | Method::POST) {
        return Failure::wrong_method("GET, POST").render(Shape::Plain, context.shared.platform.now());
    }
    let mut query = Query::of(&parts.uri);
    if query.get("client_id").is_none() && parts.method == Method::POST {
        query = match context.shared.bodies.read(body, MAX_BODY).await {
            Ok(held) => Query::parse(&held.bytes),
            Err(BodyError::Busy) => return Failure::busy().render(Shape::Plain, context.shared.platform.now()),
            Err(_) => return refused("invalid_request", "the body can't be read"),
        };
    }
    if query.get("grant_type").is_some_and(|grant| grant != "client_credentials") {
        return refused("unsupported_grant_type", "grant_type must be client_credentials");
    }
    let id = query.get("client_id").unwrap_or_default();
    let token = query.token("client_secret").unwrap_or_default();
    match context.shared.platform.caller_of_token(&token) {
        Ok(caller) if caller.app_id() == id => {
            let body = Token { access_token: &token, expires_in: LIFE, scope: SCOPE };
            json_response(StatusCode::OK, serde_json::to_vec(&body).unwrap_or_default())
        }
        Ok(_) => refused("invalid_client", "unknown client id"),
        Err(TokenError::Expired) => refused("invalid_client", "Client authentication expired"),
        Err(_) => refused("invalid_client", "Client authentication failed"),
    }
}

fn refused(error: &'static str, error_description: &'static str) -> Response {
    let body = serde_json::to_vec(&Refused { error, error_description });
    json_response(StatusCode::UNAUTHORIZED, body.unwrap_or_default())
}
