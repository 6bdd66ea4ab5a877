//! Jobs: long work, and its progress.

use std::path::PathBuf;

use aicp_platform::{Error, IdOrder, Job, JobKind, JobQuery, JobState, Missing, Platform};
use aicp_types::{JobId, LibraryId};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Query, Who};
use crate::libraries::find as find_library;
use crate::pages::{self, Page, Sort};
use crate::problem::Result;
use crate::recognition::threshold_or_fmr;
use crate::tags;
use crate::times::rfc3339;
use crate::uploads::Archive;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(import_archive))
        .routes(routes!(import_folder))
        .routes(routes!(scan_for_duplicates))
        .routes(routes!(group_unknown_faces))
        .routes(routes!(list_jobs))
        .routes(routes!(get_job, delete_job))
        .routes(routes!(pause_job))
        .routes(routes!(resume_job))
        .routes(routes!(cancel_job))
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ShownState {
    /// It waits for its turn.
    Queued,
    /// It runs; after a restart it goes on.
    Running,
    /// It was stopped and can be resumed.
    Paused,
    /// It was stopped for good.
    Cancelled,
    /// It has ended. Single items may have failed.
    Done,
    /// It could not go on, and can be resumed once the cause is gone.
    Failed,
}

const STATES: [(ShownState, JobState); 6] = [
    (ShownState::Queued, JobState::Queued),
    (ShownState::Running, JobState::Running),
    (ShownState::Paused, JobState::Paused),
    (ShownState::Cancelled, JobState::Cancelled),
    (ShownState::Done, JobState::Done),
    (ShownState::Failed, JobState::Failed),
];

/// A job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownJob {
    /// Id.
    #[schema(example = "1")]
    id: String,
    /// App whose job it is.
    #[schema(example = "shop")]
    app_id: String,
    /// Library that it is about; it may be deleted by now.
    library_id: Option<String>,
    /// Kind.
    #[schema(example = "import")]
    kind: String,
    /// State.
    state: ShownState,
    /// Number of items; `null` until it is known.
    total: Option<u64>,
    /// Number of items that are done.
    done: u64,
    /// Number of items that can't be done. The report has the reasons.
    failed: u64,
    /// Why the job failed.
    error: Option<String>,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it begins at the earliest; `null`: as soon as there is room.
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    /// When it first ran.
    #[schema(format = DateTime)]
    started_at: Option<String>,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// The archive of an export, as long as it is kept.
    file: Option<ShownFile>,
}

/// The file of a job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownFile {
    /// Path of the file.
    #[schema(example = "/api/v1/jobs/1/file")]
    path: String,
    /// Size in bytes.
    bytes: u64,
    /// When it is deleted.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<Job> for ShownJob {
    fn from(job: Job) -> Self {
        let state =
            STATES.iter().find(|(_, state)| *state == job.state).map_or(ShownState::Failed, |(shown, _)| *shown);
        Self {
            id: job.id.to_string(),
            app_id: job.app_id,
            library_id: job.library_id.map(|id| id.to_string()),
            kind: job.kind.map_or("unknown", JobKind::name).to_owned(),
            state,
            total: job.total,
            done: job.done,
            failed: job.failed,
            error: job.error,
            created_at: rfc3339(job.created_at),
            starts_at: job.starts_at.map(rfc3339),
            started_at: job.started_at.map(rfc3339),
            ended_at: job.ended_at.map(rfc3339),
            file: job.file.map(|file| ShownFile {
                path: format!("/api/v1/jobs/{}/file", job.id),
                bytes: file.bytes,
                expires_at: rfc3339(file.expires_at),
            }),
        }
    }
}

/// Builds the answer to the creation of a job.
pub(crate) fn created(job: Job) -> Response {
    with_job(StatusCode::CREATED, job)
}

