//! The AICP manual's face interfaces: sections 2 (old), 3 (new) and 7 (micro-service), and the picture links inside
//! their answers.
//!
//! A request goes through [`handle`] in the order the contract sets: path, method, authentication, content type, size,
//! body, fields. The dialect is known from the path and the listener before anything can fail, so every failure has
//! the right shape.

mod answers;
mod envelope;
mod fields;
mod images;
mod links;
mod literals;
mod operations;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;

use aicp_platform::{App, Platform, TokenError};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use crate::body::{BodyBudget, BodyError, UnreadBody};
use envelope::{Failure, Shape};
use fields::Input;
use links::Links;
use routes::{Dialect, Route};

/// Request bodies may have this many bytes.
const MAX_BODY: usize = 8 << 20;

/// Which of the manual's dialects a listener speaks on the paths that several of them share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Section 3: no token needed, answers without `resultCode`.
    Legacy,
    /// Section 7: token needed.
    Micro,
    /// Section 7 if a `token` header was sent, else section 3.
    Auto,
}

/// How the AICP dialect is set up for one listener.
#[derive(Debug, Clone)]
pub struct Options {
    /// The dialect of shared paths.
    pub listener: Listener,
    /// Base of the links in answers, such as `https://example.com`; by default the `Host` of the request.
    pub public_url: Option<String>,
    /// Base of the links if a request has no usable `Host`.
    pub local_address: SocketAddr,
    /// Whether an enrolment in sections 2 and 3, which can't make libraries, makes the one that it names.
    pub autocreate_library: bool,
}

#[derive(Clone)]
struct Context {
    platform: Platform,
    options: Arc<Options>,
    budget: BodyBudget,
}

/// Answers every path with the AICP dialect.
pub fn router(platform: Platform, options: Options, budget: BodyBudget) -> Router {
    Router::new().fallback(handle).with_state(Context { platform, options: Arc::new(options), budget })
}

async fn handle(State(context): State<Context>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = UnreadBody::new(&parts.headers, body);
    let response = respond(&context, &parts, &mut body).await;
    body.discard().await;
    response
}

async fn respond(context: &Context, parts: &Parts, body: &mut UnreadBody) -> Response {
    let Some(path) = routes::normalise(parts.uri.path()) else {
        return Failure::not_found().render(Shape::Plain);
    };
    match routes::find(&path) {
        Route::Image(link) => images::answer(context, link, &parts.method, &parts.uri).await,
        Route::Operation { operation, section } => {
            let dialect = routes::dialect(section, context.options.listener, &parts.headers);
            match run(context, operation, dialect, parts, body).await {
                Ok(answer) => answer.render(dialect.shape()),
                Err(failure) => failure.render(dialect.shape()),
            }
        }
        Route::Unknown(shape) => Failure::not_found().render(shape),
    }
}

async fn run(
    context: &Context,
    operation: routes::Operation,
    dialect: Dialect,
    parts: &Parts,
    body: &mut UnreadBody,
) -> Result<envelope::Answer, Failure> {
    if parts.method != Method::POST {
        return Err(Failure::wrong_method("POST"));
    }
    let app = authenticate(&context.platform, dialect, &parts.headers)?;
    if !is_json(&parts.headers) {
        return Err(Failure::status(StatusCode::UNSUPPORTED_MEDIA_TYPE, literals::WRONG_CONTENT_TYPE));
    }
    let held = context.budget.read(body, MAX_BODY).await.map_err(|e| match e {
        BodyError::TooLarge => Failure::status(StatusCode::PAYLOAD_TOO_LARGE, literals::BODY_TOO_LARGE),
        BodyError::Broken => Failure::status(StatusCode::BAD_REQUEST, literals::MALFORMED),
        BodyError::Busy => Failure::busy(),
    })?;
    let input = Input::parse(&held.bytes)?;
    let links = Links::new(&context.platform, base_url(&context.options, &parts.headers));
    let call =
        operations::Call { platform: &context.platform, options: &context.options, links: &links, app: &app, dialect };
    call.run(operation, input).await
}

/// The app that a request acts for. Sections 2 and 3 may go without a token where the platform allows it; a token
/// that is sent is always checked.
fn authenticate(platform: &Platform, dialect: Dialect, headers: &HeaderMap) -> Result<App, Failure> {
    let token = headers.get("token").map(HeaderValue::as_bytes).map(std::str::from_utf8);
    let known = match token {
        Some(Ok(token)) => platform.app_of_token(token),
        Some(Err(_)) => Err(TokenError::Unknown),
        None => Err(TokenError::Missing),
    };
    let app = match known {
        Err(TokenError::Missing) if dialect.allows_anonymous() && !is_cross_site(headers) => platform.anonymous_app(),
        other => other,
    };
    app.map_err(|e| {
        let message = match e {
            TokenError::Missing => literals::NO_TOKEN,
            TokenError::Unknown => literals::UNKNOWN_TOKEN,
        };
        Failure::status(StatusCode::UNAUTHORIZED, message)
    })
}

/// Whether a browser sends this for a page of another site. Such a page must not act for whoever sits at a machine from
/// which calls need no token.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text(header::ORIGIN) {
        Some(origin) => origin.split_once("://").map(|(_, host)| host) != text(header::HOST),
        None => text(header::HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site == "cross-site"),
    }
}

/// Whether the body is declared as JSON, in whatever charset, or not declared at all.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(declared) = headers.get(header::CONTENT_TYPE) else { return true };
    let Ok(declared) = declared.to_str() else { return false };
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    media_type.is_empty() || media_type.eq_ignore_ascii_case("application/json")
}

/// Where links in answers begin.
fn base_url(options: &Options, headers: &HeaderMap) -> String {
    if let Some(url) = &options.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    match host {
        Some(host) => format!("http://{host}"),
        None => format!("http://{}", options.local_address),
    }
}

/// Whether a text can stand as host and port in a link: what a client sends comes back in answers.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
