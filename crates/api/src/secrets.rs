//! Rotation of the secret key and of the admin token.

use std::time::Duration;

use aicp_platform::{KeyUses, Platform};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Json, Query, Who};
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::rfc3339;

/// Hours for which an admin token stays valid after it was replaced, unless the request says otherwise.
const EARLIER_HOURS: u32 = 24;
/// Maximum of these hours.
const MAX_EARLIER_HOURS: u32 = 24 * 30;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_secret_keys, rotate_secret_key, forget_secret_keys))
        .routes(routes!(reseal_secrets))
        .routes(routes!(rotate_admin_token))
}

/// A secret key, and what depends on it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownSecretKey {
    /// Name of the key: hex digits of a hash, which do not reveal it.
    #[schema(example = "5f1c09ab")]
    pub id: String,
    /// Whether it seals secrets and signs links. Earlier keys only open and verify.
    pub is_current: bool,
    /// Number of secrets of the database that are sealed with it.
    pub sealed: u64,
}

/// The secret keys.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownSecretKeys {
    /// The keys, the current one first.
    pub items: Vec<ShownSecretKey>,
    /// Number of secrets of the database that none of the keys opens.
    pub unreadable: u64,
    /// Setting that has the keys; `null`: they are in `secret.key` of the data folder.
    #[schema(example = "AICP_SECRET_KEY")]
    pub setting: Option<String>,
}

impl From<KeyUses> for ShownSecretKeys {
    fn from(KeyUses { keys, unreadable, setting }: KeyUses) -> Self {
        let shown =
            |key: aicp_platform::KeyUse| ShownSecretKey { id: key.id, is_current: key.is_current, sealed: key.sealed };
        Self { items: keys.into_iter().map(shown).collect(), unreadable, setting: setting.map(str::to_owned) }
    }
}

/// List the secret keys
///
/// With the number of secrets that are sealed with each: tokens and keys of apps, secrets of webhooks, templates of operators'
/// faces, and answers that are kept for repeated requests.
#[utoipa::path(get, path = "/secret-keys", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    responses((status = OK, description = "The keys", body = ShownSecretKeys)))]
async fn list_secret_keys(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<ShownSecretKeys>> {
    Ok(axum::Json(platform.key_uses(&caller).await?.into()))
}

/// A new secret key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedKey {
    /// Name of the key.
    #[schema(example = "5f1c09ab")]
    pub id: String,
    /// Id of the job that seals all secrets with it.
    #[schema(example = "1")]
    pub job_id: String,
}

/// Rotate the secret key
///
/// A new key seals and signs from now on. Earlier keys still open secrets and verify links, and a job seals all secrets with the
/// new one. If a setting has the keys, the answer is 409: add the new key there.
#[utoipa::path(post, path = "/secret-keys", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    responses((status = CREATED, description = "The key and its job", body = RotatedKey)))]
async fn rotate_secret_key(State(platform): State<Platform>, Who(caller): Who) -> Result<Response> {
    let (id, job) = platform.rotate_key(&caller).await?;
    Ok((StatusCode::CREATED, axum::Json(RotatedKey { id, job_id: job.to_string() })).into_response())
}

/// A job that seals secrets.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResealingJob {
    /// Id of the job.
    #[schema(example = "1")]
    pub job_id: String,
}

/// Seal all secrets anew
///
/// By a job, with the current secret key. A job that does so already is cancelled.
#[utoipa::path(post, path = "/secret-keys/reseal", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    responses((status = CREATED, description = "The job", body = ResealingJob)))]
async fn reseal_secrets(State(platform): State<Platform>, Who(caller): Who) -> Result<Response> {
    let job_id = platform.reseal(&caller).await?.to_string();
    Ok((StatusCode::CREATED, axum::Json(ResealingJob { job_id })).into_response())
}

/// How to forget keys.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ForgetQuery {
    /// Whether links to pictures that the earlier keys signed may become invalid.
    #[serde(default)]
    break_links: bool,
}

/// Keys that were forgotten.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForgottenKeys {
    /// Names of the keys.
    pub forgotten: Vec<String>,
}

/// Forget the earlier secret keys
///
/// If anything is sealed with one of them, the answer is 409.
#[utoipa::path(delete, path = "/secret-keys", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    params(ForgetQuery), responses((status = OK, description = "What was forgotten", body = ForgottenKeys)))]
async fn forget_secret_keys(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<ForgetQuery>,
) -> Result<axum::Json<ForgottenKeys>> {
    let forgotten = platform.forget_keys(&caller, query.break_links).await?;
    Ok(axum::Json(ForgottenKeys { forgotten }))
}

/// How to replace the admin token.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(example = json!({"earlierHours": 24}))]
struct AdminTokenRequest {
    /// Hours for which the token stays valid that is replaced; 24 if it is left out, and 0 ends all earlier tokens at once.
    #[schema(minimum = 0, maximum = 720, default = 24)]
    earlier_hours: Option<u32>,
}

/// A new admin token.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedToken {
    /// The token. It is shown only here.
    pub token: String,
    /// When the one before ends; `null`: it has ended.
    #[schema(format = DateTime)]
    pub earlier_valid_until: Option<String>,
}

/// Rotate the admin token
///
/// Only the holder of the admin token may do this. Sessions that were opened with a token end with it. If a setting has the token,
/// the answer is 409: change it there.
#[utoipa::path(post, path = "/admin-token", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    request_body = AdminTokenRequest,
    responses((status = CREATED, description = "The token", body = RotatedToken)))]
async fn rotate_admin_token(
    State(platform): State<Platform>,
    Who(caller): Who,
    Json(wanted): Json<AdminTokenRequest>,
) -> Result<Response> {
    let hours = wanted.earlier_hours.unwrap_or(EARLIER_HOURS);
    if hours > MAX_EARLIER_HOURS {
        return Err(Problem::field("earlierHours", format!("must be in 0..={MAX_EARLIER_HOURS}")));
    }
    let made = platform.rotate_admin_token(&caller, Duration::from_secs(u64::from(hours) * 3600)).await?;
    Ok((StatusCode::CREATED, axum::Json(RotatedToken::from(made))).into_response())
}

impl From<aicp_platform::NewAdminToken> for RotatedToken {
    fn from(made: aicp_platform::NewAdminToken) -> Self {
        Self { token: made.token, earlier_valid_until: made.earlier_valid_until.map(rfc3339) }
    }
}
