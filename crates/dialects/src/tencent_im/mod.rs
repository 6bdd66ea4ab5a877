//! Friends, friend groups and accounts of Tencent Cloud IM: `/v4/...`.
//!
//! `handle` checks a request in the order that the interface's codes suggest: path, command, app, caller, UserSig,
//! grant, rate, and then the body. The HTTP status is always 200.

mod accounts;
mod codes;
mod commands;
mod envelope;
mod failures;
mod fields;
mod friends;
#[cfg(fuzzing)]
pub mod fuzzing;
mod groups;
mod json;
mod usersig;
mod verified;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use aicp_platform::{AccessKey, App, Area, Error, KeyScheme, KeyText, Social, SocialLimits, TokenError};
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;

use crate::body::{BodyError, UnreadBody};
use crate::query::Query;
use crate::record::{CallInfo, CallOutcome, Record};
use crate::{Client, Context};
use codes::GatewayError;
use commands::{Action, Command};
use envelope::{Answer, Failure};
use failures::{Caller, SignatureThrottle};
use fields::Fields;
use usersig::UserSigError;
use verified::VerifiedCache;

/// Limits that Tencent Cloud IM documents.
const LIMITS: SocialLimits = SocialLimits { groups: 32, friends: 3000, requests: 100, custom_values: 20, page: 100 };

/// Keys of this interface: `sdkappid`, which clients hold in 32 bits, signed or not, and key.
pub(super) const KEYS: KeyScheme = KeyScheme {
    name: "tencent-im",
    id: KeyText::Number(1_400_000_000..2_147_483_647),
    secret: KeyText::Random { prefix: "", alphabet: "0123456789abcdef", length: 64 },
};

/// Maximum size of a request body in bytes.
const MAX_BODY: usize = 4 << 20;
/// Category in the call log.
const CATEGORY: &str = "即时通信";

/// Settings of the dialect.
#[derive(Debug, Clone)]
pub struct Options {
    /// Calls per second for each app and command. Account commands other than `account_import` get half of it.
    pub calls_per_second: NonZeroU32,
    /// User ids that may call on behalf of their app.
    pub admins: Vec<String>,
    /// Whether `group_get` answers in full even if the caller's sequence is the current one.
    pub always_full_list: bool,
}

/// Cached UserSigs, and the counts of failed ones.
#[derive(Default)]
pub(crate) struct CallerState {
    verified: VerifiedCache,
    failures: SignatureThrottle,
}

pub(crate) async fn handle(context: &Context, request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return envelope::preflight();
    }
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let mut body = UnreadBody::new(&parts, body);
    let answer = run(context, &parts, has_body, &mut body).await;
    body.discard().await;
    match answer {
        Ok(answer) => envelope::respond(answer),
        Err(failure) => failure.told_by(parts.uri.path()).render(),
    }
}

async fn run(context: &Context, parts: &Parts, has_body: bool, body: &mut UnreadBody) -> Result<Answer, Failure> {
    let path = parts.uri.path();
    // Some clients send a body with GET.
    let is_callable = parts.method == Method::POST || (parts.method == Method::GET && has_body);
    if !is_callable || !is_parsable(path) {
        return Err(GatewayError::NotParsable.into());
    }
    let command = commands::find(path).ok_or(GatewayError::NoCommand)?;
    let client = parts.extensions.get::<Client>().map(|client| client.0);
    let (app, key) = authenticate(context, &Query::parse(parts.uri.query().unwrap_or_default().as_bytes()), client)?;
    let options = &context.options.tencent_im;
    let half = NonZeroU32::new(options.calls_per_second.get() / 2).unwrap_or(NonZeroU32::MIN);
    let rate = if command.is_half_rate { half } else { options.calls_per_second };
    if !context.platform.is_within_rate(&app, command.name, rate) {
        return Err(GatewayError::CommandTooOften.into());
    }
    context.platform.count_call(&key).map_err(|_| GatewayError::AppTooOften)?;

    let subject = CallInfo {
        method: command.name,
        label: command.label,
        category: CATEGORY,
        has_engine: false,
        path: command.path,
        client,
        code_if_disconnected: GatewayError::BodyNotRead.code_and_message().0.into(),
    };
    let record = Record::begin(&context.platform, &app, subject);
    body.mark_authenticated();
    let outcome = Call { context, options, app: &app, command }.answer(body).await;
    let failure = outcome.as_ref().err();
    record.end(CallOutcome {
        ok: failure.is_none(),
        code: Some(failure.map_or(0, |failure| failure.code().into())),
        message: failure.map(|failure| failure.info().to_owned()),
    });
    outcome
}

/// Returns whether a path has a service and a command.
fn is_parsable(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/v4/") else { return false };
    let mut parts = rest.split('/');
    parts.next().is_some_and(|service| !service.is_empty())
        && parts.next().is_some_and(|command| !command.is_empty())
        && parts.next().is_none()
}

