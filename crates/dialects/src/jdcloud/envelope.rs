//! Envelope of every answer. The order of keys is part of the contract: a shipped client finds the score of a
//! comparison by counting colons.

use std::time::Instant;

use aicp_types::UnixMillis;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;

use super::answers::{ListResult, MessageResult};
use super::codes::{self, Fault, Gateway, System};
use super::failure::Failure;
use super::routes::{Api, Family};
use aicp_requests::trouble;

/// Message of a success that has nothing else to tell.
pub(super) const SUCCESS: &str = "success";

/// Calls that a key has left today; `None` means unlimited.
pub(super) type CallsLeft = Option<u64>;

/// Successful result of a call.
pub(super) struct Answer {
    result: Box<RawValue>,
    /// Message to repeat outside the result, together with the request id.
    copied: Option<String>,
}

impl Answer {
    /// Creates an answer from its result.
    ///
    /// # Errors
    /// [`codes::BROKEN`] if it can't be serialised.
    pub fn new(result: &impl Serialize) -> Result<Self, Failure> {
        let result = serde_json::value::to_raw_value(result).map_err(|e| {
            trouble::log_unwritable(&e);
            Failure::System(codes::BROKEN)
        })?;
        Ok(Self { result, copied: None })
    }

    /// Creates an answer of face search with a message and without a list.
    ///
    /// # Errors
    /// As [`Answer::new`].
    pub fn told(message: &str, stamp: &RequestStamp) -> Result<Self, Failure> {
        Self::new(&MessageResult { requestid: &stamp.id, message, status: 0, result: None })
    }

    /// Creates an answer of face search with a list, which is JSON text.
    ///
    /// # Errors
    /// As [`Answer::new`].
    pub fn listed(result: &str, stamp: &RequestStamp) -> Result<Self, Failure> {
        Self::new(&ListResult { result, requestid: &stamp.id, message: SUCCESS, status: 0 })
    }

    /// Repeats the message outside the result.
    pub fn copied_outside(self, message: &str) -> Self {
        Self { copied: Some(message.to_owned()), ..self }
    }
}

/// Serialises a value to JSON text, which several results of face search nest as a string.
///
/// # Errors
/// [`codes::BROKEN`] if it can't be serialised.
pub(super) fn inner_text(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|e| {
        trouble::log_unwritable(&e);
        Failure::System(codes::BROKEN)
    })
}

/// Id and start time of a request.
#[derive(Debug, Clone)]
pub(super) struct RequestStamp {
    /// Request id, 32 hex digits.
    pub id: String,
    pub received: UnixMillis,
    pub begun: Instant,
}

impl RequestStamp {
    /// Returns the present moment: the time at which the call came in, plus the elapsed time.
    pub fn now(&self) -> UnixMillis {
        self.received.saturating_add(self.begun.elapsed())
    }

    /// Returns the elapsed time in milliseconds.
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

/// Default error result.
#[derive(Serialize)]
struct PlainFault<'a> {
    requestid: &'a str,
    message: &'a str,
    status: i32,
}

/// Error result of `face_detect_attr`, which names its message differently.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DetectionFault<'a> {
    requestid: &'a str,
    error_msg: &'a str,
    status: i32,
}

/// Error result of `face_AntiSpoof`, which spells its id `request_id`.
#[derive(Serialize)]
struct AntiSpoofFault<'a> {
    status: i32,
    message: &'a str,
    request_id: &'a str,
}

/// Error result of the `V1` calls.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1Fault<'a> {
    code: i32,
    msg: &'a str,
    process_time_in_ms: u64,
    timestamp: i64,
}

fn fault_result(api: Api, family: Family, Fault(status, text): Fault, stamp: &RequestStamp) -> Option<Box<RawValue>> {
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
    // Strings and numbers always serialise.
    written.ok()
}

/// Renders the complete answer to a call.
pub(super) fn render(
    api: Api,
    family: Family,
    left: CallsLeft,
    outcome: &Result<Answer, Failure>,
    stamp: &RequestStamp,
) -> Response {
    let System(code, text) = match outcome {
        Err(Failure::System(system)) => *system,
        Ok(_) | Err(Failure::Fault(_)) => codes::OK,
    };
    let status = match outcome {
        Ok(_) => 0,
        Err(failure) => failure.code_and_text().0,
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

/// Renders the answer to a request refused before its call started.
pub(super) fn render_gateway(gateway: Gateway, stamp: &RequestStamp) -> Response {
    let Gateway { status, name, message } = gateway;
    let error = GatewayError { message, status: name, code: status.as_u16() };
    json(status, &GatewayBody { error, request_id: &stamp.id }, stamp)
}

fn json(status: StatusCode, body: &impl Serialize, stamp: &RequestStamp) -> Response {
    // Strings, numbers and raw JSON always serialise.
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
