//! Entry of every request: its id, its log span, the interface that answers it, and the rest of its body.
//!
//! The span `request` covers the whole life of a request, so each of its log lines carries the fields of the span. The
//! interface and [`crate::life`] fill in the fields that are not known at the start.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use aicp_platform::Origin;
use async_trait::async_trait;
use axum::extract::Request;
use axum::http::header::RETRY_AFTER;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::body::UnreadBody;
use crate::facts::{self, CALL, Facts, TracedCall};
use crate::{AddressRate, Client};

/// Id of a request, in its extensions.
#[derive(Clone)]
struct RequestId(HeaderValue);

/// Mark of a request whose client address has made too many.
#[derive(Clone, Copy)]
struct TooOften;

/// Whether the client address of a request has made too many, so that it is to be refused. [`crate::life::serve`] sees to
/// calls; an interface that answers something else at some cost asks itself.
pub fn exceeds_rate(parts: &Parts) -> bool {
    parts.extensions.get::<TooOften>().is_some()
}

/// Returns where a request came from.
pub fn origin(parts: &Parts) -> Origin {
    let id = parts.extensions.get::<RequestId>().and_then(|RequestId(id)| id.to_str().ok());
    Origin { address: Client::of(parts), request_id: id.map(str::to_owned) }
}

/// Header that carries the id of a request, in both directions.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Header in which a caller tells of its trace (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Maximum length of an id that a client sends, in bytes.
const MAX_ID: usize = 64;
/// First half of the ids that this process makes.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
/// Second half of the next id.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Wire protocol that shares the port with others.
#[async_trait]
pub trait Interface: Send + Sync {
    /// Returns the name of the interface in the log.
    fn name(&self) -> &'static str;

    /// Whether the interface answers a request. Its path is as sent, not normalised.
    fn claims(&self, request: &Request) -> bool;

    /// Answers a request that the interface [claims](Self::claims).
    async fn answer(&self, parts: &Parts, body: &mut UnreadBody) -> Response;
}

/// Whether a path is a prefix or lies below it.
pub fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The interfaces of one listener. Clones share them.
#[derive(Clone, Default)]
pub struct Interfaces {
    all: Arc<[Box<dyn Interface>]>,
    rate: AddressRate,
}

impl Interfaces {
    /// Collects interfaces. The first that claims a request answers it.
    pub fn new(interfaces: Vec<Box<dyn Interface>>) -> Self {
        Self { all: interfaces.into(), rate: AddressRate::default() }
    }

    /// Limits the calls per second of each client address. Each interface refuses more in its own terms.
    #[must_use]
    pub fn limited_by(self, rate: AddressRate) -> Self {
        Self { rate, ..self }
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request) -> Response {
        let Some(interface) = self.all.iter().find(|interface| interface.claims(&request)) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let id = request_id(request.headers());
        // As an error, the span exists at every log level.
        let span = tracing::error_span!(
            "request",
            request_id = id.to_str().unwrap_or_default(),
            dialect = interface.name(),
            operation = Empty,
            app = Empty,
            engine = Empty,
            result = Empty,
            trace_id = Empty,
        );
        let call = begin_trace(&request, &id);
        let trace = call.as_ref().map(|call| call.call.trace());
        if let Some(trace) = trace {
            span.record("trace_id", trace.id());
        }
        let facts = RefCell::new(Facts::begin(interface.name(), call));
        let answered = async {
            let (mut parts, body) = request.into_parts();
            parts.extensions.insert(RequestId(id.clone()));
            let is_too_often = Client::of(&parts).is_some_and(|client| !self.rate.admit(client, Instant::now()));
            if is_too_often {
                metrics::counter!("aicp_address_refused_total").increment(1);
                parts.extensions.insert(TooOften);
            }
            let mut body = UnreadBody::new(&parts, body);
            let mut response = interface.answer(&parts, &mut body).await;
            if is_too_often && matches!(response.status().as_u16(), 429 | 503) {
                response.headers_mut().entry(RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
            }
            body.discard().await;
            tracing::debug!(status = response.status().as_u16(), "answered");
            facts::note_answer(response.status());
            response.headers_mut().insert(REQUEST_ID, id);
            response
        };
        let answered = CALL.scope(facts, answered.instrument(span));
        match trace {
            Some(trace) => Box::pin(trace.scope(answered)).await,
            None => answered.await,
        }
    }
}

/// Names the operation in the log span of the request and in the metrics. `name` is one of a fixed set, never of the client's
/// making.
pub fn name_operation(name: &str) {
    Span::current().record("operation", name);
    facts::note_operation(name);
}

/// Begins the trace of a request, if it is to be traced.
fn begin_trace(request: &Request, id: &HeaderValue) -> Option<TracedCall> {
    let mut parents = request.headers().get_all(TRACEPARENT).iter();
    let parent = match (parents.next(), parents.next()) {
        (Some(parent), None) => parent.to_str().ok(),
        _ => None,
    };
    let call = aicp_traces::Call::begin(parent)?;
    Some(TracedCall::of(call, request.method(), request.version(), id.to_str().unwrap_or_default()))
}

/// Returns the id that the client chose if it consists of 1 to [`MAX_ID`] visible ASCII characters, otherwise a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sent = headers.get(REQUEST_ID).filter(|id| {
        let id = id.as_bytes();
        (1..=MAX_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
    });
    sent.cloned().unwrap_or_else(new_id)
}

/// Makes an id that no other request of this process has, and by chance none of another process.
fn new_id() -> HeaderValue {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let text = format!("{:016x}{number:016x}", *PROCESS);
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let id_for = |sent: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(sent).expect("a header"));
            request_id(&headers).as_bytes().to_vec()
        };
        for sane in ["a", "7f3c-1/x_y.z", "!\"~", &"x".repeat(MAX_ID)] {
            assert_eq!(id_for(sane.as_bytes()), sane.as_bytes());
        }
        for other in ["", "a b", "a\tb", "é", &"x".repeat(MAX_ID + 1)] {
            let id = id_for(other.as_bytes());
            assert!(id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit), "{other:?}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }

    #[test]
    fn below_a_prefix_is_what_a_slash_follows() {
        for (path, expected) in
            [("/v4", true), ("/v4/", true), ("/v4/sns/friend_add", true), ("/v42", false), ("/v", false), ("/", false)]
        {
            assert_eq!(is_below(path, "/v4"), expected, "{path}");
        }
    }
}
