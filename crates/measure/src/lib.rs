//! Tools for benchmarks, and the measurements of `aicp bench` for sizing a machine.
//!
//! [`Timing`] turns durations into percentiles, [`Machine`] describes the machine, [`ReadBuffer`] reads memory at full
//! speed for comparison, and [`Server`] and [`Connection`] start a real server and call it over HTTP.

pub mod alterations;
mod bandwidth;
mod error;
pub mod exact;
pub mod gallery;
mod http;
mod machine;
pub mod photo;
mod random;
mod server;
pub mod service;
mod spectrum;
pub mod templates;
mod timing;
pub mod vision;

pub use bandwidth::ReadBuffer;
pub use error::{Error, Result};
pub use http::{Answer, Connection, post};
pub use machine::{Machine, Threads, cpu_seconds, peak_memory_bytes, resident_bytes};
pub use random::Random;
pub use server::{Load, Server, load};
pub use timing::Timing;
