//! The AICP manual: faces in sections 2 (old), 3 (new) and 7 (micro-service), statistics in 5 and 8, grants in 6,
//! face-api in 9, console users in 10, high availability in 11, and the picture links inside their answers.
//!
//! `handle` checks a request in the order of the contract: path, method, authentication, content type, size, body,
//! fields. Path and listener select the dialect before anything can fail, so every failure has the right shape. Each
//! accepted call is written to the call log.

mod answers;
mod codes;
mod envelope;
mod face_api;
mod fields;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grants;
mod images;
mod literals;
mod operations;
mod outbox;
mod pages;
mod routes;
mod statistics;
mod times;
mod token_exchange;
mod users;

pub use envelope::TimeUnit;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::str::Utf8Error;

use aicp_platform::{App, TokenError};
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use crate::body::{BodyError, HeldBody, UnreadBody};
use crate::links::{Links, Site};
use crate::query::Query;
use crate::record::{CallInfo, CallOutcome, Record};
use crate::{Client, Context};
use envelope::{Answer, Failure, Shape};
use fields::Input;
use operations::Call;
use routes::{Dialect, Entry, FaceCall, Operation, OutboxCall, Route, StatisticsCall, UserCall};

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

/// Policy for registering console users (10.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Nobody.
    Off,
    /// Callers with the admin token.
    Admin,
    /// Anybody.
    Open,
}

/// Settings of the AICP dialect for one listener.
#[derive(Debug, Clone)]
pub struct Options {
    /// Dialect on shared paths.
    pub listener: Listener,
    /// Whether enrolments of sections 2 and 3 create a missing library. These sections have no call that creates one.
    pub autocreate_library: bool,
    /// Policy for registering console users.
    pub registration: Registration,
    /// Further calls that need no token.
    pub open: OpenChapters,
    /// Unit of `timestamp` in section 9.
    pub face_api_timestamp: TimeUnit,
}

/// Chapters that require a token although the manual shows none, each with a switch that waives it. Calls without a
/// token act for the app of sections 2 and 3, under the same cross-site rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenChapters {
    /// 8.7.
    pub all_calls: bool,
    /// Section 9.
    pub face_api: bool,
    /// Section 11, otherwise reserved for the administrator.
    pub high_availability: bool,
}

/// Answers the paths of no other dialect.
pub(crate) async fn handle(context: &Context, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = UnreadBody::new(&parts, body);
    let response = respond(context, &parts, &mut body).await;
    body.discard().await;
    response
}

async fn respond(context: &Context, parts: &Parts, body: &mut UnreadBody) -> Response {
    let shape_of = |dialect: Dialect| dialect.shape(context.options.aicp.face_api_timestamp);
    let Some(path) = routes::normalise(parts.uri.path()) else {
        return Failure::not_found().render(Shape::Plain, context.platform.now());
    };
    match routes::find(&path) {
        Route::Image(link) => images::answer(context, link, &parts.method, &parts.uri).await,
        Route::Page(page) => pages::answer(context, page, &parts.method, &parts.headers).await,
        Route::TokenExchange => token_exchange::answer(context, parts, body).await,
        Route::Operation(entry) => {
            let dialect = routes::dialect(entry.section, context.options.aicp.listener, &parts.headers);
            let shape = match entry.operation {
                // 7.8 is the only call of its section without `resultCode`.
                Operation::Face(FaceCall::Query) => Shape::Plain,
                _ => shape_of(dialect),
            };
            match run(context, entry, dialect, parts, body).await {
                Ok(answer) => {
                    let held = context.answers.hold(answer.render(shape, context.platform.now()));
                    held.unwrap_or_else(|| Failure::busy().render(shape, context.platform.now()))
                }
                Err(failure) => failure.render(shape, context.platform.now()),
            }
        }
        Route::Unknown(dialect) => Failure::not_found().render(shape_of(dialect), context.platform.now()),
    }
}

