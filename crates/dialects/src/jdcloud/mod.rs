//! JD Cloud face calls: `/jdai/...`.
//!
//! `handle` checks a request in this order: path and method, access key, body, signature, replay, granted areas, rate
//! limit, parameters, and then executes the call. A signature in the query does not cover the body, so it is verified
//! before the body is read.
//!
//! The HTTP status reports what the vendor's gateway would refuse: an unknown call, an invalid signature in the
//! headers, a replay, a body that is too large or aborted. Codes in the envelope report the rest: an invalid signature
//! in the query, no memory for the body, and every error after a valid signature.

mod answers;
mod calls;
mod codes;
mod envelope;
mod faces;
#[cfg(fuzzing)]
pub mod fuzzing;
mod groups;
mod looks;
mod md5;
mod params;
mod pictures;
mod routes;
mod score;
mod signature;
mod stored_v1;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aicp_platform::{AccessKey, KeyScheme, KeyText, QuotaError, SignatureUse};
use axum::extract::Request;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::body::{BodyError, UnreadBody};
use crate::record::{CallInfo, CallOutcome, Record};
use crate::{Client, Context};
use calls::Call;
use codes::{Gateway, System};
use envelope::{CallsLeft, Failure, RequestStamp};
use params::{Params, Query};
use routes::{Api, Entry};
use signature::Signed;

/// Keys of this interface: access key and secret key.
pub(super) const KEYS: KeyScheme = KeyScheme {
    name: "jdcloud",
    id: KeyText::Random { prefix: "", alphabet: "0123456789ABCDEF", length: 32 },
    secret: KeyText::Random { prefix: "", alphabet: "0123456789ABCDEF", length: 32 },
};

/// Maximum length of a request body in bytes, as at the vendor's gateway. A body too long for its call is hashed but
/// not stored.
const MAX_BODY: usize = 100 << 20;
/// Maximum stored length of a body, in bytes, for calls without pictures: names, ids and pages.
const MAX_KEPT: usize = 64 << 10;
/// Maximum stored length of a body, in bytes, for calls with one or two pictures. Each has less than 2.8 MB of base64,
/// some of it escaped.
const MAX_KEPT_PICTURES: usize = 12 << 20;
/// Maximum length of path and query in bytes.
const MAX_ADDRESS: usize = 8 << 10;
/// Category of calls in the log; the engine follows in parentheses.
const CATEGORY: &str = "京东云";

/// Settings of the JD Cloud dialect.
#[derive(Debug, Clone)]
pub struct Options {
    /// Maximum difference between the clocks of client and server.
    pub clock_skew: Duration,
    /// Maximum number of groups (libraries) per app, enforced when a group is created by this dialect.
    pub max_groups: u64,
    /// Maximum number of faces (people, with one face each) per group, enforced when a face is added by this dialect.
    pub max_faces: u64,
}

/// Reasons to refuse a request before its call starts.
enum Refusal {
    /// Reported by the HTTP status.
    Gateway(Gateway),
    /// Reported by the envelope.
    System(System),
}

impl From<Gateway> for Refusal {
    fn from(gateway: Gateway) -> Self {
        Self::Gateway(gateway)
    }
}

impl From<System> for Refusal {
    fn from(system: System) -> Self {
        Self::System(system)
    }
}

impl From<signature::Refusal> for Refusal {
    fn from(refusal: signature::Refusal) -> Self {
        Self::Gateway(Gateway::denied(refusal.text()))
    }
}

impl From<md5::Refusal> for Refusal {
    fn from(refusal: md5::Refusal) -> Self {
        Self::System(match refusal {
            md5::Refusal::NoKey => codes::NO_KEY,
            md5::Refusal::NoTime => codes::NO_TIME,
            md5::Refusal::NoSign => codes::NO_SIGN,
            md5::Refusal::BadTime => codes::BAD_TIME,
            md5::Refusal::OtherTime => codes::OTHER_TIME,
            md5::Refusal::UnknownKey => codes::UNKNOWN_KEY,
            md5::Refusal::Mismatch => codes::WRONG_SIGN,
        })
    }
}

/// Handles requests whose path begins with `/jdai/`.
pub(crate) async fn handle(context: &Context, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = UnreadBody::new(&parts, body);
    let response = match aicp_platform::new_token() {
        Ok(id) => {
            respond(
                context,
                &parts,
                &mut body,
                RequestStamp { id, received: context.platform.now(), begun: Instant::now() },
            )
            .await
        }
        Err(e) => {
            tracing::error!(error = %e, "a request can't be numbered");
            envelope::render_gateway(
                Gateway::FAILED,
                &RequestStamp { id: String::new(), received: context.platform.now(), begun: Instant::now() },
            )
        }
    };
    body.discard().await;
    response
}

async fn respond(context: &Context, parts: &Parts, body: &mut UnreadBody, stamp: RequestStamp) -> Response {
    let query = parts.uri.query().unwrap_or_default();
    if parts.uri.path().len() + query.len() >= MAX_ADDRESS {
        return envelope::render_gateway(Gateway::ADDRESS_TOO_LONG, &stamp);
    }
    let Some(entry) = routes::find(parts.uri.path(), &parts.method) else {
        return envelope::render_gateway(Gateway::NOT_FOUND, &stamp);
    };
    match run(context, entry, parts, Query::of(query), body, &stamp).await {
        Ok(response) => response,
        Err(Refusal::Gateway(gateway)) => envelope::render_gateway(gateway, &stamp),
        Err(Refusal::System(system)) => {
            envelope::render(entry.api, entry.family, None, &Err(Failure::System(system)), &stamp)
        }
    }
}

