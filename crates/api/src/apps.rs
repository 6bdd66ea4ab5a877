//! Apps: their grants, tokens and keys.

use std::num::NonZeroU32;

use aicp_dialects::{CreatedKey, KeyRequest};
use aicp_platform::{AppFilter, Caller, GrantState, Platform, Quota, StoredApp};
use aicp_types::UnixMillis;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Query, Who};
use crate::keys::ShownKeys;
use crate::pages::{self, Page};
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_apps, create_app))
        .routes(routes!(get_app, update_app, delete_app))
        .routes(routes!(replace_token))
        .routes(routes!(get_quota, put_quota))
        .routes(routes!(list_capabilities))
        .routes(routes!(list_keys, create_key))
        .routes(routes!(revoke_key))
        .routes(routes!(list_thresholds))
}

/// State of an app's grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ShownGrantState {
    /// It holds.
    Active,
    /// It has ended.
    Expired,
    /// It was revoked: the app may do nothing.
    Revoked,
    /// There never was one: the keys of the app are not bound by a grant.
    None,
}

/// An app and its grant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct App {
    /// Id.
    app_id: String,
    /// State of its grant.
    state: ShownGrantState,
    /// Ids of the capabilities that it has.
    capabilities: Vec<String>,
    /// When the grant ends; `null` without a grant.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    /// When the app was made known.
    #[schema(format = DateTime)]
    created_at: String,
}

impl App {
    fn new(app: StoredApp, now: UnixMillis) -> Self {
        let state = match &app.grant {
            Some(grant) if grant.due_at < now => ShownGrantState::Expired,
            Some(_) => ShownGrantState::Active,
            None if app.grant_revoked => ShownGrantState::Revoked,
            None => ShownGrantState::None,
        };
        let (capabilities, due_at) =
            app.grant.map_or((Vec::new(), None), |grant| (grant.capabilities, Some(rfc3339(grant.due_at))));
        Self { app_id: app.app_id, state, capabilities, due_at, created_at: rfc3339(app.created_at) }
    }
}

/// Which apps to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AppsQuery {
    /// Only apps whose id contains this; ASCII letters in any case.
    id: Option<String>,
    /// Only apps that were granted this capability.
    capability: Option<String>,
    /// Only apps whose grant is in this state.
    #[param(inline)]
    state: Option<ShownGrantState>,
    /// Number of apps of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List apps
///
/// In the order of creation, also those without a grant.
#[utoipa::path(get, path = "/apps", tag = tags::APPS, security(("token" = ["administrator"])), params(AppsQuery),
    responses((status = OK, description = "A page", body = Page<App>)))]
async fn list_apps(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<AppsQuery>,
) -> Result<axum::Json<Page<App>>> {
    let limit = pages::limit(query.limit)?;
    let now = platform.now();
    let filter = AppFilter {
        app_id: None,
        id_part: query.id.as_deref(),
        capability: query.capability.as_deref(),
        state: query.state.map(|state| match state {
            ShownGrantState::Active => GrantState::Active(now),
            ShownGrantState::Expired => GrantState::Expired(now),
            ShownGrantState::Revoked => GrantState::Revoked,
            ShownGrantState::None => GrantState::None,
        }),
    };
    let after = pages::after_text(query.cursor.as_deref())?;
    let after = after.as_ref().map(|(created_at, app_id)| (UnixMillis::new(*created_at), app_id.as_str()));
    let apps = platform.apps(&caller, filter, after, limit + 1).await?;
    let cursor = |app: &StoredApp| pages::cursor_of_text(app.created_at.get(), &app.app_id);
    Ok(axum::Json(Page::by(apps, limit, cursor, |app| App::new(app, now))))
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

/// Get an app and its grant
#[utoipa::path(get, path = "/apps/{app}", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")),
    responses((status = OK, description = "The app", body = App)))]
async fn get_app(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
) -> Result<axum::Json<App>> {
    let app = platform.app(&caller, &app_id).await?;
    Ok(axum::Json(App::new(app, platform.now())))
}

/// Changes of a grant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"capabilities": ["C10000000001"], "dueAt": "2037-01-01T00:00:00Z"}))]
struct GrantUpdate {
    /// Ids of all capabilities that the app has from now on. Those that are not named are taken away.
    #[serde(default)]
    capabilities: Option<Vec<String>>,
    /// When the grant ends.
    #[serde(default)]
    #[schema(format = DateTime)]
    due_at: Option<String>,
}

