//! The call log: one record per call, with its caller, duration and result.
//!
//! A call puts its record into a bounded buffer and never waits. One task writes the buffer to the store at most
//! [`MAX_FLUSH_DELAY`] after a record arrived: a power cut loses no more than that, a clean stop loses nothing. When the
//! buffer is full, further records are dropped and counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aicp_store::sql::{DatabaseError, Kind};
use aicp_store::{LoggedCall, Store};
use aicp_types::{Clock, UnixMillis};
use jiff::tz::TimeZone;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::live_settings::LiveSettings;
use crate::statistics::sums::append_calls;
use crate::{Error, Internal, Platform, Result};

/// Maximum delay between a call and the write of its record.
const MAX_FLUSH_DELAY: Duration = Duration::from_millis(500);
/// Capacity of the buffer in records, about 300 bytes each.
const BUFFER_RECORDS: usize = 1 << 16;
/// Maximum number of records per transaction: other writes wait for its end.
const BATCH: usize = 1000;
/// Pause after a failed write.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Timeout of a flush that a statistics query waits for.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of attempts to write what the store refuses, and during shut-down of any write.
const MAX_FINAL_ATTEMPTS: u32 = 3;
/// Maximum number of old records deleted per transaction.
const DELETE_BATCH_ROWS: u64 = 2000;
/// Interval between deletions of old records.
const DELETE_INTERVAL: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_hours(24);
/// Maximum length of a message in bytes; longer ones are truncated.
const MAX_MESSAGE_BYTES: usize = 500;

/// What the call log records of a completed call.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// App that the call acted for.
    pub app_id: String,
    /// Name of the operation, such as `faceQuery`.
    pub method: String,
    /// Display name of the operation, such as `人脸查询`.
    pub label: &'static str,
    /// Kind of call and engine, such as `人脸识别(云从)`.
    pub source: String,
    /// Name of the engine that the call was about, if any.
    pub engine: Option<String>,
    /// Path of the call, as the interface spells it.
    pub url: String,
    /// When the call began.
    pub began_at: UnixMillis,
    /// Duration in milliseconds.
    pub cost_ms: i64,
    /// Address of the caller.
    pub client: Option<IpAddr>,
    /// Whether it succeeded.
    pub ok: bool,
    /// The returned code, if the interface has codes.
    pub code: Option<i64>,
    /// The returned message, except that of a plain success.
    pub message: Option<String>,
}

/// What the buffer holds.
enum Message {
    Record(Box<LoggedCall>),
    /// Signalled when all earlier records are written.
    Flush(oneshot::Sender<()>),
    Close,
}

/// Handle of the writer task.
pub(crate) struct CallLog {
    buffer: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
    closing: Arc<AtomicBool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl CallLog {
    pub fn start(store: Store, clock: Arc<dyn Clock>, zone: TimeZone, settings: LiveSettings) -> Self {
        let (buffer, messages) = mpsc::channel(BUFFER_RECORDS);
        let dropped = Arc::new(AtomicU64::new(0));
        let closing = Arc::new(AtomicBool::new(false));
        let (of_writer, is_closing) = (Arc::clone(&dropped), Arc::clone(&closing));
        let writer = Writer { store, clock, zone, dropped: of_writer, closing: is_closing, settings };
        Self { buffer, dropped, closing, task: Mutex::new(Some(tokio::spawn(writer.run(messages)))) }
    }

    fn push(&self, call: LoggedCall) {
        if self.buffer.try_send(Message::Record(Box::new(call))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("aicp_call_log_dropped_total").increment(1);
        }
    }

    /// Waits until all records so far are written or the writer has ended.
    ///
    /// # Errors
    /// [`Error::Busy`] after [`FLUSH_TIMEOUT`]: the store does not accept writes.
    pub async fn flush(&self) -> Result<()> {
        let (done, written) = oneshot::channel();
        let flushed = async {
            if self.buffer.send(Message::Flush(done)).await.is_ok() {
                let _ = written.await;
            }
        };
        timeout(FLUSH_TIMEOUT, flushed).await.map_err(|_| Error::Busy)
    }

    /// Writes the remaining records and stops the writer.
    pub async fn close(&self) {
        let task = self.task.lock().await.take();
        if let Some(task) = task {
            self.closing.store(true, Ordering::Relaxed);
            let _ = self.buffer.send(Message::Close).await;
            let _ = task.await;
        }
    }
}

struct Writer {
    store: Store,
    dropped: Arc<AtomicU64>,
    /// Set during shut-down: limits the attempts of a failing write.
    closing: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    /// Zone of the days of the statistics.
    zone: TimeZone,
    settings: LiveSettings,
}

impl Writer {
    async fn run(self, mut messages: mpsc::Receiver<Message>) {
        let mut received = Vec::with_capacity(BATCH);
        let mut next_deletion = Instant::now();
        loop {
            let wake = next_deletion.min(Instant::now() + DELETE_INTERVAL);
            let (calls, waiting, closing) = collect_batch(&mut messages, &mut received, wake).await;
            self.write(calls).await;
            for done in waiting {
                let _ = done.send(());
            }
            self.report_dropped();
            if closing {
                return;
            }
            if Instant::now() >= next_deletion {
                // If old records may be left, the next round deletes more; records are written in between.
                let rest = self.delete_old().await;
                next_deletion = Instant::now() + if rest { Duration::ZERO } else { DELETE_INTERVAL };
            }
        }
    }

