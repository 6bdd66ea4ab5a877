//! What benchmarks measure with, and the measurements that `aicp bench` offers to whoever has to size a machine.
//!
//! Durations become percentiles ([`Timing`]), the machine is described ([`Machine`]), its memory is read at full speed
//! for comparison ([`ReadBuffer`]), and a real server is started and called over HTTP ([`Server`], [`Connection`]).

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
pub mod templates;
mod timing;
pub mod vision;

pub use bandwidth::ReadBuffer;
pub use error::{Error, Result};
pub use http::{Answer, Connection, post};
pub use machine::{Machine, Threads, peak_memory_bytes, resident_bytes};
pub use random::Random;
pub use server::{Load, Server, load};
pub use timing::Timing;