async fn run(
    context: &Context,
    entry: &Entry,
    dialect: Dialect,
    parts: &Parts,
    body: &mut UnreadBody,
) -> Result<Answer, Failure> {
    if parts.method != Method::POST {
        return Err(Failure::wrong_method("POST"));
    }
    let query = Query::of(&parts.uri);
    let app = authenticate(context, entry, dialect, &parts.headers, &query)?;
    if !app.is_anonymous() {
        body.mark_authenticated();
    }
    // SDKs of section 9 send forms, and also JSON that they declare as a form.
    let is_form = dialect == Dialect::FaceApi && has_media_type(&parts.headers, "application/x-www-form-urlencoded");
    if !is_form && !is_json(&parts.headers) {
        return Err(Failure::status(StatusCode::UNSUPPORTED_MEDIA_TYPE, literals::WRONG_CONTENT_TYPE));
    }
    let resumes = entry.operation == Operation::Outbox(OutboxCall::Resume);
    let limit = if resumes { MAX_RESUME_BODY } else { MAX_BODY };
    let held = context.budget.read(body, limit).await.map_err(|e| match e {
        BodyError::TooLarge => Failure::status(StatusCode::PAYLOAD_TOO_LARGE, literals::BODY_TOO_LARGE),
        BodyError::Broken => Failure::status(StatusCode::BAD_REQUEST, literals::MALFORMED),
        BodyError::Busy => Failure::busy(),
    })?;
    let held = if is_form { held.map(form_as_json) } else { held };
    let links = Links::new(&context.platform, &context.options.site, &parts.headers);
    let call = Call {
        platform: &context.platform,
        options: &context.options.aicp,
        links: &links,
        app: &app,
        dialect,
        path: parts.uri.path(),
        headers: &parts.headers,
        query_app: query.get("appid").map(str::to_owned),
        client: parts.extensions.get::<Client>().map(|client| client.0),
    };
    let shape = dialect.shape(context.options.aicp.face_api_timestamp);
    let record = entry.log.map(|name| {
        let subject = CallInfo {
            method: name.method,
            label: name.label,
            category: literals::CATEGORY,
            has_engine: true,
            path: entry.path,
            client: call.client,
            code_if_disconnected: Failure::message(literals::SERVER_ERROR).code_in(shape),
        };
        Record::begin(&context.platform, &app, subject)
    });
    let outcome = call.dispatch(entry.operation, &held).await;
    match (record, &outcome) {
        (Some(record), Err(failure)) if failure.is_refusal() => record.discard(),
        (Some(record), outcome) => record.end(ending(outcome.as_ref().err(), shape)),
        (None, _) => {}
    }
    outcome
}

/// Converts the outcome of a call to its log entry.
fn ending(failure: Option<&Failure>, shape: Shape) -> CallOutcome {
    CallOutcome {
        ok: failure.is_none(),
        code: Some(failure.map_or(0, |failure| failure.code_in(shape))),
        message: failure.map(|failure| failure.text().to_owned()),
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

/// Returns the app that a request acts for. A missing token is accepted where the manual has none, or where the options
/// allow it. A token that is sent is always verified.
fn authenticate(
    context: &Context,
    entry: &Entry,
    dialect: Dialect,
    headers: &HeaderMap,
    query: &Query,
) -> Result<App, Failure> {
    let platform = &context.platform;
    let is_of_other_site =
        is_cross_site(headers, &context.options.site) || may_be_rebound(headers, &context.options.site);
    if let Operation::User(call) = entry.operation {
        if is_of_other_site {
            return Err(refusal(dialect, TokenError::Missing));
        }
        if call == UserCall::Register {
            let sent = sent_token(dialect, headers, query);
            may_register(context, sent.and_then(Result::ok).as_deref())?;
        }
        // No user is logged in yet, so these calls belong to the administrator's log.
        return Ok(platform.console_app());
    }
    let open = context.options.aicp.open;
    let is_open = match entry.operation {
        Operation::FaceApi(_) => open.face_api,
        Operation::Outbox(_) => open.high_availability,
        Operation::Statistics(StatisticsCall::All) => open.all_calls,
        _ => false,
    };
    let may_go_without = is_open || matches!(dialect, Dialect::Old | Dialect::New);
    let app = match sent_token(dialect, headers, query) {
        Some(Ok(token)) => platform.app_of_token(&token),
        Some(Err(_)) => Err(TokenError::Unknown),
        None => Err(TokenError::Missing),
    };
    let app = match app {
        Err(TokenError::Missing) if may_go_without && !is_of_other_site => {
            if is_open {
                Ok(platform.legacy_app())
            } else {
                platform.anonymous_app()
            }
        }
        other => other,
    };
    let app = app.map_err(|e| refusal(dialect, e))?;
    let granted = match entry.area {
        Some(area) => app.require(area),
        // Sections 6 and 11 are reserved for the administrator, unless opened by the options.
        None if app.is_admin() || app.is_anonymous() => Ok(()),
        None => Err(TokenError::NotGranted),
    };
    granted.map_err(|e| refusal(dialect, e))?;
    Ok(app)
}

/// Rejects a registration (10.1) that the policy forbids.
fn may_register(context: &Context, token: Option<&str>) -> Result<(), Failure> {
    let is_administrator =
        || token.is_some_and(|token| context.platform.app_of_token(token).is_ok_and(|app| app.is_admin()));
    match context.options.aicp.registration {
        Registration::Open => Ok(()),
        Registration::Admin if is_administrator() => Ok(()),
        Registration::Admin => Err(Failure::message(literals::REGISTRATION_OF_ADMIN)),
        Registration::Off => Err(Failure::message(literals::NO_REGISTRATION)),
    }
}

/// Returns the token from the header or, in section 9, from the query, where its SDKs put it.
fn sent_token<'a>(dialect: Dialect, headers: &'a HeaderMap, query: &Query) -> Option<Result<Cow<'a, str>, Utf8Error>> {
    let in_header = headers.get("token").map(|token| str::from_utf8(token.as_bytes()).map(Cow::Borrowed));
    let in_query = || query.token("access_token").map(|token| Ok(Cow::Owned(token)));
    in_header.or_else(|| if dialect == Dialect::FaceApi { in_query() } else { None })
}

