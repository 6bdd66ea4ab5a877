//! Sessions and tokens of operators: a browser holds a session in a cookie, a program a token.

use std::time::Duration;

use aicp_platform::{Caller, NewSecret, NewSession, OperatorToken, OperatorTokenKind, Origin, Platform, SignInOffer};
use aicp_requests::base64_text;
use aicp_types::OperatorTokenId;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Extension, Ids, Json, Who};
use crate::operators::Role;
use crate::pages::Page;
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

/// Cookie of a session.
pub(crate) const COOKIE: &str = "aicp_session";
/// Header that a request by cookie repeats the CSRF token in, unless it changes nothing.
const CSRF_HEADER: &str = "x-csrf-token";

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(get_sign_in))
        .routes(routes!(sign_in, get_session, sign_out))
        .routes(routes!(change_password))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(delete_token))
}

/// How sessions are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRules {
    pub life: Duration,
    /// Whether browsers may send the cookie over TLS only.
    pub is_secure: bool,
}

impl SessionRules {
    /// Returns a cookie with this value for this time.
    fn cookie(self, value: &str, life: Duration) -> Result<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let seconds = life.as_secs();
        let text = format!("{COOKIE}={value}; Path=/api; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::from_str(&text).map_err(|_| Problem::internal())
    }
}

/// Returns the value of the session's cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Returns whose session a cookie is. Unless the request changes nothing, it must show that it comes from the page that
/// signed in: another site can send the cookie, but not read the CSRF token.
///
/// # Errors
/// The session is unknown or has expired, or the CSRF token is missing.
pub(crate) fn caller(platform: &Platform, method: &Method, headers: &HeaderMap, secret: &str) -> Result<Caller> {
    let caller = platform.caller_of_operator_token(OperatorTokenKind::Session, secret)?;
    let sent = headers.get(CSRF_HEADER).map_or(&b""[..], HeaderValue::as_bytes);
    if !method.is_safe() && sent != platform.csrf_token(secret).as_bytes() {
        return Err(Problem::no_csrf_token());
    }
    Ok(caller)
}

/// Ways to sign in that are open.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SignInWays {
    /// Whether there is an operator who can sign in by password. Until then, only the holder of the admin token can.
    is_set_up: bool,
    /// Whether somebody can sign in by a face alone.
    by_face: bool,
}

/// Get the ways to sign in
///
/// For everybody, without a token.
#[utoipa::path(get, path = "/sign-in", tag = tags::OPERATORS,
    responses((status = OK, description = "The ways that are open", body = SignInWays)))]
async fn get_sign_in(State(platform): State<Platform>) -> axum::Json<SignInWays> {
    let SignInOffer { is_set_up, by_face } = platform.sign_in_offer();
    axum::Json(SignInWays { is_set_up, by_face })
}

/// Who signs in: an operator by name and password, by these and a face, or by a face with or without a name; or the holder
/// of the admin token.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "ada", "password": "a long pass phrase"}))]
struct Credentials {
    /// Name of the operator.
    name: Option<String>,
    /// Password of the operator.
    password: Option<String>,
    /// Picture of the operator's face in base64. The whole request has at most 1 MiB.
    face: Option<String>,
    /// The admin token, instead of all others.
    admin_token: Option<String>,
}

fn picture(name: &str, text: &str) -> Result<Bytes> {
    let decoded = base64_text::decode(&base64_text::cleaned(text)).filter(|picture| !picture.is_empty());
    decoded.ok_or_else(|| Problem::field(name, "must be a picture in base64"))
}

/// Who calls, and by which session or token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownSession {
    /// Who calls, as logs name them.
    #[schema(example = "operator:ada")]
    caller: String,
    /// Role of an operator; `admin` also for the holder of the admin token; `null` for an app. A session that a face alone
    /// opened has the role `viewer`, whatever the operator's is.
    role: Option<Role>,
    /// Whether a face alone opened the session. It can't change passwords and faces, make tokens and end sessions either.
    by_face: bool,
    /// App that the caller acts for.
    app_id: String,
    /// Whether the caller sees all apps.
    sees_all_apps: bool,
    /// Id of the operator.
    operator_id: Option<String>,
    /// Whether the operator has a face to sign in by.
    has_face: bool,
    /// The session or token; `null` for the admin token and for tokens of apps.
    sign_in: Option<ShownSignIn>,
    /// What requests by cookie that change something send in `X-CSRF-Token`; `null` without a cookie.
    csrf_token: Option<String>,
}

