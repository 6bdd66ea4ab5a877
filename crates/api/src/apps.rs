//! Apps: their grants, tokens and keys.

use std::num::NonZeroU32;

use aicp_dialects::{CreatedKey, KeyRequest};
use aicp_platform::{Error, Missing, Platform};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Who};
use crate::keys::{ShownApps, ShownKeys};
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_apps, create_app))
        .routes(routes!(get_app, update_app, delete_app))
        .routes(routes!(list_capabilities))
        .routes(routes!(list_keys, create_key))
        .routes(routes!(revoke_key))
        .routes(routes!(list_thresholds))
}

/// List apps
///
/// In the order of creation, also those without a grant.
#[utoipa::path(get, path = "/apps", tag = tags::APPS, security(("token" = ["administrator"])),
    responses((status = OK, description = "The apps", body = ShownApps)))]
async fn list_apps(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<ShownApps>> {
    Ok(axum::Json(ShownApps::new(platform.app_ids(&caller).await?)))
}

/// An app to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"appId": "shop", "capabilities": ["C10000000001"], "dueAt": "2036-01-01T00:00:00Z"}))]
struct NewApp {
    /// Id.
    #[schema(min_length = 1, max_length = 128)]
    app_id: String,
    /// Ids of the capabilities that it is granted.
    capabilities: Vec<String>,
    /// When the grant ends.
    #[schema(format = DateTime)]
    due_at: String,
}

/// A new app with its token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedApp {
    /// Id.
    app_id: String,
    /// Token of the app.
    token: String,
}

/// Create an app
///
/// With a grant and a token, which is shown only here.
#[utoipa::path(post, path = "/apps", tag = tags::APPS, security(("token" = ["administrator"])), request_body = NewApp,
    responses((status = CREATED, description = "The app and its token", body = CreatedApp)))]
async fn create_app(State(platform): State<Platform>, Who(caller): Who, Json(new): Json<NewApp>) -> Result<Response> {
    let due_at = moment("dueAt", Some(&new.due_at))?.ok_or_else(Problem::internal)?;
    let token = platform.grant(&caller, &new.app_id, due_at, new.capabilities).await?;
    Ok((StatusCode::CREATED, axum::Json(CreatedApp { app_id: new.app_id, token })).into_response())
}

/// The grant of an app.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownGrant {
    /// Id of the app.
    app_id: String,
    /// Ids of the capabilities that it has.
    capabilities: Vec<String>,
    /// When the grant ends; `null` for an app that has none and is not bound by one.
    #[schema(format = DateTime)]
    due_at: Option<String>,
}

/// Get the grant of an app
#[utoipa::path(get, path = "/apps/{app}", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")),
    responses((status = OK, description = "The grant", body = ShownGrant)))]
async fn get_app(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
) -> Result<axum::Json<ShownGrant>> {
    let grant = platform.grant_of(&caller, &app_id).await?;
    let (capabilities, due_at) = grant.map_or((Vec::new(), None), |grant| (grant.capabilities, Some(grant.due_at)));
    Ok(axum::Json(ShownGrant { app_id, capabilities, due_at: due_at.map(rfc3339) }))
}

/// Changes of a grant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"capabilities": ["C10000000001"], "dueAt": "2037-01-01T00:00:00Z"}))]
struct GrantUpdate {
    /// Ids of capabilities to add.
    #[serde(default)]
    capabilities: Vec<String>,
    /// When the grant ends.
    #[schema(format = DateTime)]
    due_at: String,
}

/// Extend the grant of an app
///
/// Sets its end and adds capabilities.
#[utoipa::path(patch, path = "/apps/{app}", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")), request_body = GrantUpdate,
    responses((status = OK, description = "The grant", body = ShownGrant)))]
async fn update_app(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
    Json(update): Json<GrantUpdate>,
) -> Result<axum::Json<ShownGrant>> {
    let due_at = moment("dueAt", Some(&update.due_at))?.ok_or_else(Problem::internal)?;
    platform.extend_grant(&caller, &app_id, due_at, update.capabilities).await?;
    let grant = platform.grant_of(&caller, &app_id).await?.ok_or(Error::from(Missing::App))?;
    Ok(axum::Json(ShownGrant { app_id, capabilities: grant.capabilities, due_at: Some(rfc3339(grant.due_at)) }))
}

/// Revoke the grant of an app
///
/// Its token ends at once; its libraries stay.
#[utoipa::path(delete, path = "/apps/{app}", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")),
    responses((status = NO_CONTENT, description = "It is revoked")))]
async fn delete_app(State(platform): State<Platform>, Who(caller): Who, Ids(app_id): Ids<String>) -> Result<Response> {
    platform.revoke(&caller, &app_id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A capability.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownCapability {
    /// Id.
    id: String,
    /// Areas that it opens.
    areas: Vec<String>,
}

/// List capabilities
///
/// What apps can be granted, by the settings.
#[utoipa::path(get, path = "/capabilities", tag = tags::APPS, security(("token" = ["administrator"])),
    responses((status = OK, description = "The capabilities", body = crate::pages::Page<ShownCapability>)))]
