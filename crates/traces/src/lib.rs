//! Spans of the calls that are traced, and of their stages. This is a facade: a [`Sink`] takes what ends. Without one, no call
//! is traced, and a stage costs one atomic read.
//!
//! A call is traced if its caller does not say that it is not sampled, and if a draw at the sampling ratio hits. So a caller
//! can have fewer of its calls traced, never more.

mod traceparent;

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant, SystemTime};

pub use traceparent::Parent;

/// Takes spans that have ended. It is called by threads with other work, so it must not wait.
pub trait Sink: Send + Sync {
    /// Takes a span.
    fn take(&self, span: Span);
}

/// Span that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Trace that it belongs to.
    pub trace_id: u128,
    /// Its id, never 0.
    pub id: u64,
    /// Span that it is part of, of this process or of the caller.
    pub parent: Option<u64>,
    /// Name, one of a fixed set.
    pub name: Cow<'static, str>,
    /// What it covers.
    pub kind: Kind,
    /// When it began.
    pub begun: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// What else is known of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether the server failed.
    pub is_failed: bool,
}

/// What a span covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call of this server, from its head to its answer.
    Call,
    /// A stage of a call, within this process.
    Stage,
    /// A stage of a call that waits for another server.
    Remote,
}

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A whole number.
    Number(i64),
}

struct Tracer {
    sink: Box<dyn Sink>,
    /// Hashes make the ids and the draws.
    keys: [RandomState; 2],
    next: AtomicU64,
}

static TRACER: OnceLock<Tracer> = OnceLock::new();
/// Bits of the share of calls that is traced.
static RATIO: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(1.0_f64.to_bits()));

tokio::task_local! {
    static TRACE: Trace;
}

/// Starts to trace. A second sink is ignored.
pub fn start(sink: Box<dyn Sink>) {
    let _ = TRACER.set(Tracer { sink, keys: [RandomState::new(), RandomState::new()], next: AtomicU64::new(0) });
}

/// Sets the share of calls that is traced, 0 to 1.
pub fn set_ratio(ratio: f64) {
    RATIO.store(ratio.to_bits(), Ordering::Relaxed);
}

impl Tracer {
    /// Draws 64 random bits twice.
    fn draw(&self) -> [u64; 2] {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        [self.keys[0].hash_one(number), self.keys[1].hash_one(number)]
    }

    fn span_id(&self) -> u64 {
        self.draw()[0].max(1)
    }
}

/// Returns whether a draw of 64 random bits hits at a ratio.
fn hits(ratio: f64, drawn: u64) -> bool {
    // Of 53 bits each number is a float.
    ((drawn >> 11) as f64) < ratio * (1_u64 << 53) as f64
}

/// Call that is traced. Dropping it without [`Call::end`] leaves it out.
#[derive(Debug)]
pub struct Call {
    trace: Trace,
    parent: Option<u64>,
    begun: Instant,
}

impl Call {
    /// Begins a call whose caller sent this header `traceparent`, if it is to be traced. What is no such header is ignored.
    pub fn begin(traceparent: Option<&str>) -> Option<Self> {
        let tracer = TRACER.get()?;
        let parent = traceparent.and_then(Parent::parse);
        let [drawn, id] = tracer.draw();
        let is_wanted = parent.is_none_or(|parent| parent.is_sampled);
        if !is_wanted || !hits(f64::from_bits(RATIO.load(Ordering::Relaxed)), drawn) {
            return None;
        }
        let trace_id = parent.map_or_else(
            || {
                let [high, low] = tracer.draw();
                u128::from(high) << 64 | u128::from(low.max(1))
            },
            |parent| parent.trace_id,
        );
        let trace = Trace { trace_id, span_id: id.max(1) };
        Some(Self { trace, parent: parent.map(|parent| parent.span_id), begun: Instant::now() })
    }

    /// Returns the trace, to which the stages of the call belong.
    pub fn trace(&self) -> Trace {
        self.trace
    }

    /// Ends the call.
    pub fn end(self, name: impl Into<Cow<'static, str>>, attributes: Vec<(&'static str, Value)>, is_failed: bool) {
        let Self { trace: Trace { trace_id, span_id }, parent, begun } = self;
        let (begun, took) = times(begun, Instant::now());
        let (id, name, kind) = (span_id, name.into(), Kind::Call);
        take(Span { trace_id, id, parent, name, kind, begun, took, attributes, is_failed });
    }
}

/// Trace of a call, to which its stages belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    trace_id: u128,
    span_id: u64,
}

