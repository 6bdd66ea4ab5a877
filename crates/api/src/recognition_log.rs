//! The log of a library's recognitions.

use std::collections::{BTreeSet, HashMap};

use aicp_platform::{
    Caller, Error, Library, MAX_KEEP_DAYS, Missing, Platform, Recognition, RecognitionFilter, RecognitionLogging,
};
use aicp_types::{PublicId, RecognitionEntryId};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Query, Who};
use crate::libraries::find as find_library;
use crate::pages::{self, Page};
use crate::people::{self, ShownPerson};
use crate::person_data::NewPerson;
use crate::problem::{Problem, Result};
use crate::revision::{self, Revision};
use crate::tags;
use crate::times::{moment, rfc3339};

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(get_recognition_log, update_recognition_log))
        .routes(routes!(list_recognitions))
        .routes(routes!(get_recognition, delete_recognition))
        .routes(routes!(get_recognition_picture))
        .routes(routes!(enrol_recognition))
}

/// Whether and how long the recognitions of a library are logged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownLogging {
    /// Whether recognitions are logged.
    enabled: bool,
    /// Days for which an entry is kept.
    #[schema(example = 7)]
    keep_days: u32,
}

impl From<RecognitionLogging> for ShownLogging {
    fn from(RecognitionLogging { enabled, keep_days }: RecognitionLogging) -> Self {
        Self { enabled, keep_days }
    }
}

fn revision(logging: &RecognitionLogging) -> Revision {
    Revision::of(&(logging.enabled, logging.keep_days))
}

/// Get the settings of a recognition log
#[utoipa::path(get, path = "/libraries/{library}/recognition-log", tag = tags::RECOGNITION, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library")),
    responses((status = OK, description = "The settings", body = ShownLogging, headers(("ETag" = String)))))]
async fn get_recognition_log(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
) -> Result<Response> {
    let (_, library) = find_library(&platform, &caller, &library).await?;
    let logging = platform.recognition_logging(&library).await?;
    Ok(revision::tagged(StatusCode::OK, revision(&logging), ShownLogging::from(logging)))
}

/// Changes of a recognition log. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"enabled": true, "keepDays": 7}))]
struct LoggingUpdate {
    /// Whether recognitions are logged.
    enabled: Option<bool>,
    /// Days for which an entry is kept.
    #[schema(minimum = 1, maximum = 365)]
    keep_days: Option<u32>,
}

/// Switch a recognition log on or off
///
/// It is off until it is switched on. While it is on, each recognition in the library is logged, whatever interface asks: the
/// time, the best matches, and a picture of the face. Entries that are there stay as long as they are kept. With `If-Match`,
/// only if the settings still have that `ETag`.
#[utoipa::path(patch, path = "/libraries/{library}/recognition-log", tag = tags::RECOGNITION, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library"),
        ("If-Match" = Option<String>, Header, description = "ETag of the settings")),
    request_body = LoggingUpdate,
    responses((status = OK, description = "The settings", body = ShownLogging, headers(("ETag" = String)))))]
async fn update_recognition_log(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    headers: HeaderMap,
    Json(update): Json<LoggingUpdate>,
) -> Result<Response> {
    if update.keep_days.is_some_and(|days| !(1..=MAX_KEEP_DAYS).contains(&days)) {
        return Err(Problem::field("keepDays", format!("must be in 1..={MAX_KEEP_DAYS}")));
    }
    let wanted = revision::wanted(&headers)?;
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    let changed = platform
        .update_recognition_logging(&acting, &library, move |logging| {
            if !wanted.admits(&revision(logging)) {
                return false;
            }
            logging.enabled = update.enabled.unwrap_or(logging.enabled);
            logging.keep_days = update.keep_days.unwrap_or(logging.keep_days);
            true
        })
        .await?;
    let logging = changed.ok_or_else(Problem::precondition_failed)?;
    Ok(revision::tagged(StatusCode::OK, revision(&logging), ShownLogging::from(logging)))
}

/// A logged recognition of a face.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownRecognition {
    /// Id.
    id: String,
    /// Library that was searched.
    library_id: String,
    /// When it was searched.
    #[schema(format = DateTime)]
    time: String,
    /// People whom the face matches, the most similar first, at most 5. Empty: an unknown face.
    matches: Vec<LoggedMatch>,
    /// Path of the picture of the face.
    picture: String,
}

/// A person whom a logged face matches.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LoggedMatch {
    /// The person.
    person_id: String,
    /// Name of the person.
    name: Option<String>,
    /// The person's most similar face; it may be removed by now.
    face_id: String,
    /// Similarity, 0..1.
    similarity: f32,
}

impl ShownRecognition {
    fn new(entry: Recognition, names: &HashMap<PublicId, String>) -> Self {
        let matches = entry.matches.iter().map(|found| LoggedMatch {
            person_id: found.person.to_string(),
            name: names.get(&found.person).cloned(),
            face_id: found.face_id.to_string(),
            similarity: found.similarity,
        });
        Self {
            id: entry.id.to_string(),
            library_id: entry.library_id.to_string(),
            time: rfc3339(entry.time),
            matches: matches.collect(),
            picture: format!("/api/v1/libraries/{}/recognitions/{}/picture", entry.library_id, entry.id),
        }
    }
}