async fn list_capabilities(
    State(platform): State<Platform>,
    Who(_): Who,
) -> Result<axum::Json<crate::pages::Page<ShownCapability>>> {
    let known = platform.settings().authorization.capabilities.iter().map(|(id, areas)| ShownCapability {
        id: id.to_owned(),
        areas: areas.iter().map(|area| area.name().to_owned()).collect(),
    });
    Ok(axum::Json(crate::pages::Page::whole(known.collect())))
}

/// List the keys of an app
///
/// Without their secrets.
#[utoipa::path(get, path = "/apps/{app}/keys", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")),
    responses((status = OK, description = "The keys", body = ShownKeys)))]
async fn list_keys(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
) -> Result<axum::Json<ShownKeys>> {
    Ok(axum::Json(ShownKeys::new(platform.keys(&caller, &app_id).await?)))
}

/// A key to create, for an interface that signs its requests.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"kind": "jdcloud"}))]
#[allow(dead_code, reason = "it describes `KeyRequest`")]
struct NewKey {
    /// `jdcloud`, `alibaba` or `tencent-im`.
    #[schema(pattern = "^(jdcloud|alibaba|tencent-im)$")]
    kind: String,
    /// Accepts MD5 signatures, which bind neither path nor body; for `jdcloud` alone.
    #[serde(default)]
    allow_md5: bool,
    /// Accepts a signed request more than once; not for `tencent-im`.
    #[serde(default)]
    allow_replay: bool,
    /// Maximum number of calls per second.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 4_294_967_295u64)]
    calls_per_second: Option<NonZeroU32>,
    /// Maximum number of calls per day.
    calls_per_day: Option<u64>,
}

/// A new key with its secret, under the names of its interface.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes `CreatedKey`")]
struct NewSecret {
    /// Id of a `jdcloud` key.
    access_key: Option<String>,
    /// Secret of a `jdcloud` key.
    secret_key: Option<String>,
    /// Id of an `alibaba` key.
    access_key_id: Option<String>,
    /// Secret of an `alibaba` key.
    access_key_secret: Option<String>,
    /// Id of a `tencent-im` key.
    sdkappid: Option<u32>,
    /// Secret of a `tencent-im` key.
    key: Option<String>,
}

/// Create a key
///
/// The secret is shown only here.
#[utoipa::path(post, path = "/apps/{app}/keys", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")), request_body = NewKey,
    responses((status = CREATED, description = "The key and its secret", body = NewSecret)))]
async fn create_key(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
    Json(wanted): Json<KeyRequest>,
) -> Result<Response> {
    let (kind, options) = wanted.check().map_err(|reason| Problem::field("kind", reason))?;
    let made = platform.make_key(&caller, &app_id, kind.scheme(), options).await?;
    Ok((StatusCode::CREATED, axum::Json(CreatedKey::new(kind, made))).into_response())
}

/// Revoke a key
#[utoipa::path(delete, path = "/apps/{app}/keys/{key}", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app"), ("key" = String, Path, description = "Id of the key")),
    responses((status = NO_CONTENT, description = "It is revoked")))]
async fn revoke_key(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app_id, key_id)): Ids<(String, String)>,
) -> Result<Response> {
    platform.revoke_key(&caller, &app_id, &key_id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A library and its threshold.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownThreshold {
    /// Id under which the other interfaces know the library.
    id: String,
    /// Name of the library.
    name: String,
    /// Engine of its biometrics.
    engine: String,
    /// Number of faces that a search looks through; `null` if the engine does not tell.
    faces: Option<usize>,
    /// Similarity above which a search finds somebody, 0..1.
    threshold: f32,
    /// Threshold at which a search names at most the share `fpir` of strangers; `null` for an engine with a scale of its own.
    recommended_threshold: Option<f32>,
}

/// Thresholds of the libraries of an app.
#[derive(Debug, Serialize, ToSchema)]
struct ShownThresholds {
    /// Target of the false-positive identification rate, 0..1.
    fpir: f64,
    /// The libraries, in the order of creation.
    libraries: Vec<ShownThreshold>,
}

/// List the thresholds of an app's libraries
#[utoipa::path(get, path = "/apps/{app}/libraries", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")),
    responses((status = OK, description = "The thresholds", body = ShownThresholds)))]
async fn list_thresholds(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
) -> Result<axum::Json<ShownThresholds>> {
    let thresholds = platform.thresholds(&caller, &app_id).await?;
    let shown = thresholds.into_iter().map(|known| ShownThreshold {
        id: known.library.external_id,
        name: known.library.name,
        engine: known.library.engine,
        faces: known.faces,
        threshold: known.threshold,
        recommended_threshold: known.recommended,
    });
    Ok(axum::Json(ShownThresholds { fpir: platform.target_fpir(), libraries: shown.collect() }))
}
