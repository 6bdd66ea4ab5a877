//! People of a library.

use aicp_platform::{
    EnrolOptions, Enrolment, Error, Face, KnownPerson, Library, LibraryKey, Missing, Person, PersonKey, Platform,
    Profile, SamePicture, Tags, user_id_of,
};
use aicp_types::{FaceId, LibraryId, PublicId};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::faces::ShownFace;
use crate::input::{Form, Ids, Json, Who};
use crate::libraries::find as find_library;
use crate::person_data::{NewPerson, NewPersonForm, PersonUpdate};
use crate::problem::{Problem, Result};
use crate::revision::{self, Revision};
use crate::tags;
use crate::times::rfc3339;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(create_person))
        .routes(routes!(get_person, update_person, delete_person))
        .routes(routes!(copy_person))
}

/// A person of a library.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownPerson {
    /// Id.
    #[schema(example = "2051234567890123456")]
    id: String,
    /// Library that the person is in.
    #[schema(example = "1")]
    library_id: String,
    /// The app's own id of the person, unique in the library.
    #[schema(example = "A-17")]
    external_id: Option<String>,
    /// Name.
    #[schema(example = "Ada Lovelace")]
    name: Option<String>,
    /// Number of the person as a customer.
    customer_number: Option<String>,
    /// Number of an identity document.
    document_number: Option<String>,
    /// Employer.
    company: Option<String>,
    /// Job title.
    duty: Option<String>,
    /// Province.
    province: Option<String>,
    /// Free text.
    remark: Option<String>,
    /// Free text of the app, such as JSON of its own.
    info: Option<String>,
    /// Tags.
    #[schema(example = json!(["vip"]))]
    tags: Vec<String>,
    /// When the person was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When the person, or a face of the person, was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
    /// The newest face; `null` if there is none.
    newest_face: Option<NewestFace>,
    /// Faces, the newest first; in lists `null`.
    faces: Option<Vec<ShownFace>>,
}

/// The newest face of a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewestFace {
    /// Id.
    #[schema(example = "7")]
    id: String,
    /// Path of its thumbnail.
    thumbnail: String,
}

impl NewestFace {
    fn new(library: LibraryId, person: PublicId, face: FaceId) -> Self {
        let thumbnail = format!("/api/v1/libraries/{library}/people/{person}/faces/{face}/thumbnail");
        Self { id: face.to_string(), thumbnail }
    }
}

impl ShownPerson {
    /// Shows a person with all faces, the newest first.
    pub fn new(person: Person, tags: Tags, faces: Vec<Face>) -> Self {
        let (library, id) = (person.library_id, person.public_id);
        let newest = faces.first().map(|face| face.id);
        let faces = faces.into_iter().map(|face| ShownFace::new(library, id, face)).collect();
        Self { faces: Some(faces), ..Self::in_list(person, tags, newest) }
    }

    /// Shows a person as lists do.
    pub fn in_list(person: Person, tags: Tags, newest: Option<FaceId>) -> Self {
        let (library, id) = (person.library_id, person.public_id);
        let Profile { name, customer_number, document_number, company, duty, province, remark, .. } = person.profile;
        Self {
            id: id.to_string(),
            library_id: library.to_string(),
            external_id: person.external_id,
            name,
            customer_number,
            document_number,
            company,
            duty,
            province,
            remark,
            info: person.info,
            tags: tags.into_vec(),
            created_at: rfc3339(person.created_at),
            updated_at: rfc3339(person.updated_at),
            newest_face: newest.map(|face| NewestFace::new(library, id, face)),
            faces: None,
        }
    }
}

/// Returns the revision of what an update can change.
pub(crate) fn revision(person: &Person, tags: &Tags) -> Revision {
    let Profile { name, customer_number, document_number, company, duty, province, remark, .. } = &person.profile;
    let texts = [name, customer_number, document_number, company, duty, province, remark];
    Revision::of(&(&person.external_id, &person.info, texts, tags.as_slice()))
}

/// Looks a library and a person of it up by the ids in the path.
pub(crate) async fn find(
    platform: &Platform,
    caller: &aicp_platform::Caller,
    (library, person): &(String, String),
) -> Result<(aicp_platform::Caller, Library, Person)> {
    let (acting, library) = find_library(platform, caller, library).await?;
    let id = PublicId::parse(person).ok_or(Error::from(Missing::Person))?;
    let person = platform.find(&acting, &library, PersonKey::PublicId(id)).await?;
    Ok((acting, library, person))
}

/// A person who was created, and what became of the pictures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedPerson {
    #[serde(flatten)]
    person: ShownPerson,
    /// What became of each picture, in their order.
    pictures: Vec<PictureVerdict>,
}

/// What became of a picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PictureVerdict {
    /// Id of the face that it became; `null` if it was refused.
    face_id: Option<String>,
    /// Why it was refused.
    problem: Option<Problem>,
}

/// Create a person
///
/// With one or more pictures, of which each becomes a face. If no picture can be enrolled, nobody is created. The limit of
/// faces of a person holds.
#[utoipa::path(post, path = "/libraries/{library}/people", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body(content((NewPerson = "application/json"), (NewPersonForm = "multipart/form-data"))),
    responses((status = CREATED, description = "The person", body = CreatedPerson, headers(("Location" = String), ("ETag" = String)))))]
