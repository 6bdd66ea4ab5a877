//! Libraries.

use aicp_platform::settings::MAX_TOP_N;
use aicp_platform::{BUILTIN, Caller, Library, LibraryFilter, Platform};
use aicp_types::LibraryId;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Query, Who};
use crate::jobs::{ShownJob, created, with_job};
use crate::pages::{self, Page};
use crate::person_data::present;
use crate::problem::{Problem, Result};
use crate::recognition::threshold_of_fmr;
use crate::revision::{self, Revision};
use crate::tags;
use crate::times::rfc3339;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_libraries, create_library))
        .routes(routes!(get_library, update_library, delete_library))
        .routes(routes!(get_library_statistics))
        .routes(routes!(copy_library))
}

/// A library of people.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownLibrary {
    /// Id.
    #[schema(example = "1")]
    id: String,
    /// App that owns it.
    #[schema(example = "shop")]
    app_id: String,
    /// Id under which the other interfaces know it.
    #[schema(example = "staff")]
    group_id: String,
    /// Name.
    #[schema(example = "staff")]
    name: String,
    /// Description.
    description: Option<String>,
    /// Engine of its biometrics.
    #[schema(example = "builtin")]
    engine: String,
    /// Similarity, 0..1, above which a search finds somebody unless the request says otherwise; `null`: that of the settings.
    threshold: Option<f32>,
    /// Number of people that a search finds at most unless the request says otherwise; `null`: what the interface says.
    top_n: Option<i64>,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When a face was last added or removed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Library> for ShownLibrary {
    fn from(library: Library) -> Self {
        Self {
            id: library.id.to_string(),
            app_id: library.app_id,
            group_id: library.external_id,
            name: library.name,
            description: library.description,
            engine: library.engine,
            threshold: library.threshold,
            top_n: library.top_n,
            created_at: rfc3339(library.created_at),
            updated_at: rfc3339(library.updated_at),
        }
    }
}

/// Returns the revision of what an update can change.
fn revision(library: &Library) -> Revision {
    Revision::of(&(&library.external_id, &library.name, &library.description, library.threshold, library.top_n))
}

/// Looks a library up by the id in the path.
pub(crate) async fn find(platform: &Platform, caller: &Caller, id: &str) -> Result<(Caller, Library)> {
    let id = LibraryId::parse(id).ok_or(aicp_platform::Error::from(aicp_platform::Missing::Library))?;
    Ok(platform.library_of_id(caller, id).await?)
}

/// Which libraries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LibraryQuery {
    /// Only libraries of this app.
    app_id: Option<String>,
    /// Only the library with this id of the other interfaces.
    group_id: Option<String>,
    /// Only libraries whose name contains this.
    name: Option<String>,
    /// Number of libraries of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List libraries
///
/// In the order of creation. A caller who sees all apps sees the libraries of all.
#[utoipa::path(get, path = "/libraries", tag = tags::LIBRARIES, security(("token" = ["libraries"])),
    params(LibraryQuery), responses((status = OK, description = "A page", body = Page<ShownLibrary>)))]
async fn list_libraries(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<LibraryQuery>,
) -> Result<axum::Json<Page<ShownLibrary>>> {
    let limit = pages::limit(query.limit)?;
    let after = pages::after(query.cursor.as_deref())?.map(LibraryId::new);
    let filter = LibraryFilter {
        app_id: query.app_id.as_deref(),
        external_id: query.group_id.as_deref(),
        name_part: query.name.as_deref(),
    };
    let rows = platform.list_libraries(&caller, filter, after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |library| library.id.get(), ShownLibrary::from)))
}

/// A library to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "staff"}))]
struct NewLibrary {
    /// Name.
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    /// Id under which the other interfaces know it; the name if it is left out.
    #[schema(min_length = 1, max_length = 256)]
    group_id: Option<String>,
    /// Description.
    #[schema(max_length = 4096)]
    description: Option<String>,
    /// Engine of its biometrics; the default engine if it is left out.
    engine: Option<String>,
    /// App that owns it. Only an administrator may name another app than its own.
    app_id: Option<String>,
}

/// Create a library
#[utoipa::path(post, path = "/libraries", tag = tags::LIBRARIES, security(("token" = ["libraries"])),
    request_body = NewLibrary,
    responses((status = CREATED, description = "The library", body = ShownLibrary, headers(("Location" = String), ("ETag" = String)))))]
async fn create_library(
    State(platform): State<Platform>,
    Who(caller): Who,
    Json(new): Json<NewLibrary>,
) -> Result<Response> {
    check_texts(Some(&new.name), new.group_id.as_deref(), new.description.as_deref())?;
    let acting = match &new.app_id {
        Some(app_id) if app_id != caller.app_id() => {
            // The app must exist: a slip of the pen would make a library that no token reaches.
            if !platform.app_ids(&caller).await?.contains(app_id) {
                return Err(aicp_platform::Error::from(aicp_platform::Missing::App).into());
            }
            platform.act_as(&caller, app_id)?
        }
        _ => caller,
    };
    let group_id = new.group_id.as_deref().unwrap_or(&new.name);
    let library = platform
        .create_library(&acting, group_id, &new.name, new.description.as_deref(), new.engine.as_deref())
        .await?;
    let (revision, location) = (revision(&library), format!("/api/v1/libraries/{}", library.id));
    Ok(revision::created(&location, revision, ShownLibrary::from(library)))
}

