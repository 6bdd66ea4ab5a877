//! Identification: who is in a picture (1:N, M:N).

use aicp_platform::settings::MAX_TOP_N;
use aicp_platform::{Among, Caller, Error, FaceMatches, Library, Match, Missing, Platform, Refusal, Threshold};
use aicp_types::PublicId;
use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{FILE, Form, Ids, Query, Who, required};
use crate::libraries::find as find_library;
use crate::pages::Page;
use crate::people::find as find_person;
use crate::person_data;
use crate::problem::{Problem, Result};
use crate::recognition::{threshold, threshold_or_fmr};
use crate::reports::Area;
use crate::tags;

/// Maximum number of libraries of a search.
const MAX_LIBRARIES: usize = 1000;

/// Maximum number of people among whom a search looks by their ids.
const MAX_PEOPLE: usize = 1000;

/// Number of people that an explanation adds.
const NEXT_BEST: usize = 5;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(identify_in_library))
        .routes(routes!(identify))
        .routes(routes!(list_similar_people))
}

/// The faces of a picture that are identified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Faces {
    /// The largest (1:N).
    #[default]
    Largest,
    /// All (M:N).
    All,
}

/// A picture to identify.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IdentifyRequest {
    /// The picture in base64.
    image: Option<String>,
    /// Address of the picture.
    image_url: Option<String>,
    /// Which faces of the picture.
    #[serde(default)]
    faces: Faces,
    /// Maximum number of people for each face; by default the `topN` of the library, or 5.
    #[schema(minimum = 1, maximum = 100)]
    top: Option<usize>,
    /// Similarity from which somebody matches, 0..1; by default that of the library.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold: somebody matches from the similarity on at which two different people
    /// match so often. Holds for the built-in engine.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
    /// Whether the next best people are told of, too.
    #[serde(default)]
    explain: bool,
    /// Only people with all these tags.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["vip"]))]
    tags: Vec<String>,
    /// Only these people, by their ids; unknown ones are ignored.
    #[schema(max_items = 1000)]
    person_ids: Option<Vec<String>>,
}

/// As [`IdentifyRequest`], as a form.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes a form, whose fields are read as `IdentifyRequest`")]
struct IdentifyForm {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Which faces of the picture.
    faces: Option<Faces>,
    /// Maximum number of people for each face.
    #[schema(minimum = 1, maximum = 100)]
    top: Option<u32>,
    /// Similarity from which somebody matches, 0..1.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
    /// Whether the next best people are told of, too.
    explain: Option<bool>,
    /// A tag that people must have; several fields of this name may be sent.
    tags: Option<String>,
    /// Id of a person among whom to search; several fields of this name may be sent.
    person_ids: Option<String>,
}

/// A picture to identify in several libraries.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IdentifyInRequest {
    /// The picture in base64.
    image: Option<String>,
    /// Address of the picture.
    image_url: Option<String>,
    /// Which faces of the picture.
    #[serde(default)]
    faces: Faces,
    /// Maximum number of people for each face; by default the `topN` of the library, or 5.
    #[schema(minimum = 1, maximum = 100)]
    top: Option<usize>,
    /// Similarity from which somebody matches, 0..1; by default that of the library.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
    /// Whether the next best people are told of, too.
    #[serde(default)]
    explain: bool,
    /// Only people with all these tags.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["vip"]))]
    tags: Vec<String>,
    /// Only these people, by their ids; unknown ones are ignored.
    #[schema(max_items = 1000)]
    person_ids: Option<Vec<String>>,
    /// Ids of the libraries to search.
    #[schema(min_items = 1, max_items = 1000)]
    library_ids: Vec<String>,
}

/// As [`IdentifyInRequest`], as a form.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes a form, whose fields are read as `IdentifyInRequest`")]
struct IdentifyInForm {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Which faces of the picture.
    faces: Option<Faces>,
    /// Maximum number of people for each face.
    #[schema(minimum = 1, maximum = 100)]
    top: Option<u32>,
    /// Similarity from which somebody matches, 0..1.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
    /// Whether the next best people are told of, too.
    explain: Option<bool>,
    /// A tag that people must have; several fields of this name may be sent.
    tags: Option<String>,
    /// Id of a person among whom to search; several fields of this name may be sent.
    person_ids: Option<String>,
    /// Id of a library to search; several fields of this name may be sent.
    library_ids: String,
}