    /// Writes calls and retries until the store accepts them. Records that it refuses for good, or fails to write
    /// during shut-down, are given up and counted as dropped.
    async fn write(&self, calls: Vec<LoggedCall>) {
        if calls.is_empty() {
            return;
        }
        let mut tries = 0;
        while let Err(e) = self.append(calls.clone()).await {
            tries += 1;
            tracing::error!(error = %e, calls = calls.len(), "the call log can't be written");
            if self.closing.load(Ordering::Relaxed)
                && let Err(e) = self.store.release_reserve()
            {
                tracing::error!(error = %e, "no room can be made for the call log");
            }
            // A refused statement fails again; an example is the repetition of a commit that succeeded unnoticed.
            let is_final = matches!(e, aicp_store::Error::Database(_)) || self.closing.load(Ordering::Relaxed);
            if matches!(e, aicp_store::Error::Closed) || (is_final && tries >= MAX_FINAL_ATTEMPTS) {
                self.dropped.fetch_add(calls.len() as u64, Ordering::Relaxed);
                metrics::counter!("aicp_call_log_dropped_total").increment(calls.len() as u64);
                return;
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    async fn append(&self, calls: Vec<LoggedCall>) -> aicp_store::Result<()> {
        let zone = self.zone.clone();
        let append = self.store.write(move |tx| Box::pin(async move { append_calls(tx, &zone, calls).await }));
        append.await.map_err(|e| match e {
            Error::Internal(Internal::Store(e)) => e,
            Error::Busy => {
                aicp_store::Error::Unavailable(DatabaseError::new(Kind::Unavailable, "no lease, or no database"))
            }
            // The job has no other errors.
            _ => aicp_store::Error::Closed,
        })
    }

    fn report_dropped(&self) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::error!(dropped, "the call log could not keep up: calls are missing in it");
        }
    }

    /// Deletes a batch of expired records. Returns whether there may be more.
    async fn delete_old(&self) -> bool {
        let retention_days = self.settings.load().statistics.retention_days;
        if retention_days == 0 {
            return false;
        }
        let oldest = self.clock.now().saturating_sub(DAY * retention_days);
        let deleted: aicp_store::Result<u64> = self
            .store
            .remove(move |tx| Box::pin(async move { tx.delete_calls_before(oldest, DELETE_BATCH_ROWS).await }))
            .await;
        match deleted {
            Ok(deleted) => deleted >= DELETE_BATCH_ROWS,
            Err(e) => {
                tracing::error!(error = %e, "old calls can't be deleted");
                false
            }
        }
    }
}

/// Collects records until the batch is full, [`MAX_FLUSH_DELAY`] has passed since the first one, or a flush or close
/// arrives. Waits for the first record until `wake`.
async fn collect_batch(
    messages: &mut mpsc::Receiver<Message>,
    received: &mut Vec<Message>,
    wake: Instant,
) -> (Vec<LoggedCall>, Vec<oneshot::Sender<()>>, bool) {
    let mut calls = Vec::new();
    let mut waiting = Vec::new();
    let mut closing = false;
    let mut until = None;
    while calls.len() < BATCH && waiting.is_empty() && !closing {
        let room = BATCH - calls.len();
        let more = messages.recv_many(received, room);
        let Ok(count) = timeout_at(until.unwrap_or(wake), more).await else { break };
        // Zero means that all senders are dropped.
        closing |= count == 0;
        until = until.or_else(|| Some(Instant::now() + MAX_FLUSH_DELAY));
        for message in received.drain(..) {
            match message {
                Message::Record(call) => calls.push(*call),
                Message::Flush(done) => waiting.push(done),
                Message::Close => closing = true,
            }
        }
    }
    (calls, waiting, closing)
}

impl Platform {
    /// Appends a call to the log. Never waits; the statistics include it from now on.
    pub fn record(&self, call: CallRecord) {
        self.inner.minutes.count(self.now(), &call.app_id, call.ok, call.cost_ms);
        self.inner.call_log.push(LoggedCall {
            trace_id: self.inner.shared.ids.call(),
            app_id: call.app_id,
            method: call.method,
            label: call.label.to_owned(),
            source: call.source,
            engine: call.engine,
            url: call.url,
            time: call.began_at,
            ip: call.client.map(|ip| ip.to_string()),
            cost_ms: call.cost_ms,
            ok: call.ok,
            code: call.code,
            message: call.message.map(truncate_message),
        });
    }

