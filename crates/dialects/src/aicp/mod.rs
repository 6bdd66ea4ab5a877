//! The AICP manual: faces in sections 2 (old), 3 (new) and 7 (micro-service), statistics in 5 and 8, grants in 6,
//! face-api in 9, console users in 10, high availability in 11, and the picture links inside their answers.
//!
//! A request is checked in the order of the contract: path, method, authentication, content type, size, body, fields.
//! Path and listener select the dialect before anything can fail, so every failure has the right shape. Each accepted
//! call is written to the call log. Picture links, console pages and the token exchange have no operation and no log
//! entry.

mod answers;
mod call;
mod callers;
mod codes;
mod envelope;
mod face_api;
mod faces;
mod failure;
mod fields;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grants;
mod images;
mod literals;
mod origin;
mod outbox;
mod pages;
mod routes;
mod settings;
mod statistics;
mod times;
mod token_exchange;
mod users;

pub use settings::{Chapter, FaceApi, Legacy, Options};

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aicp_platform::{Caller, QuotaError};
use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use crate::Context;
use crate::links::Links;
use crate::query::Query;
use aicp_requests::CallInfo;
use aicp_requests::life::{Claim, Wire, serve};
use aicp_requests::{BodyError, BodyLimits, HeldBody, Interface, UnreadBody};
use aicp_requests::{Client, media_type};
use aicp_requests::{exceeds_rate, name_operation};
use call::Call;
use envelope::{Answer, Shape, TimeUnit};
use failure::Failure;
use fields::Input;
use routes::{Dialect, Entry, FaceCall, Operation, OutboxCall, Route};

/// Maximum length of a request body in bytes.
const MAX_BODY: usize = 8 << 20;
/// Maximum length in bytes of a request to resume writes (11.2), which sends whole records back.
const MAX_RESUME_BODY: usize = 256 << 20;

/// Dialect of a listener on the paths that several dialects share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Sections 3 and 5: token optional, answers without `resultCode`.
    Legacy,
    /// Sections 7 and 8: token required.
    Micro,
    /// Sections 7 and 8 for requests with a `token` header, otherwise 3 and 5.
    Auto,
}

/// The AICP manual's interfaces, on the paths of no other interface.
pub(crate) struct Aicp(pub Arc<Context>);

#[async_trait]
impl Interface for Aicp {
    fn name(&self) -> &'static str {
        "aicp"
    }

    fn claims(&self, _: &Request) -> bool {
        true
    }

    async fn answer(&self, parts: &Parts, body: &mut UnreadBody) -> Response {
        let context = &*self.0;
        let shape_of = |dialect: Dialect| dialect.shape(context.options.aicp.face_api.time_unit());
        let Some(path) = routes::normalise(parts.uri.path()) else {
            return Failure::not_found().render(Shape::Plain, context.shared.platform.now());
        };
        match routes::find(&path) {
            Route::Image(_) | Route::Page(_) | Route::TokenExchange if exceeds_rate(parts) => {
                let failure = Failure::status(StatusCode::TOO_MANY_REQUESTS, literals::TOO_MANY_CALLS);
                failure.render(Shape::Plain, context.shared.platform.now())
            }
            Route::Image(link) => {
                name_operation("picture");
                images::answer(context, link, &parts.method, &parts.uri).await
            }
            Route::Page(page) => {
                name_operation("page");
                pages::answer(context, page, &parts.method, &parts.headers).await
            }
            Route::TokenExchange => {
                name_operation("token");
                token_exchange::answer(context, parts, body).await
            }
            Route::Operation(entry) => {
                name_operation(entry.path);
                serve(&context.shared, Exchange::new(context, parts, entry), body).await
            }
            Route::Unknown(dialect) => Failure::not_found().render(shape_of(dialect), context.shared.platform.now()),
        }
    }
}

/// Request for an operation, and its answer.
struct Exchange<'a> {
    context: &'a Context,
    parts: &'a Parts,
    entry: &'static Entry,
    dialect: Dialect,
    shape: Shape,
    query: Query,
    is_form: bool,
}

impl<'a> Exchange<'a> {
    fn new(context: &'a Context, parts: &'a Parts, entry: &'static Entry) -> Self {
        let dialect = routes::dialect(entry.section, context.options.aicp.listener, &parts.headers);
        let shape = match entry.operation {
            // 7.8 is the only call of its section without `resultCode`.
            Operation::Face(FaceCall::Query) => Shape::Plain,
            _ => dialect.shape(context.options.aicp.face_api.time_unit()),
        };
        // SDKs of section 9 send forms, and also JSON that they declare as a form.
        let is_form = dialect == Dialect::FaceApi && media_type::is_form(&parts.headers);
        Self { context, parts, entry, dialect, shape, query: Query::of(&parts.uri), is_form }
    }
}

