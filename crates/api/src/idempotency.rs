//! Requests that must not be done twice: `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

use aicp_platform::{Caller, KnownRequest, Platform, carry_call};
use axum::body::{Body, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::{Problem, Result};

/// Header that names a request.
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Maximum length of a key.
const MAX_KEY: usize = 255;
/// Maximum length of a recorded answer in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Request that was claimed and has to be finished.
pub(crate) struct ClaimedRequest {
    platform: Platform,
    caller: Caller,
    key: String,
}

/// What to do with a request.
pub(crate) enum Step {
    /// It has no key, or is new.
    Do(Option<ClaimedRequest>),
    /// It was answered so.
    Answer(Response),
}

/// A recorded answer.
#[derive(Serialize, Deserialize)]
struct Recorded {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Claims the key of a request, if it has one.
///
/// # Errors
/// The key is not valid, belongs to another request, or its request has not been answered.
pub(crate) async fn begin(platform: &Platform, caller: &Caller, parts: &Parts, body: &[u8]) -> Result<Step> {
    let Some(key) = key(&parts.headers)? else { return Ok(Step::Do(None)) };
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let media_type = parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let mut digest = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), target.as_bytes(), media_type, body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    match platform.claim_request(caller, key, digest.finalize().into()).await? {
        KnownRequest::New => {
            let claimed = ClaimedRequest { platform: platform.clone(), caller: caller.clone(), key: key.to_owned() };
            Ok(Step::Do(Some(claimed)))
        }
        KnownRequest::Other => Err(Problem::key_reused()),
        KnownRequest::NotAnswered => {
            Err(Problem::conflict("requestNotAnswered", "a request with this key is under way, or was interrupted"))
        }
        KnownRequest::Answered(text) => {
            let recorded: Recorded = serde_json::from_str(&text).map_err(|_| Problem::internal())?;
            Ok(Step::Answer(recorded.response()))
        }
    }
}

fn key(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let is_key = |text: &&str| (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let wrong = || Problem::field("Idempotency-Key", format!("must have 1 to {MAX_KEY} visible ASCII characters"));
    value.to_str().ok().filter(is_key).map(Some).ok_or_else(wrong)
}

impl ClaimedRequest {
    /// Does the request and records its answer, also if the client hangs up meanwhile.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn complete(self, done: impl Future<Output = Result<Response>> + Send + 'static) -> Result<Response> {
        let task = tokio::spawn(carry_call(async move { self.finish(done.await).await }));
        task.await.unwrap_or_else(|_| Err(Problem::internal()))
    }

    /// Records a success, so that a repeat gets the same answer. A refused request may be repeated; after a failure of
    /// the server it is unknown whether it was done.
    ///
    /// # Errors
    /// The answer can't be recorded; the request may have been done.
    async fn finish(self, outcome: Result<Response>) -> Result<Response> {
        let Self { platform, caller, key } = self;
        match outcome {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let body = to_bytes(body, MAX_ANSWER).await.map_err(|_| Problem::internal())?;
                let recorded = Recorded::of(parts.status, &parts.headers, &body);
                let text = serde_json::to_string(&recorded).map_err(|_| Problem::internal())?;
                platform.finish_request(&caller, &key, Some(&text)).await?;
                Ok(Response::from_parts(parts, Body::from(body)))
            }
            Err(problem) => {
                if problem.is_refusal() {
                    platform.finish_request(&caller, &key, None).await?;
                }
                Err(problem)
            }
        }
    }
}

impl Recorded {
    fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let body = String::from_utf8_lossy(body).into_owned();
        Self { status: status.as_u16(), headers: headers.iter().filter_map(text).collect(), body }
    }

    fn response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        response
    }
}
