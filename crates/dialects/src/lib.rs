//! HTTP in and out: each folder turns one wire protocol into calls of the platform and back, authenticates it and
//! shapes its errors.
//!
//! - [`aicp`]: the AICP manual's interfaces.
//! - [`jdcloud`]: the face calls of JD Cloud.
//! - [`linkvisual`]: the face library of Alibaba Cloud LinkVisual.
//! - [`tencent_im`]: friends, friend groups and accounts of Tencent Cloud IM.
//! - [`native`]: our own.
//!
//! All of them share one port. Which one a request speaks is told by its path as it was sent, before any header is
//! looked at.

pub mod aicp;
mod answers;
mod base64_text;
mod body;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod jdcloud;
mod links;
pub mod linkvisual;
pub mod native;
mod percent;
mod record;
mod shanghai;
pub mod tencent_im;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aicp_platform::Platform;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;

pub use answers::AnswerBudget;
pub use body::BodyBudget;
pub use links::Site;

/// Who sent a request; the server puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

/// Whether a connection has had a call with credentials that were checked, and whether a body is awaited on it; the server puts it
/// into the extensions of each of its requests. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Standing(Arc<Shown>);

#[derive(Debug, Default)]
struct Shown {
    is_known: AtomicBool,
    awaits_body: AtomicBool,
}

impl Standing {
    /// Says that credentials were checked and found right.
    pub fn is_known_now(&self) {
        self.0.is_known.store(true, Ordering::Relaxed);
    }

    /// Whether that was said.
    pub fn is_known(&self) -> bool {
        self.0.is_known.load(Ordering::Relaxed)
    }

    /// Whether the client has yet to send the rest of a body.
    pub fn awaits_body(&self) -> bool {
        self.0.awaits_body.load(Ordering::Relaxed)
    }

    fn awaits_body_now(&self, awaits: bool) {
        self.0.awaits_body.store(awaits, Ordering::Relaxed);
    }
}

/// Marks a request of whoever may read the data folder; the server puts it into the extensions of what comes in by a
/// way that nobody else has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator;

/// How the dialects are set up for one listener.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where this listener is reached.
    pub site: Site,
    /// The AICP manual's interfaces.
    pub aicp: aicp::Options,
    /// The face calls of JD Cloud.
    pub jdcloud: jdcloud::Options,
    /// The face library of LinkVisual.
    pub linkvisual: linkvisual::Options,
    /// Friends, friend groups and accounts of Tencent IM.
    pub tencent_im: tencent_im::Options,
}

/// What answers a request.
#[derive(Clone)]
struct Context {
    platform: Platform,
    options: Arc<Options>,
    budget: BodyBudget,
    answers: AnswerBudget,
    im_callers: Arc<tencent_im::Callers>,
}

/// Answers every path.
pub fn router(platform: Platform, options: Options, budget: BodyBudget, answers: AnswerBudget) -> Router {
    let context = Context { platform, options: Arc::new(options), budget, answers, im_callers: Arc::default() };
    Router::new().nest("/api/v1", native::routes(context.clone())).fallback(handle).with_state(context)
}

async fn handle(State(context): State<Context>, request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/jdai/") {
        jdcloud::handle(&context, request).await
    } else if path == "/v4" || path.starts_with("/v4/") {
        tencent_im::handle(&context, request).await
    } else if path.starts_with("/api/v1/") {
        native::nothing()
    } else if path == "/" && linkvisual::is_meant(&request) {
        linkvisual::handle(&context, request).await
    } else {
        aicp::handle(&context, request).await
    }
}
