//! Operators: people who run the platform.

use aicp_platform::{
    Caller, Error, Missing, NewOperator, OperatorChanges, OperatorInfo, OperatorRole, Platform, SignInPolicy,
};
use aicp_types::OperatorId;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Who};
use crate::pages::Page;
use crate::person_data::present;
use crate::problem::{Problem, Result};
use crate::revision::{self, Revision};
use crate::tags;
use crate::times::rfc3339;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list_operators, create_operator)).routes(routes!(
        get_operator,
        update_operator,
        delete_operator
    ))
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Everything.
    Admin,
    /// All work with libraries, people and recognition; no administration.
    Operator,
    /// Look at what an operator works with, and change nothing.
    Viewer,
}

impl From<OperatorRole> for Role {
    fn from(role: OperatorRole) -> Self {
        match role {
            OperatorRole::Admin => Self::Admin,
            OperatorRole::Operator => Self::Operator,
            OperatorRole::Viewer => Self::Viewer,
        }
    }
}

impl From<Role> for OperatorRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Operator => Self::Operator,
            Role::Viewer => Self::Viewer,
        }
    }
}

/// How an operator signs in with the full role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Policy {
    /// By password.
    #[default]
    Password,
    /// By password and face together.
    PasswordAndFace,
}

impl From<SignInPolicy> for Policy {
    fn from(policy: SignInPolicy) -> Self {
        match policy {
            SignInPolicy::Password => Self::Password,
            SignInPolicy::PasswordAndFace => Self::PasswordAndFace,
        }
    }
}

impl From<Policy> for SignInPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Password => Self::Password,
            Policy::PasswordAndFace => Self::PasswordAndFace,
        }
    }
}

/// An operator.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownOperator {
    /// Id.
    #[schema(example = "1")]
    id: String,
    /// Name to sign in with.
    #[schema(example = "ada")]
    name: String,
    /// Role.
    role: Role,
    /// The only app that the operator sees; `null`: all.
    app_id: Option<String>,
    /// Whether the operator has a password.
    has_password: bool,
    /// How the operator signs in.
    sign_in: Policy,
    /// Whether the operator has a face to sign in by. A face does not count any more once other models are in use: it must be
    /// set anew.
    has_face: bool,
    /// Whether the operator is locked out.
    disabled: bool,
    /// When the operator was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// When the operator was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<OperatorInfo> for ShownOperator {
    fn from(operator: OperatorInfo) -> Self {
        Self {
            id: operator.id.to_string(),
            name: operator.name,
            role: operator.role.into(),
            app_id: operator.app_id,
            has_password: operator.has_password,
            sign_in: operator.sign_in.into(),
            has_face: operator.has_face,
            disabled: operator.is_disabled,
            created_at: rfc3339(operator.created_at),
            updated_at: rfc3339(operator.updated_at),
        }
    }
}

/// Returns the revision of an operator; a new password or face is a change, too.
fn revision(operator: &OperatorInfo) -> Revision {
    let OperatorInfo { role, app_id, sign_in, has_face, is_disabled, updated_at, .. } = operator;
    Revision::of(&(*role, app_id, *sign_in, *has_face, *is_disabled, updated_at.get()))
}

pub(crate) fn show(status: StatusCode, operator: OperatorInfo) -> Response {
    revision::tagged(status, revision(&operator), ShownOperator::from(operator))
}

pub(crate) async fn find(platform: &Platform, caller: &Caller, id: &str) -> Result<OperatorInfo> {
    Ok(platform.operator_of_id(caller, parse(id)?).await?)
}

pub(crate) fn parse(id: &str) -> Result<OperatorId> {
    Ok(OperatorId::parse(id).ok_or(Error::from(Missing::Operator))?)
}

/// List operators
///
/// In the order of creation.
#[utoipa::path(get, path = "/operators", tag = tags::OPERATORS, security(("token" = ["administrator"])),
    responses((status = OK, description = "The operators", body = Page<ShownOperator>)))]