async fn create_person(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    form: Form<NewPerson>,
) -> Result<Response> {
    let new = &form.fields;
    new.check()?;
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    let pictures = form.pictures(&platform, &acting, (&new.image, &new.image_url), &new.images).await?;
    if pictures.is_empty() {
        return Err(Problem::field("image", "must be a picture: a file, base64 or an address"));
    }
    let data = new.data()?;
    let mut person: Option<Person> = None;
    let mut verdicts = Vec::with_capacity(pictures.len());
    for picture in pictures {
        let enrolled = match &person {
            None => {
                let enrolment = Enrolment {
                    library: LibraryKey::from(&library),
                    person: data.clone(),
                    picture,
                    options: EnrolOptions::default(),
                };
                platform.enrol(&acting, enrolment).await
            }
            Some(person) => {
                let options = EnrolOptions {
                    known_person: KnownPerson::AddFace,
                    same_picture: SamePicture::KeepOfPerson,
                    ..EnrolOptions::default()
                };
                platform.add_face(&acting, &library, person, picture, options).await
            }
        };
        match enrolled {
            Ok(enrolled) => {
                verdicts.push(PictureVerdict { face_id: Some(enrolled.face.id.to_string()), problem: None });
                person.get_or_insert(enrolled.person);
            }
            // What is wrong with the picture concerns it alone; anything else ends the call, unless somebody is there.
            Err(e @ (Error::Refused(_) | Error::BadInput(_) | Error::Full(_))) => {
                verdicts.push(PictureVerdict { face_id: None, problem: Some(e.into()) });
            }
            Err(e) if person.is_some() => verdicts.push(PictureVerdict { face_id: None, problem: Some(e.into()) }),
            Err(e) => return Err(e.into()),
        }
    }
    let Some(person) = person else {
        let problem = verdicts.into_iter().find_map(|verdict| verdict.problem);
        return Err(problem.unwrap_or_else(Problem::internal));
    };
    let faces = platform.faces(&person).await?;
    let location = format!("/api/v1/libraries/{}/people/{}", library.id, person.public_id);
    let revision = revision(&person, &data.tags);
    let body = CreatedPerson { person: ShownPerson::new(person, data.tags, faces), pictures: verdicts };
    Ok(revision::created(&location, revision, body))
}

/// Get a person
#[utoipa::path(get, path = "/libraries/{library}/people/{person}", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    responses((status = OK, description = "The person with all faces", body = ShownPerson, headers(("ETag" = String)))))]
async fn get_person(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
) -> Result<Response> {
    let (_, _, person) = find(&platform, &caller, &ids).await?;
    let tags = platform.tags(&person).await?;
    show(&platform, person, tags).await
}

/// Builds an answer that shows a person with all faces.
pub(crate) async fn show(platform: &Platform, person: Person, tags: Tags) -> Result<Response> {
    let faces = platform.faces(&person).await?;
    let revision = revision(&person, &tags);
    Ok(revision::tagged(StatusCode::OK, revision, ShownPerson::new(person, tags, faces)))
}

/// Change a person
///
/// With `If-Match`, only if the person still has that `ETag`.
#[utoipa::path(patch, path = "/libraries/{library}/people/{person}", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person"),
        ("If-Match" = Option<String>, Header, description = "ETag of the person")),
    request_body = PersonUpdate,
    responses((status = OK, description = "The person", body = ShownPerson, headers(("ETag" = String)))))]
async fn update_person(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    headers: HeaderMap,
    Json(update): Json<PersonUpdate>,
) -> Result<Response> {
    let change = update.checked()?;
    let wanted = revision::wanted(&headers)?;
    let (acting, library, person) = find(&platform, &caller, &ids).await?;
    let changed = platform
        .update_person(&acting, &library, &person, move |person, tags| {
            let is_wanted = wanted.admits(&revision(person, tags));
            if is_wanted {
                change.apply(person, tags);
            }
            is_wanted
        })
        .await?;
    let (person, tags) = changed.ok_or_else(Problem::precondition_failed)?;
    show(&platform, person, tags).await
}

/// Delete a person
///
/// With all faces and pictures.
#[utoipa::path(delete, path = "/libraries/{library}/people/{person}", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    responses((status = NO_CONTENT, description = "The person is deleted")))]
async fn delete_person(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
) -> Result<Response> {
    let (acting, library, person) = find(&platform, &caller, &ids).await?;
    platform.remove_person(&acting, &library, &person).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where a person is copied to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Copy {
    /// Id of the library.
    #[schema(example = "2")]
    library_id: String,
}

/// Copy a person into another library
///
/// With all faces, under the same id of the app; the original stays.
#[utoipa::path(post, path = "/libraries/{library}/people/{person}/copy", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    request_body = Copy,
    responses((status = CREATED, description = "The copy", body = ShownPerson, headers(("Location" = String), ("ETag" = String)))))]
async fn copy_person(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    Json(copy): Json<Copy>,
) -> Result<Response> {
    let (acting, from, person) = find(&platform, &caller, &ids).await?;
    // Libraries of one app: an administrator who may see both must not mix them up.
    let (_, to) = find_library(&platform, &acting, &copy.library_id).await?;
    let user_id = user_id_of(person.external_id.as_deref(), person.public_id);
    platform.copy_person(&acting, &from, &to, &user_id).await?;
    let copied = platform.find(&acting, &to, PersonKey::UserId(&user_id)).await?;
    let faces = platform.faces(&copied).await?;
    let location = format!("/api/v1/libraries/{}/people/{}", to.id, copied.public_id);
    let tags = platform.tags(&copied).await?;
    let revision = revision(&copied, &tags);
    Ok(revision::created(&location, revision, ShownPerson::new(copied, tags, faces)))
}
