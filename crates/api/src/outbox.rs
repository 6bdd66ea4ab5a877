//! The outbox: writes that wait for engines.

use std::collections::BTreeSet;

use aicp_platform::{
    Error, Existing, Format, Missing, OutboxAction, OutboxEntry, OutboxFilter, OutboxRow, OutboxState, Platform,
    RetryFilter,
};
use aicp_types::{LibraryId, OutboxId};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Query, Who};
use crate::pages::{self, Page};
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_outbox))
        .routes(routes!(retry_outbox))
        .routes(routes!(get_outbox_entry))
        .routes(routes!(get_outbox_picture))
        .routes(routes!(retry_outbox_entry))
        .routes(routes!(drop_outbox_entry))
}

/// State of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum WriteState {
    /// It waits for its engine.
    Waiting,
    /// The engine refused it.
    Refused,
    /// It is done.
    Done,
    /// An operator dropped it.
    Dropped,
}

impl From<OutboxState> for WriteState {
    fn from(state: OutboxState) -> Self {
        match state {
            OutboxState::Waiting => Self::Waiting,
            OutboxState::Refused => Self::Refused,
            OutboxState::Done => Self::Done,
            OutboxState::Dropped => Self::Dropped,
        }
    }
}

impl From<WriteState> for OutboxState {
    fn from(state: WriteState) -> Self {
        match state {
            WriteState::Waiting => Self::Waiting,
            WriteState::Refused => Self::Refused,
            WriteState::Done => Self::Done,
            WriteState::Dropped => Self::Dropped,
        }
    }
}

/// A write that an engine did not do at once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownWrite {
    /// Id.
    id: String,
    /// State.
    state: WriteState,
    /// App that owns the library.
    app_id: String,
    /// Library; it may be deleted by now.
    library_id: String,
    /// Engine.
    engine: String,
    /// What is to be done at the engine.
    action: WriteAction,
    /// Operation of the engine.
    operation: String,
    /// Person that it is about.
    person_id: Option<String>,
    /// Whether it has a picture.
    has_picture: bool,
    /// Whether an attempt may have reached the engine without an answer.
    may_be_done: bool,
    /// Number of attempts.
    attempts: i64,
    /// Error of the last failed attempt.
    last_error: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was done, or dropped.
    #[schema(format = DateTime)]
    done_at: Option<String>,
    /// Who made the attempt that succeeded, or dropped it; `null` if the server did it by itself.
    done_by: Option<String>,
    /// Why an operator dropped it. While it waits, it is the removal of an addition that was dropped.
    drop_reason: Option<String>,
}

/// What is to be done at an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum WriteAction {
    /// Add a face.
    AddFace,
    /// Remove a face.
    RemoveFace,
    /// Create a library.
    CreateLibrary,
    /// Delete a library.
    DeleteLibrary,
    /// Remove a face that may have been added.
    UndoAdd,
}

impl From<OutboxAction> for WriteAction {
    fn from(action: OutboxAction) -> Self {
        match action {
            OutboxAction::AddFace => Self::AddFace,
            OutboxAction::RemoveFace => Self::RemoveFace,
            OutboxAction::CreateLibrary => Self::CreateLibrary,
            OutboxAction::DeleteLibrary => Self::DeleteLibrary,
            OutboxAction::UndoAdd => Self::UndoAdd,
        }
    }
}

impl From<OutboxEntry> for ShownWrite {
    fn from(OutboxEntry { row, picture }: OutboxEntry) -> Self {
        Self { has_picture: picture.is_some(), ..Self::from(row) }
    }
}

impl From<OutboxRow> for ShownWrite {
    fn from(row: OutboxRow) -> Self {
        Self {
            id: row.id.to_string(),
            state: row.state().into(),
            app_id: row.app_id,
            library_id: row.library_id.to_string(),
            engine: row.engine,
            action: row.action.into(),
            operation: row.operation,
            person_id: row.public_id.map(|id| id.to_string()),
            has_picture: row.picture_key.is_some() && row.solved_at.is_none(),
            may_be_done: row.in_doubt && row.solved_at.is_none(),
            attempts: row.attempts,
            last_error: row.last_error,
            created_at: rfc3339(row.created_at),
            done_at: row.solved_at.map(rfc3339),
            done_by: row.solved_by,
            drop_reason: row.dropped,
        }
    }
}

/// Which writes to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OutboxQuery {
    /// Only writes in this state.
    #[param(inline)]
    state: Option<WriteState>,
    /// Only writes of this engine.
    engine: Option<String>,
    /// Only writes of this library, which may be deleted.
    library_id: Option<String>,
    /// Only writes of this app.
    app_id: Option<String>,
    /// Only writes that are done, or only those that are not.
    done: Option<bool>,
    /// Only writes made at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only writes made before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Number of writes of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List the writes that engines did not do at once
///
/// The newest first.
#[utoipa::path(get, path = "/outbox", tag = tags::ENGINES, security(("token" = ["administrator"])), params(OutboxQuery),
    responses((status = OK, description = "A page", body = Page<ShownWrite>)))]
async fn list_outbox(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<OutboxQuery>,
) -> Result<axum::Json<Page<ShownWrite>>> {
    let limit = pages::limit(query.limit)?;
    let filter = OutboxFilter {
        state: query.state.map(OutboxState::from),
        engine: query.engine.as_deref(),
        library_id: library_id(query.library_id.as_deref())?,
        app_id: query.app_id.as_deref(),
        solved: query.done,
        from: moment("from", query.from.as_deref())?,
        to: moment("to", query.to.as_deref())?,
        below: pages::after(query.cursor.as_deref())?.map(OutboxId::new),
    };
    let rows = platform.latest_writes(&caller, filter, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |row| row.id.get(), ShownWrite::from)))
}

