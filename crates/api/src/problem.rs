//! Errors: `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use aicp_platform::{BadInput, Error, Existing, Limit, Missing, QuotaError, Refusal, TokenError};
use aicp_requests::{BodyError, trouble};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Description of an error.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `code` tells the kind.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// What went wrong, for people.
    #[schema(value_type = String, example = "no such library")]
    title: Cow<'static, str>,
    /// HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What went wrong, for programs. It does not change between versions.
    #[schema(example = "libraryNotFound")]
    code: &'static str,
    /// Fields of the request that are at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldFault>,
}

/// A field of the request that is at fault.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FieldFault {
    /// Path of the field, such as `images[1].image`.
    #[schema(example = "limit")]
    name: String,
    /// What is wrong with it.
    #[schema(example = "must be in 1..=1000")]
    reason: String,
}

/// Shorthand for results of this crate.
pub(crate) type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: "about:blank", title: title.into(), status: status.as_u16(), code, fields: Vec::new() }
    }

    /// A field has a wrong value.
    pub fn field(name: impl Into<String>, reason: impl Into<String>) -> Self {
        let fault = FieldFault { name: name.into(), reason: reason.into() };
        Self { fields: vec![fault], ..Self::bad_request("badField", "a field of the request is wrong") }
    }

    pub fn bad_request(code: &'static str, title: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    pub fn no_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "pathNotFound", "no such path")
    }

    pub fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "methodNotAllowed", "the path has other methods")
    }

    pub fn wrong_media_type(wanted: &'static str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "mediaTypeNotSupported", wanted)
    }

    pub fn too_large(what: &'static str) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", what)
    }

    /// The token does not cover the call.
    pub fn not_granted() -> Self {
        Self::new(StatusCode::FORBIDDEN, "notGranted", "the token does not cover this call")
    }

    /// Only administrators may make the call.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "only an administrator may do this")
    }

    /// A viewer may change nothing.
    pub fn viewer() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "a viewer may look, and change nothing")
    }

    /// A request by cookie does not show that it comes from the page that signed in.
    pub fn no_csrf_token() -> Self {
        let title = "a request by cookie must send the session's csrfToken in X-CSRF-Token";
        Self::new(StatusCode::FORBIDDEN, "csrfTokenMissing", title)
    }

    pub fn precondition_failed() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "changedMeanwhile", "it was changed since it was read")
    }

    pub fn conflict(code: &'static str, title: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, title)
    }

    /// The app has made too many calls.
    pub fn too_many_calls(limit: QuotaError) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "tooManyCalls", limit.to_string())
    }

    /// An idempotency key belongs to another request.
    pub fn key_reused() -> Self {
        let title = "the idempotency key belongs to another request";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotencyKeyReused", title)
    }

    pub fn friend_not_found(title: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "friendNotFound", title)
    }

    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the server failed")
    }

    /// Whether the request was refused, so that nothing was done.
    pub fn is_refusal(&self) -> bool {
        self.status < 500 || self.status == StatusCode::SERVICE_UNAVAILABLE.as_u16()
    }

    /// Returns status and message for the call log.
    pub fn status_and_message(&self) -> (i64, String) {
        (self.status.into(), self.title.to_string())
    }

    #[cfg(test)]
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl From<TokenError> for Problem {
    fn from(e: TokenError) -> Self {
        let code = match e {
            TokenError::Missing => "tokenMissing",
            TokenError::Unknown => "tokenUnknown",
            TokenError::Expired => "tokenExpired",
            TokenError::NotGranted => return Self::not_granted(),
        };
        Self::new(StatusCode::UNAUTHORIZED, code, e.to_string())
    }
}

impl From<BodyError> for Problem {
    fn from(e: BodyError) -> Self {
        match e {
            BodyError::TooLarge => Self::too_large("the body is too large"),
            BodyError::Broken => Self::bad_request("bodyBroken", "the body broke off"),
            BodyError::Busy => Error::Busy.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(e: Error) -> Self {
        let text = e.to_string();
        match e {
            Error::Missing(missing) => Self::new(StatusCode::NOT_FOUND, of_missing(missing), text),
            Error::Exists(existing) => Self::new(StatusCode::CONFLICT, of_existing(existing), text),
            Error::Full(limit) => Self::new(StatusCode::CONFLICT, of_limit(limit), text),
            Error::Refused(Refusal::Forbidden) => Self::forbidden(),
            Error::Refused(refusal) => Self::new(status_of_refusal(&refusal), of_refusal(&refusal), text),
            Error::BadInput(input) => Self::new(StatusCode::BAD_REQUEST, of_input(&input), text),
            Error::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text),
            Error::Unavailable(_) => {
                trouble::log(&e);
                Self::new(StatusCode::BAD_GATEWAY, "engineUnavailable", "the engine of the library does not answer")
            }
            Error::Internal(_) if e.is_not_offered() => {
                let title = "the engine of the library does not offer this";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "engineCannot", title)
            }
            Error::Internal(_) => {
                trouble::log(&e);
                Self::internal()
            }
        }
    }
}

