//! What the metrics tell of a request: its interface, operation, engine and result, and how long it took.

use std::cell::RefCell;
use std::time::Instant;

use axum::http::StatusCode;

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
}

impl Facts {
    pub fn begin(dialect: &'static str) -> Self {
        metrics::gauge!("aicp_calls_under_way", "dialect" => dialect).increment(1.0);
        Self { dialect, begun: Instant::now(), operation: String::new(), engine: String::new(), result: None }
    }
}

impl Drop for Facts {
    fn drop(&mut self) {
        let Self { dialect, begun, operation, engine, result } = self;
        let (dialect, operation) = (*dialect, std::mem::take(operation));
        metrics::gauge!("aicp_calls_under_way", "dialect" => dialect).decrement(1.0);
        metrics::histogram!("aicp_call_seconds", "dialect" => dialect, "operation" => operation.clone())
            .record(begun.elapsed());
        let result = result.take().unwrap_or_else(|| GONE.to_owned());
        let engine = std::mem::take(engine);
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

/// Notes the answer to a request that was no call, such as one for a page or a picture.
pub(crate) fn note_answer(status: StatusCode) {
    let of_status = || if status.is_success() { SUCCESS.to_owned() } else { status.as_u16().to_string() };
    note(|facts| facts.result = facts.result.take().or_else(|| Some(of_status())));
}
