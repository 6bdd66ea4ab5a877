//! Callers: admins of an app, proven by a UserSig.

use std::sync::Arc;
use std::time::Instant;

use aicp_platform::{AccessKey, Area, Caller, KeyState, TokenError};
use axum::http::request::Parts;

use super::KEYS;
use super::codes::GatewayError;
use super::throttle::ThrottleKey;
use super::usersig::{self, UserSigError};
use crate::Context;
use crate::query::Query;
use aicp_requests::Client;

/// App whose admin calls, and its key.
pub(super) struct Verified {
    pub caller: Caller,
    pub key: Arc<AccessKey>,
}

/// Authenticates a request by the UserSig in its query, and checks the grant of its app.
pub(super) fn authenticate(context: &Context, parts: &Parts) -> Result<Verified, GatewayError> {
    let platform = &context.shared.platform;
    let query = Query::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let sdk_app_id = query.get("sdkappid").filter(|id| !id.is_empty()).ok_or(GatewayError::NoSdkAppId)?;
    let sdk_app_id = usersig::number(sdk_app_id).ok_or(GatewayError::UnknownSdkAppId)?;
    let key = platform.access_key(&KEYS, &sdk_app_id.to_string()).ok_or(GatewayError::UnknownSdkAppId)?;
    let identifier = query.get("identifier").filter(|identifier| !identifier.is_empty());
    let identifier = identifier.ok_or(GatewayError::NoCaller)?;
    let text = query.get("usersig").ok_or(GatewayError::NoCaller)?;

    let known = match platform.state_of_key(&key) {
        KeyState::Good => usersig::Key::Good(key.secret().as_bytes()),
        KeyState::Revoked => usersig::Key::Revoked,
        KeyState::WithoutApp => usersig::Key::WithoutApp,
    };
    let now_s = u64::try_from(platform.now().seconds()).unwrap_or(0);
    let callers = &context.im_callers;
    let is_good_key = matches!(known, usersig::Key::Good(_));
    let verified = if is_good_key && callers.usersigs.is_cached_valid(text, sdk_app_id, identifier, now_s) {
        Ok(())
    } else {
        usersig::verify(text, sdk_app_id, identifier, known, now_s)
            .map(|validity| callers.usersigs.remember(text, sdk_app_id, identifier, validity))
    };
    let is_admin = context.options.tencent_im.admins.iter().any(|admin| admin == identifier);
    // Only failed signatures are throttled: an attacker behind the same proxy must not lock out a valid caller. Callers
    // who are not admins are refused anyway.
    if is_admin && verified == Err(UserSigError::WrongSignature) {
        let throttle_key = ThrottleKey::new(sdk_app_id, identifier, Client::of(parts));
        let now = Instant::now();
        if callers.throttle.is_throttled(&throttle_key, now) {
            return Err(GatewayError::TooManyFailures);
        }
        callers.throttle.note(&throttle_key, now, platform.answering_nodes());
    }
    verified.map_err(GatewayError::UserSig)?;
    if !is_admin {
        return Err(GatewayError::NotAnAdmin);
    }
    let caller = platform.caller_of_key(&key).map_err(|e| match e {
        TokenError::Expired => GatewayError::GrantEnded,
        TokenError::Missing | TokenError::Unknown | TokenError::NotGranted => GatewayError::NotGranted,
    })?;
    caller.require_area(Area::Social).map_err(|_| GatewayError::NotGranted)?;
    Ok(Verified { caller, key })
}
