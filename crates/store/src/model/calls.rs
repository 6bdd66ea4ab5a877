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
    /// Name of the engine that the call was about, if any.
    pub engine: Option<String>,
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
    /// Only calls about this engine.
    pub engine: Option<&'a str>,
    /// Only calls with exactly this label, or with this method in any ASCII case.
    pub name: Option<&'a str>,
    /// Only calls at this time or later.
    pub from: Option<UnixMillis>,
    /// Only calls before this time.
    pub to: Option<UnixMillis>,
}

/// Filter of single calls, besides their [`CallScope`]. The default matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Only calls that succeeded, or only those that failed.
    pub ok: Option<bool>,
    /// Only calls that took at least this long, in milliseconds.
    pub min_cost_ms: Option<i64>,
    /// Only calls that come after this one in the list of the latest: time and trace id.
    pub before: Option<(UnixMillis, TraceId)>,
}

/// What the calls of one total have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallGroup {
    /// The method.
    #[default]
    Method,
    /// The app.
    App,
    /// The engine; the empty text for calls about none.
    Engine,
    /// The source without the engine that it names.
    Source,
}

/// Totals of a group of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTotal {
    /// Method, app, engine or source of the group.
    pub group: String,
    /// The day, as in [`DayTotal`]; 0 if the total is not of a day.
    pub day: i64,
    /// The totals; method, label and source are those of the latest call.
    pub total: CallTotal,
}

/// Number of calls of a group that took equally long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationCount {
    /// Method, app or engine of the group.
    pub group: String,
    /// The day, as in [`GroupTotal`].
    pub day: i64,
    /// Bucket of durations, or milliseconds.
    pub duration: i64,
    /// Number of calls.
    pub count: u64,
}

/// Durations of calls: of some the bucket is known, of others the milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallDurations {
    /// Calls by the bucket of their duration, which the caller chose when they were added.
    pub by_bucket: Vec<DurationCount>,
    /// Calls by their duration in milliseconds.
    pub by_ms: Vec<DurationCount>,
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
    /// Number of those that failed.
    pub failed: u64,
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
    /// The day, in days since 1970-01-01, in the zone of the sums of days.
    pub day: i64,
    /// The totals.
    pub total: CallTotal,
}

/// What calls that are summed together have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKind {
    /// App that made the calls.
    pub app_id: String,
    /// Name of the called method.
    pub method: String,
    /// Display name of the method.
    pub label: String,
    /// Origin of the answers; it determines the engine.
    pub source: String,
    /// Name of the engine, if the calls are about one.
    pub engine: Option<String>,
    /// URL of the calls.
    pub url: String,
}

/// Sums of some calls of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSums {
    /// Number of calls; at least one.
    pub count: i64,
    /// Number of those that failed.
    pub failed: i64,
    /// Total duration in milliseconds.
    pub cost_ms: i64,
    /// Time of the latest call, by time, then trace id.
    pub last_time: UnixMillis,
    /// Trace id of the latest call.
    pub last_trace: TraceId,
    /// Duration of the latest call in milliseconds.
    pub last_cost_ms: i64,
}

/// Unit of time in which calls are summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumUnit {
    /// A quarter of an hour: time divided by 900,000 ms.
    Quarter,
    /// A day, in days since 1970-01-01, in the zone of the sums of days.
    Day,
}

/// A part of a range of time, and the sums that answer it. Bounds are inclusive, then exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangePart {
    /// Whole days: first, end; `None` is unbounded.
    Days(Option<i64>, Option<i64>),
    /// Whole quarters of one day: first, end, day.
    Quarters(i64, i64, i64),
    /// Milliseconds within one quarter, from the log: first, end, day.
    Log(i64, i64, i64),
}

/// Quarters of an hour at which a zone has the same offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetPeriod {
    /// First quarter.
    pub first_quarter: i64,
    /// Last quarter.
    pub last_quarter: i64,
    /// Offset from UTC in seconds.
    pub offset_s: i64,
}