    /// Waits until all calls recorded so far are written, by whatever node.
    pub(crate) async fn flush_calls(&self) -> Result<()> {
        if let Some(nodes) = self.inner.store.nodes() {
            nodes.flush_others().await;
        }
        self.inner.call_log.flush().await
    }
}

fn truncate_message(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
    message
}

#[cfg(test)]
mod tests {
    use aicp_types::{SystemClock, TraceId};

    use super::*;
    use crate::Settings;
    use crate::settings::Statistics;

    fn unlimited() -> LiveSettings {
        let statistics = Statistics { retention_days: 0, ..Statistics::default() };
        Settings { statistics, ..Settings::default() }.into()
    }

    fn call(number: i64) -> LoggedCall {
        LoggedCall {
            trace_id: TraceId::new(number),
            app_id: "app".into(),
            method: "faceQuery".into(),
            label: "人脸查询".into(),
            source: "人脸识别(内置)".into(),
            engine: Some("builtin".into()),
            url: "/aicp/face/query".into(),
            time: UnixMillis::new(number),
            ip: None,
            cost_ms: 1,
            ok: true,
            code: Some(0),
            message: None,
        }
    }

    #[tokio::test]
    async fn what_was_recorded_is_written_before_the_log_closes() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let store = aicp_store_sqlite::open(folder.path(), Arc::new(SystemClock)).await.expect("opens");
        let log = CallLog::start(store.clone(), Arc::new(SystemClock), TimeZone::UTC, unlimited());
        (0..2500).for_each(|id| log.push(call(id)));
        log.close().await;
        let mut rows = store.rows().await.expect("reads");
        let kept = rows.calls(aicp_store::CallScope::default(), 10_000).await.expect("reads");
        drop(rows);
        assert_eq!(kept.len(), 2500);
        store.close().await.expect("closes");
    }

    #[tokio::test]
    async fn a_store_that_takes_nothing_holds_nobody_up() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let store = aicp_store_sqlite::open(folder.path(), Arc::new(SystemClock)).await.expect("opens");
        let log = CallLog::start(store.clone(), Arc::new(SystemClock), TimeZone::UTC, unlimited());
        store.close().await.expect("closes");
        let more_than_fit = BUFFER_RECORDS as i64 + 10;
        (0..more_than_fit).for_each(|id| log.push(call(id)));
        log.flush().await.expect("it is given up");
        log.close().await;
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let long = truncate_message("字".repeat(MAX_MESSAGE_BYTES));
        assert!(long.len() <= MAX_MESSAGE_BYTES && long.chars().all(|c| c == '字'));
        assert_eq!(truncate_message("short".into()), "short");
    }
}
