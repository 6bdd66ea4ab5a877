//! Envelope of every answer.

use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, Ordering};

use aicp_types::UnixMillis;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use super::codes::{self, Code};
use super::{json_response, literals};
use crate::{shanghai, trouble};

/// Envelope format of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{flag,message,data}` (sections 3 and 5).
    Plain,
    /// `{flag,resultCode,message,data}` (sections 2, 6, 7, 8, 10 and 11).
    WithResultCode,
    /// `{error_code,error_msg,log_id,timestamp,cached,result}` (section 9).
    FaceApi(TimeUnit),
}

/// Unit of `timestamp` in section 9: the manual's samples have both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds since the epoch.
    Seconds,
    /// Milliseconds since the epoch.
    Milliseconds,
}

#[derive(Serialize)]
struct FlagBody<'a> {
    flag: bool,
    #[serde(rename = "resultCode", skip_serializing_if = "Option::is_none")]
    result_code: Option<u8>,
    message: &'a str,
    data: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct FaceApiBody<'a> {
    error_code: u32,
    error_msg: &'a str,
    log_id: i64,
    timestamp: i64,
    cached: u8,
    result: Option<&'a RawValue>,
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

/// Successful answer.
pub(super) struct Answer {
    message: &'static str,
    data: Box<RawValue>,
    is_bare: bool,
    cookie: Option<HeaderValue>,
}

impl Answer {
    pub fn new(message: &'static str, data: &impl Serialize) -> Result<Self, Failure> {
        let data = serde_json::value::to_raw_value(data).map_err(|e| {
            trouble::log_unwritable(&e);
            Failure::message(literals::SERVER_ERROR)
        })?;
        Ok(Self { message, data, is_bare: false, cookie: None })
    }

    pub fn ok(data: &impl Serialize) -> Result<Self, Failure> {
        Self::new(literals::OK, data)
    }

    /// Creates a success with null data.
    pub fn null(message: &'static str) -> Result<Self, Failure> {
        Self::new(message, &())
    }

    /// Creates an answer whose body has no envelope.
    pub fn bare(body: &impl Serialize) -> Result<Self, Failure> {
        Ok(Self { is_bare: true, ..Self::ok(body)? })
    }

    /// Adds a cookie to the answer.
    pub fn with_cookie(self, cookie: Option<HeaderValue>) -> Self {
        Self { cookie, ..self }
    }

    pub fn render(&self, shape: Shape, now: UnixMillis) -> Response {
        let mut response = if self.is_bare {
            json_response(StatusCode::OK, self.data.get().as_bytes().to_vec())
        } else {
            render(shape, StatusCode::OK, None, self.message, Some(&self.data), now)
        };
        if let Some(cookie) = &self.cookie {
            response.headers_mut().insert(header::SET_COOKIE, cookie.clone());
        }
        response
    }
}

/// Header that tells the client how to recover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hint {
    Allow(&'static str),
    RetryAfterSeconds(u16),
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

#[derive(Debug, PartialEq, Eq)]
struct Spring {
    path: String,
    /// Whether its timestamp is the date alone.
    is_dated_by_day: bool,
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

/// Renders an envelope. `failed` is the code of a failure; `None` means success.
fn render(
    shape: Shape,
    status: StatusCode,
    failed: Option<u32>,
    message: &str,
    data: Option<&RawValue>,
    now: UnixMillis,
) -> Response {
    let body = match shape {
        Shape::Plain | Shape::WithResultCode => {
            let flag = failed.is_none();
            let result_code = (shape == Shape::WithResultCode).then_some(u8::from(!flag));
            serde_json::to_vec(&FlagBody { flag, result_code, message, data })
        }
        Shape::FaceApi(unit) => {
            let (error_code, error_msg) = failed.map_or((0, codes::SUCCESS), |code| (code, message));
            let timestamp = match unit {
                TimeUnit::Seconds => now.seconds(),
                TimeUnit::Milliseconds => now.get(),
            };
            let body = FaceApiBody { error_code, error_msg, log_id: log_id(now), timestamp, cached: 0, result: data };
            serde_json::to_vec(&body)
        }
    };
    // Strings, numbers and raw JSON always serialise.
    json_response(status, body.unwrap_or_default())
}

/// Returns a unique number of 13 digits: the current time in milliseconds, or the last number plus one if that is
/// larger.
fn log_id(now: UnixMillis) -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let next = |last: i64| now.get().max(last + 1);
    match LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last))) {
        Ok(last) | Err(last) => next(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

    fn text(response: Response) -> String {
        let body = futures_executor_block_on(response.into_body().collect());
        String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8")
    }

    /// Polls a future once: collecting a body in memory never waits.
    fn futures_executor_block_on<T, E: std::fmt::Debug>(future: impl Future<Output = Result<T, E>>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => done.expect("a body in memory"),
            std::task::Poll::Pending => panic!("a body in memory is ready"),
        }
    }

    #[test]
    fn shapes_have_the_contracts_keys_in_order() {
        let answer = Answer::ok(&serde_json::json!({"message": "ok"})).expect("serialises");
        assert_eq!(
            text(answer.render(Shape::WithResultCode, NOW)),
            r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"message":"ok"}}"#
        );
        assert_eq!(
            text(answer.render(Shape::Plain, NOW)),
            r#"{"flag":true,"message":"系统处理正常","data":{"message":"ok"}}"#
        );
        let failure = Failure::message(literals::SERVER_ERROR);
        assert_eq!(
            text(failure.render(Shape::WithResultCode, NOW)),
            r#"{"flag":false,"resultCode":1,"message":"服务端报错","data":null}"#
        );
        assert_eq!(text(failure.render(Shape::Plain, NOW)), r#"{"flag":false,"message":"服务端报错","data":null}"#);
    }

    #[test]
    fn face_api_bodies_name_their_code() {
        let shape = Shape::FaceApi(TimeUnit::Milliseconds);
        let body: serde_json::Value =
            serde_json::from_str(&text(Failure::code(codes::NO_GROUP).render(shape, NOW))).expect("JSON");
        assert_eq!(body["error_code"], 223_100);
        assert_eq!(body["error_msg"], "group is not exist");
        let generic = text(Failure::not_found().render(shape, NOW));
        assert!(generic.starts_with(r#"{"error_code":100,"error_msg":"Invalid parameter","log_id":"#), "{generic}");
        let fine = text(Answer::null(literals::OK).expect("serialises").render(shape, NOW));
        assert!(fine.starts_with(r#"{"error_code":0,"error_msg":"SUCCESS","log_id":"#), "{fine}");
        assert!(fine.ends_with(r#","cached":0,"result":null}"#), "{fine}");
    }

    #[test]
    fn log_ids_are_unique_and_have_13_digits() {
        let ids: Vec<i64> = (0..1000).map(|_| log_id(UnixMillis::new(1_590_646_236_468))).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| id.to_string().len() == 13));
    }

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