/// The faces of a picture, and who they are.
#[derive(Debug, Serialize, ToSchema)]
struct Identified {
    /// The faces, the largest first.
    faces: Vec<IdentifiedFace>,
    /// The threshold in force in each library that was searched.
    thresholds: Vec<ThresholdInForce>,
}

/// The similarity that decided in a library whether somebody matches.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ThresholdInForce {
    /// The library.
    library_id: String,
    /// Similarity, 0..1.
    threshold: f32,
}

/// A face of a picture, and who it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IdentifiedFace {
    /// Where it is.
    #[serde(rename = "box")]
    area: Area,
    /// Confidence that it is a face, 0..1.
    confidence: f32,
    /// Rotation in the picture, in degrees clockwise.
    rotation: f32,
    /// People from the threshold on, the most similar first.
    matches: Vec<FoundPerson>,
    /// The next best people, whatever their similarity, if the request wants to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_best: Vec<FoundPerson>,
}

/// A person who matches a face.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FoundPerson {
    /// The person.
    person: PersonReference,
    /// Similarity to the most similar face of the person, 0..1.
    similarity: f32,
    /// The most similar face of the person.
    face_id: String,
}

/// Who a person is, in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PersonReference {
    /// Id.
    id: String,
    /// Library that the person is in.
    library_id: String,
    /// The app's own id of the person.
    external_id: Option<String>,
    /// Name.
    name: Option<String>,
}

impl From<Match> for FoundPerson {
    fn from(found: Match) -> Self {
        let person = found.person;
        Self {
            person: PersonReference {
                id: person.public_id.to_string(),
                library_id: person.library_id.to_string(),
                external_id: person.external_id,
                name: person.profile.name,
            },
            similarity: found.similarity,
            face_id: found.face.id.to_string(),
        }
    }
}

impl From<FaceMatches> for IdentifiedFace {
    fn from(FaceMatches { face, matches, next_best }: FaceMatches) -> Self {
        Self {
            area: face.area.into(),
            confidence: face.confidence,
            rotation: face.rotation,
            matches: matches.into_iter().map(FoundPerson::from).collect(),
            next_best: next_best.into_iter().map(FoundPerson::from).collect(),
        }
    }
}

/// Identify faces in a library
///
/// The largest face of a picture (1:N), or all (M:N); among all people, or those with some tags or ids, which the built-in
/// engine alone can do.
#[utoipa::path(post, path = "/libraries/{library}/identify", tag = tags::RECOGNITION, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body(content((IdentifyRequest = "application/json"), (IdentifyForm = "multipart/form-data"))),
    responses((status = OK, description = "The faces and who they are", body = Identified)))]
async fn identify_in_library(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    form: Form<IdentifyRequest>,
) -> Result<axum::Json<Identified>> {
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    let IdentifyRequest { image, image_url, faces, top, threshold, fmr, explain, tags, person_ids } = &form.fields;
    let among = among(tags, person_ids.as_deref())?;
    let terms =
        SearchTerms { faces: *faces, top: *top, least: threshold_or_fmr(*threshold, *fmr)?, explain: *explain, among };
    let picture = form.picture(&platform, &acting, FILE, (image, image_url)).await?;
    search(&platform, &acting, &[library], picture, terms).await
}

/// Identify faces in several libraries
#[utoipa::path(post, path = "/identify", tag = tags::RECOGNITION, security(("token" = ["recognition"])),
    request_body(content((IdentifyInRequest = "application/json"), (IdentifyInForm = "multipart/form-data"))),
    responses((status = OK, description = "The faces and who they are", body = Identified)))]
async fn identify(
    State(platform): State<Platform>,
    Who(caller): Who,
    form: Form<IdentifyInRequest>,
) -> Result<axum::Json<Identified>> {
    let ids = &form.fields.library_ids;
    if ids.is_empty() || ids.len() > MAX_LIBRARIES {
        return Err(Problem::field("libraryIds", format!("must be 1 to {MAX_LIBRARIES} ids of libraries")));
    }
    let (mut libraries, mut acting) = (Vec::with_capacity(ids.len()), None);
    for (place, id) in ids.iter().enumerate() {
        if ids[..place].contains(id) {
            continue;
        }
        let (of_app, library) = find_library(&platform, &caller, id).await?;
        acting.get_or_insert(of_app);
        libraries.push(library);
    }
    let acting = acting.unwrap_or(caller);
    let IdentifyInRequest { image, image_url, faces, top, threshold, fmr, explain, tags, person_ids, .. } =
        &form.fields;
    let among = among(tags, person_ids.as_deref())?;
    let terms =
        SearchTerms { faces: *faces, top: *top, least: threshold_or_fmr(*threshold, *fmr)?, explain: *explain, among };
    let picture = form.picture(&platform, &acting, FILE, (image, image_url)).await?;
    search(&platform, &acting, &libraries, picture, terms).await
}