async fn list_operators(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<Page<ShownOperator>>> {
    let operators = platform.operators(&caller).await?;
    Ok(axum::Json(Page::whole(operators.into_iter().map(ShownOperator::from).collect())))
}

/// An operator to create.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "grace", "role": "operator", "password": "a long pass phrase"}))]
struct OperatorRequest {
    /// Name to sign in with.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Role.
    role: Role,
    /// The only app that the operator sees; all if it is left out.
    app_id: Option<String>,
    /// Password, of at least 15 characters; without one the operator can't sign in yet.
    password: Option<String>,
    /// How the operator signs in. A new operator has no face yet, so only `password` is possible.
    #[serde(default)]
    sign_in: Policy,
}

/// Create an operator
#[utoipa::path(post, path = "/operators", tag = tags::OPERATORS, security(("token" = ["administrator"])),
    request_body = OperatorRequest,
    responses((status = CREATED, description = "The operator", body = ShownOperator, headers(("Location" = String), ("ETag" = String)))))]
async fn create_operator(
    State(platform): State<Platform>,
    Who(caller): Who,
    Json(wanted): Json<OperatorRequest>,
) -> Result<Response> {
    let OperatorRequest { name, role, app_id, password, sign_in } = wanted;
    let new = NewOperator { name, role: role.into(), app_id, password, sign_in: sign_in.into() };
    let operator = platform.create_operator(&caller, new).await?;
    let (location, revision) = (format!("/api/v1/operators/{}", operator.id), revision(&operator));
    Ok(revision::created(&location, revision, ShownOperator::from(operator)))
}

/// Get an operator
#[utoipa::path(get, path = "/operators/{operator}", tag = tags::OPERATORS, security(("token" = ["administrator"])),
    params(("operator" = String, Path, description = "Id of the operator")),
    responses((status = OK, description = "The operator", body = ShownOperator, headers(("ETag" = String)))))]
async fn get_operator(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<Response> {
    Ok(show(StatusCode::OK, find(&platform, &caller, &id).await?))
}

/// Changes of an operator. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"role": "viewer"}))]
struct OperatorUpdate {
    /// Role.
    role: Option<Role>,
    /// The only app that the operator sees; `null`: all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    app_id: Option<Option<String>>,
    /// A new password, of at least 15 characters. It ends all sessions of the operator.
    password: Option<String>,
    /// How the operator signs in. `passwordAndFace` needs a face, and ends the operator's other sessions.
    sign_in: Option<Policy>,
    /// Whether the operator is locked out.
    disabled: Option<bool>,
}

/// Change an operator
///
/// At once, for all sessions and tokens. With `If-Match`, only if the operator still has that `ETag`.
#[utoipa::path(patch, path = "/operators/{operator}", tag = tags::OPERATORS, security(("token" = ["administrator"])),
    params(("operator" = String, Path, description = "Id of the operator"),
        ("If-Match" = Option<String>, Header, description = "ETag of the operator")),
    request_body = OperatorUpdate,
    responses((status = OK, description = "The operator", body = ShownOperator, headers(("ETag" = String)))))]
async fn update_operator(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    headers: HeaderMap,
    Json(update): Json<OperatorUpdate>,
) -> Result<Response> {
    let wanted = revision::wanted(&headers)?;
    let OperatorUpdate { role, app_id, password, sign_in, disabled } = update;
    let (role, sign_in) = (role.map(Into::into), sign_in.map(Into::into));
    let changes = OperatorChanges { role, app_id, password, sign_in, is_disabled: disabled };
    let admits = move |operator: &OperatorInfo| wanted.admits(&revision(operator));
    let changed = platform.update_operator(&caller, parse(&id)?, changes, admits).await?;
    Ok(show(StatusCode::OK, changed.ok_or_else(Problem::precondition_failed)?))
}

/// Delete an operator
///
/// Ends all sessions and tokens of the operator.
#[utoipa::path(delete, path = "/operators/{operator}", tag = tags::OPERATORS, security(("token" = ["administrator"])),
    params(("operator" = String, Path, description = "Id of the operator")),
    responses((status = NO_CONTENT, description = "The operator is deleted")))]
async fn delete_operator(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<Response> {
    platform.delete_operator(&caller, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
