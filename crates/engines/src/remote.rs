//! HTTP calls to remote engines.
//!
//! A repeatable call is retried with exponential backoff while the engine does not answer. Redirects are not followed,
//! no proxy is used, and the size of an answer is limited. Errors contain neither addresses nor what was sent.

use std::error::Error as _;
use std::time::Duration;

use aicp_vision::Rect;
use bytes::Bytes;
use futures_util::future::try_join_all;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::breaker::Breaker;
use crate::{Error, RemoteSettings, Result};

/// Idle timeout of pooled connections. It is shorter than common server timeouts, because a call on a connection that
/// the server is closing is in doubt.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Maximum size of an answer in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Pause before the first retry; doubled for each further one.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
/// Maximum length of a vendor's message in characters.
const MAX_TEXT_CHARS: usize = 200;
/// Maximum length of a vendor's id in bytes.
const MAX_REF_BYTES: usize = 256;

/// Whether a call may be retried when it may have been carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryPolicy {
    /// Idempotent: may be retried.
    Safe,
    /// Not idempotent: must not be retried.
    Never,
}

/// Body of a request.
#[derive(Clone)]
pub(crate) struct Body {
    pub content_type: &'static str,
    pub bytes: Bytes,
}

/// JSON object, the form of every vendor's answers.
pub(crate) type Object = Map<String, Value>;

/// Client of one remote engine.
pub(crate) struct Remote {
    base: String,
    settings: RemoteSettings,
    client: Client,
    slots: Semaphore,
    breaker: Breaker,
    /// Returns whether an object is the vendor's answer, not that of a proxy or framework.
    is_answer: fn(&Object) -> bool,
}

impl Remote {
    pub fn new(url: &str, settings: RemoteSettings, is_answer: fn(&Object) -> bool) -> Result<Self> {
        let base = base_address(url)?;
        let tls = aicp_trust::client_config_with_file(settings.extra_roots_file.as_deref());
        let client = Client::builder()
            .tls_backend_preconfigured(tls.map_err(|e| Error::Settings(e.to_string()))?)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // Retries are made only in this module.
            .retry(reqwest::retry::never())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .connect_timeout(settings.connect_timeout_ms.duration())
            .timeout(settings.timeout_ms.duration())
            .build()
            .map_err(|e| Error::Settings(e.without_url().to_string()))?;
        let slots = Semaphore::new(settings.concurrency.clamp(1, Semaphore::MAX_PERMITS));
        let breaker = Breaker::new(settings.breaker_failures, settings.breaker_pause_ms.duration());
        Ok(Self { base, settings, client, slots, breaker, is_answer })
    }

    /// Returns the base address, with a trailing `/`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Returns the full address of a path.
    ///
    /// # Errors
    /// [`Error::Settings`] if the path is not valid.
    pub fn address(&self, path: &str) -> Result<Url> {
        Url::parse(&format!("{}{path}", self.base)).map_err(|e| Error::Settings(format!("path {path:?}: {e}")))
    }

    /// Posts a request and returns the vendor's answer, whether it reports success or not.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Refused`] or [`Error::Unavailable`].
    pub async fn post(&self, path: &str, body: Body, repeat: RetryPolicy) -> Result<Object> {
        self.call_with_retries(Method::POST, path, body, repeat, |this, status, answer| {
            this.parse_answer(status, answer)
        })
        .await
    }

    /// Sends a GET request; any success status will do.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Refused`] or [`Error::Unavailable`].
    pub async fn probe(&self, path: &str) -> Result<()> {
        let body = Body { content_type: "", bytes: Bytes::new() };
        let well =
            |_: &Self, status: StatusCode, _: &[u8]| if status.is_success() { Ok(()) } else { Err(no_answer(status)) };
        self.call_with_retries(Method::GET, path, body, RetryPolicy::Safe, well).await
    }