impl Wire for Exchange<'_> {
    type Signature = Infallible;
    type Caller = Caller;
    type Call = Caller;
    type Answer = Answer;
    type Failure = Failure;

    fn head(&self) -> &Parts {
        self.parts
    }

    fn too_often(&self) -> Failure {
        Failure::too_many_calls(QuotaError::Second, Duration::from_secs(1), self.dialect)
    }

    fn claim(&mut self) -> Result<Claim<Self>, Failure> {
        if self.parts.method != Method::POST {
            return Err(Failure::wrong_method("POST"));
        }
        let caller = callers::authenticate(self.context, self.entry, self.dialect, &self.parts.headers, &self.query)?;
        Ok(if caller.is_anonymous() { Claim::Anonymous(caller) } else { Claim::Proven(caller) })
    }

    fn limits(&self) -> Option<BodyLimits> {
        let resumes = self.entry.operation == Operation::Outbox(OutboxCall::Resume);
        Some(BodyLimits::of(if resumes { MAX_RESUME_BODY } else { MAX_BODY }))
    }

    fn unreadable(&self, e: BodyError) -> Failure {
        match e {
            BodyError::TooLarge => Failure::status(StatusCode::PAYLOAD_TOO_LARGE, literals::BODY_TOO_LARGE),
            BodyError::Broken => Failure::status(StatusCode::BAD_REQUEST, literals::MALFORMED),
            BodyError::Busy => Failure::busy(),
        }
    }

    fn admit(&mut self, caller: Caller) -> Result<Caller, Failure> {
        if !self.is_form && !media_type::is_json_or_none(&self.parts.headers) {
            return Err(Failure::status(StatusCode::UNSUPPORTED_MEDIA_TYPE, literals::WRONG_CONTENT_TYPE));
        }
        self.context.shared.platform.count_call_of(&caller).map_err(|e| Failure::quota(&e, self.dialect))?;
        Ok(caller)
    }

    fn caller<'c>(&self, caller: &'c Caller) -> Option<&'c Caller> {
        Some(caller)
    }

    fn log_entry<'c>(&'c self, _: &'c Caller) -> Option<CallInfo<'c>> {
        let name = self.entry.log?;
        Some(CallInfo {
            method: name.method,
            label: name.label,
            category: literals::CATEGORY,
            has_engine: true,
            path: self.entry.path,
            client: Client::of(self.parts),
            code_if_disconnected: Failure::message(literals::SERVER_ERROR).code_in(self.shape),
        })
    }

    async fn run(&self, caller: &Caller, body: HeldBody) -> Result<Answer, Failure> {
        let Self { context, parts, .. } = self;
        match context.shared.platform.count_among_nodes(caller).await {
            Ok(Ok(_)) => {}
            Ok(Err(exceeded)) => return Err(Failure::quota(&exceeded, self.dialect)),
            Err(_) => return Err(Failure::busy()),
        }
        let body = if self.is_form { body.map(form_as_json) } else { body };
        let call = Call {
            platform: &context.shared.platform,
            options: &context.options.aicp,
            links: &Links::new(&context.shared.platform, &context.options.site, &parts.headers),
            caller,
            dialect: self.dialect,
            path: parts.uri.path(),
            headers: &parts.headers,
            query_app: self.query.get("appid").map(str::to_owned),
            client: Client::of(parts),
        };
        call.dispatch(self.entry.operation, &body).await
    }

    fn code_and_message(&self, failure: &Failure) -> (i64, String) {
        (failure.code_in(self.shape), failure.text().to_owned())
    }

    fn is_refusal(&self, failure: &Failure) -> bool {
        failure.is_refusal()
    }

    fn render(&self, result: Result<Answer, Failure>) -> Response {
        let now = self.context.shared.platform.now();
        match result {
            Ok(answer) => answer.render(self.shape, now),
            Err(failure) => failure.render(self.shape, now),
        }
    }

    fn no_room_for_answer(&self) -> Option<Failure> {
        Some(Failure::busy())
    }
}

impl Call<'_> {
    async fn dispatch(&self, operation: Operation, held: &HeldBody) -> Result<Answer, Failure> {
        if operation == Operation::Outbox(OutboxCall::Resume) {
            return self.resume(held.bytes.clone()).await;
        }
        let input = Input::parse(&held.bytes)?;
        match operation {
            Operation::Face(call) => self.face(call, input).await,
            Operation::FaceApi(call) => self.face_api(call, input).await,
            Operation::Statistics(call) => self.statistics(call, input.object()?).await,
            Operation::Grant(call) => self.grants(call, input.object()?).await,
            Operation::User(call) => self.users(call, input.object()?).await,
            Operation::Outbox(_) => self.outbox(input.object()?).await,
        }
    }
}

/// Converts a form to a JSON object with text fields. Returns a body that starts as JSON unchanged.
fn form_as_json(body: Bytes) -> Bytes {
    match body.trim_ascii_start().first() {
        Some(b'{' | b'[') => body,
        _ => {
            let fields = form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), value.into()));
            let object: serde_json::Map<String, serde_json::Value> = fields.collect();
            serde_json::to_vec(&object).map_or(body, Bytes::from)
        }
    }
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
