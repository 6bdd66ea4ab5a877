//! Answered calls, and their totals.

use aicp_types::{TraceId, UnixMillis};
/// A call of the call log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedCall {
    /// Snowflake, which the caller generates unique over all calls.
    pub trace_id: TraceId,
    /// App that made the call.
    pub app_id: String,
    /// Name of the called method.
    pub method: String,
    /// Display name of the method.
    pub label: String,
    /// Origin of the answer.
    pub source: String,
    /// URL of the call.
    pub url: String,
    /// When the call was made.
    pub time: UnixMillis,
    /// IP address of the caller.
    pub ip: Option<String>,
    /// Duration in milliseconds.
    pub cost_ms: i64,
    /// Whether the call succeeded.
    pub ok: bool,
    /// Code of the answer.
    pub code: Option<i64>,
    /// Message of the answer.
    pub message: Option<String>,
}

/// Filter of calls. The default matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallScope<'a> {
    /// Only calls of this app.
    pub app_id: Option<&'a str>,
    /// Only calls with exactly this label, or with this method in any ASCII case.
    pub name: Option<&'a str>,
    /// Only calls at this time or later.
    pub from: Option<UnixMillis>,
    /// Only calls before this time.
    pub to: Option<UnixMillis>,
}

/// Totals of the calls of a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTotal {
    /// Name of the method.
    pub method: String,
    /// Label of the latest call (by time, then trace id).
    pub label: String,
    /// Source of the latest call.
    pub source: String,
    /// Number of calls; at least one.
    pub count: u64,
    /// Total duration in milliseconds.
    pub cost_ms: i64,
    /// Time of the latest call.
    pub last_time: UnixMillis,
    /// Duration of the latest call in milliseconds.
    pub last_cost_ms: i64,
}

/// Totals of the calls of a method on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayTotal {
    /// The day, in the zone that the store was opened with.
    pub day: jiff::civil::Date,
    /// The totals.
    pub total: CallTotal,
}
