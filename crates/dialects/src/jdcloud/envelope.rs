//! What every answer is wrapped in. The order of keys is part of the contract: a shipped client finds the score of a
//! comparison by counting colons.

use std::time::Instant;

use aicp_types::UnixMillis;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use super::codes::{self, Fault, Gateway, System};
use super::routes::{Api, Family};

/// How many calls a key may still make today; none: any number.
pub(super) type Left = Option<u64>;

/// A success: the business body.
pub(super) struct Answer {
    result: Box<RawValue>,
    /// Message that stands outside the result as well, with the request's id.
    copied: Option<String>,
}

/// Why a call that was begun has no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The envelope says it.
    System(System),
    /// The result says it.
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<System> for Failure {
    fn from(system: System) -> Self {
        Self::System(system)
    }
}

impl Failure {
    /// Code and message, as a log keeps them.
    pub fn told(self) -> (i64, &'static str) {
        match self {
            Self::System(System(code, text)) => (code.into(), text),
            Self::Fault(Fault(code, text)) => (code.into(), text),
        }
    }
}

impl Answer {
    /// A result.
    ///
    /// # Errors
    /// [`codes::BROKEN`] if it can't be written.
    pub fn new(result: &impl Serialize) -> Result<Self, Failure> {
        let result = serde_json::value::to_raw_value(result).map_err(|e| {
            tracing::error!(error = %e, "an answer can't be written");
            Failure::System(codes::BROKEN)
        })?;
        Ok(Self { result, copied: None })
    }

    /// The same with its message outside the result as well.
    pub fn copied_outside(self, message: &str) -> Self {
        Self { copied: Some(message.to_owned()), ..self }
    }
}

/// A text inside a text: what several results of face search hold.
///
/// # Errors
/// [`codes::BROKEN`] if it can't be written.
pub(super) fn inner_text(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|e| {
        tracing::error!(error = %e, "an answer can't be written");
        Failure::System(codes::BROKEN)
    })
}

/// A call's own number and when it began.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    /// 32 hex digits.
    pub id: String,
    pub received: UnixMillis,
    pub begun: Instant,
}

impl Stamp {
    /// The present moment, by the clock that told when the call came in.
    pub fn now(&self) -> UnixMillis {
        self.received.saturating_add(self.begun.elapsed())
    }

    /// How long the call has taken by now, in milliseconds.
    pub fn milliseconds(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    charge: bool,
    remain: u64,
    #[serde(rename = "remainTimes")]
    remain_times: i64,
    #[serde(rename = "remainSeconds")]
    remain_seconds: i64,
    msg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requestid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// A failure of the calls that say no other shape.
#[derive(Serialize)]
struct PlainFault<'a> {
    requestid: &'a str,
    message: &'a str,
    status: i32,
}

/// A failure of a call that names its message otherwise.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetectionFault<'a> {
    requestid: &'a str,
    error_msg: &'a str,
    status: i32,
}

/// A failure of a call that writes its number in two words.
#[derive(Serialize)]
struct AntiSpoofFault<'a> {
    status: i32,
    message: &'a str,
    request_id: &'a str,
}

/// What every result of a `V1` call has; alone, that of a failure.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1Fault<'a> {
    code: i32,
    msg: &'a str,
    process_time_in_ms: u64,
    timestamp: i64,
}

fn fault_result(api: Api, family: Family, Fault(status, text): Fault, stamp: &Stamp) -> Option<Box<RawValue>> {
    let id = stamp.id.as_str();
    let written = match (family, api) {
        (Family::V1, _) => serde_json::value::to_raw_value(&V1Fault {
            code: status,
            msg: text,
            process_time_in_ms: stamp.milliseconds(),
            timestamp: stamp.now().get(),
        }),
        (_, Api::DetectAttributes) => {
            serde_json::value::to_raw_value(&DetectionFault { requestid: id, error_msg: text, status })
        }
        (_, Api::AntiSpoof) => {
            serde_json::value::to_raw_value(&AntiSpoofFault { status, message: text, request_id: id })
        }
        _ => serde_json::value::to_raw_value(&PlainFault { requestid: id, message: text, status }),
    };
    // Texts and numbers always serialise.
    written.ok()
}

/// The answer to a call, in full.
pub(super) fn render(
    api: Api,
    family: Family,
    left: Left,
    outcome: &Result<Answer, Failure>,
    stamp: &Stamp,
) -> Response {
    let System(code, text) = match outcome {
        Err(Failure::System(system)) => *system,
        Ok(_) | Err(Failure::Fault(_)) => codes::OK,
    };
    let status = match outcome {
        Ok(_) => 0,
        Err(failure) => failure.told().0,
    };
    let fault = match outcome {
        Err(Failure::Fault(fault)) => fault_result(api, family, *fault, stamp),
        _ => None,
    };
    let copied = match outcome {
        Ok(answer) => answer.copied.as_deref(),
        Err(Failure::Fault(fault)) if api == Api::FaceSearch => Some(fault.1),
        Err(_) => None,
    };
    let envelope = Envelope {
        code: code.to_string(),
        status: (family == Family::Search).then_some(status),
        charge: false,
        remain: left.unwrap_or(0),
        remain_times: left.map_or(-1, |left| i64::try_from(left).unwrap_or(i64::MAX)),
        remain_seconds: -1,
        msg: text,
        result: outcome.as_ref().ok().map(|answer| &*answer.result).or(fault.as_deref()),
        requestid: copied.map(|_| stamp.id.as_str()),
        message: copied,
    };
    json(StatusCode::OK, &envelope, stamp)
}

#[derive(Serialize)]
struct GatewayBody<'a> {
    error: GatewayError<'a>,
    #[serde(rename = "requestId")]
    request_id: &'a str,
}

#[derive(Serialize)]
struct GatewayError<'a> {
    message: &'a str,
    status: &'a str,
    code: u16,
}

/// The answer to a request that no call was begun for.
pub(super) fn render_gateway(gateway: Gateway, stamp: &Stamp) -> Response {
    let Gateway { status, name, message } = gateway;
    let error = GatewayError { message, status: name, code: status.as_u16() };
    json(status, &GatewayBody { error, request_id: &stamp.id }, stamp)
}

fn json(status: StatusCode, body: &impl Serialize, stamp: &Stamp) -> Response {
    // Texts, numbers and ready JSON always serialise.
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&stamp.id) {
        headers.insert("x-jdcloud-request-id", id);
    }
    response
}

#[cfg(test)]
mod tests;
