//! The contract, and what the platform is.

use aicp_platform::Platform;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::docs;
use crate::input::Who;
use crate::problem::Result;
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(get_openapi)).routes(routes!(get_system))
}

/// Get this contract
///
/// As an OpenAPI document; without a token.
#[utoipa::path(get, path = "/openapi.json", tag = tags::SYSTEM,
    responses((status = OK, description = "The document", body = serde_json::Value)))]
async fn get_openapi() -> axum::Json<&'static utoipa::openapi::OpenApi> {
    axum::Json(docs::openapi())
}

/// What the platform is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct System {
    /// Version of the program.
    version: &'static str,
    /// Number of libraries of all apps, hidden ones included.
    libraries: u64,
    /// Number of people of all libraries.
    people: u64,
    /// Number of faces of all people.
    faces: u64,
    /// Engine of new libraries, unless they name another.
    default_engine: String,
    /// Similarity above which a search finds somebody, unless a library or a request says otherwise, 0..1.
    threshold: f32,
}

/// Get what the platform is
///
/// Its version, its numbers and its defaults.
#[utoipa::path(get, path = "/system", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    responses((status = OK, description = "What it is", body = System)))]
async fn get_system(State(platform): State<Platform>, Who(_): Who) -> Result<axum::Json<System>> {
    let counts = platform.counts().await?;
    Ok(axum::Json(System {
        version: env!("CARGO_PKG_VERSION"),
        libraries: counts.libraries,
        people: counts.people,
        faces: counts.faces,
        default_engine: platform.default_engine_name().to_owned(),
        threshold: platform.settings().recognition.threshold,
    }))
}