impl ShownSession {
    fn of(platform: &Platform, caller: &Caller, secret: Option<&str>) -> Self {
        let role = if caller.is_administrator() { Some(Role::Admin) } else { caller.operator_role().map(Role::from) };
        let operator = platform.operator_who_calls(caller);
        Self {
            caller: caller.name().to_owned(),
            role,
            by_face: caller.is_by_face(),
            app_id: caller.app_id().to_owned(),
            sees_all_apps: caller.sees_all_apps(),
            operator_id: operator.as_ref().map(|operator| operator.id.to_string()),
            has_face: operator.is_some_and(|operator| operator.has_face),
            sign_in: platform.sign_in_of(caller).map(|token| ShownSignIn::new(token, caller)),
            csrf_token: secret.map(|secret| platform.csrf_token(secret)),
        }
    }
}

/// A session or token.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownSignIn {
    /// Id.
    id: String,
    /// Name of the token, or of the program that opened the session.
    name: String,
    /// Operator who owns it; `null`: the holder of the admin token.
    operator_id: Option<String>,
    /// Address that it was made from.
    address: Option<String>,
    /// Whether a face alone opened the session.
    by_face: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Whether this call is made by it.
    is_current: bool,
}

impl ShownSignIn {
    fn new(token: OperatorToken, caller: &Caller) -> Self {
        let OperatorToken { id, made } = token;
        Self {
            id: id.to_string(),
            name: made.name,
            operator_id: made.operator_id.map(|id| id.to_string()),
            address: made.address,
            by_face: made.by_face,
            created_at: rfc3339(made.created_at),
            expires_at: rfc3339(made.expires_at),
            is_current: caller.calls_by(id),
        }
    }
}

/// Sign in
///
/// Opens a session, whose cookie the answer sets. Requests by cookie that change something must send `csrfToken` in the
/// header `X-CSRF-Token`. The code `faceWanted` says that name and password are right, and that the operator signs in with a
/// face as well: send all three. A face without a password opens a session that may only look.
#[utoipa::path(post, path = "/session", tag = tags::OPERATORS, request_body = Credentials,
    responses((status = OK, description = "The session", body = ShownSession, headers(("Set-Cookie" = String)))))]
async fn sign_in(
    State(platform): State<Platform>,
    Extension(rules): Extension<SessionRules>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Json(credentials): Json<Credentials>,
) -> Result<Response> {
    let program = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let new = NewSession { origin, program: program.to_owned(), life: rules.life };
    let Credentials { name, password, face, admin_token } = credentials;
    let face = face.map(|face| picture("face", &face)).transpose()?;
    let NewSecret { secret, .. } = match (name, password, face, admin_token) {
        (Some(name), Some(password), face, None) => platform.sign_in(&name, password, face, new).await?,
        (name, None, Some(face), None) => platform.sign_in_by_face(name.as_deref(), face, new).await?,
        (None, None, None, Some(token)) => platform.sign_in_with_admin_token(&token, new).await?,
        _ => return Err(Problem::field("name", "name and password are wanted, or face, or adminToken alone")),
    };
    let caller = platform.caller_of_operator_token(OperatorTokenKind::Session, &secret)?;
    let mut response = axum::Json(ShownSession::of(&platform, &caller, Some(&secret))).into_response();
    response.headers_mut().insert(header::SET_COOKIE, rules.cookie(&secret, rules.life)?);
    Ok(response)
}

/// Get who calls
///
/// For every caller, by cookie or token.
#[utoipa::path(get, path = "/session", tag = tags::OPERATORS, security(("token" = [])),
    responses((status = OK, description = "Who calls", body = ShownSession)))]
async fn get_session(
    State(platform): State<Platform>,
    Who(caller): Who,
    headers: HeaderMap,
) -> Result<axum::Json<ShownSession>> {
    let secret = cookie(&headers).filter(|_| !headers.contains_key(header::AUTHORIZATION));
    Ok(axum::Json(ShownSession::of(&platform, &caller, secret)))
}

/// Sign out
#[utoipa::path(delete, path = "/session", tag = tags::OPERATORS, security(("token" = [])),
    responses((status = NO_CONTENT, description = "The session has ended", headers(("Set-Cookie" = String)))))]
async fn sign_out(
    State(platform): State<Platform>,
    Extension(rules): Extension<SessionRules>,
    Who(caller): Who,
) -> Result<Response> {
    platform.sign_out(&caller).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, rules.cookie("", Duration::ZERO)?);
    Ok(response)
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"current": "a long pass phrase", "new": "another long pass phrase"}))]
struct PasswordChange {
    /// The present password.
    current: String,
    /// The new one: at least 15 characters.
    new: String,
}

