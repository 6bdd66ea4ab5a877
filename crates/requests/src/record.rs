//! Call log entries, the same for every dialect.

use std::net::IpAddr;
use std::time::Instant;

use aicp_platform::{Caller, Platform};
use aicp_types::UnixMillis;

/// Logged message of a call whose client disconnected before the answer.
const CALLER_LEFT: &str = "调用方已断开";

/// Static part of a call's log entry.
#[derive(Debug, Clone)]
pub struct CallInfo<'a> {
    /// Operation name of the interface.
    pub method: &'a str,
    /// Short label of the operation, for people.
    pub label: &'static str,
    /// Category of the call; the engine follows in parentheses if `has_engine`.
    pub category: &'static str,
    /// Whether the engine is appended to the category.
    pub has_engine: bool,
    /// Path of the operation, as the interface spells it.
    pub path: &'a str,
    /// Client address.
    pub client: Option<IpAddr>,
    /// Logged code if the client disconnects before the answer.
    pub code_if_disconnected: i64,
}

/// Outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOutcome {
    /// Whether it succeeded.
    pub ok: bool,
    /// Answered code, if the interface has codes.
    pub code: Option<i64>,
    /// Answered message; `None` for a plain success.
    pub message: Option<String>,
}

/// Log entry of a running call. If it is dropped before [`Record::end`], it logs that the client disconnected.
pub struct Record<'a> {
    platform: &'a Platform,
    caller: &'a Caller,
    subject: CallInfo<'a>,
    at: UnixMillis,
    begun: Instant,
    is_finished: bool,
}

impl<'a> Record<'a> {
    /// Starts the entry of a call, now.
    pub fn begin(platform: &'a Platform, caller: &'a Caller, subject: CallInfo<'a>) -> Self {
        Self { platform, caller, subject, at: platform.now(), begun: Instant::now(), is_finished: false }
    }

    /// Logs the outcome of the call.
    pub fn end(mut self, ending: CallOutcome) {
        self.write(ending);
    }

    /// Drops the entry without logging: the call was refused before it started.
    pub fn discard(mut self) {
        self.is_finished = true;
    }

    fn write(&mut self, ending: CallOutcome) {
        self.is_finished = true;
        let CallInfo { method, label, category, has_engine, path, client, .. } = self.subject;
        let engine = || self.caller.engine().unwrap_or_else(|| self.platform.default_engine_name());
        self.platform.record(aicp_platform::CallRecord {
            app_id: self.caller.app_id().to_owned(),
            method: method.to_owned(),
            label,
            source: if has_engine { format!("{category}({})", engine_label(engine())) } else { category.to_owned() },
            engine: has_engine.then(|| engine().to_owned()),
            url: path.to_owned(),
            began_at: self.at,
            cost_ms: i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            client,
            ok: ending.ok,
            code: ending.code,
            message: ending.message,
        });
    }
}

/// Returns the display name of an engine in the call log.
fn engine_label(name: &str) -> &str {
    match name {
        "builtin" => "内置",
        "koala" => "考拉悠然",
        "cloudwalk" => "云从",
        other => other,
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            let code = Some(self.subject.code_if_disconnected);
            self.write(CallOutcome { ok: false, code, message: Some(CALLER_LEFT.to_owned()) });
        }
    }
}