    async fn call_with_retries<T>(
        &self,
        method: Method,
        path: &str,
        body: Body,
        repeat: RetryPolicy,
        understand: fn(&Self, StatusCode, &[u8]) -> Result<T>,
    ) -> Result<T> {
        let address = self.address(path)?;
        let _stage = aicp_traces::remote_stage("engine.call");
        let mut doubt = false;
        let mut pause = INITIAL_BACKOFF;
        let mut left = self.settings.retries;
        loop {
            let mut request = self.client.request(method.clone(), address.clone());
            if !body.bytes.is_empty() {
                request = request.header(CONTENT_TYPE, body.content_type).body(body.bytes.clone());
            }
            let (in_doubt, reason) = match self.attempt(request, understand).await {
                Err(Error::Unavailable { in_doubt, reason }) => (in_doubt, reason),
                // A retry would be refused again, but an earlier attempt may have been carried out.
                Err(Error::Refused { status }) if doubt => {
                    return Err(Error::Unavailable { in_doubt: true, reason: refused(status) });
                }
                Err(Error::Busy) if doubt => (false, Error::Busy.to_string()),
                done => return done,
            };
            doubt |= in_doubt;
            if left == 0 || (doubt && repeat == RetryPolicy::Never) || self.breaker.is_open() {
                return Err(Error::Unavailable { in_doubt: doubt, reason });
            }
            left -= 1;
            tokio::time::sleep(jittered(pause)).await;
            pause *= 2;
        }
    }

    /// Makes calls in batches of `concurrency`, because each holds its own copy of the picture once it begins.
    pub async fn in_batches<T>(&self, calls: Vec<impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
        let mut answers = Vec::with_capacity(calls.len());
        let mut calls = calls.into_iter().peekable();
        while calls.peek().is_some() {
            answers.extend(try_join_all(calls.by_ref().take(self.settings.concurrency.max(1))).await?);
        }
        Ok(answers)
    }

    /// Makes one attempt, if a slot becomes free and the breaker admits it.
    async fn attempt<T>(
        &self,
        request: RequestBuilder,
        understand: fn(&Self, StatusCode, &[u8]) -> Result<T>,
    ) -> Result<T> {
        let open = || Error::Unavailable { in_doubt: false, reason: "circuit open".to_owned() };
        if !self.breaker.would_admit() {
            return Err(open());
        }
        let place = tokio::time::timeout(self.settings.timeout_ms.duration(), self.slots.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(Error::Busy) };
        let pass = self.breaker.enter().ok_or_else(open)?;
        let result = match self.exchange(request).await {
            Ok((status, answer)) => understand(self, status, &answer),
            Err(e) => Err(e),
        };
        pass.end(is_answer(&result));
        result
    }

