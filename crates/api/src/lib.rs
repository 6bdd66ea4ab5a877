//! Our own REST API: `/api/v1/...`, described by OpenAPI.
//!
//! `docs/openapi.json` has the contract, which is made from this code, and `docs/api.md` its rules. Each module has the
//! operations on one kind of resource. The OpenAPI document also decides which operation a request means and who may call
//! it (`access`), so that no operation can be without an entry.
#![allow(unused_qualifications, reason = "utoipa writes paths into what it makes of `params`")]

mod about;
mod access;
mod accounts;
mod apps;
mod audit;
mod bulk;
mod cors;
mod csv;
mod docs;
mod engines;
mod erasures;
mod events;
mod exports;
mod faces;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod idempotency;
mod identification;
mod input;
mod job_items;
mod jobs;
mod keys;
mod libraries;
mod library_tags;
mod moves;
mod operator_faces;
mod operators;
mod outbox;
mod overview;
mod pages;
mod people;
mod people_list;
mod person_data;
mod problem;
mod rate_limit;
mod recognition;
mod recognition_log;
mod reports;
mod revision;
mod secrets;
mod session;
mod setting_changes;
mod settings;
mod statistics;
mod system;
mod tags;
mod times;
mod uploads;
mod webhooks;

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aicp_platform::{Caller, OperatorTokenKind, Platform, QuotaError, TokenError};
use aicp_requests::life::{Claim, Wire, serve};
use aicp_requests::{
    BodyError, BodyLimits, CallInfo, Client, HeldBody, Interface, LocalCommand, Shared, UnreadBody, is_below,
    name_operation,
};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

use access::{Access, NoOperation, Operation, Operations};
use cors::Cors;
use idempotency::Step;
use input::MaxPicture;
use problem::Problem;
use rate_limit::Limits;
use session::SessionRules;
use uploads::Received;

pub use about::{About, ProcessUsage, ShownModel};
pub use cors::Origin;
pub use docs::openapi;
pub use events::event_json;
pub use keys::{ShownApp, ShownApps, ShownKey, ShownKeys};
pub use secrets::{ForgottenKeys, ResealingJob, RotatedKey, RotatedToken, ShownSecretKeys};
pub use setting_changes::{ChangedValue, ShownSettingChange};
pub use settings::Settings;

/// Path below which the operations are.
const BASE: &str = "/api/v1";
/// Path of the page that describes the operations.
const DOCS: &str = "/api/docs";
/// Maximum length of a body without pictures, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Length of what stands around the pictures of a body, in bytes.
const AROUND_PICTURES: usize = 64 << 10;
/// Number of pictures of the maximum length that a body may have.
const PICTURES_IN_BODY: usize = 2;
/// Category of calls in the call log.
const CATEGORY: &str = "API";
/// Logged code of a call whose client disconnected.
const CALLER_LEFT: i64 = 499;

static OPERATIONS: LazyLock<Operations> = LazyLock::new(|| Operations::of(&docs::ROUTES.1));

/// Our own REST API.
pub struct Api {
    shared: Shared,
    router: Router,
    max_picture: usize,
    sessions: SessionRules,
    cors: Cors,
    about: Arc<About>,
}

impl Api {
    /// Creates the interface. `is_secure`: whether browsers reach it over TLS.
    pub fn new(shared: Shared, settings: &Settings, is_secure: bool, about: Arc<About>) -> Self {
        let router = docs::ROUTES.0.clone().with_state(shared.platform.clone());
        let life = Duration::from_secs(u64::from(settings.session_hours) * 3600);
        let sessions = SessionRules { life, is_secure };
        let cors = Cors::new(settings.cors_origins.clone());
        Self { shared, router, max_picture: settings.max_picture_mib << 20, sessions, cors, about }
    }
}