fn of_missing(missing: Missing) -> &'static str {
    match missing {
        Missing::Account => "accountNotFound",
        Missing::App => "appNotFound",
        Missing::Capability => "capabilityNotFound",
        Missing::Delivery => "deliveryNotFound",
        Missing::Device => "deviceNotFound",
        Missing::Engine => "engineNotFound",
        Missing::Entry => "entryNotFound",
        Missing::Event => "eventNotFound",
        Missing::Face => "faceNotFound",
        Missing::File => "fileNotFound",
        Missing::Group => "groupNotFound",
        Missing::Job => "jobNotFound",
        Missing::Key => "keyNotFound",
        Missing::Library => "libraryNotFound",
        Missing::Membership => "membershipNotFound",
        Missing::Operator => "operatorNotFound",
        Missing::Person => "personNotFound",
        Missing::Picture => "pictureNotFound",
        Missing::Relation => "relationNotFound",
        Missing::Setting => "settingNotFound",
        Missing::SettingChange => "settingChangeNotFound",
        Missing::SettingValue => "settingNotChanged",
        Missing::Session => "sessionNotFound",
        Missing::Webhook => "webhookNotFound",
        Missing::Template => "templateNotFound",
        Missing::Write => "writeNotFound",
    }
}

fn of_existing(existing: Existing) -> &'static str {
    match existing {
        Existing::App => "appExists",
        Existing::DoneWrite => "writeDone",
        Existing::Face => "faceExists",
        Existing::Group => "groupExists",
        Existing::Library => "libraryExists",
        Existing::Operator => "operatorExists",
        Existing::People => "libraryNotEmpty",
        Existing::Person => "personExists",
        Existing::User => "userExists",
    }
}

fn of_limit(limit: Limit) -> &'static str {
    match limit {
        Limit::ExportSize => "exportTooLarge",
        Limit::Faces => "tooManyFaces",
        Limit::FriendGroups => "tooManyFriendGroups",
        Limit::Jobs => "tooManyJobs",
        Limit::SecretKeys => "tooManySecretKeys",
        Limit::Libraries => "tooManyLibraries",
        Limit::People => "tooManyPeople",
        Limit::Tokens => "tooManyTokens",
        Limit::Replays => "tooManyReplays",
        Limit::Tags => "tooManyTags",
        Limit::Users => "tooManyUsers",
        Limit::Webhooks => "tooManyWebhooks",
    }
}

fn of_refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Engine { .. } => "engineRefused",
        Refusal::FaceMissing => "faceMissing",
        Refusal::FaceSignInOff => "faceSignInOff",
        Refusal::FaceUnknown => "faceUnknown",
        Refusal::FaceWanted => "faceWanted",
        Refusal::Forbidden => "forbidden",
        Refusal::JobState => "jobStateConflict",
        Refusal::LinksWouldBreak => "linksWouldBreak",
        Refusal::Login => "loginFailed",
        Refusal::NoFace => "noFace",
        Refusal::NoRegistration => "registrationClosed",
        Refusal::NotLive => "notLive",
        Refusal::NotRecognisable(_) => "notRecognisable",
        Refusal::PasswordWanted => "passwordWanted",
        Refusal::Quality(_) => "qualityTooLow",
        Refusal::SecretKeyChanged => "secretKeyChanged",
        Refusal::SecretSet(_) => "secretSet",
        Refusal::SettingChanged { .. } => "settingChangedSince",
        Refusal::SettingLocked(_) => "settingLocked",
        Refusal::StillSealed { .. } => "stillSealed",
        Refusal::TooTight => "faceTooTight",
        Refusal::TooManyAttempts => "tooManyAttempts",
        Refusal::WrongPassword => "wrongPassword",
    }
}

fn status_of_refusal(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::FaceUnknown | Refusal::FaceWanted | Refusal::Login => StatusCode::UNAUTHORIZED,
        Refusal::FaceSignInOff
        | Refusal::Forbidden
        | Refusal::NoRegistration
        | Refusal::PasswordWanted
        | Refusal::WrongPassword => StatusCode::FORBIDDEN,
        Refusal::FaceMissing
        | Refusal::JobState
        | Refusal::LinksWouldBreak
        | Refusal::SecretKeyChanged
        | Refusal::SecretSet(_)
        | Refusal::SettingChanged { .. }
        | Refusal::SettingLocked(_)
        | Refusal::StillSealed { .. } => StatusCode::CONFLICT,
        Refusal::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Engine { .. }
        | Refusal::NoFace
        | Refusal::NotLive
        | Refusal::NotRecognisable(_)
        | Refusal::Quality(_)
        | Refusal::TooTight => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn of_input(input: &BadInput) -> &'static str {
    match input {
        BadInput::Address => "addressNotValid",
        BadInput::AdminOfApp => "adminOfApp",
        BadInput::AppId => "appIdNotValid",
        BadInput::Import(_) => "importRefused",
        BadInput::LibraryId => "groupIdNotValid",
        BadInput::NotFetched(_) => "pictureNotFetched",
        BadInput::OperatorName { .. } => "nameNotValid",
        BadInput::Password { .. } => "passwordNotValid",
        BadInput::PersonKey { .. } => "nameOrIdTooLong",
        BadInput::Reason { .. } => "reasonNotValid",
        BadInput::SettingValue(_) => "settingNotValid",
        BadInput::Target(_) => "targetNotValid",
        BadInput::Picture(_) => "pictureNotReadable",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(serde_json::to_vec(&self).unwrap_or_default()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.status {
            401 => headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            429 | 503 => headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1")),
            _ => None,
        };
        response.extensions_mut().insert(self);
        response
    }
}
