//! Callers: the access key that signs a request, and what may keep it from the action.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aicp_platform::{AccessKey, Caller, KeyState, Platform, QuotaError, SignatureUse};
use axum::http::Method;

use super::actions::{self, Entry};
use super::failure::Failure;
use super::format::Format;
use super::params::Params;
use super::signature::{self, Claim};
use super::{Exchange, KEYS, speaks};
use aicp_requests::HeldBody;
use aicp_requests::life::Signature;
use aicp_requests::media_type;
use aicp_requests::name_operation;

/// The only version of the interface.
const VERSION: &str = "2018-01-20";

/// Request whose signature may be among the parameters in the body.
pub(super) struct Unverified;

/// App that signed the request for an action.
pub(super) struct Verified {
    pub entry: &'static Entry,
    pub caller: Caller,
    pub params: Params,
    key: Arc<AccessKey>,
    /// The nonce and how long to remember it; `None` if the key allows replays.
    nonce: Option<(String, Duration)>,
}

impl<'a> Signature<Exchange<'a>> for Unverified {
    fn verify(self, wire: &mut Exchange<'a>, body: &HeldBody) -> Result<Verified, Failure> {
        let headers = &wire.parts.headers;
        let form = media_type::is_form(headers).then_some(&body.bytes[..]);
        let (params, read) = Params::read(wire.query, form);
        let (format, is_format) = Format::wanted(params.text("Format"), signature::is_v3(headers));
        wire.envelope.format = format;
        read?;
        if !is_method(&wire.parts.method) && !speaks(headers, wire.query) {
            return Err(Failure::METHOD);
        }
        Verified::read(wire, params, &body.bytes, is_format)
    }
}

fn is_method(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::POST)
}

impl Verified {
    /// Identifies the action and authenticates the caller.
    fn read(wire: &Exchange<'_>, params: Params, body: &[u8], is_format: bool) -> Result<Self, Failure> {
        let Exchange { context, parts, .. } = wire;
        let claim = Claim::read(&parts.headers, &params)?;
        if !is_format {
            return Err(Failure::FORMAT);
        }
        if claim.version != VERSION {
            return Err(Failure::invalid("Version"));
        }
        let entry = actions::find(claim.action).ok_or(Failure::ACTION_NOT_FOUND)?;
        name_operation(entry.name);
        if !is_method(&parts.method) {
            return Err(Failure::METHOD);
        }
        let platform = &context.shared.platform;
        let key = platform.access_key(&KEYS, claim.key_id).ok_or(Failure::KEY_NOT_FOUND)?;
        if platform.state_of_key(&key) == KeyState::Revoked {
            return Err(Failure::KEY_INACTIVE);
        }
        // We issue no temporary keys, so no security token is valid.
        if params.text("SecurityToken").is_some() || parts.headers.contains_key("x-acs-security-token") {
            return Err(Failure::SECURITY_TOKEN);
        }
        claim.check_time(platform.now().timestamp())?;
        let signed = signature::Parts { method: parts.method.as_str(), headers: &parts.headers, params: &params, body };
        claim.verify(&signed, key.secret())?;
        let keep = Duration::try_from(claim.window().saturating_mul(2)).unwrap_or(Duration::MAX);
        let nonce = (!key.options().allow_replay).then(|| (claim.nonce.to_owned(), keep));
        if nonce.as_ref().is_some_and(|(nonce, _)| platform.was_used(&key, nonce)) {
            return Err(Failure::NONCE_USED);
        }
        let caller = platform.caller_of_key(&key).map_err(|_| Failure::KEY_INACTIVE)?;
        Ok(Self { entry, caller, params, key, nonce })
    }

    /// Checks grant, rate, quota and nonce.
    pub fn admit(&self, platform: &Platform, calls_per_second: NonZeroU32) -> Result<(), Failure> {
        let Self { entry, caller, key, nonce, .. } = self;
        caller.require_area(entry.area).map_err(|_| Failure::FORBIDDEN)?;
        if !platform.is_within_rate(caller, entry.name, calls_per_second) {
            return Err(Failure::THROTTLED);
        }
        platform.count_call(key).map_err(|e| match e {
            QuotaError::Second => Failure::THROTTLED,
            QuotaError::Day => Failure::DAILY_QUOTA_EXCEEDED,
        })?;
        match nonce.as_ref().map(|(nonce, keep)| platform.note_use(key, nonce, *keep)) {
            None | Some(SignatureUse::First) => Ok(()),
            // A concurrent request used the same nonce.
            Some(SignatureUse::Repeated) => Err(Failure::NONCE_USED),
            Some(SignatureUse::TooMany) => Err(Failure::THROTTLED),
        }
    }

    /// Counts the call, and checks that it is the first with its nonce, among all nodes.
    pub async fn admit_among_nodes(&self, platform: &Platform) -> Result<(), Failure> {
        match platform.count_call_among_nodes(&self.key).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(Failure::DAILY_QUOTA_EXCEEDED),
            Err(_) => return Err(Failure::UNAVAILABLE),
        }
        let Some((nonce, keep)) = &self.nonce else { return Ok(()) };
        match platform.is_first_use(&self.key, nonce, *keep).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::NONCE_USED),
            Err(_) => Err(Failure::UNAVAILABLE),
        }
    }
}
