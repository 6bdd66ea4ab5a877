//! Erasure of a person everywhere.

use aicp_platform::{Erasure, ErasureKey, Error, Missing, Platform};
use aicp_types::PublicId;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Json, Who};
use crate::problem::{Problem, Result};
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(erase_person))
}

/// Who is erased: either id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"externalId": "A-17"}))]
struct ErasureRequest {
    /// Id of the person in one of the libraries.
    person_id: Option<String>,
    /// The app's own id of the person.
    external_id: Option<String>,
    /// App of the person. Only an administrator may name another app than its own.
    app_id: Option<String>,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ErasureReport {
    /// Number of libraries that had the person.
    libraries: usize,
    /// Number of people deleted.
    people: usize,
    /// Number of faces deleted, with pictures and templates.
    faces: usize,
}

impl From<Erasure> for ErasureReport {
    fn from(Erasure { libraries, people, faces }: Erasure) -> Self {
        Self { libraries, people, faces }
    }
}

/// Erase a person everywhere
///
/// In all libraries of the app at once: everybody with the same own id, with faces, pictures, templates and tags. The answers that
/// are kept for repeated requests of the app are forgotten, too. Backups keep what they have.
#[utoipa::path(post, path = "/erasures", tag = tags::PEOPLE, security(("token" = ["people"])),
    request_body = ErasureRequest,
    responses((status = OK, description = "What was erased", body = ErasureReport)))]
async fn erase_person(
    State(platform): State<Platform>,
    Who(caller): Who,
    Json(request): Json<ErasureRequest>,
) -> Result<axum::Json<ErasureReport>> {
    let ErasureRequest { person_id, external_id, app_id } = request;
    let key = match (person_id, external_id) {
        (Some(id), None) => ErasureKey::PublicId(PublicId::parse(&id).ok_or(Error::from(Missing::Person))?),
        (None, Some(id)) => ErasureKey::ExternalId(id),
        _ => return Err(Problem::field("personId", "either personId or externalId must be sent")),
    };
    let acting = match app_id {
        Some(app_id) => platform.act_as(&caller, &app_id).map_err(|_| Error::from(Missing::App))?,
        None => caller,
    };
    Ok(axum::Json(platform.erase_person(&acting, key).await?.into()))
}
