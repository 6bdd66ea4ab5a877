//! Calls that were answered, and their sums.

use aicp_types::{TraceId, UnixMillis};
/// A call, in the log or to be put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedCall {
    /// Snowflake, unique over all calls; the caller sees to that.
    pub trace_id: TraceId,
    /// The app that called.
    pub app_id: String,
    /// Name of what was called.
    pub method: String,
    /// Display name of what was called.
    pub label: String,
    /// Where the answer came from.
    pub source: String,
    /// The address called.
    pub url: String,
    /// Milliseconds since the epoch.
    pub time: UnixMillis,
    /// The caller's network address.
    pub ip: Option<String>,
    /// How long it took, in milliseconds.
    pub cost_ms: i64,
    /// Whether it succeeded.
    pub ok: bool,
    /// The code of the answer.
    pub code: Option<i64>,
    /// The message of the answer.
    pub message: Option<String>,
}

/// Which calls to look at. The default is all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallScope<'a> {
    /// Only those of this app.
    pub app_id: Option<&'a str>,
    /// Only those whose label is this, or whose method is, in any ASCII case.
    pub name: Option<&'a str>,
    /// Only those at this time or later; milliseconds since the epoch.
    pub from: Option<UnixMillis>,
    /// Only those before this time; milliseconds since the epoch.
    pub to: Option<UnixMillis>,
}

/// The calls of a method, summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallTotal {
    /// Name of what was called.
    pub method: String,
    /// That of the latest call (by time, then trace id).
    pub label: String,
    /// That of the latest call.
    pub source: String,
    /// How many calls; at least one.
    pub count: u64,
    /// How long they took together, in milliseconds.
    pub cost_ms: i64,
    /// When the latest call was: milliseconds since the epoch.
    pub last_time: UnixMillis,
    /// How long the latest call took, in milliseconds.
    pub last_cost_ms: i64,
}

/// The calls of a method on one day, summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayTotal {
    /// The day, in the zone that the store was opened with.
    pub day: jiff::civil::Date,
    /// The sums.
    pub total: CallTotal,
}