#[async_trait]
impl Interface for Api {
    fn name(&self) -> &'static str {
        "api"
    }

    fn claims(&self, request: &Request) -> bool {
        let path = request.uri().path();
        is_below(path, BASE) || is_below(path, DOCS)
    }

    async fn answer(&self, parts: &Parts, body: &mut UnreadBody) -> Response {
        if let Some(page) = docs::page(&parts.method, parts.uri.path()) {
            return page;
        }
        if let Some(answer) = self.cors.preflight(parts) {
            return answer;
        }
        let path = parts.uri.path().strip_prefix(BASE).unwrap_or_default();
        let operation = OPERATIONS.find(&parts.method, path);
        if let Ok(operation) = operation {
            name_operation(&operation.id);
        }
        serve(&self.shared, Exchange { api: self, parts, operation, limits: Limits::default() }, body).await
    }
}

/// Request for an operation, and its answer.
struct Exchange<'a> {
    api: &'a Api,
    parts: &'a Parts,
    operation: Result<&'static Operation, NoOperation<'static>>,
    /// Limits of the caller, once the call was counted.
    limits: Limits,
}

/// Operation, and its caller unless everybody may call it.
struct Admitted {
    operation: &'static Operation,
    caller: Option<Caller>,
    /// Archive that the request carries.
    received: Received,
}

impl Wire for Exchange<'_> {
    type Signature = Infallible;
    type Caller = Option<Caller>;
    type Call = Admitted;
    type Answer = Response;
    type Failure = Problem;

    const SUCCESS: i64 = 200;

    fn head(&self) -> &Parts {
        self.parts
    }

    fn too_often(&self) -> Problem {
        Problem::too_many_calls(QuotaError::Second)
    }

    /// Accepts the admin token, the tokens of apps and operators, sessions, and commands on this machine without a token.
    fn claim(&mut self) -> Result<Claim<Self>, Problem> {
        if self.operation.is_ok_and(|operation| operation.access == Access::Public) {
            return Ok(Claim::Anonymous(None));
        }
        Ok(Claim::Proven(Some(authenticate(self.platform(), self.parts)?)))
    }

    fn limits(&self) -> Option<BodyLimits> {
        if self.operation.is_ok_and(|operation| operation.takes_archive) {
            return None;
        }
        let takes_pictures = self.operation.is_ok_and(|operation| operation.takes_pictures);
        // Base64 takes four bytes for three.
        let pictures = PICTURES_IN_BODY * self.api.max_picture.div_ceil(3) * 4;
        Some(BodyLimits::of(if takes_pictures { pictures + AROUND_PICTURES } else { MAX_BODY }))
    }

    fn unreadable(&self, e: BodyError) -> Problem {
        e.into()
    }

    fn admit(&mut self, caller: Option<Caller>) -> Result<Admitted, Problem> {
        let operation = self.operation.map_err(|e| match e {
            NoOperation::NoPath => Problem::no_path(),
            NoOperation::WrongMethod(_) => Problem::wrong_method(),
        })?;
        if let Some(caller) = &caller {
            operation.check(caller)?;
            let platform = &self.api.shared.platform;
            self.limits.count(platform, caller)?;
        }
        Ok(Admitted { operation, caller, received: Received::default() })
    }

    fn caller<'c>(&self, call: &'c Admitted) -> Option<&'c Caller> {
        call.caller.as_ref()
    }

    fn log_entry<'c>(&'c self, call: &'c Admitted) -> Option<CallInfo<'c>> {
        let is_own_read = call.operation.is_read && is_by_session(&self.parts.headers);
        (call.operation.is_logged && !is_own_read).then(|| CallInfo {
            method: &call.operation.id,
            label: &call.operation.summary,
            category: CATEGORY,
            has_engine: true,
            path: &call.operation.path,
            client: Client::of(self.parts),
            code_if_disconnected: CALLER_LEFT,
        })
    }

    async fn receive(&self, call: &Admitted, body: &mut UnreadBody) -> Result<(), Problem> {
        match &call.caller {
            Some(caller) if call.operation.takes_archive => {
                uploads::receive(self.platform(), caller, self.parts, body, &call.received).await
            }
            _ => Ok(()),
        }
    }

    async fn run(&self, call: &Admitted, body: HeldBody) -> Result<Response, Problem> {
        if let Some(caller) = &call.caller {
            self.limits.count_among_nodes(self.platform(), caller).await?;
        }
        let claimed = match &call.caller {
            Some(caller) if call.operation.creates => {
                let digest = call.received.digest();
                let content = digest.as_ref().map_or(&body.bytes[..], |digest| &digest[..]);
                match idempotency::begin(self.platform(), caller, self.parts, content).await? {
                    Step::Answer(response) => return Ok(response),
                    Step::Do(claimed) => claimed,
                }
            }
            _ => None,
        };
        let done = perform(self.api.router.clone(), self.request(call, &body), body);
        match claimed {
            Some(claimed) => claimed.complete(done).await,
            None => done.await,
        }
    }

    fn code_and_message(&self, problem: &Problem) -> (i64, String) {
        problem.status_and_message()
    }

    fn render(&self, result: Result<Response, Problem>) -> Response {
        let mut response = result.unwrap_or_else(IntoResponse::into_response);
        let headers = response.headers_mut();
        if let Err(NoOperation::WrongMethod(allowed)) = self.operation
            && let Ok(allowed) = HeaderValue::from_str(allowed)
        {
            headers.insert(header::ALLOW, allowed);
        }
        self.limits.tell(headers);
        self.api.cors.tell(self.parts, headers);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // An answer may hold a secret or a face.
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    }

    fn no_room_for_answer(&self) -> Option<Problem> {
        Some(aicp_platform::Error::Busy.into())
    }
}

