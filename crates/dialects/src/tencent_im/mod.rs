//! Friends, friend groups and accounts of Tencent Cloud IM: `/v4/...`.
//!
//! A request is checked in the order that the interface's codes suggest: path, command, app, caller, UserSig, grant,
//! rate, and then the body, which is part of the logged call. The HTTP status is always 200.

mod accounts;
mod callers;
mod codes;
mod commands;
mod envelope;
mod failure;
mod fields;
mod friends;
#[cfg(fuzzing)]
pub mod fuzzing;
mod groups;
mod json;
mod settings;
mod throttle;
mod usersig;
mod usersig_cache;

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;

use aicp_platform::{Caller, Error, KeyScheme, KeyText, Limit, Missing, Social, SocialLimits};
use async_trait::async_trait;
use axum::extract::Request;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;

use crate::Context;
use aicp_requests::CallInfo;
use aicp_requests::life::{Claim, Wire, serve};
use aicp_requests::name_operation;
use aicp_requests::{BodyError, BodyLimits, HeldBody, Interface, UnreadBody, is_below};
use aicp_requests::{Client, trouble};
use callers::Verified;
use codes::GatewayError;
use commands::{Action, Command};
use envelope::Answer;
use failure::Failure;
use fields::Fields;
use throttle::SignatureThrottle;
use usersig_cache::UserSigCache;

pub use settings::{AllowType, Settings};

/// Limits that Tencent Cloud IM documents. They hold for the accounts of every interface.
pub const LIMITS: SocialLimits =
    SocialLimits { groups: 32, friends: 3000, requests: 100, custom_values: 20, page: 100 };

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

/// Cached UserSigs, and the throttle of failed ones.
#[derive(Default)]
pub(crate) struct CallerState {
    usersigs: UserSigCache,
    throttle: SignatureThrottle,
}

/// Friends, friend groups and accounts of Tencent Cloud IM, below `/v4`.
pub(crate) struct TencentIm(pub Arc<Context>);

#[async_trait]
impl Interface for TencentIm {
    fn name(&self) -> &'static str {
        "tencent-im"
    }

    fn claims(&self, request: &Request) -> bool {
        is_below(request.uri().path(), "/v4")
    }

    async fn answer(&self, parts: &Parts, body: &mut UnreadBody) -> Response {
        let context = &*self.0;
        if parts.method == Method::OPTIONS {
            return envelope::preflight();
        }
        match find(parts, !body.is_empty()) {
            Ok(command) => {
                name_operation(command.name);
                serve(&context.shared, Exchange { context, parts, command }, body).await
            }
            Err(e) => Failure::from(e).told_by(parts.uri.path()).render(),
        }
    }
}

/// Finds the command of a request.
fn find(parts: &Parts, has_body: bool) -> Result<&'static Command, GatewayError> {
    let path = parts.uri.path();
    // Some clients send a body with GET.
    let is_callable = parts.method == Method::POST || (parts.method == Method::GET && has_body);
    if !is_callable || !is_parsable(path) {
        return Err(GatewayError::NotParsable);
    }
    commands::find(path).ok_or(GatewayError::NoCommand)
}

/// Returns whether a path has a service and a command.
fn is_parsable(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/v4/") else { return false };
    let mut parts = rest.split('/');
    parts.next().is_some_and(|service| !service.is_empty())
        && parts.next().is_some_and(|command| !command.is_empty())
        && parts.next().is_none()
}

/// Request for a command, and its answer.
struct Exchange<'a> {
    context: &'a Context,
    parts: &'a Parts,
    command: &'static Command,
}

impl Wire for Exchange<'_> {
    type Signature = Infallible;
    type Caller = Verified;
    type Call = Verified;
    type Answer = Answer;
    type Failure = Failure;

    const LOGS_UPLOAD: bool = true;

    fn head(&self) -> &Parts {
        self.parts
    }

    fn too_often(&self) -> Failure {
        GatewayError::AppTooOften.into()
    }

    fn claim(&mut self) -> Result<Claim<Self>, Failure> {
        Ok(Claim::Proven(callers::authenticate(self.context, self.parts)?))
    }

    fn limits(&self) -> Option<BodyLimits> {
        Some(BodyLimits::of(MAX_BODY))
    }

    fn unreadable(&self, e: BodyError) -> Failure {
        match e {
            BodyError::TooLarge | BodyError::Broken => GatewayError::BodyNotRead.into(),
            BodyError::Busy => Failure::busy(self.command.service),
        }
    }

    fn admit(&mut self, verified: Verified) -> Result<Verified, Failure> {
        let rate = self.context.options.tencent_im.calls_per_second;
        let half = NonZeroU32::new(rate.get() / 2).unwrap_or(NonZeroU32::MIN);
        let rate = if self.command.is_half_rate { half } else { rate };
        let platform = &self.context.shared.platform;
        if !platform.is_within_rate(&verified.caller, self.command.name, rate) {
            return Err(GatewayError::CommandTooOften.into());
        }
        platform.count_call(&verified.key).map_err(|_| GatewayError::AppTooOften)?;
        Ok(verified)
    }

    fn caller<'c>(&self, verified: &'c Verified) -> Option<&'c Caller> {
        Some(&verified.caller)
    }

    fn log_entry<'c>(&'c self, _: &'c Verified) -> Option<CallInfo<'c>> {
        Some(CallInfo {
            method: self.command.name,
            label: self.command.label,
            category: CATEGORY,
            has_engine: false,
            path: self.command.path,
            client: Client::of(self.parts),
            code_if_disconnected: GatewayError::BodyNotRead.code_and_message().0.into(),
        })
    }

    async fn run(&self, verified: &Verified, body: HeldBody) -> Result<Answer, Failure> {
        let Self { context, command, .. } = self;
        match context.shared.platform.count_call_among_nodes(&verified.key).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(GatewayError::AppTooOften.into()),
            Err(_) => return Err(Failure::busy(command.service)),
        }
        let body = fields::parse(&body.bytes, command.service)?;
        let fields = fields::fields(&body, command.service)?;
        let options = &context.options.tencent_im;
        Call { context, options, caller: &verified.caller, command }.dispatch(fields).await
    }

    fn code_and_message(&self, failure: &Failure) -> (i64, String) {
        let told = failure.clone().told_by(self.parts.uri.path());
        (told.code().into(), told.info().to_owned())
    }

    fn render(&self, result: Result<Answer, Failure>) -> Response {
        match result {
            Ok(answer) => envelope::respond(answer),
            Err(failure) => failure.told_by(self.parts.uri.path()).render(),
        }
    }
}

/// Authenticated and authorised call.
struct Call<'a> {
    context: &'a Context,
    options: &'a Settings,
    caller: &'a Caller,
    command: &'static Command,
}

impl Call<'_> {
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
        self.context.shared.platform.social(self.caller, LIMITS)
    }

    /// Maps a platform error to the failure of the whole command.
    fn failure(&self, e: Error) -> Failure {
        match e {
            Error::Missing(Missing::Account) => Failure::sns(self.command, 30003, "Account_Not_Exist"),
            Error::Full(Limit::FriendGroups) => Failure::sns(self.command, 30011, "Group_Num_Exceed_Threshold"),
            Error::Busy => Failure::busy(self.command.service),
            Error::Missing(_)
            | Error::Exists(_)
            | Error::Full(_)
            | Error::Refused(_)
            | Error::BadInput(_)
            | Error::Unavailable(_)
            | Error::Internal(_) => {
                trouble::log(&e);
                Failure::internal(self.command.service)
            }
        }
    }
}
