//! Failures of calls.

use std::borrow::Cow;
use std::time::Duration;

use aicp_platform::{QuotaError, QuotaExceeded};
use aicp_types::UnixMillis;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::codes::{self, Code};
use super::envelope::{Shape, render};
use super::routes::Dialect;
use super::{json_response, literals};
use crate::shanghai;

/// Header that tells the client how to recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hint {
    Allow(&'static str),
    RetryAfterSeconds(u32),
}

/// Failed call: HTTP 200 unless the contract names another status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    code: Code,
    message: Cow<'static, str>,
    hint: Option<Hint>,
    /// Data of a Spring error body, if the failure uses one.
    spring: Option<Spring>,
}

/// Data of a Spring error body.
#[derive(Debug, PartialEq, Eq)]
struct Spring {
    path: String,
    /// Whether its timestamp is the date alone.
    is_dated_by_day: bool,
}

/// Error body of a Spring server.
#[derive(Serialize)]
struct SpringBody<'a> {
    timestamp: String,
    status: u16,
    error: &'static str,
    message: &'a str,
    path: &'a str,
}

impl Failure {
    /// Creates a failure that the manual answers with HTTP 200.
    pub fn message(message: impl Into<Cow<'static, str>>) -> Self {
        Self::status(StatusCode::OK, message)
    }

    pub fn status(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code: codes::INVALID_PARAMETER, message: message.into(), hint: None, spring: None }
    }

    /// Creates a failure of section 9.
    pub fn code(code: Code) -> Self {
        Self { code, ..Self::message(code.1) }
    }

    /// Creates a failure of section 9 whose message names a parameter.
    pub fn code_with_message(code: u32, message: String) -> Self {
        Self { code: Code(code, ""), ..Self::message(message) }
    }

    pub fn not_found() -> Self {
        Self::status(StatusCode::NOT_FOUND, literals::NO_SUCH_PATH)
    }

    pub fn wrong_method(allowed: &'static str) -> Self {
        Self {
            hint: Some(Hint::Allow(allowed)),
            ..Self::status(StatusCode::METHOD_NOT_ALLOWED, literals::WRONG_METHOD)
        }
    }

    /// Creates the failure of an overloaded server: HTTP 503, so that proxies and clients retry.
    pub fn busy() -> Self {
        Self {
            hint: Some(Hint::RetryAfterSeconds(1)),
            code: codes::BUSY,
            ..Self::status(StatusCode::SERVICE_UNAVAILABLE, literals::SERVER_ERROR)
        }
    }

    /// Creates the failure of a throttled caller: HTTP 429.
    pub fn too_many_attempts() -> Self {
        Self {
            hint: Some(Hint::RetryAfterSeconds(60)),
            ..Self::status(StatusCode::TOO_MANY_REQUESTS, literals::TOO_MANY_ATTEMPTS)
        }
    }

    /// Creates the failure of an app that has made too many calls: in section 9 a code, elsewhere HTTP 429.
    pub fn quota(exceeded: &QuotaExceeded, dialect: Dialect) -> Self {
        Self::too_many_calls(exceeded.limit, exceeded.retry_after, dialect)
    }

    /// As [`Failure::quota`], for any limit of calls.
    pub fn too_many_calls(limit: QuotaError, retry_after: Duration, dialect: Dialect) -> Self {
        let (code, message) = match limit {
            QuotaError::Second => (codes::QPS_LIMIT, literals::TOO_MANY_CALLS),
            QuotaError::Day => (codes::DAILY_LIMIT, literals::TOO_MANY_CALLS_TODAY),
        };
        let seconds = retry_after.as_millis().div_ceil(1000).max(1);
        let hint = Hint::RetryAfterSeconds(u32::try_from(seconds).unwrap_or(u32::MAX));
        let failure = match dialect {
            Dialect::FaceApi => Self::code(code),
            _ => Self::status(StatusCode::TOO_MANY_REQUESTS, message),
        };
        Self { hint: Some(hint), ..failure }
    }

    /// Creates a Spring error: HTTP 500, with a body that names the path as requested.
    pub fn spring(message: &'static str, path: &str) -> Self {
        Self::of_spring(message, Spring { path: path.to_owned(), is_dated_by_day: false })
    }

    /// Like [`Failure::spring`], with the date alone as timestamp, as 10.2 shows it.
    pub fn spring_by_day(message: &'static str, path: &str) -> Self {
        Self::of_spring(message, Spring { path: path.to_owned(), is_dated_by_day: true })
    }

    fn of_spring(message: &'static str, spring: Spring) -> Self {
        Self { spring: Some(spring), ..Self::status(StatusCode::INTERNAL_SERVER_ERROR, message) }
    }

    /// Replaces the message.
    pub fn with_message(self, message: &'static str) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Returns the message.
    pub fn text(&self) -> &str {
        &self.message
    }

    /// Whether the call was refused before it started.
    pub fn is_refusal(&self) -> bool {
        self.status.is_client_error() || self.code == codes::NO_PERMISSION
    }

    /// Returns the code for the call log.
    pub fn code_in(&self, shape: Shape) -> i64 {
        match shape {
            Shape::FaceApi(_) => i64::from(self.code.0),
            Shape::Plain | Shape::WithResultCode => 1,
        }
    }

    pub fn render(&self, shape: Shape, now: UnixMillis) -> Response {
        let mut response = match (&self.spring, shape) {
            (Some(spring), _) => self.render_spring(spring, now),
            (None, Shape::FaceApi(_)) => {
                let message = if self.code.1.is_empty() { &self.message } else { self.code.1 };
                render(shape, self.status, Some(self.code.0), message, None, now)
            }
            (None, _) => render(shape, self.status, Some(1), &self.message, None, now),
        };
        match self.hint {
            Some(Hint::Allow(methods)) => {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
            }
            Some(Hint::RetryAfterSeconds(seconds)) => {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            None => {}
        }
        response
    }

    fn render_spring(&self, Spring { path, is_dated_by_day }: &Spring, now: UnixMillis) -> Response {
        let timestamp = if *is_dated_by_day {
            shanghai::local(now).strftime("%Y-%m-%d").to_string()
        } else {
            now.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
        };
        let body = SpringBody {
            timestamp,
            status: self.status.as_u16(),
            error: self.status.canonical_reason().unwrap_or_default(),
            message: &self.message,
            path,
        };
        json_response(self.status, serde_json::to_vec(&body).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::super::envelope::tests::{NOW, text};
    use super::*;

    #[test]
    fn spring_bodies_are_those_of_the_manual() {
        let response =
            Failure::spring("当前授权用户已存在", "/authorize/grantAuthorize").render(Shape::WithResultCode, NOW);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = text(response);
        let (timestamp, rest) = body.split_at(r#"{"timestamp":"2020-04-04T08:22:51.121+0000"#.len());
        assert!(timestamp.ends_with("+0000"), "{body}");
        assert_eq!(
            rest,
            r#"","status":500,"error":"Internal Server Error","message":"当前授权用户已存在","path":"/authorize/grantAuthorize"}"#
        );
    }

    #[test]
    fn busy_says_when_to_come_back() {
        let response = Failure::busy().render(Shape::Plain, NOW);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
