//! Sends traces to a collector by OTLP over HTTP, in batches. Calls never wait for it: spans that find the queue full, or no
//! collector, are dropped and counted.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aicp_traces::{Kind, Sink, Span, Value};
use metrics::counter;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Status};
use prost::Message;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::commands::about::BUILD;
use crate::config::Tracing;
use crate::{Error, Result};

/// Maximum number of spans that wait to be sent, each of about half a KiB.
const QUEUE: usize = 8192;
/// Maximum number of spans of a batch.
const BATCH: usize = 512;
/// Time for which a batch gathers spans.
const GATHER: Duration = Duration::from_secs(1);
/// Time that the collector has to take a batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that is left for the last batches when the server stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Path of a collector's traces.
const PATH: &str = "/v1/traces";

const DROPPED: &str = "aicp_trace_spans_dropped_total";
const SENT: &str = "aicp_trace_spans_sent_total";

/// Task that sends spans.
pub(crate) struct Exporter {
    task: JoinHandle<()>,
    stop: Arc<Notify>,
}

/// Starts to trace, if the settings name a collector.
///
/// # Errors
/// [`Error::Config`].
pub(crate) fn start(settings: &Tracing) -> Result<Option<Exporter>> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
    let collector = Collector::new(endpoint, settings)?;
    for name in [DROPPED, SENT] {
        counter!(name).increment(0);
    }
    let (queue, spans) = mpsc::channel(QUEUE);
    let stop = Arc::<Notify>::default();
    let task = tokio::spawn(send_all(spans, collector, Arc::clone(&stop)));
    aicp_traces::set_ratio(settings.sample_ratio);
    aicp_traces::start(Box::new(Queue(queue)));
    Ok(Some(Exporter { task, stop }))
}

impl Exporter {
    /// Sends what waits, and ends.
    pub async fn close(self) {
        self.stop.notify_one();
        if timeout(CLOSE_TIMEOUT, self.task).await.is_err() {
            tracing::warn!("the last spans did not reach the collector of traces");
        }
    }
}

struct Queue(mpsc::Sender<Span>);

impl Sink for Queue {
    fn take(&self, span: Span) {
        if self.0.try_send(span).is_err() {
            counter!(DROPPED).increment(1);
        }
    }
}

async fn send_all(mut spans: mpsc::Receiver<Span>, collector: Collector, stop: Arc<Notify>) {
    let mut batch = Vec::with_capacity(BATCH);
    let (mut is_stopping, mut was_taken) = (false, true);
    while !is_stopping {
        tokio::select! {
            _ = spans.recv_many(&mut batch, BATCH) => {}
            () = stop.notified() => is_stopping = true,
        }
        let gathered = Instant::now() + GATHER;
        while !is_stopping && batch.len() < BATCH {
            let room = BATCH - batch.len();
            tokio::select! {
                more = timeout_at(gathered, spans.recv_many(&mut batch, room)) => if more.is_err() { break },
                () = stop.notified() => is_stopping = true,
            }
        }
        if is_stopping {
            spans.close();
        }
        loop {
            if !batch.is_empty() {
                let taken = collector.send(std::mem::take(&mut batch)).await;
                match taken {
                    Ok(()) if !was_taken => tracing::info!("the collector takes traces again"),
                    Err(ref error) if was_taken => {
                        tracing::warn!(error, "the collector takes no traces: spans are dropped until it does");
                    }
                    _ => {}
                }
                was_taken = taken.is_ok();
            }
            if !is_stopping || spans.recv_many(&mut batch, BATCH).await == 0 {
                break;
            }
        }
    }
}

/// The collector, and what it is told of this process.
struct Collector {
    client: Client,
    url: Url,
    resource: Resource,
}

