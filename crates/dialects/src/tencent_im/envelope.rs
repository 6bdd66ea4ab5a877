//! The envelope of all responses.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

use super::commands::Service;
use super::failure::Failure;
use aicp_requests::trouble;

/// What every response has.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope<'a> {
    pub action_status: &'static str,
    pub error_code: u32,
    pub error_info: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_display: Option<&'static str>,
}

/// Response body: the fields of the command, then the envelope.
#[derive(Serialize)]
struct Whole<'a, T> {
    #[serde(flatten)]
    own: &'a T,
    #[serde(flatten)]
    envelope: Envelope<'a>,
}

/// No fields of the command.
#[derive(Serialize)]
pub(super) struct Nothing {}

/// Body of a success response.
pub(super) type Answer = Vec<u8>;

/// Builds a success response with the fields of the command.
///
/// # Errors
/// [`Failure::internal`] if serialization fails.
pub(super) fn ok(service: Service, own: &impl Serialize) -> Result<Answer, Failure> {
    let error_display = (service == Service::Sns).then_some("");
    let envelope = Envelope { action_status: "OK", error_code: 0, error_info: "", error_display };
    serde_json::to_vec(&Whole { own, envelope }).map_err(|e| {
        trouble::log_unwritable(&e);
        Failure::internal(service)
    })
}

/// Builds a JSON response. The HTTP status is always 200: clients read the codes in the body.
pub(super) fn respond(body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    add_cors_headers(headers);
    response
}

/// Builds the response to a CORS preflight request.
pub(super) fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    add_cors_headers(response.headers_mut());
    response
}

/// Allows requests from any origin: they are useless without a UserSig.
fn add_cors_headers(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("X-Requested-With"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
}
