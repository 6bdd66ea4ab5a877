//! Failures of the interface.

use std::borrow::Cow;

use aicp_platform::{BadInput, Error, Missing, Refusal, TokenError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::answers::json;
use aicp_requests::trouble;

/// Error answer: the HTTP status, and `{"error":{"code","message"}}` as its body.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    status: StatusCode,
    error: Reason,
}

#[derive(Debug, Serialize)]
struct Reason {
    code: &'static str,
    message: Cow<'static, str>,
}

impl Failure {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error: Reason { code, message: message.into() } }
    }

    pub fn no_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", "no such path")
    }

    pub fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "methodNotAllowed", "the path knows other methods")
    }

    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", "the body is too large")
    }

    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "the admin token is wanted")
    }

    pub fn unauthorized(e: TokenError) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", e.to_string())
    }

    /// Returns status and message.
    pub fn status_and_message(&self) -> (i64, String) {
        (self.status.as_u16().into(), self.error.message.to_string())
    }

    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "badRequest", message)
    }
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        match e {
            Error::Missing(Missing::App | Missing::Key) => Self::new(StatusCode::NOT_FOUND, "notFound", e.to_string()),
            Error::Refused(Refusal::Forbidden) => Self::forbidden(),
            Error::BadInput(BadInput::AppId) => Self::bad_request(e.to_string()),
            Error::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", e.to_string()),
            Error::Missing(_)
            | Error::Exists(_)
            | Error::Full(_)
            | Error::Refused(_)
            | Error::BadInput(_)
            | Error::Unavailable(_)
            | Error::Internal(_) => {
                trouble::log(&e);
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the server failed")
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &self);
        let hint = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            _ => None,
        };
        if let Some((name, value)) = hint {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
