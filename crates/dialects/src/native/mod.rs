//! Native interface, for the administrator: `/api/v1/...` with JSON in both directions.
//!
//! | call | answer |
//! |---|---|
//! | `GET /apps` | `{"apps":[{"appId"}]}` |
//! | `GET /apps/{appId}/keys` | `{"keys":[{"id","kind","allowMd5","allowReplay","callsPerSecond","callsPerDay","createdAt","revokedAt"}]}` |
//! | `POST /apps/{appId}/keys` | 201 and the key with its secret, this once |
//! | `DELETE /apps/{appId}/keys/{id}` | 204; the key is revoked |
//! | `GET /apps/{appId}/libraries` | `{"fpir","libraries":[{"id","name","engine","faces","threshold","recommendedThreshold"}]}` |
//!
//! Errors: an HTTP status and `{"error":{"code","message"}}`.

mod answers;
#[cfg(fuzzing)]
pub mod fuzzing;
mod keys;
mod libraries;
mod wire;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};

use crate::{Context, Operator};
use answers::Failure;
pub use wire::{
    CreatedKey, KeyKind, KeyRequest, ShownApp, ShownApps, ShownKey, ShownKeys, ShownLibraries, ShownLibrary,
};

/// Returns the routes below `/api/v1`.
pub(crate) fn routes(context: Context) -> Router<Context> {
    Router::new()
        .route("/apps", get(keys::apps))
        .route("/apps/{app_id}/keys", get(keys::list).post(keys::make))
        .route("/apps/{app_id}/keys/{id}", delete(keys::revoke))
        .route("/apps/{app_id}/libraries", get(libraries::list))
        .fallback(async || Failure::no_path())
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "methodNotAllowed", "the path knows other methods")
        })
        .layer(from_fn_with_state(context, require_administrator))
}

/// Answers `/api/v1/` with 404; the nested router does not match this path.
pub(crate) fn nothing() -> Response {
    Failure::no_path().into_response()
}

/// Rejects a request unless it carries the admin token or comes from the operator.
async fn require_administrator(State(context): State<Context>, request: Request, next: Next) -> Response {
    if request.extensions().get::<Operator>().is_some() {
        return next.run(request).await;
    }
    let app = match bearer(request.headers()) {
        Some(token) => context.platform.app_of_token(token),
        None => Err(aicp_platform::TokenError::Missing),
    };
    match app {
        Ok(app) if app.is_admin() => next.run(request).await,
        Ok(_) => Failure::new(StatusCode::FORBIDDEN, "forbidden", "the admin token is wanted").into_response(),
        Err(e) => {
            let mut response = Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", e.to_string()).into_response();
            let challenge = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
    }
}

/// Returns the token of `Authorization: Bearer ...` (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
