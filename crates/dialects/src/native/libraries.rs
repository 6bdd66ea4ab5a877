//! Calls on libraries and their thresholds.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answers::{Failure, json};
use super::keys::{Segments, segments};
use super::wire::ShownLibraries;
use crate::Context;

pub(super) async fn list(State(context): State<Context>, app_id: Segments<String>) -> Result<Response, Failure> {
    let app_id = segments(app_id)?;
    let thresholds = context.platform.thresholds(&app_id).await?;
    Ok(json(StatusCode::OK, &ShownLibraries::new(context.platform.target_fpir(), thresholds)))
}