impl Collector {
    fn new(endpoint: &str, settings: &Tracing) -> Result<Self> {
        let wrong = |e: String| Error::Config(format!("tracing.otlp_endpoint: {e}"));
        let mut url = Url::parse(endpoint).map_err(|e| wrong(e.to_string()))?;
        if matches!(url.path(), "" | "/") {
            url.set_path(PATH);
        }
        let tls = aicp_trust::client_config_with_file(settings.extra_roots_file.as_deref());
        let client = Client::builder()
            .tls_backend_preconfigured(tls.map_err(|e| Error::Config(format!("tracing.extra_roots_file: {e}")))?)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(EXPORT_TIMEOUT)
            .build()
            .map_err(|e| wrong(e.without_url().to_string()))?;
        let attributes = vec![
            attribute("service.name", Value::Text(settings.service_name.clone().into())),
            attribute("service.version", Value::Text(BUILD.version.into())),
        ];
        Ok(Self { client, url, resource: Resource { attributes, ..Resource::default() } })
    }

    /// Sends a batch.
    ///
    /// # Errors
    /// Why the collector did not take it.
    async fn send(&self, batch: Vec<Span>) -> Result<(), String> {
        let spans = batch.len() as u64;
        let scope = InstrumentationScope { name: "aicp".to_owned(), ..InstrumentationScope::default() };
        let scope_spans = ScopeSpans {
            scope: Some(scope),
            spans: batch.into_iter().map(message).collect(),
            schema_url: String::new(),
        };
        let resource_spans = ResourceSpans {
            resource: Some(self.resource.clone()),
            scope_spans: vec![scope_spans],
            schema_url: String::new(),
        };
        let body = ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec();
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/x-protobuf").body(body);
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        match answer {
            Ok(_) => {
                counter!(SENT).increment(spans);
                Ok(())
            }
            Err(e) => {
                counter!(DROPPED).increment(spans);
                Err(e.without_url().to_string())
            }
        }
    }
}

fn attribute(name: &str, value: Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(text.into_owned()),
        Value::Number(number) => any_value::Value::IntValue(number),
    };
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Converts a span to its message.
fn message(span: Span) -> opentelemetry_proto::tonic::trace::v1::Span {
    let kind = match span.kind {
        Kind::Call => SpanKind::Server,
        Kind::Stage => SpanKind::Internal,
        Kind::Remote => SpanKind::Client,
    };
    let status = span.is_failed.then(|| Status { code: StatusCode::Error.into(), message: String::new() });
    opentelemetry_proto::tonic::trace::v1::Span {
        trace_id: span.trace_id.to_be_bytes().to_vec(),
        span_id: span.id.to_be_bytes().to_vec(),
        parent_span_id: span.parent.map(|id| id.to_be_bytes().to_vec()).unwrap_or_default(),
        name: span.name.into_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanos(span.begun),
        end_time_unix_nano: nanos(span.begun + span.took),
        attributes: span.attributes.into_iter().map(|(name, value)| attribute(name, value)).collect(),
        status,
        ..Default::default()
    }
}

fn nanos(at: SystemTime) -> u64 {
    let nanos = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(name: &'static str) -> Span {
        Span {
            trace_id: 1 << 127 | 2,
            id: 3,
            parent: None,
            name: name.into(),
            kind: Kind::Remote,
            begun: UNIX_EPOCH + Duration::from_secs(5),
            took: Duration::from_nanos(7),
            attributes: vec![("aicp.result", Value::Number(-1))],
            is_failed: true,
        }
    }

    #[test]
    fn a_full_queue_drops_spans_and_waits_for_nobody() {
        let (queue, mut spans) = mpsc::channel(2);
        let queue = Queue(queue);
        for name in ["first", "second", "third"] {
            queue.take(span(name));
        }
        let taken: Vec<_> = std::iter::from_fn(|| spans.try_recv().ok()).map(|span| span.name).collect();
        assert_eq!(taken, ["first", "second"]);
        drop(spans);
        queue.take(span("nobody is there"));
    }

    #[test]
    fn a_message_has_what_the_span_has() {
        let message = message(span("engine.call"));
        assert_eq!((message.trace_id[0], message.trace_id[15], message.trace_id.len()), (128, 2, 16));
        assert_eq!((message.span_id, message.parent_span_id), (vec![0, 0, 0, 0, 0, 0, 0, 3], vec![]));
        assert_eq!((message.start_time_unix_nano, message.end_time_unix_nano), (5_000_000_000, 5_000_000_007));
        assert_eq!((message.kind, message.status.map(|status| status.code)), (3, Some(2)));
    }
}
