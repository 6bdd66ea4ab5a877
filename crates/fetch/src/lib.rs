//! Fetches pictures from URLs that callers name, without giving access to the internal network (SSRF protection).
//!
//! A caller who may name a URL could otherwise reach what only this machine can reach: a cloud's metadata service, a
//! database in the same network, the machine itself. So [`Fetcher`] connects only to public addresses and to those in
//! [`Limits::allowed_networks`]. A name is resolved once and the connection goes to the addresses that were checked, so
//! DNS rebinding gains nothing. Redirects are followed explicitly, each with the same checks. Time, size, redirects and
//! concurrent fetches, in total and per owner, are limited, and so is the memory of a body.
//!
//! Limitation: a public address may belong to this machine, or be reachable from this machine alone. Such addresses
//! need a firewall.

mod error;
mod exchange;
mod fetcher;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod network;
mod route;
mod settings;
mod slots;
mod target;
mod trust;

pub use error::{Error, Result};
pub use fetcher::Fetcher;
pub use hyper::http::{HeaderMap, HeaderName, HeaderValue};
pub use limits::Limits;
pub use network::{BadNetwork, Network};
pub use settings::Settings;
