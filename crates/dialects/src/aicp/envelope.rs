//! Envelope of every answer.

use std::sync::atomic::{AtomicI64, Ordering};

use aicp_types::UnixMillis;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use super::codes;
use super::failure::Failure;
use super::{json_response, literals};
use aicp_requests::trouble;

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

/// Renders an envelope. `failed` is the code of a failure; `None` means success.
pub(super) fn render(
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
pub(super) mod tests {
    use super::*;
    use http_body_util::BodyExt;

    pub const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

    /// Returns the body of an answer.
    pub fn text(response: Response) -> String {
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
}