/// Change one's own password
///
/// Ends the operator's other sessions.
#[utoipa::path(put, path = "/session/password", tag = tags::OPERATORS, security(("token" = [])),
    request_body = PasswordChange, responses((status = NO_CONTENT, description = "It is changed")))]
async fn change_password(
    State(platform): State<Platform>,
    Who(caller): Who,
    Json(change): Json<PasswordChange>,
) -> Result<Response> {
    platform.change_own_password(&caller, change.current, change.new).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn list(platform: &Platform, caller: &Caller, kind: OperatorTokenKind) -> Result<axum::Json<Page<ShownSignIn>>> {
    let tokens = platform.operator_tokens(caller, kind).await?;
    Ok(axum::Json(Page::whole(tokens.into_iter().map(|token| ShownSignIn::new(token, caller)).collect())))
}

async fn end(platform: &Platform, caller: &Caller, kind: OperatorTokenKind, id: &str) -> Result<Response> {
    let id = OperatorTokenId::parse(id).ok_or(aicp_platform::Error::from(aicp_platform::Missing::Session))?;
    platform.end_operator_token(caller, kind, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// List sessions
///
/// Those of the operator who calls; an administrator sees everybody's.
#[utoipa::path(get, path = "/sessions", tag = tags::OPERATORS, security(("token" = [])),
    responses((status = OK, description = "The sessions", body = Page<ShownSignIn>)))]
async fn list_sessions(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<Page<ShownSignIn>>> {
    list(&platform, &caller, OperatorTokenKind::Session).await
}

/// End a session
#[utoipa::path(delete, path = "/sessions/{session}", tag = tags::OPERATORS, security(("token" = [])),
    params(("session" = String, Path, description = "Id of the session")),
    responses((status = NO_CONTENT, description = "It has ended")))]
async fn end_session(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<Response> {
    end(&platform, &caller, OperatorTokenKind::Session, &id).await
}

/// List tokens of operators
///
/// Those of the operator who calls; an administrator sees everybody's.
#[utoipa::path(get, path = "/tokens", tag = tags::OPERATORS, security(("token" = [])),
    responses((status = OK, description = "The tokens", body = Page<ShownSignIn>)))]
async fn list_tokens(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<Page<ShownSignIn>>> {
    list(&platform, &caller, OperatorTokenKind::Token).await
}

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "nightly report", "expiresAt": "2036-01-01T00:00:00Z"}))]
struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A new token with its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedToken {
    /// Id.
    id: String,
    /// The token, which is shown only here.
    token: String,
}

/// Make a token for oneself
///
/// A program that calls by it has the role of the operator. Only operators can make one.
#[utoipa::path(post, path = "/tokens", tag = tags::OPERATORS, security(("token" = [])), request_body = NewToken,
    responses((status = CREATED, description = "The token", body = CreatedToken)))]
async fn create_token(
    State(platform): State<Platform>,
    Who(caller): Who,
    Json(new): Json<NewToken>,
) -> Result<Response> {
    let expires_at = moment("expiresAt", Some(&new.expires_at))?.ok_or_else(Problem::internal)?;
    let made = platform.create_operator_token(&caller, &new.name, expires_at).await?;
    let shown = CreatedToken { id: made.row.id.to_string(), token: made.secret };
    Ok((StatusCode::CREATED, axum::Json(shown)).into_response())
}

/// Delete a token
#[utoipa::path(delete, path = "/tokens/{token}", tag = tags::OPERATORS, security(("token" = [])),
    params(("token" = String, Path, description = "Id of the token")),
    responses((status = NO_CONTENT, description = "It has ended")))]
async fn delete_token(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<Response> {
    end(&platform, &caller, OperatorTokenKind::Token, &id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::COOKIE, HeaderValue::from_str(value).expect("a header"));
            }
            cookie(&headers).map(str::to_owned)
        };
        assert_eq!(found(&["aicp_session=a"]).as_deref(), Some("a"));
        assert_eq!(found(&["x=1; aicp_session=b;y=2"]).as_deref(), Some("b"));
        assert_eq!(found(&["x=1", "aicp_session=c"]).as_deref(), Some("c"));
        for other in [&[][..], &["aicp_sessions=a"], &["xaicp_session=a"], &["aicp_session"]] {
            assert_eq!(found(other), None, "{other:?}");
        }
    }
}
