//! The face library of Alibaba Cloud LinkVisual: `/?Action=...`, signed with an access key of an app.
//!
//! A request is checked in the order of the interface: public parameters, version and action, method, key, time,
//! signature, nonce, grant, rate, and then the parameters of the action. The parameters may be in the body, which is
//! therefore read first. The response format is determined before any check can fail. A call whose action has started
//! is written to the call log.

mod actions;
mod callers;
mod calls;
mod detect;
mod devices;
mod failure;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod groups;
mod ids;
mod params;
mod settings;
mod signature;
mod users;

use std::sync::Arc;

use aicp_platform::{Caller, KeyScheme, KeyText};
use async_trait::async_trait;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use self::callers::{Unverified, Verified};
use self::calls::{Call, Outcome};
use self::failure::Failure;
use self::format::{Envelope, Format, Node};
use self::params::Params;
use crate::Context;
use crate::links::Links;
use aicp_requests::CallInfo;
use aicp_requests::Client;
use aicp_requests::life::{Claim, Wire, serve};
use aicp_requests::{BodyError, BodyLimits, HeldBody, Interface, UnreadBody};

pub use settings::Settings;

/// Keys of this interface: access key id and access key secret.
pub(super) const KEYS: KeyScheme = KeyScheme {
    name: "alibaba",
    id: KeyText::Random { prefix: "LTAI", alphabet: LETTERS_AND_DIGITS, length: 20 },
    secret: KeyText::Random { prefix: "", alphabet: LETTERS_AND_DIGITS, length: 30 },
};
const LETTERS_AND_DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Maximum size of a request body in bytes.
const MAX_BODY: usize = 1 << 20;
/// Category in the call log.
const CATEGORY: &str = "LinkVisual";
/// Call log code of a call whose client disconnected.
const CALLER_LEFT: i64 = 499;

/// Returns whether a request for `/` belongs to this dialect; the console gets the others.
fn is_ours(request: &Request) -> bool {
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

/// Face library of LinkVisual, at `/`.
pub(crate) struct LinkVisual(pub Arc<Context>);

#[async_trait]
impl Interface for LinkVisual {
    fn name(&self) -> &'static str {
        "linkvisual"
    }

    fn claims(&self, request: &Request) -> bool {
        request.uri().path() == "/" && is_ours(request)
    }

    async fn answer(&self, parts: &Parts, body: &mut UnreadBody) -> Response {
        let context = &*self.0;
        let query = parts.uri.query().unwrap_or_default();
        // The format of a failure to read the body, which may name another.
        let (format, _) = Format::wanted(Params::first(query, "Format").as_deref(), signature::is_v3(&parts.headers));
        let envelope = Envelope { format, action: "", request_id: request_id(), host: format::host_of(&parts.headers) };
        serve(&context.shared, Exchange { context, parts, query, envelope }, body).await
    }
}

/// Request for an action, and its answer.
struct Exchange<'a> {
    context: &'a Context,
    parts: &'a Parts,
    query: &'a str,
    envelope: Envelope,
}

impl Wire for Exchange<'_> {
    type Signature = Unverified;
    type Caller = Verified;
    type Call = Verified;
    type Answer = Option<Node>;
    type Failure = Failure;

    const SUCCESS: i64 = 200;

    fn head(&self) -> &Parts {
        self.parts
    }

    fn too_often(&self) -> Failure {
        Failure::THROTTLED
    }

    fn claim(&mut self) -> Result<Claim<Self>, Failure> {
        Ok(Claim::Signed(Unverified))
    }

    fn limits(&self) -> Option<BodyLimits> {
        Some(BodyLimits::of(MAX_BODY))
    }

    fn unreadable(&self, e: BodyError) -> Failure {
        match e {
            BodyError::TooLarge => Failure::BODY_TOO_LARGE,
            BodyError::Broken => Failure::BODY_BROKEN,
            BodyError::Busy => Failure::UNAVAILABLE,
        }
    }

    fn admit(&mut self, verified: Verified) -> Result<Verified, Failure> {
        self.envelope.action = verified.entry.name;
        verified.admit(&self.context.shared.platform, self.context.options.linkvisual.calls_per_second)?;
        Ok(verified)
    }

    fn caller<'c>(&self, verified: &'c Verified) -> Option<&'c Caller> {
        Some(&verified.caller)
    }

    fn log_entry<'c>(&'c self, verified: &'c Verified) -> Option<CallInfo<'c>> {
        Some(CallInfo {
            method: verified.entry.name,
            label: verified.entry.label,
            category: CATEGORY,
            has_engine: true,
            path: "/",
            client: Client::of(self.parts),
            code_if_disconnected: CALLER_LEFT,
        })
    }

    async fn run(&self, verified: &Verified, body: HeldBody) -> Outcome {
        // Release the memory budget: downloading a picture may take long.
        drop(body);
        let Self { context, parts, .. } = self;
        verified.admit_among_nodes(&context.shared.platform).await?;
        let links = Links::new(&context.shared.platform, &context.options.site, &parts.headers);
        let call = Call {
            platform: &context.shared.platform,
            links: &links,
            caller: &verified.caller,
            params: &verified.params,
        };
        call.make(verified.entry.action).await
    }

    fn code_and_message(&self, failure: &Failure) -> (i64, String) {
        (failure.number(), failure.text())
    }

    fn render(&self, result: Outcome) -> Response {
        match result {
            Ok(data) => self.envelope.success(data),
            Err(failure) => self.envelope.failure(failure),
        }
    }
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
        let belongs = |method: &str, target: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri(target);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            is_ours(&request.body(Body::empty()).expect("a request"))
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
            assert_eq!(belongs(method, target, headers), expected, "{method} {target} {headers:?}");
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