async fn run(
    context: &Context,
    entry: &'static Entry,
    parts: &Parts,
    query: Query<'_>,
    body: &mut UnreadBody,
    stamp: &RequestStamp,
) -> Result<Response, Refusal> {
    let platform = &context.platform;
    let options = &context.options.jdcloud;
    let (claim, key) = claim(context, parts, query)?;
    let kept = if entry.takes_get { MAX_KEPT } else { MAX_KEPT_PICTURES };
    let mut hash = Sha256::new();
    let see = |part: &[u8]| {
        if claim.is_some() {
            hash.update(part);
        }
    };
    let held = context.budget.read_through(body, MAX_BODY, kept, see).await.map_err(|e| match e {
        BodyError::TooLarge => Refusal::Gateway(Gateway::BODY_TOO_LARGE),
        BodyError::Broken => Refusal::Gateway(Gateway::BROKEN_BODY),
        BodyError::Busy => Refusal::System(codes::BUSY),
    })?;
    let mut unique = None;
    if let Some(claim) = claim {
        let verified = claim.verify(&Signed::of(parts), &hash.finalize().into(), key.secret())?;
        // A signature without a nonce may legitimately repeat within a second.
        let must_be_new = verified.binds_nonce && !key.options().allow_replay;
        if must_be_new && platform.was_used(&key, &verified.signature) {
            return Err(Gateway::REPEATED.into());
        }
        unique = must_be_new.then_some(verified.signature);
    }
    body.mark_authenticated();

    let unquoted = held.as_ref().and_then(|held| params::unquoted(&held.bytes));
    let params = match &held {
        Some(_) => Params::of(query, unquoted.as_deref()),
        None => Params::of_too_large(query),
    };
    let deletes_face = entry.api == Api::GroupDelete && params.has("outerId");
    let entry = if deletes_face { routes::face_deletion() } else { entry };
    let left = || platform.calls_left(&key);
    let refused = |system: System, left: CallsLeft| {
        envelope::render(entry.api, entry.family, left, &Err(Failure::System(system)), stamp)
    };
    let Ok(app) = platform.app_of_key(&key) else { return Ok(refused(codes::DISABLED, left())) };
    // No model here detects masks.
    if app.require(entry.area).is_err() || entry.api == Api::MaskDetect {
        return Ok(refused(codes::NOT_GRANTED, left()));
    }
    let subject = CallInfo {
        method: entry.name,
        label: entry.label,
        category: CATEGORY,
        has_engine: true,
        path: parts.uri.path(),
        client: parts.extensions.get::<Client>().map(|client| client.0),
        code_if_disconnected: codes::BROKEN.0.into(),
    };
    let record = Record::begin(platform, &app, subject);
    // A signature can be replayed until its date leaves the window, which spans twice the skew.
    let keep = options.clock_skew.saturating_mul(2);
    let note = |signature: &String| platform.note_use(&key, signature, keep);
    let outcome = match platform.count_call(&key).map(|()| unique.as_ref().map(note)) {
        Ok(None | Some(SignatureUse::First)) => {
            Call { platform, options, app: &app, entry, params: &params, stamp }.make().await
        }
        // A concurrent request used the same signature.
        Ok(Some(SignatureUse::Repeated)) => {
            record.discard();
            return Err(Gateway::REPEATED.into());
        }
        Ok(Some(SignatureUse::TooMany)) | Err(QuotaError::Second) => Err(codes::TOO_FAST.into()),
        Err(QuotaError::Day) => Err(codes::DAILY_QUOTA_EXCEEDED.into()),
    };
    record.end(ending(outcome.as_ref().err().copied()));
    Ok(envelope::render(entry.api, entry.family, left(), &outcome, stamp))
}

/// Converts the outcome of a call to its log entry.
fn ending(failure: Option<Failure>) -> CallOutcome {
    match failure.map(Failure::code_and_text) {
        None => CallOutcome { ok: true, code: Some(0), message: None },
        Some((code, text)) => CallOutcome { ok: false, code: Some(code), message: Some(text.to_owned()) },
    }
}

/// Returns the access key that a request claims, and the claim to verify once the body is read; `None` if the signature
/// does not cover the body.
fn claim<'a>(
    context: &Context,
    parts: &'a Parts,
    query: Query<'_>,
) -> Result<(Option<signature::Claim<'a>>, Arc<AccessKey>), Refusal> {
    let key = |id: &str| context.platform.access_key(&KEYS, id);
    let (now, skew) = (context.platform.now(), context.options.jdcloud.clock_skew);
    if !parts.headers.contains_key(header::AUTHORIZATION) && md5::matches_request(&query) {
        let claim = md5::Claim::read(&query, now, skew)?;
        let key = key(claim.access_key()).filter(|key| key.options().allow_md5).ok_or(md5::Refusal::UnknownKey)?;
        claim.verify(key.secret())?;
        return Ok((None, key));
    }
    let claim = signature::Claim::read(&parts.headers)?;
    let key = key(claim.access_key()).ok_or(signature::Refusal::UnknownKey)?;
    claim.require_timely(now, skew)?;
    Ok((Some(claim), key))
}
