//! Logging to stderr, rate-limited for each call site.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{Log, LogFormat};
use crate::{Error, Result};

/// Maximum warnings and errors of one call site per [`WINDOW`]. A fault that every call meets, such as a full disk,
/// would otherwise fill the disk of the log.
const MAX_LINES_PER_WINDOW: u64 = 100;
/// Window in which the lines of a call site are counted.
const WINDOW: Duration = Duration::from_secs(60);

static LIMIT: LazyLock<LogLimiter> = LazyLock::new(LogLimiter::default);

/// Starts logging; later calls have no effect.
pub(crate) fn start(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&log.level).map_err(|e| Error::Config(format!("log.level: {e}")))?;
    let lines = lines(log.format, std::io::stderr, std::io::stderr().is_terminal());
    let _ = tracing_subscriber::registry().with(filter).with(lines.with_filter(&*LIMIT)).try_init();
    Ok(())
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
        LogFormat::Json => lines.json().with_span_list(false).boxed(),
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
    fn admit(&self, metadata: &Metadata<'static>, now: Instant) -> bool {
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

impl<S: Subscriber> Filter<S> for &'static LogLimiter {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.admit(event.metadata(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Layer that collects the levels of admitted events.
    #[derive(Clone, Default)]
    struct Taken(Arc<Mutex<Vec<Level>>>);

    impl<S: Subscriber> Layer<S> for Taken {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.lock().expect("no panic").push(*event.metadata().level());
        }
    }

    #[test]
    fn a_place_writes_so_many_warnings_and_its_notes_without_a_limit() {
        let limit: &'static LogLimiter = Box::leak(Box::default());
        let taken = Taken::default();
        let subscriber = tracing_subscriber::registry().with(taken.clone().with_filter(limit));
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..MAX_LINES_PER_WINDOW + 7 {
                tracing::warn!("of one place");
                tracing::info!("a note");
            }
            tracing::error!("of another place");
        });
        let count = |level| taken.0.lock().expect("no panic").iter().filter(|&&taken| taken == level).count() as u64;
        assert_eq!(
            (count(Level::WARN), count(Level::INFO), count(Level::ERROR)),
            (MAX_LINES_PER_WINDOW, MAX_LINES_PER_WINDOW + 7, 1)
        );

        assert_eq!(limit.end_windows(Instant::now()), [], "their time is not over");
        let later = Instant::now() + WINDOW;
        let ended = limit.end_windows(later);
        assert_eq!(ended.iter().map(|(_, lines)| *lines).collect::<Vec<_>>(), [7]);
        assert!(ended[0].0.contains("logging.rs"), "{}", ended[0].0);
        assert_eq!(limit.end_windows(later + WINDOW), []);
    }

    /// Writer into memory.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_carry_the_fields_of_their_span_as_soon_as_these_are_known() {
        let written_as = |format| {
            let written = Written::default();
            let writer = written.clone();
            let subscriber = tracing_subscriber::registry().with(lines(format, move || writer.clone(), false));
            tracing::subscriber::with_default(subscriber, || {
                let span = tracing::error_span!("request", request_id = "a\" b", app = tracing::field::Empty);
                let _entered = span.enter();
                tracing::warn!("first");
                span.record("app", "shop");
                tracing::warn!("second");
            });
            let bytes = written.0.lock().expect("no panic").clone();
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let text = written_as(LogFormat::Text);
        assert!(text[0].contains(r#"request{request_id="a\" b"}: "#), "{}", text[0]);
        assert!(text[1].contains(r#"request{request_id="a\" b" app="shop"}: "#), "{}", text[1]);
        let json: Vec<serde_json::Value> =
            written_as(LogFormat::Json).iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(json[0]["span"], serde_json::json!({"name": "request", "request_id": "a\" b"}));
        assert_eq!(json[1]["span"], serde_json::json!({"name": "request", "request_id": "a\" b", "app": "shop"}));
        assert_eq!(json[1].get("spans"), None);
    }
}
