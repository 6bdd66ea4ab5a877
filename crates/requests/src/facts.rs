//! What metrics and traces tell of a request: its interface, operation, engine and result, and how long it took.

use std::cell::RefCell;
use std::time::Instant;

use aicp_traces::{Call, Value};
use axum::http::{Method, StatusCode, Version};

/// Result of a call that succeeded.
const SUCCESS: &str = "success";
/// Result of a call whose client left before the answer.
const GONE: &str = "gone";

tokio::task_local! {
    /// The facts of the request that this task answers.
    pub(crate) static CALL: RefCell<Facts>;
}

/// Facts of a request. They are counted when this is dropped, so also if the client leaves.
pub(crate) struct Facts {
    dialect: &'static str,
    begun: Instant,
    operation: String,
    engine: String,
    result: Option<String>,
    traced: Option<TracedCall>,
}

impl Facts {
    pub fn begin(dialect: &'static str, traced: Option<TracedCall>) -> Self {
        metrics::gauge!("aicp_calls_under_way", "dialect" => dialect).increment(1.0);
        let (operation, engine) = (String::new(), String::new());
        Self { dialect, begun: Instant::now(), operation, engine, result: None, traced }
    }
}

/// Call that is traced, with what is known of it from the start.
pub(crate) struct TracedCall {
    pub call: Call,
    attributes: Vec<(&'static str, Value)>,
    status: Option<StatusCode>,
}

impl TracedCall {
    /// Starts with the attributes of a request, by the semantic conventions of OpenTelemetry for HTTP. Its address is not
    /// among them, as it may name libraries and people.
    pub fn of(call: Call, method: &Method, version: Version, request_id: &str) -> Self {
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "CONNECT" | "TRACE") => known,
            // Clients may make up methods.
            _ => "_OTHER",
        };
        let version = if version == Version::HTTP_2 { "2" } else { "1.1" };
        let attributes = vec![
            ("http.request.method", text(method)),
            ("network.protocol.version", Value::Text(version.into())),
            ("aicp.request_id", text(request_id)),
        ];
        Self { call, attributes, status: None }
    }

    /// Ends the call. Without an operation, its name is the interface's.
    fn end(self, dialect: &'static str, operation: &str, engine: &str, result: &str) {
        let Self { call, mut attributes, status } = self;
        attributes.push(("aicp.dialect", Value::Text(dialect.into())));
        attributes.push(("aicp.result", text(result)));
        if !operation.is_empty() {
            attributes.push(("aicp.operation", text(operation)));
        }
        if operation.starts_with('/') {
            attributes.push(("http.route", text(operation)));
        }
        if !engine.is_empty() {
            attributes.push(("aicp.engine", text(engine)));
        }
        if let Some(status) = status {
            attributes.push(("http.response.status_code", Value::Number(status.as_u16().into())));
        }
        let is_failed = status.is_some_and(|status| status.is_server_error());
        if is_failed || status.is_none() {
            attributes.push(("error.type", status.map_or_else(|| text(GONE), |status| text(status.as_str()))));
        }
        let name = if operation.is_empty() { dialect } else { operation };
        call.end(name.to_owned(), attributes, is_failed);
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned().into())
}

impl Drop for Facts {
    fn drop(&mut self) {
        let Self { dialect, begun, operation, engine, result, traced } = self;
        let (dialect, operation) = (*dialect, std::mem::take(operation));
        metrics::gauge!("aicp_calls_under_way", "dialect" => dialect).decrement(1.0);
        metrics::histogram!("aicp_call_seconds", "dialect" => dialect, "operation" => operation.clone())
            .record(begun.elapsed());
        let result = result.take().unwrap_or_else(|| GONE.to_owned());
        let engine = std::mem::take(engine);
        if let Some(traced) = traced.take() {
            traced.end(dialect, &operation, &engine, &result);
        }
        metrics::counter!(
            "aicp_calls_total", "dialect" => dialect, "operation" => operation, "engine" => engine, "result" => result
        )
        .increment(1);
    }
}

fn note(change: impl FnOnce(&mut Facts)) {
    // There are none for what is no request, such as a test of a part.
    let _ = CALL.try_with(|facts| change(&mut facts.borrow_mut()));
}

/// Notes the operation.
pub(crate) fn note_operation(name: &str) {
    note(|facts| name.clone_into(&mut facts.operation));
}

/// Notes the engine that a call was about.
pub(crate) fn note_engine(name: &str) {
    note(|facts| name.clone_into(&mut facts.engine));
}

/// Notes how a call ended: by success, or with a code of the interface.
pub(crate) fn note_result(is_success: bool, code: i64) {
    note(|facts| facts.result = Some(if is_success { SUCCESS.to_owned() } else { code.to_string() }));
}

/// Notes the answer: its status, and the result of a request that was no call, such as one for a page or a picture.
pub(crate) fn note_answer(status: StatusCode) {
    let of_status = || if status.is_success() { SUCCESS.to_owned() } else { status.as_u16().to_string() };
    note(|facts| {
        facts.result = facts.result.take().or_else(|| Some(of_status()));
        if let Some(traced) = &mut facts.traced {
            traced.status = Some(status);
        }
    });
}
