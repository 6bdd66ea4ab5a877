//! Calls on apps, their keys and their libraries.

use aicp_platform::{Caller, Platform};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::answers::json;
use crate::failure::Failure;
use crate::wire::{ShownApps, ShownKeys, ShownLibraries};
use aicp_dialects::{CreatedKey, KeyRequest};

pub(crate) async fn apps(platform: &Platform, caller: &Caller) -> Result<Response, Failure> {
    Ok(json(StatusCode::OK, &ShownApps::new(platform.app_ids(caller).await?)))
}

pub(crate) async fn keys(platform: &Platform, caller: &Caller, app_id: &str) -> Result<Response, Failure> {
    Ok(json(StatusCode::OK, &ShownKeys::new(platform.keys(caller, app_id).await?)))
}

pub(crate) async fn make_key(
    platform: &Platform,
    caller: &Caller,
    app_id: &str,
    body: &[u8],
) -> Result<Response, Failure> {
    let wanted: KeyRequest =
        serde_json::from_slice(body).map_err(|e| Failure::bad_request(format!("the body is not as wanted: {e}")))?;
    let (kind, options) = wanted.check().map_err(Failure::bad_request)?;
    let made = platform.make_key(caller, app_id, kind.scheme(), options).await?;
    Ok(json(StatusCode::CREATED, &CreatedKey::new(kind, made)))
}

pub(crate) async fn revoke_key(
    platform: &Platform,
    caller: &Caller,
    app_id: &str,
    key_id: &str,
) -> Result<Response, Failure> {
    platform.revoke_key(caller, app_id, key_id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn libraries(platform: &Platform, caller: &Caller, app_id: &str) -> Result<Response, Failure> {
    let thresholds = platform.thresholds(caller, app_id).await?;
    Ok(json(StatusCode::OK, &ShownLibraries::new(platform.target_fpir(), thresholds)))
}