/// Authenticates a request; returns its app and the app's key.
fn authenticate(
    context: &Context,
    query: &Query,
    client: Option<IpAddr>,
) -> Result<(App, Arc<AccessKey>), GatewayError> {
    let platform = &context.platform;
    let sdk_app_id = query.get("sdkappid").filter(|id| !id.is_empty()).ok_or(GatewayError::NoSdkAppId)?;
    let sdk_app_id = usersig::number(sdk_app_id).ok_or(GatewayError::UnknownSdkAppId)?;
    let key = platform.access_key(&KEYS, &sdk_app_id.to_string()).ok_or(GatewayError::UnknownSdkAppId)?;
    let identifier = query.get("identifier").filter(|identifier| !identifier.is_empty());
    let identifier = identifier.ok_or(GatewayError::NoCaller)?;
    let text = query.get("usersig").ok_or(GatewayError::NoCaller)?;

    let app = platform.app_of_key(&key);
    let known = if key.is_revoked() {
        usersig::Key::Revoked
    } else if matches!(app, Err(TokenError::Unknown)) {
        usersig::Key::WithoutApp
    } else {
        usersig::Key::Good(key.secret().as_bytes())
    };
    let now_s = u64::try_from(context.platform.now().seconds()).unwrap_or(0);
    let callers = &context.im_callers;
    let is_good_key = matches!(known, usersig::Key::Good(_));
    let verified = if is_good_key && callers.verified.is_cached_valid(text, sdk_app_id, identifier, now_s) {
        Ok(())
    } else {
        usersig::verify(text, sdk_app_id, identifier, known, now_s)
            .map(|validity| callers.verified.remember(text, sdk_app_id, identifier, validity))
    };
    let is_admin = context.options.tencent_im.admins.iter().any(|admin| admin == identifier);
    // Only failed signatures are throttled: an attacker behind the same proxy must not lock out a valid caller. Callers
    // who are not admins are refused anyway.
    if is_admin && verified == Err(UserSigError::WrongSignature) {
        let caller = Caller::new(sdk_app_id, identifier, client);
        let now = Instant::now();
        if callers.failures.is_throttled(&caller, now) {
            return Err(GatewayError::TooManyFailures);
        }
        callers.failures.note(&caller, now);
    }
    verified.map_err(GatewayError::UserSig)?;
    if !is_admin {
        return Err(GatewayError::NotAnAdmin);
    }
    let app = app.map_err(|e| match e {
        TokenError::Expired => GatewayError::GrantEnded,
        TokenError::Missing | TokenError::Unknown | TokenError::NotGranted => GatewayError::NotGranted,
    })?;
    app.require(Area::Social).map_err(|_| GatewayError::NotGranted)?;
    Ok((app, key))
}

/// Authenticated and authorised call.
struct Call<'a> {
    context: &'a Context,
    options: &'a Options,
    app: &'a App,
    command: &'static Command,
}

impl Call<'_> {
    async fn answer(&self, body: &mut UnreadBody) -> Result<Answer, Failure> {
        let service = self.command.service;
        let held = self.context.budget.read(body, MAX_BODY).await.map_err(|e| match e {
            BodyError::TooLarge | BodyError::Broken => GatewayError::BodyNotRead.into(),
            BodyError::Busy => Failure::busy(service),
        })?;
        let body = fields::parse(&held.bytes, service)?;
        self.dispatch(fields::fields(&body, service)?).await
    }

    async fn dispatch(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        match self.command.action {
            Action::GroupGet => self.group_get(fields).await,
            Action::GroupAdd => self.group_add(fields).await,
            Action::GroupDelete => self.group_delete(fields).await,
            Action::FriendAdd => self.friend_add(fields).await,
            Action::FriendImport => self.friend_import(fields).await,
            Action::FriendUpdate => self.friend_update(fields).await,
            Action::FriendDelete => self.friend_delete(fields).await,
            Action::FriendDeleteAll => self.friend_delete_all(fields).await,
            Action::FriendCheck => self.friend_check(fields).await,
            Action::FriendGet => self.friend_get(fields).await,
            Action::FriendGetList => self.friend_get_list(fields).await,
            Action::AccountImport => self.account_import(fields).await,
            Action::MultiAccountImport => self.multiaccount_import(fields).await,
            Action::AccountDelete => self.account_delete(fields).await,
            Action::AccountCheck => self.account_check(fields).await,
        }
    }

    fn social(&self) -> Social<'_> {
        self.context.platform.social(self.app, LIMITS)
    }

    /// Maps a platform error to the failure of the whole command.
    fn failure(&self, e: Error) -> Failure {
        match e {
            Error::NoAccount => Failure::sns(self.command, 30003, "Account_Not_Exist"),
            Error::TooManyFriendGroups => Failure::sns(self.command, 30011, "Group_Num_Exceed_Threshold"),
            Error::Busy => Failure::busy(self.command.service),
            e => {
                tracing::error!(error = %e, command = self.command.name, "a call failed");
                Failure::internal(self.command.service)
            }
        }
    }
}
