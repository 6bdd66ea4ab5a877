//! Faces of a person.

use aicp_platform::{
    EnrolOptions, Error, Examination, Face, FaceKey, Format, KnownPerson, LastFace, Library, Missing, Person, Platform,
    SamePicture, StoredPicture,
};
use aicp_types::{FaceId, LibraryId, PublicId};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{FILE, Form, Ids, Query, Who, required};
use crate::people::find;
use crate::problem::{Problem, Result};
use crate::reports::{Area, QualityReport, ShownTemplate};
use crate::revision::Revision;
use crate::tags;
use crate::times::rfc3339;

/// Changes with the look of thumbnails.
const THUMBNAIL_VERSION: u8 = 1;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_faces, add_face, replace_faces))
        .routes(routes!(get_face, delete_face))
        .routes(routes!(get_face_picture))
        .routes(routes!(get_face_thumbnail))
        .routes(routes!(get_face_template))
        .routes(routes!(get_face_quality))
}

/// A face of a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownFace {
    /// Id.
    #[schema(example = "7")]
    id: String,
    /// Where the face is in its picture.
    #[serde(rename = "box")]
    area: Area,
    /// Confidence that it is a face, 0..1.
    confidence: f32,
    /// Quality, 0..1; `null` if it was not judged.
    quality: Option<f32>,
    /// Whether the engine has yet to enrol it.
    is_pending: bool,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
    /// Path of its picture.
    picture: String,
}

impl ShownFace {
    pub fn new(library: LibraryId, person: PublicId, face: Face) -> Self {
        let [x, y, width, height] = face.bounding_box;
        Self {
            id: face.id.to_string(),
            area: Area { x, y, width, height },
            confidence: face.confidence,
            quality: face.quality,
            is_pending: face.pending,
            created_at: rfc3339(face.file_id.created()),
            picture: format!("/api/v1/libraries/{library}/people/{person}/faces/{}/picture", face.id),
        }
    }
}

/// Looks a face up by the ids in the path.
async fn find_face(
    platform: &Platform,
    caller: &aicp_platform::Caller,
    (library, person, face): (String, String, String),
) -> Result<(aicp_platform::Caller, Library, Person, Face)> {
    let (acting, library, person) = find(platform, caller, &(library, person)).await?;
    let id = FaceId::parse(&face);
    let faces = platform.faces(&person).await?;
    let face = faces.into_iter().find(|face| Some(face.id) == id).ok_or(Error::from(Missing::Face))?;
    Ok((acting, library, person, face))
}

/// List the faces of a person
///
/// The newest first.
#[utoipa::path(get, path = "/libraries/{library}/people/{person}/faces", tag = tags::FACES, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    responses((status = OK, description = "The faces", body = crate::pages::Page<ShownFace>)))]
async fn list_faces(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
) -> Result<axum::Json<crate::pages::Page<ShownFace>>> {
    let (_, library, person) = find(&platform, &caller, &ids).await?;
    let faces = platform.faces(&person).await?;
    let shown = faces.into_iter().map(|face| ShownFace::new(library.id, person.public_id, face));
    Ok(axum::Json(crate::pages::Page::whole(shown.collect())))
}

/// A picture of a face to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewFace {
    /// The picture in base64.
    image: Option<String>,
    /// Address of the picture.
    image_url: Option<String>,
}

/// A picture as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a form, which `Form` reads")]
pub(crate) struct PictureForm {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Add a face
///
/// The largest face of a picture. A picture that the person has already is not added again: the answer is 200 then.
#[utoipa::path(post, path = "/libraries/{library}/people/{person}/faces", tag = tags::FACES, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    request_body(content((NewFace = "application/json"), (PictureForm = "multipart/form-data"))),
    responses((status = CREATED, description = "The face", body = ShownFace),
        (status = OK, description = "The face was there", body = ShownFace)))]
async fn add_face(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    form: Form<NewFace>,
) -> Result<Response> {
    enrol(&platform, &caller, &ids, form, KnownPerson::AddFace).await
}

/// Replace all faces by one
#[utoipa::path(put, path = "/libraries/{library}/people/{person}/faces", tag = tags::FACES, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    request_body(content((NewFace = "application/json"), (PictureForm = "multipart/form-data"))),
    responses((status = CREATED, description = "The face", body = ShownFace)))]
async fn replace_faces(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    form: Form<NewFace>,
) -> Result<Response> {
    enrol(&platform, &caller, &ids, form, KnownPerson::ReplaceFaces).await
}

async fn enrol(
    platform: &Platform,
    caller: &aicp_platform::Caller,
    ids: &(String, String),
    form: Form<NewFace>,
    known_person: KnownPerson,
) -> Result<Response> {
    let (acting, library, person) = find(platform, caller, ids).await?;
    let source = (&form.fields.image, &form.fields.image_url);
    let picture = required(form.picture(platform, &acting, FILE, source).await?, "image")?;
    let same_picture = match known_person {
        KnownPerson::ReplaceFaces => SamePicture::Allow,
        KnownPerson::AddFace | KnownPerson::Refuse => SamePicture::KeepOfPerson,
    };
    let options = EnrolOptions { known_person, same_picture, ..EnrolOptions::default() };
    let enrolled = platform.add_face(&acting, &library, &person, picture, options).await?;
    let status = if enrolled.is_new_face { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(ShownFace::new(library.id, person.public_id, enrolled.face))).into_response())
}

