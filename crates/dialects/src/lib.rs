//! HTTP in and out: each folder turns one wire protocol into calls of the platform and back, authenticates it and
//! shapes its errors.
//!
//! - [`aicp`]: the AICP manual's interfaces, old (2.x), new (3.x) and micro-service (7.x).

pub mod aicp;
mod body;
mod shanghai;

pub use body::BodyBudget;