/// Converts a token error to the failure of a dialect.
fn refusal(dialect: Dialect, e: TokenError) -> Failure {
    if dialect == Dialect::FaceApi {
        return Failure::code(match e {
            TokenError::Missing | TokenError::Unknown => codes::INVALID_TOKEN,
            TokenError::Expired => codes::EXPIRED_TOKEN,
            TokenError::NotGranted => codes::NO_PERMISSION,
        });
    }
    let (status, message) = match e {
        TokenError::Missing => (StatusCode::UNAUTHORIZED, literals::NO_TOKEN),
        TokenError::Unknown => (StatusCode::UNAUTHORIZED, literals::UNKNOWN_TOKEN),
        TokenError::Expired => (StatusCode::UNAUTHORIZED, literals::EXPIRED_TOKEN),
        TokenError::NotGranted => (StatusCode::FORBIDDEN, literals::NOT_GRANTED),
    };
    Failure::status(status, message)
}

/// Whether a browser sends the request for a page of another site. Such a page must not act for the user of a machine
/// whose calls need no token.
fn is_cross_site(headers: &HeaderMap, site: &Site) -> bool {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text(header::ORIGIN) {
        Some(origin) => {
            let is_ours = site.public_url.as_deref().is_some_and(|url| origin_of(url) == Some(origin));
            !is_ours && origin.split_once("://").map(|(_, host)| host) != text(header::HOST)
        }
        None => text(header::HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site == "cross-site"),
    }
}

/// Whether the host name of the page may belong to another site that resolves it to this server (DNS rebinding): the
/// browser would treat such a page as same-origin. IP addresses, `localhost` and the host of `public_url` are trusted.
fn may_be_rebound(headers: &HeaderMap, site: &Site) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    // Browsers send ASCII only.
    let Ok(origin) = origin.to_str() else { return true };
    if site.public_url.as_deref().is_some_and(|url| origin_of(url) == Some(origin)) {
        return false;
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority).unwrap_or_default();
    let is_address = authority.parse::<SocketAddr>().is_ok()
        || authority.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    !is_address && name != "localhost"
}

/// Returns the origin (scheme, host, port) of a URL.
fn origin_of(url: &str) -> Option<&str> {
    let after_scheme = url.find("://")? + 3;
    Some(url.get(after_scheme..)?.find('/').map_or(url, |path| &url[..after_scheme + path]))
}

/// Whether the content type is JSON, with any charset, or absent.
fn is_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::CONTENT_TYPE)
        || has_media_type(headers, "")
        || has_media_type(headers, "application/json")
}

fn has_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    declared.is_some_and(|text| text.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn site(public_url: Option<&str>) -> Site {
        let local_address = SocketAddr::from(([127, 0, 0, 1], 9012));
        Site {
            public_url: public_url.map(str::to_owned),
            local_address,
            face_url_lifetime: std::time::Duration::from_secs(60),
        }
    }

    /// Whether a page with this origin, requested under this host, may act without a token.
    fn may_act(origin: &str, host: &'static str, site: &Site) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_str(origin).expect("a header"));
        headers.insert(header::HOST, HeaderValue::from_static(host));
        !is_cross_site(&headers, site) && !may_be_rebound(&headers, site)
    }

    #[test]
    fn only_our_own_pages_act_without_a_token() {
        let plain = site(None);
        for host in ["127.0.0.1:9012", "localhost:9012", "localhost", "[::1]:9012", "192.0.2.7"] {
            assert!(may_act(&format!("http://{host}"), host, &plain), "{host}");
        }
        assert!(!may_act("http://example.com", "127.0.0.1:9012", &plain));
        assert!(!may_act("http://example.com:9012", "example.com:9012", &plain), "a name that was made to point here");
        assert!(!may_act("null", "127.0.0.1:9012", &plain));
        let behind_a_proxy = site(Some("https://example.com/base"));
        assert!(may_act("https://example.com", "127.0.0.1:9012", &behind_a_proxy));
        assert!(!may_act("https://example.org", "127.0.0.1:9012", &behind_a_proxy));
        let mut unreadable = HeaderMap::new();
        unreadable.insert(header::ORIGIN, HeaderValue::from_bytes(b"http://\xcc").expect("a header"));
        assert!(may_be_rebound(&unreadable, &plain));
        assert!(!is_cross_site(&HeaderMap::new(), &plain) && !may_be_rebound(&HeaderMap::new(), &plain));
    }
}
