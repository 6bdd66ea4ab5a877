//! A stand-in for a vendor's face engine, for tests and for trying the product without one.
//!
//! It speaks the REST of Koala (考拉悠然) or of Cloudwalk's private server (云从) and does the biometrics itself, so
//! its answers are real. It keeps templates, never pictures.
//!
//! ```text
//! aicp-engine-simulator --speak koala --data-dir /tmp/koala [--listen 127.0.0.1:39081]
//! ```
//!
//! prints `listening on ADDRESS` once it is ready (port 0: any free one) and ends on SIGTERM or Ctrl-C. What it
//! acknowledged survives a kill: every write is in `journal.jsonl` of the data folder, on disk, before its answer.
//!
//! The vendors' error codes are not public. Those of the simulator are in [`codes`]; [`koala_settings`] and
//! [`cloudwalk_settings`] are settings of a client that know them, and the paths of Koala's calls.
//!
//! To callers on the same machine it also tells and takes:
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

use aicp_engines::{CloudwalkSettings, KoalaPaths, KoalaSettings};

pub use error::{Error, Result};
pub use faults::Faults;
pub use server::{Running, start};

/// Whose REST is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Speak {
    /// Koala's (考拉悠然).
    Koala,
    /// Cloudwalk's (云从).
    Cloudwalk,
}

/// How to simulate.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0: any free one.
    pub listen: SocketAddr,
    /// Whose REST to speak.
    pub speak: Speak,
    /// Folder of the journal; made if it is not there.
    pub data_dir: PathBuf,
    /// Cloudwalk: whether faces get ids of the engine's own, as on newer servers, whatever the caller sends.
    pub ignore_caller_ids: bool,
    /// Whether an unknown library is made when a face is added to it.
    pub any_library: bool,
    /// Cloudwalk: the `app_id` and `app_secret` that calls must have.
    pub credentials: Option<(String, String)>,
}

impl Options {
    /// The defaults, on a free port of the loopback.
    pub fn new(speak: Speak, data_dir: impl Into<PathBuf>) -> Self {
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

/// The error codes that the simulator answers. Only the first is known of a vendor.
pub mod codes {
    /// The picture can't be decoded or shows no face.
    pub const BAD_PICTURE: i64 = 80018;
    /// A field is missing or can't be read.
    pub const BAD_REQUEST: i64 = 80400;
    /// `app_id` or `app_secret` is wrong.
    pub const FORBIDDEN: i64 = 80403;
    /// There is no such library.
    pub const LIBRARY_MISSING: i64 = 80404;
    /// There is no such face.
    pub const FACE_MISSING: i64 = 80405;
    /// There is such a library already.
    pub const LIBRARY_EXISTS: i64 = 80409;
    /// There is such a face already.
    pub const FACE_EXISTS: i64 = 80410;
}

/// Where the simulator has Koala's calls.
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

/// Settings of a client of a simulator that speaks Koala's REST.
pub fn koala_settings(url: impl Into<String>) -> KoalaSettings {
    KoalaSettings {
        paths: koala_paths(),
        library_missing_codes: vec![codes::LIBRARY_MISSING],
        library_exists_codes: vec![codes::LIBRARY_EXISTS],
        face_missing_codes: vec![codes::FACE_MISSING],
        ..KoalaSettings::new(url)
    }
}

/// Settings of a client of a simulator that speaks Cloudwalk's REST.
pub fn cloudwalk_settings(url: impl Into<String>) -> CloudwalkSettings {
    CloudwalkSettings {
        library_missing_codes: vec![codes::LIBRARY_MISSING],
        library_exists_codes: vec![codes::LIBRARY_EXISTS],
        face_missing_codes: vec![codes::FACE_MISSING],
        ..CloudwalkSettings::new(url)
    }
}
