//! People who change their library, and people who become one.

use aicp_platform::{Error, Missing, Person, PersonKey, Platform};
use aicp_types::PublicId;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Who};
use crate::libraries::find as find_library;
use crate::people::{ShownPerson, find, show};
use crate::problem::{Problem, Result};
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(move_person)).routes(routes!(merge_people))
}

/// Where a person is moved to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Move {
    /// Id of the library.
    #[schema(example = "2")]
    library_id: String,
}

/// Move a person to another library
///
/// With faces, pictures and tags, under the same ids, all or nothing. The person leaves the groups of the library of before.
/// Both libraries must have the built-in engine; for others, copy the person and delete the original.
#[utoipa::path(post, path = "/libraries/{library}/people/{person}/move", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    request_body = Move,
    responses((status = OK, description = "The person in the other library", body = ShownPerson, headers(("ETag" = String)))))]
async fn move_person(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    Json(to): Json<Move>,
) -> Result<Response> {
    let (acting, from, person) = find(&platform, &caller, &ids).await?;
    // Libraries of one app: an administrator who may see both must not mix them up.
    let (_, to) = find_library(&platform, &acting, &to.library_id).await?;
    let moved = platform.move_person(&acting, &from, &person, &to).await?;
    show_with_tags(&platform, moved).await
}

/// Whom a person is merged with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Merge {
    /// Id of another person of the library, who is removed.
    #[schema(example = "2051234567890123457")]
    person_id: String,
}

/// Merge another person into a person
///
/// For one who is enrolled twice. The person gets the faces, the tags and the places in groups of the other, keeps the own data,
/// and the other is removed; all or nothing. Both must be in the library, which must have the built-in engine: move one first
/// if they are not.
#[utoipa::path(post, path = "/libraries/{library}/people/{person}/merge", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    request_body = Merge,
    responses((status = OK, description = "The person", body = ShownPerson, headers(("ETag" = String)))))]
async fn merge_people(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    Json(merge): Json<Merge>,
) -> Result<Response> {
    let (acting, library, person) = find(&platform, &caller, &ids).await?;
    let other = PublicId::parse(&merge.person_id).ok_or(Error::from(Missing::Person))?;
    let other = platform.find(&acting, &library, PersonKey::PublicId(other)).await?;
    if other.id == person.id {
        return Err(Problem::field("personId", "must be another person"));
    }
    let merged = platform.merge_people(&acting, &library, &person, &other).await?;
    show_with_tags(&platform, merged).await
}

async fn show_with_tags(platform: &Platform, person: Person) -> Result<Response> {
    let tags = platform.tags(&person).await?;
    show(platform, person, tags).await
}
