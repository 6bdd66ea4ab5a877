//! What every answer is wrapped in.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::codes::{GatewayError, SNS_DECODE, SNS_NOT_AN_ADMIN};
use super::commands::{Command, Service};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    action_status: &'static str,
    error_code: u32,
    error_info: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_display: Option<&'static str>,
}

/// A body: what is the command's own, then the envelope.
#[derive(Serialize)]
struct Whole<'a, T> {
    #[serde(flatten)]
    own: &'a T,
    #[serde(flatten)]
    envelope: Envelope<'a>,
}

/// Nothing of a command's own.
#[derive(Serialize)]
pub(super) struct Nothing {}

/// A success, ready to be sent.
pub(super) type Answer = Vec<u8>;

/// A call that was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    code: u32,
    info: Cow<'static, str>,
    /// Whether there is an `ErrorDisplay`.
    has_display: bool,
}

impl From<GatewayError> for Failure {
    fn from(e: GatewayError) -> Self {
        let (code, info) = e.told();
        Self { code, info, has_display: false }
    }
}

/// Whether a path is one of [`Service::Sns`], there or not.
pub(super) fn is_sns(path: &str) -> bool {
    path.starts_with("/v4/sns/")
}

impl Failure {
    /// The failure as the service of this path tells it: every body of `sns` has an `ErrorDisplay`, and its own code for
    /// callers who are no admins.
    pub fn told_by(mut self, path: &str) -> Self {
        if is_sns(path) {
            self.has_display = true;
            if self.code == GatewayError::NotAnAdmin.told().0 {
                self.code = SNS_NOT_AN_ADMIN;
            }
        }
        self
    }

    /// A failure of a command.
    pub fn of(service: Service, code: u32, info: impl Into<Cow<'static, str>>) -> Self {
        Self { code, info: info.into(), has_display: service == Service::Sns }
    }

    /// A failure of a command of [`Service::Sns`] for a reason that stands behind its name.
    pub fn sns(command: &Command, code: u32, reason: &str) -> Self {
        Self::of(Service::Sns, code, format!("Err_SNS_{}_{reason}", command.title))
    }

    /// The body is not as the command needs it.
    pub fn wrong_shape(service: Service) -> Self {
        match service {
            Service::Sns => Self::of(service, 30001, SNS_DECODE),
            Service::Login => Self::of(service, 70402, "Err_TLS_PT_Open_Login_Invalid_Parameter"),
        }
    }

    /// The server is to blame.
    pub fn internal(service: Service) -> Self {
        match service {
            Service::Sns => Self::of(service, 30006, "internal error, retry"),
            Service::Login => Self::of(service, 70500, "internal error, retry"),
        }
    }

    /// The server has too much to do.
    pub fn busy(service: Service) -> Self {
        match service {
            Service::Sns => Self::of(service, 30007, "busy, retry later"),
            Service::Login => Self::of(service, 70169, "busy, retry later"),
        }
    }

    pub fn code(&self) -> u32 {
        self.code
    }

    pub fn info(&self) -> &str {
        &self.info
    }

    /// The failure as it is sent: the envelope alone.
    pub fn render(&self) -> Response {
        let envelope = Envelope {
            action_status: "FAIL",
            error_code: self.code,
            error_info: &self.info,
            error_display: self.has_display.then_some(""),
        };
        respond(serde_json::to_vec(&envelope).unwrap_or_default())
    }
}

/// A success with what is the command's own.
///
/// # Errors
/// [`Failure::internal`] if it can't be written.
pub(super) fn ok(service: Service, own: &impl Serialize) -> Result<Answer, Failure> {
    let error_display = (service == Service::Sns).then_some("");
    let envelope = Envelope { action_status: "OK", error_code: 0, error_info: "", error_display };
    serde_json::to_vec(&Whole { own, envelope }).map_err(|e| {
        tracing::error!(error = %e, "an answer can't be written");
        Failure::internal(service)
    })
}

/// A JSON answer. Its status is always 200: clients look at the codes inside.
pub(super) fn respond(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    allow_other_sites(headers);
    response
}

/// The answer to a browser that asks whether it may call.
pub(super) fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    allow_other_sites(response.headers_mut());
    response
}

/// Pages of any site may call: without a UserSig they get nothing.
fn allow_other_sites(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("X-Requested-With"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
}