/// Builds an answer that shows a job.
pub(crate) fn with_job(status: StatusCode, job: Job) -> Response {
    let location = format!("/api/v1/jobs/{}", job.id);
    let mut response = (status, axum::Json(ShownJob::from(job))).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Import an archive of pictures
///
/// A zip archive with a folder per person, whose name is the person's name and external id, or with a `manifest.csv` that has a
/// row per picture and the columns `file`, `name`, `externalId`, `customerNumber`, `documentNumber`, `company`, `duty`,
/// `province`, `remark`, `info`, `tags` (separated by `;`); others are ignored. A picture that the person has is not enrolled
/// again. The job reports on each picture.
#[utoipa::path(post, path = "/libraries/{library}/imports", tag = tags::JOBS, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body(content = String, content_type = "application/zip", description = "The archive"),
    responses((status = CREATED, description = "The job", body = ShownJob, headers(("Location" = String)))))]
async fn import_archive(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Archive(upload): Archive,
) -> Result<Response> {
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    Ok(created(platform.import_archive(&acting, &library, upload).await?))
}

/// A folder to import.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"folder": "/srv/faces/staff"}))]
struct NewFolderImport {
    /// Path of the folder on the server, below one of the setting `jobs.import_roots`.
    #[schema(min_length = 1)]
    folder: String,
}

/// Import a folder of the server
///
/// It has a folder per person, whose name is the person's name and external id. Symbolic links are refused.
#[utoipa::path(post, path = "/libraries/{library}/folder-imports", tag = tags::JOBS, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body = NewFolderImport,
    responses((status = CREATED, description = "The job", body = ShownJob, headers(("Location" = String)))))]
async fn import_folder(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Json(new): Json<NewFolderImport>,
) -> Result<Response> {
    let (_, library) = find_library(&platform, &caller, &library).await?;
    Ok(created(platform.import_folder(&caller, &library, PathBuf::from(new.folder)).await?))
}

/// From which similarity on two faces are taken for the same person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"fmr": 1e-6}))]
struct Likeness {
    /// Similarity, 0..1; that of the library if it is left out.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
}

/// Scan a library for duplicates
///
/// A job that reports the pairs of people whose most similar faces reach a threshold: each with both people, both faces and
/// their similarity. For each face, the 100 most similar people are looked at.
#[utoipa::path(post, path = "/libraries/{library}/duplicate-scans", tag = tags::JOBS, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body = Likeness,
    responses((status = CREATED, description = "The job", body = ShownJob, headers(("Location" = String)))))]
async fn scan_for_duplicates(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Json(new): Json<Likeness>,
) -> Result<Response> {
    let least = threshold_or_fmr(new.threshold, new.fmr)?;
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    Ok(created(platform.scan_for_duplicates(&acting, &library, least).await?))
}

/// Group the unknown faces of a recognition log
///
/// A job that reports which of the faces that nobody of the library matches show the same person, for the latest 50,000 of them.
/// Each face is reported with its logged recognition, the number of its group, the largest group first, and its similarity to
/// the middle of the group; a face alone has the code `single`.
#[utoipa::path(post, path = "/libraries/{library}/groupings", tag = tags::JOBS, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body = Likeness,
    responses((status = CREATED, description = "The job", body = ShownJob, headers(("Location" = String)))))]
async fn group_unknown_faces(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Json(new): Json<Likeness>,
) -> Result<Response> {
    let least = threshold_or_fmr(new.threshold, new.fmr)?;
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    Ok(created(platform.group_unknown_faces(&acting, &library, least).await?))
}

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct JobsQuery {
    /// Only jobs in this state; several may be sent, of which jobs are in one.
    #[serde(default)]
    #[param(inline, required = false)]
    state: Vec<ShownState>,
    /// Only jobs of this kind, such as `import`.
    kind: Option<String>,
    /// Only jobs about this library.
    library_id: Option<String>,
    /// Order of the list.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: Sort,
    /// Number of jobs of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List jobs
///
/// In the order of creation, unless `sort` says otherwise. An app sees its own jobs, an administrator those of all apps.
#[utoipa::path(get, path = "/jobs", tag = tags::JOBS, security(("token" = ["libraries"])), params(JobsQuery),
    responses((status = OK, description = "A page", body = Page<ShownJob>)))]
