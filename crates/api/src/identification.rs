//! Identification: who is in a picture (1:N, M:N).

use aicp_platform::settings::MAX_TOP_N;
use aicp_platform::{Caller, Error, FaceMatches, Library, Match, Platform, Refusal};
use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{FILE, Form, Ids, Who, required};
use crate::libraries::find as find_library;
use crate::problem::{Problem, Result};
use crate::recognition::threshold;
use crate::reports::Area;
use crate::tags;

/// Maximum number of libraries of a search.
const MAX_LIBRARIES: usize = 1000;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(identify_in_library)).routes(routes!(identify))
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
    /// Maximum number of people for each face.
    #[schema(minimum = 1, maximum = 100, default = 5)]
    top: Option<usize>,
    /// Similarity from which somebody matches, 0..1; by default that of the library.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
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
    /// Maximum number of people for each face.
    #[schema(minimum = 1, maximum = 100, default = 5)]
    top: Option<usize>,
    /// Similarity from which somebody matches, 0..1; by default that of the library.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
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
    /// Id of a library to search; several fields of this name may be sent.
    library_ids: String,
}

/// The faces of a picture, and who they are.
#[derive(Debug, Serialize, ToSchema)]
struct Identified {
    /// The faces, the largest first.
    faces: Vec<IdentifiedFace>,
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
    fn from(FaceMatches { face, matches }: FaceMatches) -> Self {
        Self {
            area: face.area.into(),
            confidence: face.confidence,
            rotation: face.rotation,
            matches: matches.into_iter().map(FoundPerson::from).collect(),
        }
    }
}

/// Identify faces in a library
///
/// The largest face of a picture (1:N), or all (M:N).
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
    let IdentifyRequest { image, image_url, faces, top, threshold } = &form.fields;
    let terms = SearchTerms { faces: *faces, top: *top, threshold: *threshold };
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
    for id in ids {
        let (of_app, library) = find_library(&platform, &caller, id).await?;
        acting.get_or_insert(of_app);
        libraries.push(library);
    }
    let acting = acting.unwrap_or(caller);
    let IdentifyInRequest { image, image_url, faces, top, threshold, .. } = &form.fields;
    let terms = SearchTerms { faces: *faces, top: *top, threshold: *threshold };
    let picture = form.picture(&platform, &acting, FILE, (image, image_url)).await?;
    search(&platform, &acting, &libraries, picture, terms).await
}

/// What a search returns.
struct SearchTerms {
    faces: Faces,
    top: Option<usize>,
    threshold: Option<f32>,
}

async fn search(
    platform: &Platform,
    caller: &Caller,
    libraries: &[Library],
    picture: Option<Bytes>,
    terms: SearchTerms,
) -> Result<axum::Json<Identified>> {
    let least = threshold(terms.threshold)?;
    let top = match terms.top.unwrap_or(5) {
        top @ 1..=MAX_TOP_N => top,
        _ => return Err(Problem::field("top", format!("must be in 1..={MAX_TOP_N}"))),
    };
    let picture = required(picture, "image")?;
    let mut faces = platform.identify_many_in(caller, libraries, picture, top, least).await?;
    if terms.faces == Faces::Largest {
        faces.truncate(1);
        if faces.is_empty() {
            return Err(Error::from(Refusal::NoFace).into());
        }
    }
    Ok(axum::Json(Identified { faces: faces.into_iter().map(IdentifiedFace::from).collect() }))
}