/// Which recognitions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RecognitionQuery {
    /// Only recognitions in which somebody matches, or only unknown faces.
    known: Option<bool>,
    /// Only recognitions in which this person matches.
    person_id: Option<String>,
    /// Only recognitions at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only recognitions before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Number of recognitions of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List logged recognitions
///
/// The latest first.
#[utoipa::path(get, path = "/libraries/{library}/recognitions", tag = tags::RECOGNITION, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library"), RecognitionQuery),
    responses((status = OK, description = "A page", body = Page<ShownRecognition>)))]
async fn list_recognitions(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Query(query): Query<RecognitionQuery>,
) -> Result<axum::Json<Page<ShownRecognition>>> {
    let limit = pages::limit(query.limit)?;
    let before = pages::after(query.cursor.as_deref())?.map(RecognitionEntryId::new);
    let no_person = || Problem::field("personId", "must be the id of a person");
    let filter = RecognitionFilter {
        is_known: query.known,
        person: query.person_id.as_deref().map(|id| PublicId::parse(id).ok_or_else(no_person)).transpose()?,
        from: moment("from", query.from.as_deref())?,
        to: moment("to", query.to.as_deref())?,
    };
    let (_, library) = find_library(&platform, &caller, &library).await?;
    let rows = platform.recognitions(&library, filter, before, limit + 1).await?;
    let names = names(&platform, &rows).await?;
    let shown = |entry| ShownRecognition::new(entry, &names);
    Ok(axum::Json(Page::of(rows, limit, |entry| entry.id.get(), shown)))
}

/// Returns the names of the people whom some entries name.
async fn names(platform: &Platform, entries: &[Recognition]) -> Result<HashMap<PublicId, String>> {
    let people: BTreeSet<PublicId> =
        entries.iter().flat_map(|entry| &entry.matches).map(|found| found.person).collect();
    Ok(platform.names_of(&people.into_iter().collect::<Vec<_>>()).await?)
}

/// Looks a logged recognition up by the ids in the path.
async fn find(
    platform: &Platform,
    caller: &Caller,
    (library, entry): &(String, String),
) -> Result<(Caller, Library, Recognition)> {
    let (acting, library) = find_library(platform, caller, library).await?;
    let id = RecognitionEntryId::parse(entry).ok_or(Error::from(Missing::Entry))?;
    let entry = platform.recognition(&library, id).await?;
    Ok((acting, library, entry))
}

/// Get a logged recognition
#[utoipa::path(get, path = "/libraries/{library}/recognitions/{entry}", tag = tags::RECOGNITION, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library"), ("entry" = String, Path, description = "Id of the recognition")),
    responses((status = OK, description = "The recognition", body = ShownRecognition)))]
async fn get_recognition(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
) -> Result<axum::Json<ShownRecognition>> {
    let (_, _, entry) = find(&platform, &caller, &ids).await?;
    let names = names(&platform, std::slice::from_ref(&entry)).await?;
    Ok(axum::Json(ShownRecognition::new(entry, &names)))
}

/// Get the picture of a logged recognition
///
/// The face with a margin of half of it on each side, at most 384 pixels wide and high.
#[utoipa::path(get, path = "/libraries/{library}/recognitions/{entry}/picture", tag = tags::RECOGNITION,
    security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library"), ("entry" = String, Path, description = "Id of the recognition")),
    responses((status = OK, description = "The picture", content_type = "image/jpeg")))]
async fn get_recognition_picture(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
) -> Result<Response> {
    let (_, _, entry) = find(&platform, &caller, &ids).await?;
    let picture = platform.recognition_picture(&entry).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))], picture).into_response())
}

/// Delete a logged recognition
///
/// With its picture.
#[utoipa::path(delete, path = "/libraries/{library}/recognitions/{entry}", tag = tags::RECOGNITION, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library"), ("entry" = String, Path, description = "Id of the recognition")),
    responses((status = NO_CONTENT, description = "It is deleted")))]
async fn delete_recognition(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
) -> Result<Response> {
    let (_, library, entry) = find(&platform, &caller, &ids).await?;
    platform.delete_recognition(&library, entry.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Make a person of an unknown face
///
/// Enrols the picture of the recognition, without pictures in the request. The recognition names the person from then on, and
/// is deleted with the person.
#[utoipa::path(post, path = "/libraries/{library}/recognitions/{entry}/person", tag = tags::RECOGNITION, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("entry" = String, Path, description = "Id of the recognition")),
    request_body = NewPerson,
    responses((status = CREATED, description = "The person", body = ShownPerson, headers(("Location" = String), ("ETag" = String)))))]
async fn enrol_recognition(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    Json(new): Json<NewPerson>,
) -> Result<Response> {
    new.check()?;
    if new.image.is_some() || new.image_url.is_some() || !new.images.is_empty() {
        return Err(Problem::field("image", "must be left out: the picture is that of the recognition"));
    }
    let (acting, library, entry) = find(&platform, &caller, &ids).await?;
    let data = new.data()?;
    let tags = data.tags.clone();
    let enrolled = platform.enrol_recognition(&acting, &library, entry.id, data).await?;
    let faces = platform.faces(&enrolled.person).await?;
    let location = format!("/api/v1/libraries/{}/people/{}", library.id, enrolled.person.public_id);
    let revision = people::revision(&enrolled.person, &tags);
    Ok(revision::created(&location, revision, ShownPerson::new(enrolled.person, tags, faces)))
}
