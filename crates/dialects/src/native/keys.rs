//! Calls on apps and their keys.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::answers::{Failure, json};
use super::wire::{CreatedKey, KeyRequest, ShownApps, ShownKeys};
use crate::Context;
use crate::body::{BodyError, UnreadBody};

/// Maximum length of a body in bytes.
const MAX_BODY: usize = 16 << 10;

/// Path segments, or why they can't be decoded.
pub(super) type Segments<T> = Result<Path<T>, PathRejection>;

pub(super) fn segments<T>(read: Segments<T>) -> Result<T, Failure> {
    read.map(|Path(segments)| segments).map_err(|_| Failure::bad_request("the path can't be read"))
}

pub(super) async fn apps(State(context): State<Context>) -> Result<Response, Failure> {
    Ok(json(StatusCode::OK, &ShownApps::new(context.platform.app_ids().await?)))
}

pub(super) async fn list(State(context): State<Context>, app_id: Segments<String>) -> Result<Response, Failure> {
    let app_id = segments(app_id)?;
    Ok(json(StatusCode::OK, &ShownKeys::new(context.platform.keys(&app_id).await?)))
}

pub(super) async fn make(
    State(context): State<Context>,
    app_id: Segments<String>,
    request: Request,
) -> Result<Response, Failure> {
    let app_id = segments(app_id)?;
    let (parts, body) = request.into_parts();
    let mut body = UnreadBody::new(&parts, body);
    // The middleware has verified the administrator's token.
    body.mark_authenticated();
    let wanted = read(&context, &mut body).await;
    body.discard().await;
    let (kind, options) = wanted?.check().map_err(Failure::bad_request)?;
    let made = context.platform.make_key(&app_id, kind.scheme(), options).await?;
    Ok(json(StatusCode::CREATED, &CreatedKey::new(kind, made)))
}

async fn read(context: &Context, body: &mut UnreadBody) -> Result<KeyRequest, Failure> {
    let held = context.budget.read(body, MAX_BODY).await.map_err(|e| match e {
        BodyError::TooLarge => Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", "the body is too large"),
        BodyError::Broken => Failure::bad_request("the body broke off"),
        BodyError::Busy => Failure::from(aicp_platform::Error::Busy),
    })?;
    serde_json::from_slice(&held.bytes).map_err(|e| Failure::bad_request(format!("the body is not as wanted: {e}")))
}

pub(super) async fn revoke(
    State(context): State<Context>,
    ids: Segments<(String, String)>,
) -> Result<Response, Failure> {
    let (app_id, id) = segments(ids)?;
    context.platform.revoke_key(&app_id, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
