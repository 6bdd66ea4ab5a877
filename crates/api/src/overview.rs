//! The numbers of the moment, on one page.

use aicp_platform::{Caller, IdOrder, JobQuery, JobState, MinuteOfCalls, Platform};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::about::Known;
use crate::engines::{ShownEngine, engines};
use crate::input::Who;
use crate::problem::Result;
use crate::tags;
use crate::times::rfc3339;

/// Jobs in a state beyond this number are not counted one by one.
const MAX_JOBS: u64 = 1000;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(get_overview))
}

/// The numbers of the moment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Overview {
    /// The moment.
    #[schema(format = DateTime)]
    at: String,
    /// The last 60 whole minutes, the oldest first: calls of all apps that the caller sees.
    minutes: Vec<ShownMinute>,
    /// Number of libraries; of large databases a few seconds old.
    libraries: u64,
    /// Number of people, likewise.
    people: Option<u64>,
    /// Number of faces, likewise; `null` for a caller who sees one app.
    faces: Option<u64>,
    /// Jobs that the caller sees.
    jobs: JobNumbers,
    /// Workers of the built-in engine; `null` for a caller who sees one app.
    recognition: Option<Workers>,
    /// The processes of the platform, likewise.
    nodes: Option<Vec<Node>>,
    /// The engines, likewise.
    engines: Option<Vec<ShownEngine>>,
    /// Where the data are, likewise.
    storage: Option<StorageNumbers>,
}

/// Calls of a minute.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownMinute {
    /// When it began.
    #[schema(format = DateTime)]
    at: String,
    /// Number of calls that ended in it.
    calls: u64,
    /// Those of them that failed.
    failed: u64,
    /// Median of their durations in milliseconds; `null` without a call, and for a caller who sees one app.
    p50: Option<i64>,
    /// 95 in 100 calls took at most so long.
    p95: Option<i64>,
    /// 99 in 100 calls took at most so long.
    p99: Option<i64>,
}

impl ShownMinute {
    fn of(minute: MinuteOfCalls) -> Self {
        Self {
            at: rfc3339(minute.at),
            calls: minute.calls,
            failed: minute.failed,
            p50: minute.durations.map(|durations| durations.p50),
            p95: minute.durations.map(|durations| durations.p95),
            p99: minute.durations.map(|durations| durations.p99),
        }
    }
}

/// Numbers of jobs, each at most 1000.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobNumbers {
    /// Jobs that run.
    running: u64,
    /// Jobs that wait for others.
    queued: u64,
    /// Jobs that somebody paused.
    paused: u64,
    /// Jobs that failed.
    failed: u64,
}

/// Workers of the built-in engine.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Workers {
    /// Workers.
    workers: u64,
    /// Workers that look at a picture.
    busy: u64,
    /// Pictures that wait for a worker.
    waiting: u64,
}

/// A process of the platform.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Node {
    /// Name of the machine.
    name: String,
    /// Version of the program.
    version: &'static str,
    /// When it started.
    #[schema(format = DateTime)]
    started_at: String,
    /// Resident memory in bytes.
    memory_bytes: Option<u64>,
    /// Time of processors since the start, in seconds.
    cpu_seconds: Option<f64>,
    /// Open files.
    open_files: Option<u64>,
    /// Faces that its searches look through.
    searchable_faces: u64,
    /// Committed changes that it has not applied.
    changes_behind: u64,
    /// Age of the oldest of them in seconds.
    behind_seconds: f64,
}

/// Where the data are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StorageNumbers {
    /// Size of the database in bytes.
    database_bytes: u64,
    /// Free space of its disk in bytes.
    free_bytes: Option<u64>,
    /// When the last backup was taken; `null` if this machine knows of none.
    #[schema(format = DateTime)]
    last_backup_at: Option<String>,
}

/// Get the numbers of the moment
///
/// Calls of the last hour by minute, numbers of people, jobs, workers, processes and engines. A caller who sees one app
/// gets that app's.
#[utoipa::path(get, path = "/overview", tag = tags::SYSTEM, security(("token" = [])),
    responses((status = OK, description = "The numbers", body = Overview)))]
async fn get_overview(
    State(platform): State<Platform>,
    Who(caller): Who,
    Known(about): Known,
) -> Result<axum::Json<Overview>> {
    let minutes = platform.minutes(&caller).into_iter().map(ShownMinute::of).collect();
    let mut overview = Overview {
        at: rfc3339(platform.now()),
        minutes,
        libraries: 0,
        people: None,
        faces: None,
        jobs: job_numbers(&platform, &caller).await?,
        recognition: None,
        nodes: None,
        engines: None,
        storage: None,
    };
    if !caller.sees_all_apps() {
        let (_, used) = platform.quota(&caller, caller.app_id()).await?;
        overview.libraries = used.libraries;
        overview.people = Some(used.people);
        return Ok(axum::Json(overview));
    }
    let counts = platform.recent_counts().await?;
    overview.libraries = counts.libraries;
    overview.people = Some(counts.people);
    overview.faces = Some(counts.faces);
    let numbers = platform.numbers().await?;
    overview.recognition = Some(Workers {
        workers: numbers.recognition.workers as u64,
        busy: numbers.recognition.busy as u64,
        waiting: numbers.recognition.waiting as u64,
    });
    let usage = (about.usage)();
    overview.nodes = Some(vec![Node {
        name: about.node_name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        started_at: rfc3339(about.started_at),
        memory_bytes: usage.memory_bytes,
        cpu_seconds: usage.cpu_seconds,
        open_files: usage.open_files,
        searchable_faces: numbers.searchable_faces as u64,
        changes_behind: numbers.changes_behind,
        behind_seconds: numbers.behind_for.as_secs_f64(),
    }]);
    overview.engines = Some(engines(&platform, numbers.engines, &numbers.outbox));
    overview.storage = Some(StorageNumbers {
        database_bytes: numbers.database.bytes,
        free_bytes: numbers.database.free_bytes,
        last_backup_at: (about.last_backup)().map(rfc3339),
    });
    Ok(axum::Json(overview))
}

async fn job_numbers(platform: &Platform, caller: &Caller) -> Result<JobNumbers> {
    let count = async |state| {
        let query = JobQuery { states: &[state], ..JobQuery::default() };
        let jobs = platform.jobs(caller, query, IdOrder::default(), MAX_JOBS).await?;
        Ok::<_, crate::problem::Problem>(jobs.len() as u64)
    };
    Ok(JobNumbers {
        running: count(JobState::Running).await?,
        queued: count(JobState::Queued).await?,
        paused: count(JobState::Paused).await?,
        failed: count(JobState::Failed).await?,
    })
}
