//! What every answer is wrapped in.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{json_response, literals};

/// The wrapping of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{flag,message,data}` (section 3).
    Plain,
    /// `{flag,resultCode,message,data}` (sections 2 and 7).
    WithResultCode,
    /// `{error_code,error_msg,log_id,timestamp,cached,result}` (section 9).
    FaceApi,
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
    log_id: u64,
    timestamp: u64,
    cached: u8,
    result: Option<&'a RawValue>,
}

/// A success.
pub(super) struct Answer {
    message: &'static str,
    data: Box<RawValue>,
}

impl Answer {
    pub fn new(message: &'static str, data: &impl Serialize) -> Result<Self, Failure> {
        let data = serde_json::value::to_raw_value(data).map_err(|e| {
            tracing::error!(error = %e, "an answer can't be written");
            Failure::message(literals::SERVER_ERROR)
        })?;
        Ok(Self { message, data })
    }

    pub fn ok(data: &impl Serialize) -> Result<Self, Failure> {
        Self::new(literals::OK, data)
    }

    pub fn render(&self, shape: Shape) -> Response {
        render(shape, StatusCode::OK, true, self.message, Some(&self.data))
    }
}

/// A failure: HTTP 200 unless the contract names another status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    status: StatusCode,
    message: String,
    header: Option<(header::HeaderName, &'static str)>,
}

impl Failure {
    /// A failure that the manual answers with HTTP 200.
    pub fn message(message: impl Into<String>) -> Self {
        Self::status(StatusCode::OK, message)
    }

    pub fn status(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    pub fn not_found() -> Self {
        Self::status(StatusCode::NOT_FOUND, literals::NO_SUCH_PATH)
    }

    pub fn wrong_method(allowed: &'static str) -> Self {
        Self {
            header: Some((header::ALLOW, allowed)),
            ..Self::status(StatusCode::METHOD_NOT_ALLOWED, literals::WRONG_METHOD)
        }
    }

    /// More is asked than this machine takes on: HTTP 503, so that proxies and clients know to come back.
    pub fn busy() -> Self {
        Self {
            header: Some((header::RETRY_AFTER, "1")),
            ..Self::status(StatusCode::SERVICE_UNAVAILABLE, literals::SERVER_ERROR)
        }
    }

    /// The same failure in other words.
    pub fn with_message(self, message: &str) -> Self {
        Self { message: message.to_owned(), ..self }
    }

    pub fn render(&self, shape: Shape) -> Response {
        let mut response = render(shape, self.status, false, &self.message, None);
        if let Some((name, value)) = &self.header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn render(shape: Shape, status: StatusCode, flag: bool, message: &str, data: Option<&RawValue>) -> Response {
    let body = match shape {
        Shape::Plain | Shape::WithResultCode => {
            let result_code = (shape == Shape::WithResultCode).then_some(u8::from(!flag));
            serde_json::to_vec(&FlagBody { flag, result_code, message, data })
        }
        // Only paths that do not exist are answered in this shape: code 100 of the contract.
        Shape::FaceApi => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let timestamp = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            serde_json::to_vec(&FaceApiBody {
                error_code: 100,
                error_msg: "Invalid parameter",
                log_id: timestamp,
                timestamp,
                cached: 0,
                result: data,
            })
        }
    };
    // Strings, numbers and ready JSON always serialise.
    json_response(status, body.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn text(response: Response) -> String {
        let body = futures_executor_block_on(response.into_body().collect());
        String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8")
    }

    /// The bodies here are in memory, so collecting them never waits.
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
            text(answer.render(Shape::WithResultCode)),
            r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"message":"ok"}}"#
        );
        assert_eq!(
            text(answer.render(Shape::Plain)),
            r#"{"flag":true,"message":"系统处理正常","data":{"message":"ok"}}"#
        );
        let failure = Failure::message(literals::SERVER_ERROR);
        assert_eq!(
            text(failure.render(Shape::WithResultCode)),
            r#"{"flag":false,"resultCode":1,"message":"服务端报错","data":null}"#
        );
        assert_eq!(text(failure.render(Shape::Plain)), r#"{"flag":false,"message":"服务端报错","data":null}"#);
    }

    #[test]
    fn busy_says_when_to_come_back() {
        let response = Failure::busy().render(Shape::Plain);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
