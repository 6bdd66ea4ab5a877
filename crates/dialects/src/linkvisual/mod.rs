//! The face library of Alibaba Cloud LinkVisual: `/?Action=...`, signed with an access key of an app.
//!
//! `handle` checks a request in the order of the interface: public parameters, version and action, method, key, time,
//! signature, nonce, grant, rate, and then the parameters of the action. The response format is determined before any
//! check can fail. A call whose action has started is written to the call log.

mod actions;
mod calls;
mod detect;
mod devices;
mod errors;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod groups;
mod ids;
mod params;
mod signature;
mod users;

use std::sync::Arc;
use std::time::Duration;

use aicp_platform::{AccessKey, App, KeyScheme, KeyText, QuotaError, SignatureUse};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;

use self::actions::Entry;
use self::calls::{Call, Outcome};
use self::errors::Failure;
use self::format::{Envelope, Format};
use self::params::Params;
use self::signature::Claim;
use crate::body::{BodyError, UnreadBody};
use crate::links::Links;
use crate::record::{CallInfo, CallOutcome, Record};
use crate::{Client, Context};

/// Keys of this interface: access key id and access key secret.
pub(super) const KEYS: KeyScheme = KeyScheme {
    name: "alibaba",
    id: KeyText::Random { prefix: "LTAI", alphabet: LETTERS_AND_DIGITS, length: 20 },
    secret: KeyText::Random { prefix: "", alphabet: LETTERS_AND_DIGITS, length: 30 },
};
const LETTERS_AND_DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Maximum size of a request body in bytes.
const MAX_BODY: usize = 1 << 20;
/// The only version of the interface.
const VERSION: &str = "2018-01-20";
/// Category in the call log.
const CATEGORY: &str = "LinkVisual";
/// Call log code of a success.
const SUCCESS: i64 = 200;
/// Call log code of a call whose client disconnected.
const CALLER_LEFT: i64 = 499;

/// Settings of the dialect.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls per second for each app and action.
    pub calls_per_second: std::num::NonZeroU32,
}

/// Returns whether a request for `/` belongs to this dialect; the console gets the others.
pub(crate) fn matches_request(request: &Request) -> bool {
    match *request.method() {
        Method::GET => speaks(request.headers(), request.uri().query().unwrap_or_default()),
        Method::HEAD => false,
        _ => true,
    }
}

/// Returns whether a request has a mark of this dialect: a public parameter or a signature header.
fn speaks(headers: &HeaderMap, query: &str) -> bool {
    let is_public = |name: &str| matches!(name, "Action" | "AccessKeyId" | "Signature");
    signature::is_v3(headers)
        || headers.contains_key("x-acs-action")
        || form_urlencoded::parse(query.as_bytes()).any(|(name, _)| is_public(&name))
}

pub(crate) async fn handle(context: &Context, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut body = UnreadBody::new(&parts, body);
    let response = respond(context, &parts, &mut body).await;
    body.discard().await;
    response
}

async fn respond(context: &Context, parts: &Parts, unread: &mut UnreadBody) -> Response {
    let query = parts.uri.query().unwrap_or_default();
    let held = context.budget.read(unread, MAX_BODY).await;
    let body = held.as_ref().map_or(&[][..], |held| &held.bytes);
    let form = is_form(&parts.headers).then_some(body);
    let (params, read) = Params::read(query, form);
    let (format, is_format) = Format::wanted(&params, signature::is_v3(&parts.headers));
    let mut envelope = Envelope { format, action: "", request_id: request_id(), host: format::host_of(&parts.headers) };
    let is_body = held.as_ref().map(|_| ()).map_err(|e| match e {
        BodyError::TooLarge => Failure::BODY_TOO_LARGE,
        BodyError::Broken => Failure::BODY_BROKEN,
        BodyError::Busy => Failure::UNAVAILABLE,
    });
    let asked = is_body.and(read).and_then(|()| {
        let is_ours = matches!(parts.method, Method::GET | Method::POST) || speaks(&parts.headers, query);
        if is_ours { AuthenticatedCall::read(context, parts, &params, body, is_format) } else { Err(Failure::METHOD) }
    });
    // Release the memory budget: downloading a picture may take long.
    drop(held);
    let asked = match asked {
        Ok(asked) => asked,
        Err(failure) => return envelope.failure(failure),
    };
    unread.mark_authenticated();
    envelope.action = asked.entry.name;
    match asked.answer(context, parts, &params).await {
        Ok(data) => envelope.success(data),
        Err(failure) => envelope.failure(failure),
    }
}

/// Authenticated call.
struct AuthenticatedCall {
    entry: &'static Entry,
    app: App,
    key: Arc<AccessKey>,
    /// The nonce and how long to remember it; `None` if the key allows replays.
    nonce: Option<(String, Duration)>,
}

