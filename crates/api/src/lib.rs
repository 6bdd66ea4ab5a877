//! Our own interface, for the administrator: `/api/v1/...` with JSON in both directions.
//!
//! | call | answer |
//! |---|---|
//! | `GET /apps` | `{"apps":[{"appId"}]}` |
//! | `GET /apps/{appId}/keys` | `{"keys":[{"id","kind","allowMd5","allowReplay","callsPerSecond","callsPerDay","createdAt","revokedAt"}]}` |
//! | `POST /apps/{appId}/keys` | 201 and the key with its secret, this once |
//! | `DELETE /apps/{appId}/keys/{id}` | 204; the key is revoked |
//! | `GET /apps/{appId}/libraries` | `{"fpir","libraries":[{"id","name","engine","faces","threshold","recommendedThreshold"}]}` |
//!
//! Errors: an HTTP status and `{"error":{"code","message"}}`.

mod answers;
mod calls;
mod failure;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod routes;
mod wire;

use std::convert::Infallible;

use aicp_platform::{Caller, Platform, TokenError};
use aicp_requests::life::{Claim, Wire, serve};
use aicp_requests::{
    BodyError, BodyLimits, HeldBody, Interface, Operator, Shared, UnreadBody, is_below, name_operation,
};
use async_trait::async_trait;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use failure::Failure;
use routes::{NoRoute, Operation, Route};
pub use wire::{ShownApp, ShownApps, ShownKey, ShownKeys, ShownLibraries, ShownLibrary};

/// Maximum length of a body in bytes.
const MAX_BODY: usize = 16 << 10;

/// Our own interface, below `/api/v1`.
pub struct Api(pub Shared);

#[async_trait]
impl Interface for Api {
    fn name(&self) -> &'static str {
        "api"
    }

    fn claims(&self, request: &Request) -> bool {
        is_below(request.uri().path(), "/api/v1")
    }

    async fn answer(&self, parts: &Parts, body: &mut UnreadBody) -> Response {
        if parts.uri.path() == "/api/v1/" {
            return Failure::no_path().into_response();
        }
        let route = routes::find(&parts.method, parts.uri.path());
        if let Ok(route) = &route {
            name_operation(route.operation.name());
        }
        serve(&self.0, Exchange { platform: &self.0.platform, parts, route }, body).await
    }
}

/// Call of the administrator or of an operator.
struct Admitted<'a> {
    caller: Caller,
    call: routes::Call<'a>,
}

/// Request of the administrator, and its answer.
struct Exchange<'a> {
    platform: &'a Platform,
    parts: &'a Parts,
    route: Result<Route<'a>, NoRoute>,
}

impl<'a> Wire for Exchange<'a> {
    type Signature = Infallible;
    type Caller = Caller;
    type Call = Admitted<'a>;
    type Answer = Response;
    type Failure = Failure;

    const SUCCESS: i64 = 200;

    /// Accepts the admin token, and the operator without one.
    fn claim(&mut self) -> Result<Claim<Self>, Failure> {
        if self.parts.extensions.get::<Operator>().is_some() {
            return Ok(Claim::Proven(self.platform.operator()));
        }
        let caller = match bearer(&self.parts.headers) {
            Some(token) => self.platform.caller_of_token(token),
            None => Err(TokenError::Missing),
        };
        match caller {
            Ok(caller) if caller.may_administer() => Ok(Claim::Proven(caller)),
            Ok(_) => Err(Failure::forbidden()),
            Err(e) => Err(Failure::unauthorized(e)),
        }
    }

    fn limits(&self) -> Option<BodyLimits> {
        let takes_body = self.route.is_ok_and(|route| route.operation == Operation::MakeKey);
        takes_body.then(|| BodyLimits::of(MAX_BODY))
    }

    fn unreadable(&self, e: BodyError) -> Failure {
        match e {
            BodyError::TooLarge => Failure::too_large(),
            BodyError::Broken => Failure::bad_request("the body broke off"),
            BodyError::Busy => Failure::from(aicp_platform::Error::Busy),
        }
    }

    fn admit(&mut self, caller: Caller) -> Result<Admitted<'a>, Failure> {
        let route = self.route.map_err(|e| match e {
            NoRoute::NoPath => Failure::no_path(),
            NoRoute::WrongMethod(_) => Failure::wrong_method(),
        })?;
        let call = route.call().map_err(|_| Failure::bad_request("the path can't be read"))?;
        Ok(Admitted { caller, call })
    }

    async fn run(&self, admitted: &Admitted<'a>, body: HeldBody) -> Result<Response, Failure> {
        let platform = self.platform;
        let Admitted { caller, call: routes::Call { operation, app_id, key_id } } = admitted;
        match operation {
            Operation::ListApps => calls::apps(platform, caller).await,
            Operation::ListKeys => calls::keys(platform, caller, app_id).await,
            Operation::MakeKey => calls::make_key(platform, caller, app_id, &body.bytes).await,
            Operation::RevokeKey => calls::revoke_key(platform, caller, app_id, key_id).await,
            Operation::ListLibraries => calls::libraries(platform, caller, app_id).await,
        }
    }

    fn code_and_message(&self, failure: &Failure) -> (i64, String) {
        failure.status_and_message()
    }

    fn render(&self, result: Result<Response, Failure>) -> Response {
        let mut response = result.unwrap_or_else(IntoResponse::into_response);
        if let Err(NoRoute::WrongMethod(allowed)) = self.route {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}

/// Returns the token of `Authorization: Bearer ...` (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
