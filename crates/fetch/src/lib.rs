//! Fetches pictures from addresses that callers name, and from nowhere inside the network.
//!
//! Whoever may name an address may otherwise borrow this machine's place in the network: ask the metadata service of a
//! cloud, a database next door or the machine itself. So [`Fetcher`] only talks to public addresses, and to those that
//! [`Limits::allowed_networks`] names. A name is looked up once; what was judged is what is connected to, so that a
//! name that points elsewhere a moment later gains nothing. Redirects are followed by hand, each through the same
//! checks. Time, size, redirects and fetches at once, of all and of each owner, are bounded, and so is what a body costs
//! in memory.
//!
//! What it can't know: a public address may be this machine's own, or one that only this machine is let through to.
//! Such addresses need a firewall.

mod error;
mod exchange;
mod fetcher;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod network;
mod places;
mod route;
mod target;
mod trust;

pub use error::{Error, Result};
pub use fetcher::Fetcher;
pub use limits::Limits;
pub use network::{BadNetwork, Network};
