//! JD Cloud face calls: `/jdai/...`.
//!
//! A request is checked in this order: path and method, access key, body, signature, replay, granted areas, rate
//! limit, parameters, and then executes the call. A signature in the query does not cover the body, so it is verified
//! before the body is read.
//!
//! The HTTP status reports what the vendor's gateway would refuse: an unknown call, an invalid signature in the
//! headers, a replay, a body that is too large or aborted. Codes in the envelope report the rest: an invalid signature
//! in the query, no memory for the body, and every error after a valid signature.

mod answers;
mod callers;
mod calls;
mod codes;
mod envelope;
mod faces;
mod failure;
#[cfg(fuzzing)]
pub mod fuzzing;
mod groups;
mod looks;
mod md5;
mod params;
mod pictures;
mod refusal;
mod routes;
mod score;
mod settings;
mod signature;
mod stored_v1;

use std::sync::Arc;
use std::time::Instant;

use aicp_platform::{AccessKey, Caller, KeyScheme, KeyText};
use async_trait::async_trait;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::response::Response;

use crate::Context;
use aicp_requests::CallInfo;
use aicp_requests::Client;
use aicp_requests::life::{Claim, Wire, serve};
use aicp_requests::name_operation;
use aicp_requests::{BodyError, BodyLimits, HeldBody, Interface, UnreadBody};
use callers::{Claimed, Verified};
use calls::Call;
use codes::Gateway;
use envelope::{Answer, RequestStamp};
use params::{Params, RawQuery};
use refusal::Refusal;
use routes::{Api, Entry};

pub use settings::Settings;

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

/// Face calls of JD Cloud, below `/jdai/`.
pub(crate) struct JdCloud(pub Arc<Context>);

#[async_trait]
impl Interface for JdCloud {
    fn name(&self) -> &'static str {
        "jdcloud"
    }

    fn claims(&self, request: &Request) -> bool {
        request.uri().path().starts_with("/jdai/")
    }

    async fn answer(&self, parts: &Parts, body: &mut UnreadBody) -> Response {
        let context = &*self.0;
        let (received, begun) = (context.shared.platform.now(), Instant::now());
        let id = match aicp_platform::new_token() {
            Ok(id) => id,
            Err(e) => {
                tracing::error!(error = %e, "a request can't be numbered");
                return envelope::render_gateway(Gateway::FAILED, &RequestStamp { id: String::new(), received, begun });
            }
        };
        let stamp = RequestStamp { id, received, begun };
        let query = parts.uri.query().unwrap_or_default();
        if parts.uri.path().len() + query.len() >= MAX_ADDRESS {
            return envelope::render_gateway(Gateway::ADDRESS_TOO_LONG, &stamp);
        }
        let Some(entry) = routes::find(parts.uri.path(), &parts.method) else {
            return envelope::render_gateway(Gateway::NOT_FOUND, &stamp);
        };
        name_operation(entry.name);
        serve(&context.shared, Exchange { context, parts, query: RawQuery::of(query), stamp, entry, key: None }, body)
            .await
    }
}

/// Request for a call, and its answer.
struct Exchange<'a> {
    context: &'a Context,
    parts: &'a Parts,
    query: RawQuery<'a>,
    stamp: RequestStamp,
    entry: &'static Entry,
    /// Key of the caller, once verified.
    key: Option<Arc<AccessKey>>,
}

/// Call that the app of a caller may make.
struct Admitted {
    caller: Caller,
    verified: Verified,
}

impl<'a> Exchange<'a> {
    /// Returns the parameters in the query and in a body from [`params::unquoted`].
    fn params<'b>(&'b self, is_kept: bool, unquoted: Option<&'b [u8]>) -> Params<'b> {
        if is_kept { Params::of(self.query, unquoted) } else { Params::of_too_large(self.query) }
    }
}

impl<'a> Wire for Exchange<'a> {
    type Signature = Claimed<'a>;
    type Caller = Verified;
    type Call = Admitted;
    type Answer = Answer;
    type Failure = Refusal;

    fn head(&self) -> &Parts {
        self.parts
    }

    fn too_often(&self) -> Refusal {
        codes::TOO_FAST.into()
    }

    fn claim(&mut self) -> Result<Claim<Self>, Refusal> {
        callers::claim(self.context, self.parts, self.query).map(Claim::Signed)
    }

    fn limits(&self) -> Option<BodyLimits> {
        let kept = if self.entry.takes_get { MAX_KEPT } else { MAX_KEPT_PICTURES };
        Some(BodyLimits { longest: MAX_BODY, kept })
    }

    fn unreadable(&self, e: BodyError) -> Refusal {
        match e {
            BodyError::TooLarge => Gateway::BODY_TOO_LARGE.into(),
            BodyError::Broken => Gateway::BROKEN_BODY.into(),
            BodyError::Busy => codes::BUSY.into(),
        }
    }

    fn admit(&mut self, verified: Verified) -> Result<Admitted, Refusal> {
        let caller = self.context.shared.platform.caller_of_key(&verified.key).map_err(|_| codes::DISABLED)?;
        // No model here detects masks.
        if caller.require_area(self.entry.area).is_err() || self.entry.api == Api::MaskDetect {
            return Err(codes::NOT_GRANTED.into());
        }
        Ok(Admitted { caller, verified })
    }

    fn caller<'c>(&self, call: &'c Admitted) -> Option<&'c Caller> {
        Some(&call.caller)
    }

    fn log_entry<'c>(&'c self, _: &'c Admitted) -> Option<CallInfo<'c>> {
        Some(CallInfo {
            method: self.entry.name,
            label: self.entry.label,
            category: CATEGORY,
            has_engine: true,
            path: self.parts.uri.path(),
            client: Client::of(self.parts),
            code_if_disconnected: codes::BROKEN.0.into(),
        })
    }

    async fn run(&self, Admitted { caller, verified }: &Admitted, body: HeldBody) -> Result<Answer, Refusal> {
        verified.count(&self.context.shared.platform, self.context.options.jdcloud.clock_skew_s.duration()).await?;
        let unquoted = params::unquoted(&body.bytes);
        let params = self.params(body.is_kept, unquoted.as_deref());
        let Self { context, entry, stamp, .. } = self;
        let (platform, options) = (&context.shared.platform, &context.options.jdcloud);
        Ok(Call { platform, options, caller, entry, params: &params, stamp }.make().await?)
    }

    fn code_and_message(&self, refusal: &Refusal) -> (i64, String) {
        match refusal {
            Refusal::Gateway(gateway) => (gateway.status.as_u16().into(), gateway.name.to_owned()),
            Refusal::Call(failure) => {
                let (code, text) = failure.code_and_text();
                (code, text.to_owned())
            }
        }
    }

    fn is_refusal(&self, refusal: &Refusal) -> bool {
        matches!(refusal, Refusal::Gateway(_))
    }

    fn render(&self, result: Result<Answer, Refusal>) -> Response {
        let outcome = match result {
            Ok(answer) => Ok(answer),
            Err(Refusal::Call(failure)) => Err(failure),
            Err(Refusal::Gateway(gateway)) => return envelope::render_gateway(gateway, &self.stamp),
        };
        let left = self.key.as_ref().and_then(|key| self.context.shared.platform.calls_left(key));
        envelope::render(self.entry.api, self.entry.family, left, &outcome, &self.stamp)
    }
}
