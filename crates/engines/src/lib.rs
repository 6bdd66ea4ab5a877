//! Vendors' engines: adapters that call a vendor's server over HTTP.
//!
//! [`RemoteEngine`] is the common interface, [`Koala`] and [`Cloudwalk`] implement it. An engine stores the faces of its
//! libraries itself and knows libraries and faces only as row ids and refs; the platform knows the people and checks
//! access.

mod breaker;
mod cloudwalk;
mod engine;
mod error;
mod koala;
mod ranked;
mod remote;
mod replaceable;
mod settings;

pub use cloudwalk::Cloudwalk;
pub use engine::{
    Assessment, Candidate, ClaimLookup, FaceCandidates, LibraryRef, RemoteEngine, RemoteFace, Target, Write,
};
pub use error::{BoxError, Error, Result};
pub use koala::Koala;
pub use replaceable::ReplaceableEngine;
pub use settings::{CloudwalkSettings, EngineSettings, KoalaPaths, KoalaSettings, RemoteSettings};