/// Change the grant of an app
///
/// Changes what is sent. Calls that begin after the answer are bound by the new grant.
#[utoipa::path(patch, path = "/apps/{app}", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")), request_body = GrantUpdate,
    responses((status = OK, description = "The app", body = App)))]
async fn update_app(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
    Json(update): Json<GrantUpdate>,
) -> Result<axum::Json<App>> {
    let due_at = moment("dueAt", update.due_at.as_deref())?;
    platform.change_grant(&caller, &app_id, due_at, update.capabilities).await?;
    let app = platform.app(&caller, &app_id).await?;
    Ok(axum::Json(App::new(app, platform.now())))
}

/// Replace the token of an app
///
/// The old token ends at once. The new one is shown only here.
#[utoipa::path(post, path = "/apps/{app}/token", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")),
    responses((status = CREATED, description = "The app and its new token", body = CreatedApp)))]
async fn replace_token(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
) -> Result<Response> {
    let token = platform.replace_token(&caller, &app_id).await?;
    Ok((StatusCode::CREATED, axum::Json(CreatedApp { app_id, token })).into_response())
}

/// Limits of an app; `null`, or left out: no limit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"callsPerSecond": 20, "callsPerDay": 100000, "maxLibraries": 10, "maxPeople": 50000}))]
struct Limits {
    /// Maximum number of calls per second, with all tokens and keys of the app.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 4_294_967_295u64)]
    calls_per_second: Option<NonZeroU32>,
    /// Maximum number of calls per day, in the zone of the statistics.
    calls_per_day: Option<u64>,
    /// Maximum number of libraries.
    max_libraries: Option<u64>,
    /// Maximum number of people in all libraries.
    max_people: Option<u64>,
}

/// What an app uses of its limits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Used {
    /// Number of calls today; `null` if they are not limited.
    calls_today: Option<u64>,
    /// Number of libraries.
    libraries: u64,
    /// Number of people in all libraries.
    people: u64,
}

/// Limits of an app, and what it uses of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownQuota {
    /// Id of the app.
    app_id: String,
    /// Its limits.
    limits: Limits,
    /// What it uses.
    used: Used,
}

async fn shown_quota(platform: &Platform, caller: &Caller, app_id: String) -> Result<axum::Json<ShownQuota>> {
    let (quota, used) = platform.quota(caller, &app_id).await?;
    let limits = Limits {
        calls_per_second: quota.calls_per_second.and_then(NonZeroU32::new),
        calls_per_day: quota.calls_per_day,
        max_libraries: quota.max_libraries,
        max_people: quota.max_people,
    };
    let used = Used { calls_today: used.calls_today, libraries: used.libraries, people: used.people };
    Ok(axum::Json(ShownQuota { app_id, limits, used }))
}

/// Get the quota of an app
///
/// An app sees its own.
#[utoipa::path(get, path = "/apps/{app}/quota", tag = tags::APPS, security(("token" = [])),
    params(("app" = String, Path, description = "Id of the app")),
    responses((status = OK, description = "The limits, and what is used of them", body = ShownQuota)))]
async fn get_quota(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
) -> Result<axum::Json<ShownQuota>> {
    shown_quota(&platform, &caller, app_id).await
}

/// Set the quota of an app
///
/// Replaces all limits, effective at once. Libraries and people above a limit stay.
#[utoipa::path(put, path = "/apps/{app}/quota", tag = tags::APPS, security(("token" = ["administrator"])),
    params(("app" = String, Path, description = "Id of the app")), request_body = Limits,
    responses((status = OK, description = "The limits, and what is used of them", body = ShownQuota)))]
async fn put_quota(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(app_id): Ids<String>,
    Json(limits): Json<Limits>,
) -> Result<axum::Json<ShownQuota>> {
    let quota = Quota {
        calls_per_second: limits.calls_per_second.map(NonZeroU32::get),
        calls_per_day: limits.calls_per_day,
        max_libraries: limits.max_libraries,
        max_people: limits.max_people,
    };
    platform.set_quota(&caller, &app_id, quota).await?;
    shown_quota(&platform, &caller, app_id).await
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
    responses((status = OK, description = "The capabilities", body = Page<ShownCapability>)))]
async fn list_capabilities(State(platform): State<Platform>, Who(_): Who) -> Result<axum::Json<Page<ShownCapability>>> {
    let settings = platform.settings();
    let known = settings.authorization.capabilities.iter().map(|(id, areas)| ShownCapability {
        id: id.to_owned(),
        areas: areas.iter().map(|area| area.name().to_owned()).collect(),
    });
    Ok(axum::Json(Page::whole(known.collect())))
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
