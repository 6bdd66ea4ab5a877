//! Engines, and the outbox of writes that wait for them.

use std::collections::BTreeSet;

use aicp_platform::{BUILTIN, Error, Format, Missing, OutboxEntry, OutboxFilter, Page as Rows, Platform};
use aicp_types::OutboxId;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Query, Who};
use crate::pages::{self, Page};
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_engines))
        .routes(routes!(list_outbox))
        .routes(routes!(get_outbox_entry))
        .routes(routes!(get_outbox_picture))
        .routes(routes!(retry_outbox_entry))
}

/// An engine of biometrics.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownEngine {
    /// Name.
    #[schema(example = "builtin")]
    name: String,
    /// Whether new libraries get it unless they name another.
    is_default: bool,
    /// Whether it answered the last check; `null` if it was not checked.
    is_up: Option<bool>,
}

/// List engines
#[utoipa::path(get, path = "/engines", tag = tags::ENGINES, security(("token" = ["administrator"])),
    responses((status = OK, description = "The engines", body = Page<ShownEngine>)))]
async fn list_engines(State(platform): State<Platform>, Who(_): Who) -> Result<axum::Json<Page<ShownEngine>>> {
    let default = platform.default_engine_name();
    let builtin = (BUILTIN.to_owned(), Some(true));
    let others = platform.engine_health().into_iter().map(|health| (health.engine, health.is_up));
    let engines = std::iter::once(builtin).chain(others).map(|(name, is_up)| {
        let is_default = name == default;
        ShownEngine { name, is_default, is_up }
    });
    Ok(axum::Json(Page::whole(engines.collect())))
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
    /// Operation of the engine.
    operation: String,
    /// Person that it is about.
    person_id: Option<String>,
    /// Whether it has a picture.
    has_picture: bool,
    /// Number of attempts.
    attempts: i64,
    /// Error of the last failed attempt.
    last_error: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was done.
    #[schema(format = DateTime)]
    done_at: Option<String>,
}

impl From<OutboxEntry> for ShownWrite {
    fn from(OutboxEntry { row, picture }: OutboxEntry) -> Self {
        let state = match (row.solved_at, row.rejected) {
            (Some(_), _) => WriteState::Done,
            (None, true) => WriteState::Refused,
            (None, false) => WriteState::Waiting,
        };
        Self {
            id: row.id.to_string(),
            state,
            app_id: row.app_id,
            library_id: row.library_id.to_string(),
            engine: row.engine,
            operation: row.operation,
            person_id: row.public_id.map(|id| id.to_string()),
            has_picture: picture.is_some(),
            attempts: row.attempts,
            last_error: row.last_error,
            created_at: rfc3339(row.created_at),
            done_at: row.solved_at.map(rfc3339),
        }
    }
}

/// Which writes to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OutboxQuery {
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
        solved: query.done,
        from: moment("from", query.from.as_deref())?,
        to: moment("to", query.to.as_deref())?,
        below: pages::after(query.cursor.as_deref())?.map(OutboxId::new),
    };
    let (_, entries) = platform.outbox(&caller, filter, Rows::first(limit + 1)).await?;
    Ok(axum::Json(Page::of(entries, limit, |entry| entry.row.id.get(), ShownWrite::from)))
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
    platform.outbox_entry(&caller, id).await?;
    let is_done = platform.resume(&caller, BTreeSet::from([id])).await.map_err(Problem::from)?;
    Ok(axum::Json(Retried { is_done }))
}