/// The copy of a library to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "staff of the north"}))]
struct NewLibraryCopy {
    /// Name.
    #[schema(min_length = 1, max_length = 256)]
    name: String,
    /// Id under which the other interfaces know it; the name if it is left out.
    #[schema(min_length = 1, max_length = 256)]
    group_id: Option<String>,
    /// Description.
    #[schema(max_length = 4096)]
    description: Option<String>,
}

/// Copy a library
///
/// Creates a library with the engine, the threshold and the top-N of this one, and a job, `libraryId` of which is the copy, that
/// copies the people into it, with faces, templates, pictures and tags. They keep their external ids and get other ids of ours;
/// someone without an external id gets the id of ours as one. The caller needs the capability for people, too.
#[utoipa::path(post, path = "/libraries/{library}/copies", tag = tags::LIBRARIES, security(("token" = ["libraries"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body = NewLibraryCopy,
    responses((status = CREATED, description = "The job", body = ShownJob, headers(("Location" = String)))))]
async fn copy_library(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    Json(new): Json<NewLibraryCopy>,
) -> Result<Response> {
    check_texts(Some(&new.name), new.group_id.as_deref(), new.description.as_deref())?;
    let (acting, library) = find(&platform, &caller, &id).await?;
    let group_id = new.group_id.as_deref().unwrap_or(&new.name);
    let job = platform.copy_library(&acting, &library, group_id, &new.name, new.description.as_deref()).await?;
    Ok(created(job))
}

/// Get a library
#[utoipa::path(get, path = "/libraries/{library}", tag = tags::LIBRARIES, security(("token" = ["libraries"])),
    params(("library" = String, Path, description = "Id of the library")),
    responses((status = OK, description = "The library", body = ShownLibrary, headers(("ETag" = String)))))]
async fn get_library(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<Response> {
    let (_, library) = find(&platform, &caller, &id).await?;
    Ok(revision::tagged(StatusCode::OK, revision(&library), ShownLibrary::from(library)))
}

/// Changes of a library. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "staff of the north"}))]
struct LibraryUpdate {
    /// Name.
    #[schema(min_length = 1, max_length = 256)]
    name: Option<String>,
    /// Id under which the other interfaces know it.
    #[schema(min_length = 1, max_length = 256)]
    group_id: Option<String>,
    /// Description; an empty one removes it.
    #[schema(max_length = 4096)]
    description: Option<String>,
    /// Similarity, 0..1, above which a search finds somebody unless the request says otherwise; `null` for that of the settings.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<f32>, minimum = 0, maximum = 1)]
    threshold: Option<Option<f32>>,
    /// Rate of false matches, instead of a threshold: the threshold that it stands for. Only for the built-in engine.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
    /// Number of people that a search finds at most unless the request says otherwise; `null` for what the interface says.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100)]
    top_n: Option<Option<i64>>,
}

impl LibraryUpdate {
    /// Returns the threshold to set; the inner `None` removes it.
    fn threshold(&self, library: &Library) -> Result<Option<Option<f32>>> {
        match (self.threshold, self.fmr) {
            (None, None) => Ok(None),
            (Some(Some(share)), None) if !(0.0..=1.0).contains(&share) => {
                Err(Problem::field("threshold", "must be in 0..=1"))
            }
            (Some(threshold), None) => Ok(Some(threshold)),
            (None, Some(_)) if library.engine != BUILTIN => {
                Err(Problem::field("fmr", "must be left out: the engine of the library has a scale of its own"))
            }
            (None, Some(rate)) => threshold_of_fmr(rate).map(|threshold| Some(Some(threshold))),
            (Some(_), Some(_)) => Err(Problem::field("fmr", "must be left out if there is a threshold")),
        }
    }
}

/// Change a library
///
/// With `If-Match`, only if it still has that `ETag`.
#[utoipa::path(patch, path = "/libraries/{library}", tag = tags::LIBRARIES, security(("token" = ["libraries"])),
    params(("library" = String, Path, description = "Id of the library"),
        ("If-Match" = Option<String>, Header, description = "ETag of the library")),
    request_body = LibraryUpdate,
    responses((status = OK, description = "The library", body = ShownLibrary, headers(("ETag" = String)))))]