async fn list_jobs(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<JobsQuery>,
) -> Result<axum::Json<Page<ShownJob>>> {
    let limit = pages::limit(query.limit)?;
    let order = match query.sort.order(query.cursor.as_deref())? {
        IdOrder::Oldest(after) => IdOrder::Oldest(after.map(JobId::new)),
        IdOrder::Newest(before) => IdOrder::Newest(before.map(JobId::new)),
    };
    let kind = query.kind.as_deref().map(JobKind::named);
    let library_id = query.library_id.as_deref().map(LibraryId::parse);
    if matches!(kind, Some(None)) || matches!(library_id, Some(None)) {
        // There is no job of such a kind or library.
        return Ok(axum::Json(Page::whole(Vec::new())));
    }
    let wanted = STATES.iter().filter(|(shown, _)| query.state.contains(shown));
    let states: Vec<JobState> = wanted.map(|(_, state)| *state).collect();
    let wanted = JobQuery { states: &states, kind: kind.flatten(), library_id: library_id.flatten() };
    let jobs = platform.jobs(&caller, wanted, order, limit + 1).await?;
    Ok(axum::Json(Page::by(jobs, limit, |job| query.sort.cursor(job.id.get()), ShownJob::from)))
}

pub(crate) fn id_of(text: &str) -> Result<JobId> {
    Ok(JobId::parse(text).ok_or(Error::from(Missing::Job))?)
}

/// Get a job
#[utoipa::path(get, path = "/jobs/{job}", tag = tags::JOBS, security(("token" = ["libraries"])),
    params(("job" = String, Path, description = "Id of the job")),
    responses((status = OK, description = "The job", body = ShownJob)))]
async fn get_job(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<axum::Json<ShownJob>> {
    Ok(axum::Json(platform.job(&caller, id_of(&id)?).await?.into()))
}

/// Delete a job that has ended
///
/// With its report. What it has done stays.
#[utoipa::path(delete, path = "/jobs/{job}", tag = tags::JOBS, security(("token" = ["libraries"])),
    params(("job" = String, Path, description = "Id of the job")),
    responses((status = NO_CONTENT, description = "It is deleted")))]
async fn delete_job(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<StatusCode> {
    platform.delete_job(&caller, id_of(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pause a job
///
/// The items that it is at are completed.
#[utoipa::path(post, path = "/jobs/{job}/pause", tag = tags::JOBS, security(("token" = ["libraries"])),
    params(("job" = String, Path, description = "Id of the job")),
    responses((status = OK, description = "The job", body = ShownJob)))]
async fn pause_job(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<axum::Json<ShownJob>> {
    Ok(axum::Json(platform.pause_job(&caller, id_of(&id)?).await?.into()))
}

/// Resume a job
///
/// One that is paused or has failed goes on where it stopped.
#[utoipa::path(post, path = "/jobs/{job}/resume", tag = tags::JOBS, security(("token" = ["libraries"])),
    params(("job" = String, Path, description = "Id of the job")),
    responses((status = OK, description = "The job", body = ShownJob)))]
async fn resume_job(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<axum::Json<ShownJob>> {
    Ok(axum::Json(platform.resume_job(&caller, id_of(&id)?).await?.into()))
}

/// Cancel a job
///
/// For good. What it has done stays. The deletion of a library can only be cancelled before it begins.
#[utoipa::path(post, path = "/jobs/{job}/cancel", tag = tags::JOBS, security(("token" = ["libraries"])),
    params(("job" = String, Path, description = "Id of the job")),
    responses((status = OK, description = "The job", body = ShownJob)))]
async fn cancel_job(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<axum::Json<ShownJob>> {
    Ok(axum::Json(platform.cancel_job(&caller, id_of(&id)?).await?.into()))
}
