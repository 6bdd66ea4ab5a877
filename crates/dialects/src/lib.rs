//! HTTP dialects: each module translates one wire protocol to platform calls and back, authenticates its requests and
//! formats its errors.
//!
//! - [`aicp`]: the AICP manual's interfaces.
//! - [`jdcloud`]: the face calls of JD Cloud.
//! - [`linkvisual`]: the face library of Alibaba Cloud LinkVisual.
//! - [`tencent_im`]: friends, friend groups and accounts of Tencent Cloud IM.
//! - [`native`]: our own.
//!
//! All dialects share one port. The path, as sent, selects the dialect, except that for `/` LinkVisual also looks at
//! the rest of the request.

pub mod aicp;
mod answer_budget;
mod base64_text;
mod body;
mod field_name;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod jdcloud;
mod lenient;
mod life;
mod links;
pub mod linkvisual;
mod media_type;
pub mod native;
mod percent;
mod query;
mod record;
mod request;
mod shanghai;
pub mod tencent_im;
mod trouble;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aicp_platform::Platform;
use axum::Router;
use axum::http::request::Parts;

pub use answer_budget::AnswerBudget;
pub use body::BodyBudget;
pub use links::{LinkSettings, Site};

/// Client address of a request; the server puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl Client {
    fn of(parts: &Parts) -> Option<IpAddr> {
        parts.extensions.get::<Self>().map(|client| client.0)
    }
}

/// State of a connection: whether it has carried an authenticated call, and whether a body is being read from it. The
/// server puts it into the extensions of each of its requests. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct ConnectionState(Arc<Shown>);

#[derive(Debug, Default)]
struct Shown {
    is_authenticated: AtomicBool,
    awaits_body: AtomicBool,
}

impl ConnectionState {
    /// Marks the connection as authenticated.
    pub fn set_authenticated(&self) {
        self.0.is_authenticated.store(true, Ordering::Relaxed);
    }

    /// Whether a call on this connection was authenticated.
    pub fn is_authenticated(&self) -> bool {
        self.0.is_authenticated.load(Ordering::Relaxed)
    }

    /// Whether the rest of a request body is still to come.
    pub fn awaits_body(&self) -> bool {
        self.0.awaits_body.load(Ordering::Relaxed)
    }

    fn set_awaits_body(&self, awaits: bool) {
        self.0.awaits_body.store(awaits, Ordering::Relaxed);
    }
}

/// Marks a request of the operator, who may read the data folder. The server puts it into the extensions of requests
/// that arrive over a channel reserved for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator;

/// Settings of the dialects for one listener.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses under which clients reach this listener.
    pub site: Site,
    /// The AICP manual's interfaces.
    pub aicp: aicp::Options,
    /// The face calls of JD Cloud.
    pub jdcloud: jdcloud::Settings,
    /// The face library of LinkVisual.
    pub linkvisual: linkvisual::Settings,
    /// Friends, friend groups and accounts of Tencent IM.
    pub tencent_im: tencent_im::Settings,
}

/// Shared state of the request handlers.
#[derive(Clone)]
struct Context {
    platform: Platform,
    options: Arc<Options>,
    budget: BodyBudget,
    answers: AnswerBudget,
    im_callers: Arc<tencent_im::CallerState>,
}

/// Returns the router of all dialects, which handles every path.
pub fn router(platform: Platform, options: Options, budget: BodyBudget, answers: AnswerBudget) -> Router {
    let context = Context { platform, options: Arc::new(options), budget, answers, im_callers: Arc::default() };
    Router::new().fallback(request::handle).with_state(context)
}
