//! The life of a request, the same for every interface: which interface answers it, its log span, its body within
//! limits of size, time and memory, the order of its steps, its entry in the call log.
//!
//! An interface is an [`Interface`]; the calls that it serves are [`life::Wire`]s.

mod address_rate;
mod answer_budget;
pub mod base64_text;
mod body;
mod entry;
mod facts;
pub mod life;
pub mod media_type;
pub mod percent;
mod record;
pub mod trouble;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aicp_platform::Platform;
use axum::http::request::Parts;

pub use address_rate::AddressRate;
pub use answer_budget::AnswerBudget;
pub use body::{BodyBudget, BodyError, BodyLimits, BodyParts, HeldBody, UnreadBody};
pub use entry::{Interface, Interfaces, exceeds_rate, is_below, name_operation, origin};
pub use record::CallInfo;

/// What all interfaces share. Clones share the budgets.
#[derive(Clone)]
pub struct Shared {
    /// The use cases.
    pub platform: Platform,
    /// Memory for request bodies.
    pub bodies: BodyBudget,
    /// Memory for unsent answers.
    pub answers: AnswerBudget,
}

/// Client address of a request; the server puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);

impl Client {
    /// Returns the address of the client who sent a request.
    pub fn of(parts: &Parts) -> Option<IpAddr> {
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

/// Marks a request of a local command, whose user may read the data folder. The server puts it into the extensions of
/// requests that arrive over a channel reserved for local commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCommand;