fn library_id(text: Option<&str>) -> Result<Option<LibraryId>> {
    let no_id = || Problem::field("libraryId", "must be the id of a library");
    text.map(|text| LibraryId::parse(text).ok_or_else(no_id)).transpose()
}

/// State of a write that is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum OpenState {
    /// It waits for its engine.
    Waiting,
    /// The engine refused it.
    Refused,
}

/// Which writes that are not done to retry; all of them if everything is left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"engine": "koala"}))]
struct WritesToRetry {
    /// Only writes in this state.
    state: Option<OpenState>,
    /// Only writes of this engine.
    engine: Option<String>,
    /// Only writes of this library, which may be deleted.
    library_id: Option<String>,
    /// Only writes of this app.
    app_id: Option<String>,
    /// Only writes made at this time or later.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Only writes made before this time.
    #[schema(format = DateTime)]
    to: Option<String>,
}

/// Retries that have begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BegunRetries {
    /// Number of writes.
    writes: u64,
}

/// Retry many writes
///
/// All that are not done, or those of a filter, the oldest first. The answer comes at once, and the list tells what becomes of
/// them. Of a library whose engine does not answer, only the first waiting write is tried.
#[utoipa::path(post, path = "/outbox/retry", tag = tags::ENGINES, security(("token" = ["administrator"])),
    request_body = WritesToRetry,
    responses((status = ACCEPTED, description = "They are being retried", body = BegunRetries)))]
async fn retry_outbox(
    State(platform): State<Platform>,
    Who(caller): Who,
    Json(wanted): Json<WritesToRetry>,
) -> Result<(StatusCode, axum::Json<BegunRetries>)> {
    let state = wanted.state.map(|state| match state {
        OpenState::Waiting => OutboxState::Waiting,
        OpenState::Refused => OutboxState::Refused,
    });
    let filter = RetryFilter {
        state,
        engine: wanted.engine,
        library_id: library_id(wanted.library_id.as_deref())?,
        app_id: wanted.app_id,
        from: moment("from", wanted.from.as_deref())?,
        to: moment("to", wanted.to.as_deref())?,
    };
    let writes = platform.retry_writes(&caller, filter).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(BegunRetries { writes })))
}

fn id_of(text: &str) -> Result<OutboxId> {
    Ok(OutboxId::parse(text).ok_or(Error::from(Missing::Write))?)
}

/// Get a write
#[utoipa::path(get, path = "/outbox/{write}", tag = tags::ENGINES, security(("token" = ["administrator"])),
    params(("write" = String, Path, description = "Id of the write")),
    responses((status = OK, description = "The write", body = ShownWrite)))]
async fn get_outbox_entry(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<axum::Json<ShownWrite>> {
    Ok(axum::Json(platform.outbox_entry(&caller, id_of(&id)?).await?.into()))
}

/// Get the picture of a write
#[utoipa::path(get, path = "/outbox/{write}/picture", tag = tags::ENGINES, security(("token" = ["administrator"])),
    params(("write" = String, Path, description = "Id of the write")),
    responses((status = OK, description = "The picture", content_type = "image/*")))]
async fn get_outbox_picture(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<Response> {
    let entry = platform.outbox_entry(&caller, id_of(&id)?).await?;
    let picture = entry.picture.ok_or(Error::from(Missing::Picture))?;
    let media_type = Format::of(&picture).map_or("application/octet-stream", Format::media_type);
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], picture).into_response())
}

/// Result of a retry.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Retried {
    /// Whether the write is done.
    is_done: bool,
}

/// Retry a write
///
/// After the earlier ones of its library. One that is done is not done again.
#[utoipa::path(post, path = "/outbox/{write}/retry", tag = tags::ENGINES, security(("token" = ["administrator"])),
    params(("write" = String, Path, description = "Id of the write")),
    responses((status = OK, description = "Whether it is done", body = Retried)))]
async fn retry_outbox_entry(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<axum::Json<Retried>> {
    let id = id_of(&id)?;
    let row = platform.outbox_entry(&caller, id).await?.row;
    if row.dropped.is_some() && row.solved_at.is_some() {
        return Err(Error::from(Existing::DoneWrite).into());
    }
    let is_done = platform.resume(&caller, BTreeSet::from([id])).await.map_err(Problem::from)?;
    Ok(axum::Json(Retried { is_done }))
}

/// Maximum length of a reason in characters.
const MAX_REASON: usize = 500;

/// Why a write is dropped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"reason": "the picture is of somebody else"}))]
struct DropReason {
    /// For those who look at the write later.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Drop a write
///
/// It is not tried again. A person or face that waited for it is removed, and a library without people. An addition that may
/// have reached the engine first becomes its removal there (`undoAdd`), which waits; dropped again, that is given up, and the
/// engine may keep the face.
#[utoipa::path(post, path = "/outbox/{write}/drop", tag = tags::ENGINES, security(("token" = ["administrator"])),
    params(("write" = String, Path, description = "Id of the write")), request_body = DropReason,
    responses((status = OK, description = "The write", body = ShownWrite)))]
async fn drop_outbox_entry(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    Json(drop): Json<DropReason>,
) -> Result<axum::Json<ShownWrite>> {
    let id = id_of(&id)?;
    let reason = drop.reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_REASON {
        return Err(Problem::field("reason", format!("must have 1 to {MAX_REASON} characters")));
    }
    Ok(axum::Json(platform.drop_write(&caller, id, reason.to_owned()).await?.into()))
}