impl AuthenticatedCall {
    /// Identifies the action and authenticates the caller.
    fn read(context: &Context, parts: &Parts, params: &Params, body: &[u8], is_format: bool) -> Result<Self, Failure> {
        let claim = Claim::read(&parts.headers, params)?;
        if !is_format {
            return Err(Failure::FORMAT);
        }
        if claim.version != VERSION {
            return Err(Failure::invalid("Version"));
        }
        let entry = actions::find(claim.action).ok_or(Failure::ACTION_NOT_FOUND)?;
        if !matches!(parts.method, Method::GET | Method::POST) {
            return Err(Failure::METHOD);
        }
        let platform = &context.platform;
        let key = platform.access_key(&KEYS, claim.key_id).ok_or(Failure::KEY_NOT_FOUND)?;
        if key.is_revoked() {
            return Err(Failure::KEY_INACTIVE);
        }
        // We issue no temporary keys, so no security token is valid.
        if params.text("SecurityToken").is_some() || parts.headers.contains_key("x-acs-security-token") {
            return Err(Failure::SECURITY_TOKEN);
        }
        claim.check_time(platform.now().timestamp())?;
        let signed = signature::Parts { method: parts.method.as_str(), headers: &parts.headers, params, body };
        claim.verify(&signed, key.secret())?;
        let keep = Duration::try_from(claim.window().saturating_mul(2)).unwrap_or(Duration::MAX);
        let nonce = (!key.options().allow_replay).then(|| (claim.nonce.to_owned(), keep));
        if nonce.as_ref().is_some_and(|(nonce, _)| platform.was_used(&key, nonce)) {
            return Err(Failure::NONCE_USED);
        }
        let app = platform.app_of_key(&key).map_err(|_| Failure::KEY_INACTIVE)?;
        Ok(Self { entry, app, key, nonce })
    }

    /// Makes the call, if grant, rate, quota and nonce allow it.
    async fn answer(&self, context: &Context, parts: &Parts, params: &Params) -> Outcome {
        let Self { entry, app, key, nonce } = self;
        let platform = &context.platform;
        app.require(entry.area).map_err(|_| Failure::FORBIDDEN)?;
        if !platform.is_within_rate(app, entry.name, context.options.linkvisual.calls_per_second) {
            return Err(Failure::THROTTLED);
        }
        platform.count_call(key).map_err(|e| match e {
            QuotaError::Second => Failure::THROTTLED,
            QuotaError::Day => Failure::DAILY_QUOTA_EXCEEDED,
        })?;
        match nonce.as_ref().map(|(nonce, keep)| platform.note_use(key, nonce, *keep)) {
            None | Some(SignatureUse::First) => {}
            // A concurrent request used the same nonce.
            Some(SignatureUse::Repeated) => return Err(Failure::NONCE_USED),
            Some(SignatureUse::TooMany) => return Err(Failure::THROTTLED),
        }
        let links = Links::new(platform, &context.options.site, &parts.headers);
        let subject = CallInfo {
            method: entry.name,
            label: entry.label,
            category: CATEGORY,
            has_engine: true,
            path: "/",
            client: parts.extensions.get::<Client>().map(|client| client.0),
            code_if_disconnected: CALLER_LEFT,
        };
        let record = Record::begin(platform, app, subject);
        let outcome = Call { platform, links: &links, app, params }.make(entry.action).await;
        record.end(match &outcome {
            Ok(_) => CallOutcome { ok: true, code: Some(SUCCESS), message: None },
            Err(failure) => CallOutcome { ok: false, code: Some(failure.number()), message: Some(failure.text()) },
        });
        outcome
    }
}

/// Returns whether the body is declared as a form, in any charset.
fn is_form(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Generates a random UUID (RFC 9562, version 4) in upper case.
fn request_id() -> String {
    let digits = aicp_platform::new_token().unwrap_or_default();
    let bytes = u128::from_str_radix(&digits, 16).unwrap_or(0).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid().as_hyphenated().to_string().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn requests_for_the_root_are_told_from_the_consoles() {
        let is_ours = |method: &str, target: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri(target);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            matches_request(&request.body(Body::empty()).expect("a request"))
        };
        for (method, target, headers, expected) in [
            ("GET", "/", &[][..], false),
            ("GET", "/?lang=zh&action=x", &[], false),
            ("GET", "/?Action=", &[], true),
            ("GET", "/?a=b&AccessKeyId=x", &[], true),
            ("GET", "/?Signature", &[], true),
            ("GET", "/", &[("authorization", "ACS3-HMAC-SHA256 x")], true),
            ("GET", "/", &[("authorization", "Bearer x")], false),
            ("GET", "/", &[("x-acs-action", "QueryFaceUser")], true),
            ("HEAD", "/?Action=x", &[], false),
            ("POST", "/", &[], true),
            ("PUT", "/", &[], true),
            ("DELETE", "/", &[], true),
        ] {
            assert_eq!(is_ours(method, target, headers), expected, "{method} {target} {headers:?}");
        }
    }

    #[test]
    fn request_ids_are_uuids() {
        let id = request_id();
        let parts: Vec<&str> = id.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(id.chars().all(|c| c == '-' || c.is_ascii_digit() || ('A'..='F').contains(&c)), "{id}");
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'A', 'B']), "{id}");
        assert_ne!(id, request_id());
    }
}
