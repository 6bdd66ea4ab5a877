//! HTTP in and out: each folder turns one wire protocol into calls of the platform and back, authenticates it and
//! shapes its errors.
//!
//! - [`aicp`]: the AICP manual's interfaces.

pub mod aicp;
mod body;
mod shanghai;

use std::net::IpAddr;

pub use body::BodyBudget;

/// Who sent a request; the server puts it into the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub IpAddr);
