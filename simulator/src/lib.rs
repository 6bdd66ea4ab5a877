//! Simulator of a vendor's face engine, for tests and trials without one.
//!
//! It implements the REST interface of Koala (考拉悠然) or of Cloudwalk's private server (云从) with real biometrics. It
//! stores templates, never pictures.
//!
//! ```text
//! aicp-engine-simulator --speak koala --data-dir /tmp/koala [--listen 127.0.0.1:39081]
//! ```
//!
//! prints `listening on ADDRESS` once it is ready (port 0: any free port) and exits on SIGTERM or Ctrl-C. Acknowledged
//! writes survive a kill: each is in `journal.jsonl` of the data folder, on disk, before its answer.
//!
//! The vendors' error codes are not public; [`codes`] lists those of the simulator. [`koala_settings`] and
//! [`cloudwalk_settings`] return client settings with these codes and the paths of Koala's calls.
//!
//! Callers on the same machine can also use:
//!
//! | Call | |
//! |---|---|
//! | `GET /simulator/faces` | `{"<library>": [{"faceId", "tag", "sha256" of the picture}, ..], ..}` |
//! | `GET /simulator/calls` | `{"<path>": how often it was called, ..}` |
//! | `POST /simulator/faults` | what goes wrong from now on: see [`Faults`] |

pub mod cli;
mod cloudwalk;
mod error;
mod faults;
mod journal;
mod koala;
mod server;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;

use aicp_engines::{CloudwalkSettings, KoalaPaths, KoalaSettings, RemoteSettings};

pub use error::{Error, Result};
pub use faults::Faults;
pub use server::{Running, start};

/// Whose REST is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Vendor {
    /// Koala's (考拉悠然).
    Koala,
    /// Cloudwalk's (云从).
    Cloudwalk,
}

/// Options of a simulator.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; port 0: any free port.
    pub listen: SocketAddr,
    /// Vendor whose interface is simulated.
    pub speak: Vendor,
    /// Folder of the journal; created if missing.
    pub data_dir: PathBuf,
    /// Cloudwalk: whether the engine assigns ids to faces and ignores those of the caller, as newer servers do.
    pub ignore_caller_ids: bool,
    /// Whether adding a face creates an unknown library.
    pub any_library: bool,
    /// Cloudwalk: the `app_id` and `app_secret` required of calls.
    pub credentials: Option<(String, String)>,
}

impl Options {
    /// Returns the defaults, on a free loopback port.
    pub fn new(speak: Vendor, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            speak,
            data_dir: data_dir.into(),
            ignore_caller_ids: false,
            any_library: false,
            credentials: None,
        }
    }
}

/// Error codes of the simulator. Only the first is known from a vendor.
pub mod codes {
    /// The picture can't be decoded or shows no face.
    pub const BAD_PICTURE: i64 = 80018;
    /// A field is missing or not valid.
    pub const BAD_REQUEST: i64 = 80400;
    /// `app_id` or `app_secret` is wrong.
    pub const FORBIDDEN: i64 = 80403;
    /// The library does not exist.
    pub const LIBRARY_MISSING: i64 = 80404;
    /// The face does not exist.
    pub const FACE_MISSING: i64 = 80405;
    /// The library exists already.
    pub const LIBRARY_EXISTS: i64 = 80409;
    /// The face exists already.
    pub const FACE_EXISTS: i64 = 80410;
}

/// Returns the paths of Koala's calls in the simulator.
pub fn koala_paths() -> KoalaPaths {
    KoalaPaths {
        create_library: koala::CREATE_LIBRARY.to_owned(),
        delete_library: koala::DELETE_LIBRARY.to_owned(),
        remove: koala::REMOVE.to_owned(),
        search: koala::SEARCH.to_owned(),
        search_many: koala::SEARCH_MANY.to_owned(),
        compare: koala::COMPARE.to_owned(),
        detect: koala::DETECT.to_owned(),
        quality: koala::QUALITY.to_owned(),
        health: koala::HEALTH.to_owned(),
    }
}

/// Returns connection settings with the simulator's error codes.
fn remote_settings() -> RemoteSettings {
    RemoteSettings {
        library_missing_codes: vec![codes::LIBRARY_MISSING],
        library_exists_codes: vec![codes::LIBRARY_EXISTS],
        face_missing_codes: vec![codes::FACE_MISSING],
        ..RemoteSettings::default()
    }
}

/// Returns client settings for a simulator of Koala.
pub fn koala_settings(url: impl Into<String>) -> KoalaSettings {
    KoalaSettings { paths: koala_paths(), remote: remote_settings(), ..KoalaSettings::new(url) }
}

/// Returns client settings for a simulator of Cloudwalk.
pub fn cloudwalk_settings(url: impl Into<String>) -> CloudwalkSettings {
    CloudwalkSettings { remote: remote_settings(), ..CloudwalkSettings::new(url) }
}
