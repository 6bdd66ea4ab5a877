//! What the call log gets of a call, whichever dialect it came in.

use std::net::IpAddr;
use std::time::Instant;

use aicp_platform::{App, Platform};
use aicp_types::UnixMillis;

/// What the log says of a call whose caller did not wait for the answer.
const CALLER_LEFT: &str = "调用方已断开";

/// What is called, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Subject<'a> {
    /// Name of the operation, as the interface has it.
    pub method: &'a str,
    /// Its short name for people.
    pub label: &'static str,
    /// What kind of call it is; the engine follows in parentheses, if engines have to do with it.
    pub category: &'static str,
    /// Whether an engine is named with the category.
    pub has_engine: bool,
    /// Path of the operation, as the interface spells it.
    pub path: &'a str,
    /// Who calls.
    pub client: Option<IpAddr>,
    /// The code of a call whose caller leaves before the answer.
    pub code_if_left: i64,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Whether it succeeded.
    pub ok: bool,
    /// The code that was answered, if the interface has such.
    pub code: Option<i64>,
    /// The message that was answered, unless it was a plain success.
    pub message: Option<String>,
}

/// The record of a call that is under way. If it is dropped before its end, the caller has left, and the log gets that.
pub(crate) struct Record<'a> {
    platform: &'a Platform,
    app: &'a App,
    subject: Subject<'a>,
    at: UnixMillis,
    begun: Instant,
    is_settled: bool,
}

impl<'a> Record<'a> {
    /// A call that begins now.
    pub fn begin(platform: &'a Platform, app: &'a App, subject: Subject<'a>) -> Self {
        Self { platform, app, subject, at: platform.now(), begun: Instant::now(), is_settled: false }
    }

    /// The call has ended.
    pub fn end(mut self, ending: Ending) {
        self.write(ending);
    }

    /// The call was refused before it was begun: the log gets nothing.
    pub fn discard(mut self) {
        self.is_settled = true;
    }

    fn write(&mut self, ending: Ending) {
        self.is_settled = true;
        let Subject { method, label, category, has_engine, path, client, .. } = self.subject;
        let engine = || self.app.engine().unwrap_or_else(|| self.platform.default_engine_label());
        self.platform.record(aicp_platform::Call {
            app_id: self.app.id().to_owned(),
            method: method.to_owned(),
            label,
            source: if has_engine { format!("{category}({})", engine()) } else { category.to_owned() },
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

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            let code = Some(self.subject.code_if_left);
            self.write(Ending { ok: false, code, message: Some(CALLER_LEFT.to_owned()) });
        }
    }
}
