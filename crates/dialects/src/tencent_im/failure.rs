//! Failures of whole calls.

use std::borrow::Cow;

use axum::response::Response;

use super::codes::{GatewayError, SNS_DECODE, SNS_NOT_AN_ADMIN};
use super::commands::{Command, Service};
use super::envelope::{Envelope, respond};

/// Failure of a whole call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    code: u32,
    info: Cow<'static, str>,
    /// Whether the response has `ErrorDisplay`.
    has_display: bool,
}

impl From<GatewayError> for Failure {
    fn from(e: GatewayError) -> Self {
        let (code, info) = e.code_and_message();
        Self { code, info, has_display: false }
    }
}

/// Returns whether a path belongs to [`Service::Sns`], even if there is no such command.
fn is_sns(path: &str) -> bool {
    path.starts_with("/v4/sns/")
}

impl Failure {
    /// Adapts the failure to the service of the path. In `sns` every response has `ErrorDisplay`, and callers who are
    /// not admins get a code of its own.
    pub fn told_by(mut self, path: &str) -> Self {
        if is_sns(path) {
            self.has_display = true;
            if self.code == GatewayError::NotAnAdmin.code_and_message().0 {
                self.code = SNS_NOT_AN_ADMIN;
            }
        }
        self
    }

    /// Builds the failure of a command.
    pub fn of(service: Service, code: u32, info: impl Into<Cow<'static, str>>) -> Self {
        Self { code, info: info.into(), has_display: service == Service::Sns }
    }

    /// Builds the failure of a command of [`Service::Sns`]. The reason follows the command's title in the message.
    pub fn sns(command: &Command, code: u32, reason: &str) -> Self {
        Self::of(Service::Sns, code, format!("Err_SNS_{}_{reason}", command.title))
    }

    /// The body does not have the required fields and types.
    pub fn wrong_shape(service: Service) -> Self {
        match service {
            Service::Sns => Self::of(service, 30001, SNS_DECODE),
            Service::Login => Self::of(service, 70402, "Err_TLS_PT_Open_Login_Invalid_Parameter"),
        }
    }

    /// The server failed.
    pub fn internal(service: Service) -> Self {
        match service {
            Service::Sns => Self::of(service, 30006, "internal error, retry"),
            Service::Login => Self::of(service, 70500, "internal error, retry"),
        }
    }

    /// The server is overloaded.
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

    /// Builds the failure response: the envelope alone.
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
