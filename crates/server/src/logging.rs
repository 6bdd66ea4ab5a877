//! Logging to stderr, rate-limited for each call site.

mod span_fields;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tracing::callsite::Identifier;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::OptionalWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Log, LogFormat};
use crate::{Error, Result};
use span_fields::JsonSpanFields;

/// Maximum warnings and errors of one call site per [`WINDOW`]. A fault that every call meets, such as a full disk,
/// would otherwise fill the disk of the log.
const MAX_LINES_PER_WINDOW: u64 = 100;
/// Window in which the lines of a call site are counted.
const WINDOW: Duration = Duration::from_secs(60);

static LIMIT: LazyLock<LogLimiter> = LazyLock::new(LogLimiter::default);

/// Filter of the log, which can be replaced.
static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Checks the settings.
///
/// # Errors
/// [`Error::Config`].
pub(crate) fn check(log: &Log) -> Result<()> {
    filter(log).map(drop)
}

fn filter(log: &Log) -> Result<EnvFilter> {
    EnvFilter::try_new(&log.level).map_err(|e| Error::Config(format!("log.level: {e}")))
}

/// Starts logging; later calls have no effect.
///
/// # Errors
/// [`Error::Config`].
pub(crate) fn start(log: &Log) -> Result<()> {
    let (filter, handle) = reload::Layer::new(filter(log)?);
    let lines = lines(log.format, Limited(std::io::stderr, &LIMIT), std::io::stderr().is_terminal());
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = FILTER.set(handle);
    }
    Ok(())
}

/// Replaces the filter of the log, from the next line on.
///
/// # Errors
/// [`Error::Config`].
pub(crate) fn set_level(log: &Log) -> Result<()> {
    let filter = filter(log)?;
    match FILTER.get() {
        Some(handle) => handle.reload(filter).map_err(|e| Error::Config(format!("log.level: {e}"))),
        // Another program logs.
        None => Ok(()),
    }
}

/// Returns the layer that writes lines. Each line carries the fields of the span that it is in.
fn lines<S, W>(format: LogFormat, writer: W, is_coloured: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).with_ansi(is_coloured);
    match format {
        LogFormat::Text => lines.boxed(),
        // The list would repeat the one span that there is.
        LogFormat::Json => lines.json().with_span_list(false).fmt_fields(JsonSpanFields).boxed(),
    }
}

/// Logs how many lines were suppressed, until the returned task is aborted.
pub(crate) fn watch() -> JoinHandle<()> {
    tokio::spawn(async {
        loop {
            tokio::time::sleep(WINDOW).await;
            for (place, lines) in LIMIT.end_windows(Instant::now()) {
                tracing::warn!(place, lines, "lines like others were left out of the log");
            }
        }
    })
}

/// Counts the lines of each call site.
#[derive(Default)]
struct LogLimiter(Mutex<HashMap<Identifier, Window>>);

struct Window {
    begun: Instant,
    place: &'static str,
    lines: u64,
}

impl LogLimiter {
    /// Counts a line; returns whether it may be written.
    fn admit(&self, metadata: &Metadata<'_>, now: Instant) -> bool {
        if *metadata.level() > Level::WARN {
            return true;
        }
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Window { begun: now, place: metadata.name(), lines: 0 };
        let window = windows.entry(metadata.callsite()).or_insert_with(fresh);
        window.lines += 1;
        window.lines <= MAX_LINES_PER_WINDOW
    }

    /// Removes the windows that have ended. Returns call site and number of suppressed lines of those above the limit.
    fn end_windows(&self, now: Instant) -> Vec<(&'static str, u64)> {
        let mut left_out = Vec::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, window| {
            let is_over = now.duration_since(window.begun) >= WINDOW;
            if is_over && window.lines > MAX_LINES_PER_WINDOW {
                left_out.push((window.place, window.lines - MAX_LINES_PER_WINDOW));
            }
            !is_over
        });
        left_out
    }
}

/// Writer of the lines that the limit admits. (A filter of the layer would cost every span, whatever is written.)
struct Limited<W>(W, &'static LogLimiter);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Limited<W> {
    type Writer = OptionalWriter<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        OptionalWriter::some(self.0.make_writer())
    }

    fn make_writer_for(&'w self, line: &Metadata<'_>) -> Self::Writer {
        if self.1.admit(line, Instant::now()) {
            OptionalWriter::some(self.0.make_writer_for(line))
        } else {
            OptionalWriter::none()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Writer into memory.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("no panic").clone()).expect("UTF-8")
        }
    }

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_place_writes_so_many_warnings_and_its_notes_without_a_limit() {
        let limit: &'static LogLimiter = Box::leak(Box::default());
        let written = Written::default();
        let writer = written.clone();
        let lines = lines(LogFormat::Text, Limited(move || writer.clone(), limit), false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for _ in 0..MAX_LINES_PER_WINDOW + 7 {
                tracing::warn!("of one place");
                tracing::info!("a note");
            }
            tracing::error!("of another place");
        });
        let text = written.text();
        let count = |level| text.lines().filter(|line| line.contains(level)).count() as u64;
        assert_eq!(
            (count(" WARN "), count(" INFO "), count("ERROR ")),
            (MAX_LINES_PER_WINDOW, MAX_LINES_PER_WINDOW + 7, 1)
        );

        assert_eq!(limit.end_windows(Instant::now()), [], "their time is not over");
        let later = Instant::now() + WINDOW;
        let ended = limit.end_windows(later);
        assert_eq!(ended.iter().map(|(_, lines)| *lines).collect::<Vec<_>>(), [7]);
        assert!(ended[0].0.contains("logging.rs"), "{}", ended[0].0);
        assert_eq!(limit.end_windows(later + WINDOW), []);
    }

    #[test]
    fn lines_carry_the_fields_of_their_span_as_soon_as_these_are_known() {
        let written_as = |format| {
            let written = Written::default();
            let writer = written.clone();
            let subscriber = tracing_subscriber::registry().with(lines(format, move || writer.clone(), false));
            tracing::subscriber::with_default(subscriber, || {
                let span = tracing::error_span!(
                    "request",
                    request_id = "a\" b",
                    app = tracing::field::Empty,
                    result = tracing::field::Empty
                );
                let _entered = span.enter();
                tracing::warn!("first");
                span.record("app", "shop");
                span.record("result", -7);
                tracing::warn!("second");
                let plain = tracing::error_span!("plain", app = tracing::field::Empty);
                plain.record("app", "a");
                plain.in_scope(|| tracing::warn!("third"));
            });
            written.text().lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let text = written_as(LogFormat::Text);
        assert!(text[0].contains(r#"request{request_id="a\" b"}: "#), "{}", text[0]);
        assert!(text[1].contains(r#"request{request_id="a\" b" app="shop" result=-7}: "#), "{}", text[1]);
        let json: Vec<serde_json::Value> =
            written_as(LogFormat::Json).iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(json[0]["span"], serde_json::json!({"name": "request", "request_id": "a\" b"}));
        assert_eq!(
            json[1]["span"],
            serde_json::json!({"name": "request", "request_id": "a\" b", "app": "shop", "result": -7})
        );
        assert_eq!(json[2]["span"], serde_json::json!({"name": "plain", "app": "a"}));
        assert_eq!(json[1].get("spans"), None);
    }
}