impl Trace {
    /// Returns the trace of the call that this task answers, if it is traced.
    pub fn current() -> Option<Self> {
        TRACER.get()?;
        TRACE.try_with(|trace| *trace).ok()
    }

    /// Runs a future as part of the trace.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        TRACE.scope(self, future).await
    }

    /// Returns the id of the trace in hexadecimal digits.
    pub fn id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// Adds a stage that has ended.
    pub fn add_stage(self, name: &'static str, begun: Instant, ended: Instant) {
        self.add(name, Kind::Stage, begun, ended);
    }

    fn add(self, name: &'static str, kind: Kind, begun: Instant, ended: Instant) {
        let Some(tracer) = TRACER.get() else { return };
        let (begun, took) = times(begun, ended);
        take(Span {
            trace_id: self.trace_id,
            id: tracer.span_id(),
            parent: Some(self.span_id),
            name: name.into(),
            kind,
            begun,
            took,
            attributes: Vec::new(),
            is_failed: false,
        });
    }
}

/// Runs a future as part of the trace of this task, if it has one, also in another task.
pub fn carry<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let trace = Trace::current();
    async move {
        match trace {
            Some(trace) => trace.scope(future).await,
            None => future.await,
        }
    }
}

/// Stage of the call that this task answers. It ends when this is dropped.
#[must_use]
#[derive(Debug)]
pub struct Stage(Option<(Trace, &'static str, Kind, Instant)>);

/// Begins a stage within this process.
pub fn stage(name: &'static str) -> Stage {
    Stage(Trace::current().map(|trace| (trace, name, Kind::Stage, Instant::now())))
}

/// Begins a stage that waits for another server.
pub fn remote_stage(name: &'static str) -> Stage {
    Stage(Trace::current().map(|trace| (trace, name, Kind::Remote, Instant::now())))
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some((trace, name, kind, begun)) = self.0.take() {
            trace.add(name, kind, begun, Instant::now());
        }
    }
}

/// Returns when something began and how long it took.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock has milliseconds, and stages take less; nothing depends on it"
)]
fn times(begun: Instant, ended: Instant) -> (SystemTime, Duration) {
    (SystemTime::now() - begun.elapsed(), ended.saturating_duration_since(begun))
}

fn take(span: Span) {
    if let Some(tracer) = TRACER.get() {
        tracer.sink.take(span);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Taken(Arc<Mutex<Vec<Span>>>);

    impl Sink for Taken {
        fn take(&self, span: Span) {
            self.0.lock().expect("no panic").push(span);
        }
    }

    // One test, as there is one tracer.
    #[tokio::test]
    async fn a_call_and_its_stages_are_one_trace() {
        assert!(Call::begin(None).is_none() && Trace::current().is_none(), "nobody takes spans");
        let taken = Taken::default();
        start(Box::new(taken.clone()));
        assert!(Call::begin(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")).is_none(), "not sampled");
        let call = Call::begin(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")).expect("traced");
        let trace = call.trace();
        trace
            .scope(async {
                drop(stage("store.write"));
                assert_eq!(Trace::current(), Some(trace));
                drop(remote_stage("engine.call"));
            })
            .await;
        drop(stage("of no call"));
        call.end("a call", vec![("aicp.result", Value::Number(0))], true);
        let spans = taken.0.lock().expect("no panic").clone();
        assert_eq!(spans.iter().map(|span| &*span.name).collect::<Vec<_>>(), ["store.write", "engine.call", "a call"]);
        assert!(spans.iter().all(|span| span.trace_id == 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736));
        let of_call = &spans[2];
        assert_eq!((of_call.parent, of_call.kind, of_call.is_failed), (Some(0x00f0_67aa_0ba9_02b7), Kind::Call, true));
        assert_eq!((spans[0].parent, spans[1].parent), (Some(of_call.id), Some(of_call.id)));
        assert_eq!((spans[0].kind, spans[1].kind), (Kind::Stage, Kind::Remote));

        let own = Call::begin(Some("nonsense")).expect("traced");
        assert!(own.parent.is_none() && own.trace().id() != trace.id() && own.trace().id().len() == 32);
        set_ratio(0.0);
        assert!(Call::begin(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")).is_none(), "nor by wish");
        set_ratio(0.25);
        let traced = (0..4000).filter(|_| Call::begin(None).is_some()).count();
        assert!((700..1300).contains(&traced), "{traced}");
    }

    #[test]
    fn a_ratio_of_one_always_hits_and_of_zero_never() {
        assert!(hits(1.0, u64::MAX) && hits(1.0, 0) && !hits(0.0, 0) && !hits(0.5, u64::MAX) && hits(0.5, 1));
    }
}