impl Exchange<'_> {
    fn platform(&self) -> &Platform {
        &self.api.shared.platform
    }

    /// Returns the request as the handlers get it.
    fn request(&self, call: &Admitted, body: &HeldBody) -> Request {
        let mut parts = self.parts.clone();
        parts.uri = below_base(&parts.uri);
        let mut request = Request::from_parts(parts, Body::from(body.bytes.clone()));
        let extensions = request.extensions_mut();
        extensions.insert(MaxPicture(self.api.max_picture));
        extensions.insert(self.api.sessions);
        extensions.insert(aicp_requests::origin(self.parts));
        extensions.insert(call.received.clone());
        extensions.insert(Arc::clone(&self.api.about));
        if let Some(caller) = &call.caller {
            extensions.insert(caller.clone());
        }
        request
    }
}

/// Lets a handler answer a request, whose body is held until then.
async fn perform(router: Router, request: Request, _body: HeldBody) -> Result<Response, Problem> {
    let Ok(mut response) = router.oneshot(request).await;
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => Err(problem),
        None => Ok(response),
    }
}

/// Returns an address below [`BASE`] without that.
fn below_base(uri: &Uri) -> Uri {
    let rest = uri.path_and_query().and_then(|rest| rest.as_str().strip_prefix(BASE)).unwrap_or_default();
    rest.parse().unwrap_or_default()
}

/// Returns who makes a request. A request that is answered for long asks again and again.
///
/// # Errors
/// It has no credentials, or wrong ones.
pub(crate) fn authenticate(platform: &Platform, parts: &Parts) -> problem::Result<Caller> {
    if parts.extensions.get::<LocalCommand>().is_some() {
        return Ok(platform.local_caller());
    }
    let Parts { method, headers, .. } = parts;
    match (bearer(headers), session::cookie(headers)) {
        (Some(token), _) => match platform.caller_of_token(token) {
            Err(TokenError::Unknown) => Ok(platform.caller_of_operator_token(OperatorTokenKind::Token, token)?),
            known => Ok(known?),
        },
        (None, Some(secret)) => session::caller(platform, method, headers, secret),
        (None, None) => Err(TokenError::Missing.into()),
    }
}

/// Whether a session makes a request, as [`authenticate`] decides it.
fn is_by_session(headers: &HeaderMap) -> bool {
    bearer(headers).is_none() && session::cookie(headers).is_some()
}

/// Returns the token of `Authorization: Bearer ...` (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
