//! What the server knows of itself: models, version, storage, retention.

use std::sync::Arc;

use aicp_platform::{IDEMPOTENCY_KEYS_KEPT, Platform};
use aicp_types::UnixMillis;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::Who;
use crate::pages::Page;
use crate::problem::{Problem, Result};
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_models))
        .routes(routes!(get_version))
        .routes(routes!(get_storage))
        .routes(routes!(list_retention))
}

/// What the server knows of its own process.
pub struct About {
    /// Every file of the models folder.
    pub models: Vec<ShownModel>,
    /// Name of the machine.
    pub node_name: String,
    /// When the process started.
    pub started_at: UnixMillis,
    /// Returns what the process uses.
    pub usage: fn() -> ProcessUsage,
    /// Returns the moment of the last backup; `None` if this machine knows of none.
    pub last_backup: fn() -> Option<UnixMillis>,
}

/// What the process uses. What the kernel does not tell is `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessUsage {
    /// Resident memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Time of processors since the start, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Open files.
    pub open_files: Option<u64>,
}

/// A file of the models folder.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownModel {
    /// Purpose: `detector`, `embedder`, `landmarks`, `liveness`, `pose`, `runtime` or `plugin`.
    #[schema(example = "embedder")]
    pub purpose: String,
    /// Path in the models folder.
    pub file: String,
    /// SHA-256 of the file, in hex. A model that differs is not loaded.
    pub sha256: String,
    /// Package that has the file, with its registry and version; `null` if the manifest names none.
    #[schema(example = "npm:faceplugin-face-recognition-js@0.0.1")]
    pub package: Option<String>,
    /// SPDX expression of the licence; `null` if the manifest names none.
    #[schema(example = "MIT")]
    pub licence: Option<String>,
    /// Algorithm of a model, as templates record it.
    pub algorithm: Option<String>,
    /// Version of a model, as templates record it.
    pub version: Option<String>,
    /// What goes into a model, and what comes out.
    pub contract: Option<String>,
}

/// The facts, from the request.
pub(crate) struct Known(pub Arc<About>);

impl<S: Send + Sync> FromRequestParts<S> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get::<Arc<About>>().cloned().map(Self).ok_or_else(Problem::internal)
    }
}

/// List the models
///
/// With their checksums and licences.
#[utoipa::path(get, path = "/models", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    responses((status = OK, description = "The files", body = Page<ShownModel>)))]
async fn list_models(Known(about): Known) -> axum::Json<Page<ShownModel>> {
    axum::Json(Page::whole(about.models.clone()))
}

/// The algorithm of templates.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownAlgorithm {
    /// Name.
    name: String,
    /// Provider.
    provider: String,
    /// Version.
    version: String,
}

/// What runs here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Version {
    /// Version of the program.
    version: &'static str,
    /// Algorithm of the built-in engine. Templates of different algorithms can't be compared.
    algorithm: ShownAlgorithm,
    /// Names of the engines.
    engines: Vec<String>,
    /// Engine of new libraries, unless they name another.
    default_engine: String,
    /// Kind of database.
    #[schema(example = "sqlite")]
    database: &'static str,
}

/// Get the version
///
/// For any token.
#[utoipa::path(get, path = "/version", tag = tags::SYSTEM, security(("token" = [])),
    responses((status = OK, description = "What runs here", body = Version)))]
async fn get_version(State(platform): State<Platform>) -> Result<axum::Json<Version>> {
    let algorithm = platform.algorithm();
    Ok(axum::Json(Version {
        version: env!("CARGO_PKG_VERSION"),
        algorithm: ShownAlgorithm {
            name: algorithm.name.clone(),
            provider: algorithm.provider.clone(),
            version: algorithm.version.clone(),
        },
        engines: platform.engine_names(),
        default_engine: platform.default_engine_name().to_owned(),
        database: platform.database_usage().await?.kind,
    }))
}

/// Space that the database takes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Storage {
    /// Kind of database.
    #[schema(example = "sqlite")]
    database: &'static str,
    /// Size of the database in bytes, without pictures.
    database_bytes: u64,
    /// Bytes that are free on the disk of the data folder; `null` if the database is elsewhere.
    free_bytes: Option<u64>,
    /// Number of libraries of all apps, hidden ones included.
    libraries: u64,
    /// Number of people of all libraries.
    people: u64,
    /// Number of faces of all people; each has a picture, equal ones share one.
    faces: u64,
    /// Number of writes that wait for a vendor's engine.
    waiting_writes: u64,
}

/// Get the numbers of the storage
#[utoipa::path(get, path = "/storage", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    responses((status = OK, description = "The numbers", body = Storage)))]
async fn get_storage(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<Storage>> {
    let (usage, counts) = (platform.database_usage().await?, platform.counts().await?);
    let writes = platform.outbox_counts(&caller).await?;
    Ok(axum::Json(Storage {
        database: usage.kind,
        database_bytes: usage.bytes,
        free_bytes: usage.free_bytes,
        libraries: counts.libraries,
        people: counts.people,
        faces: counts.faces,
        waiting_writes: writes.iter().map(|count| count.waiting).sum(),
    }))
}

/// How long something is kept.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Retention {
    /// What is kept: `calls` are single calls, whose sums stay for ever; `jobs` are those that have ended, with their
    /// reports; `idempotencyKeys` are requests with such a key, and their answers.
    #[schema(example = "calls")]
    data: &'static str,
    /// Seconds after which it is deleted; `null` if it never is.
    kept_seconds: Option<u64>,
    /// Setting that says so; `null` if none does.
    setting: Option<&'static str>,
}

/// List how long data are kept
///
/// Data that are deleted by age. People, faces and libraries stay until somebody deletes them.
#[utoipa::path(get, path = "/retention", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    responses((status = OK, description = "What is kept how long", body = Page<Retention>)))]
async fn list_retention(State(platform): State<Platform>) -> axum::Json<Page<Retention>> {
    const DAY_S: u64 = 86_400;
    let settings = platform.settings();
    let by_days = |data, days: u32, setting| {
        let kept_seconds = (days > 0).then(|| u64::from(days) * DAY_S);
        Retention { data, kept_seconds, setting: Some(setting) }
    };
    let kept_seconds = Some(IDEMPOTENCY_KEYS_KEPT.as_secs());
    axum::Json(Page::whole(vec![
        by_days("calls", settings.statistics.retention_days, "statistics.retention_days"),
        by_days("jobs", settings.jobs.retention_days, "jobs.retention_days"),
        by_days("events", settings.events.retention_days, "events.retention_days"),
        Retention { data: "idempotencyKeys", kept_seconds, setting: None },
        Retention { data: "auditLog", kept_seconds: None, setting: None },
    ]))
}