async fn update_library(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    headers: HeaderMap,
    Json(update): Json<LibraryUpdate>,
) -> Result<Response> {
    check_texts(update.name.as_deref(), update.group_id.as_deref(), update.description.as_deref())?;
    if let Some(Some(top_n)) = update.top_n
        && !(1..=MAX_TOP_N as i64).contains(&top_n)
    {
        return Err(Problem::field("topN", format!("must be in 1..={MAX_TOP_N}")));
    }
    let (acting, library) = find(&platform, &caller, &id).await?;
    let threshold = update.threshold(&library)?;
    let wanted = revision::wanted(&headers)?;
    let changed = platform
        .update_library(&acting, &library, move |library| {
            if !wanted.admits(&revision(library)) {
                return false;
            }
            library.name = update.name.clone().unwrap_or_else(|| library.name.clone());
            library.external_id = update.group_id.clone().unwrap_or_else(|| library.external_id.clone());
            library.threshold = threshold.unwrap_or(library.threshold);
            library.top_n = update.top_n.unwrap_or(library.top_n);
            if let Some(description) = &update.description {
                library.description = Some(description.clone()).filter(|text| !text.is_empty());
            }
            true
        })
        .await?;
    let library = changed.ok_or_else(Problem::precondition_failed)?;
    Ok(revision::tagged(StatusCode::OK, revision(&library), ShownLibrary::from(library)))
}

/// How to delete a library.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeletionQuery {
    /// Whether a job deletes it, which begins after the seconds of the setting `jobs.deletion_delay_s`. Until then the library can
    /// be used as before, and to cancel the job is to keep it.
    #[serde(default)]
    #[param(required = false)]
    undoable: bool,
}

/// Delete a library
///
/// With its people, faces and pictures. One of more than 1,000 people is out of sight at once, and a job deletes the people.
#[utoipa::path(delete, path = "/libraries/{library}", tag = tags::LIBRARIES, security(("token" = ["libraries"])),
    params(("library" = String, Path, description = "Id of the library"), DeletionQuery),
    responses((status = NO_CONTENT, description = "It is deleted"),
        (status = ACCEPTED, description = "It is or will be deleted by this job", body = ShownJob, headers(("Location" = String)))))]
async fn delete_library(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    Query(query): Query<DeletionQuery>,
) -> Result<Response> {
    let (acting, library) = find(&platform, &caller, &id).await?;
    if query.undoable {
        return Ok(with_job(StatusCode::ACCEPTED, platform.schedule_library_deletion(&acting, &library).await?));
    }
    match platform.delete_library_in_parts(&acting, &library).await? {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(job) => Ok(with_job(StatusCode::ACCEPTED, job)),
    }
}

/// Numbers of a library.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LibraryStatistics {
    /// Number of people.
    people: u64,
    /// Number of faces.
    faces: u64,
    /// Number of faces that a search looks through; `null` if the engine does not tell.
    searchable_faces: Option<u64>,
    /// Similarity above which a search finds somebody, 0..1.
    threshold: f32,
    /// Rate at which two different people reach the threshold, 0..1; `null` for an engine with a scale of its own. Below 1e-7
    /// it is not known.
    false_match_rate: Option<f64>,
    /// Threshold at which a search names at most the share `fpir` of strangers; `null` for an engine with a scale of its own.
    recommended_threshold: Option<f32>,
    /// Target of the false-positive identification rate, 0..1.
    fpir: f64,
}

/// Get the numbers of a library
#[utoipa::path(get, path = "/libraries/{library}/statistics", tag = tags::LIBRARIES, security(("token" = ["libraries"])),
    params(("library" = String, Path, description = "Id of the library")),
    responses((status = OK, description = "Its numbers", body = LibraryStatistics)))]
async fn get_library_statistics(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<axum::Json<LibraryStatistics>> {
    let (_, library) = find(&platform, &caller, &id).await?;
    let counts = platform.library_counts(&library).await?;
    let threshold = platform.library_threshold(library)?;
    Ok(axum::Json(LibraryStatistics {
        people: counts.users,
        faces: counts.faces,
        searchable_faces: threshold.faces.map(|faces| faces as u64),
        threshold: threshold.threshold,
        false_match_rate: threshold.false_match_rate,
        recommended_threshold: threshold.recommended,
        fpir: platform.target_fpir(),
    }))
}

/// Checks the texts of a library.
fn check_texts(name: Option<&str>, group_id: Option<&str>, description: Option<&str>) -> Result<()> {
    check_text("name", name, 1..=256)?;
    check_text("groupId", group_id, 1..=256)?;
    check_text("description", description, 0..=4096)
}

/// Checks the length of a text in characters, and that it has no control characters but line ends.
pub(crate) fn check_text(name: &str, text: Option<&str>, length: std::ops::RangeInclusive<usize>) -> Result<()> {
    let Some(text) = text else { return Ok(()) };
    if !length.contains(&text.chars().count()) {
        return Err(Problem::field(name, format!("must have {} to {} characters", length.start(), length.end())));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Problem::field(name, "must have no control characters"));
    }
    Ok(())
}