/// Get a face
#[utoipa::path(get, path = "/libraries/{library}/people/{person}/faces/{face}", tag = tags::FACES, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person"),
        ("face" = String, Path, description = "Id of the face")),
    responses((status = OK, description = "The face", body = ShownFace)))]
async fn get_face(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String, String)>,
) -> Result<axum::Json<ShownFace>> {
    let (_, library, person, face) = find_face(&platform, &caller, ids).await?;
    Ok(axum::Json(ShownFace::new(library.id, person.public_id, face)))
}

/// Delete a face
///
/// The person stays, even without faces.
#[utoipa::path(delete, path = "/libraries/{library}/people/{person}/faces/{face}", tag = tags::FACES, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person"),
        ("face" = String, Path, description = "Id of the face")),
    responses((status = NO_CONTENT, description = "It is deleted")))]
async fn delete_face(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String, String)>,
) -> Result<Response> {
    let (acting, library, person, face) = find_face(&platform, &caller, ids).await?;
    platform.remove_face(&acting, &library, &person, FaceKey::Id(face.id), LastFace::KeepsPerson).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Get the picture of a face
///
/// As it was sent.
#[utoipa::path(get, path = "/libraries/{library}/people/{person}/faces/{face}/picture", tag = tags::FACES, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person"),
        ("face" = String, Path, description = "Id of the face")),
    responses((status = OK, description = "The picture", content_type = "image/*")))]
async fn get_face_picture(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String, String)>,
) -> Result<Response> {
    let (_, _, _, face) = find_face(&platform, &caller, ids).await?;
    let StoredPicture { bytes, format } = platform.picture_by_file(face.file_id).await?;
    let media_type = format.map_or("application/octet-stream", Format::media_type);
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], bytes).into_response())
}

/// Size of a thumbnail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ThumbnailQuery {
    /// Maximum width and height in pixels.
    #[param(minimum = 16, maximum = 512, default = 128)]
    size: Option<u32>,
}

/// Get a thumbnail of a face
///
/// The face and its surroundings, as JPEG. It can be kept by the client, and asked for again with `If-None-Match`.
#[utoipa::path(get, path = "/libraries/{library}/people/{person}/faces/{face}/thumbnail", tag = tags::FACES, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person"),
        ("face" = String, Path, description = "Id of the face"), ThumbnailQuery,
        ("If-None-Match" = Option<String>, Header, description = "ETag of the thumbnail that the client has")),
    responses((status = OK, description = "The thumbnail", content_type = "image/jpeg", headers(("ETag" = String))),
        (status = NOT_MODIFIED, description = "It is the one that the client has")))]
async fn get_face_thumbnail(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String, String)>,
    Query(query): Query<ThumbnailQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let size = query.size.unwrap_or(128);
    if !(16..=512).contains(&size) {
        return Err(Problem::field("size", "must be in 16..=512"));
    }
    let (acting, _, _, face) = find_face(&platform, &caller, ids).await?;
    let tag = Revision::of(&(THUMBNAIL_VERSION, face.file_id.get(), &face.picture_key, face.bounding_box, size)).tag();
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known =
        known.split(',').any(|known| matches!(known.trim(), "*") || known.trim().trim_start_matches("W/") == tag);
    let (status, body) = if is_known {
        (StatusCode::NOT_MODIFIED, Bytes::new())
    } else {
        (StatusCode::OK, platform.face_thumbnail(&acting, &face, size).await?)
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    match status {
        StatusCode::OK => headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        _ => headers.remove(header::CONTENT_TYPE),
    };
    // A removed face is not shown from a cache for longer than an hour.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Get the template of a face
///
/// Biometric data: needs the area `templates`, which a capability of its own opens. A vendor's engine keeps its templates.
#[utoipa::path(get, path = "/libraries/{library}/people/{person}/faces/{face}/template", tag = tags::FACES, security(("token" = ["templates"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person"),
        ("face" = String, Path, description = "Id of the face")),
    responses((status = OK, description = "The template", body = ShownTemplate)))]
async fn get_face_template(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String, String)>,
) -> Result<axum::Json<ShownTemplate>> {
    let (acting, _, _, face) = find_face(&platform, &caller, ids).await?;
    Ok(axum::Json(platform.template_of_face(&acting, &face).await?.into()))
}

/// Get the quality of a face
///
/// Judged anew from its picture.
#[utoipa::path(get, path = "/libraries/{library}/people/{person}/faces/{face}/quality", tag = tags::FACES, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person"),
        ("face" = String, Path, description = "Id of the face")),
    responses((status = OK, description = "The quality", body = QualityReport)))]
async fn get_face_quality(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String, String)>,
) -> Result<axum::Json<QualityReport>> {
    let (acting, _, _, face) = find_face(&platform, &caller, ids).await?;
    let picture = platform.picture_of_face(&face).await?;
    let wanted = Examination { quality: true, liveness: false };
    let examined = platform.examine(&acting, picture, 1, wanted).await?;
    let face = examined.into_iter().next().ok_or(Error::from(aicp_platform::Refusal::NoFace))?;
    Ok(axum::Json(QualityReport::of(&face)))
}