    /// Sends a request and reads the answer.
    async fn exchange(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>)> {
        let mut response = request.send().await.map_err(transport_error)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport_error)? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(in_doubt(format!("an answer of more than {MAX_ANSWER_BYTES} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((response.status(), bytes))
    }

    fn parse_answer(&self, status: StatusCode, answer: &[u8]) -> Result<Object> {
        if status.is_redirection() {
            return Err(no_answer(status));
        }
        match serde_json::from_slice::<Object>(answer) {
            Ok(object) if (self.is_answer)(&object) => Ok(object),
            _ => Err(no_answer(status)),
        }
    }
}

/// Parses a base address and adds a trailing `/`.
fn base_address(text: &str) -> Result<String> {
    let refused = |why: &str| Err(Error::Settings(format!("the url {why}")));
    let Ok(mut url) = Url::parse(text) else { return refused("can't be read") };
    if !matches!(url.scheme(), "http" | "https") {
        return refused("must begin with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return refused("must have no user, query or fragment");
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url.into())
}

/// Returns whether the engine answered; a refusal counts as an answer.
fn is_answer<T>(result: &Result<T>) -> bool {
    !matches!(result, Err(Error::Unavailable { .. }))
}

fn refused(status: u16) -> String {
    format!("refused by HTTP status {status}")
}

/// Returns the error for a response that is not the vendor's answer. A request refused with a 4xx status was not
/// carried out.
fn no_answer(status: StatusCode) -> Error {
    let passing = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if status.is_client_error() && !passing {
        return Error::Refused { status: status.as_u16() };
    }
    let in_doubt = !status.is_client_error() || status == StatusCode::REQUEST_TIMEOUT;
    Error::Unavailable { in_doubt, reason: format!("no answer of the engine's, HTTP {}", status.as_u16()) }
}

fn transport_error(e: reqwest::Error) -> Error {
    let in_doubt = !(e.is_connect() || e.is_builder());
    let what = match () {
        () if e.is_connect() => "no connection",
        () if e.is_timeout() => "no answer in time",
        () => "the connection broke",
    };
    // Only the innermost cause, because the outer ones name the address.
    let e = e.without_url();
    let mut cause = e.source();
    while let Some(inner) = cause.and_then(|cause| cause.source()) {
        cause = Some(inner);
    }
    let reason = cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"));
    Error::Unavailable { in_doubt, reason }
}

/// Returns the error for a request that may have been carried out, with an answer that is not understood.
pub(crate) fn in_doubt(reason: impl Into<String>) -> Error {
    Error::Unavailable { in_doubt: true, reason: reason.into() }
}

/// Returns the error for an answer that lacks a required key.
pub(crate) fn missing_key(key: &str) -> Error {
    in_doubt(format!("the answer lacks {key}"))
}

/// Randomises a pause to 0.5..1.5 times its length, so that callers do not retry in step.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    pause.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX))
}

/// Parses a number, also from text.
pub(crate) fn number(value: Option<&Value>) -> Option<f32> {
    let number = match value? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // It must also be finite as an f32.
    let number = number as f32;
    number.is_finite().then_some(number)
}

/// Returns a text that is not empty; a number is converted.
pub(crate) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Parses a vendor's id.
pub(crate) fn reference(value: Option<&Value>) -> Option<String> {
    text(value).filter(|text| text.len() <= MAX_REF_BYTES)
}

/// Returns a list; a missing one is empty.
pub(crate) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns a vendor's message, made fit for one line of a log.
pub(crate) fn log_text(value: Option<&Value>) -> String {
    let log_text = text(value).unwrap_or_default();
    log_text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT_CHARS).collect()
}

/// Returns whether a vendor's code is one of these.
pub(crate) fn is_one_of(code: &str, codes: &[i64]) -> bool {
    code.parse().is_ok_and(|code| codes.contains(&code))
}

/// Parses a box given as `{x,y,width,height}` or `{rect:{x,y,w,h}}`.
pub(crate) fn area(value: &Value) -> Option<Rect> {
    let rect = value.get("rect").unwrap_or(value);
    let side = |long, short| number(rect.get(long).or_else(|| rect.get(short)));
    let (width, height) = (side("width", "w")?, side("height", "h")?);
    let rect = Rect { x: number(rect.get("x"))?, y: number(rect.get("y"))?, width, height };
    (width >= 0.0 && height >= 0.0).then_some(rect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn base_addresses_are_plain() {
        for (text, base) in [
            ("http://example.com:39081", "http://example.com:39081/"),
            ("http://example.com/face", "http://example.com/face/"),
            ("https://example.com", "https://example.com/"),
        ] {
            assert_eq!(base_address(text).expect("there"), base);
        }
        let with_user = ["http://", "u:secret@", "example.com/"].concat();
        for text in
            ["", "engine:80", "ftp://example.com/", &with_user, "http://example.com/?k=secret", "http://example.com/#f"]
        {
            let e = base_address(text).expect_err("refused").to_string();
            assert!(!e.contains("secret"), "{e}");
        }
    }

    #[test]
    fn values_are_read_with_forbearance() {
        assert_eq!(number(Some(&json!("100.000"))), Some(100.0));
        assert_eq!(number(Some(&json!("inf"))), None);
        assert_eq!(number(Some(&json!(1e300))), None);
        assert_eq!(text(Some(&json!(55))).as_deref(), Some("55"));
        assert_eq!(reference(Some(&json!("x".repeat(MAX_REF_BYTES + 1)))), None);
        assert_eq!(log_text(Some(&json!("a\nb"))), "a b");
        assert!(is_one_of("80018", &[80018]) && !is_one_of("x", &[80018]));
        let rect = Rect { x: 1.0, y: 2.0, width: 3.0, height: 4.0 };
        assert_eq!(area(&json!({"x": 1, "y": 2, "width": 3, "height": 4})), Some(rect));
        assert_eq!(area(&json!({"rect": {"x": 1, "y": 2, "w": 3, "h": 4}})), Some(rect));
        assert_eq!(area(&json!({"x": 1})), None);
    }

    #[test]
    fn pauses_vary_around_their_length() {
        for _ in 0..100 {
            let pause = jittered(INITIAL_BACKOFF);
            assert!(pause >= INITIAL_BACKOFF / 2 && pause <= INITIAL_BACKOFF * 3 / 2, "{pause:?}");
        }
    }
}