/// What a search returns.
struct SearchTerms {
    faces: Faces,
    top: Option<usize>,
    least: Threshold,
    explain: bool,
    among: Among,
}

/// Reads among whom a request searches.
fn among(tags: &[String], person_ids: Option<&[String]>) -> Result<Among> {
    let tags = person_data::tags("tags", tags)?;
    let Some(ids) = person_ids else { return Ok(Among { tags, people: None }) };
    if ids.is_empty() || ids.len() > MAX_PEOPLE {
        return Err(Problem::field("personIds", format!("must be 1 to {MAX_PEOPLE} ids of people")));
    }
    let read = |id: &String| PublicId::parse(id).ok_or_else(|| Problem::field("personIds", "must be ids of people"));
    Ok(Among { tags, people: Some(ids.iter().map(read).collect::<Result<_>>()?) })
}

async fn search(
    platform: &Platform,
    caller: &Caller,
    libraries: &[Library],
    picture: Option<Bytes>,
    terms: SearchTerms,
) -> Result<axum::Json<Identified>> {
    let top = top(terms.top.or_else(|| platform.own_top_n(libraries)))?;
    let picture = required(picture, "image")?;
    let next = if terms.explain { NEXT_BEST } else { 0 };
    let mut faces =
        platform.identify_explained(caller, libraries, &terms.among, picture.clone(), top, terms.least, next).await?;
    if terms.faces == Faces::Largest {
        faces.truncate(1);
        if faces.is_empty() {
            return Err(Error::from(Refusal::NoFace).into());
        }
    }
    platform.note_faces(caller, libraries, picture, &faces);
    let thresholds = platform.thresholds_of_search(caller, libraries, terms.least)?.into_iter();
    let thresholds = thresholds
        .map(|(library, threshold)| ThresholdInForce { library_id: library.to_string(), threshold })
        .collect();
    Ok(axum::Json(Identified { faces: faces.into_iter().map(IdentifiedFace::from).collect(), thresholds }))
}

/// How similar people must be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SimilarQuery {
    /// Maximum number of people.
    #[param(minimum = 1, maximum = 100, default = 5)]
    top: Option<usize>,
    /// Similarity from which people are listed, 0..1; by default any.
    #[param(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
}

/// List people who are similar to a person
///
/// People of the same library, the most similar first, by the newest face of the person: to find one who is enrolled twice.
#[utoipa::path(get, path = "/libraries/{library}/people/{person}/similar", tag = tags::RECOGNITION, security(("token" = ["recognition"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person"),
        SimilarQuery),
    responses((status = OK, description = "The people", body = Page<FoundPerson>)))]
async fn list_similar_people(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    Query(query): Query<SimilarQuery>,
) -> Result<axum::Json<Page<FoundPerson>>> {
    let least = threshold(Some(query.threshold.unwrap_or(0.0)))?;
    let top = top(query.top)?;
    let (acting, library, person) = find_person(&platform, &caller, &ids).await?;
    let newest = platform.faces(&person).await?.into_iter().next().ok_or(Error::from(Missing::Face))?;
    let picture = platform.picture_of_face(&newest).await?;
    let found = platform.search_in(&acting, &[library], picture, (top + 1).min(MAX_TOP_N), least).await?;
    let others = found.matches.into_iter().filter(|other| other.person.id != person.id).take(top);
    Ok(axum::Json(Page::whole(others.map(FoundPerson::from).collect())))
}

/// Returns the number of people that a request wants.
fn top(wanted: Option<usize>) -> Result<usize> {
    match wanted.unwrap_or(5) {
        top @ 1..=MAX_TOP_N => Ok(top),
        _ => Err(Problem::field("top", format!("must be in 1..={MAX_TOP_N}"))),
    }
}
