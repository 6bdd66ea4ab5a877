//! Why a command failed, in words for the person at the terminal.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What a command ends with instead of success.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is wrong or the file can't be read.
    #[error("configuration: {0}")]
    Config(String),
    /// Anonymous calls would be open to the network without anybody having said so.
    #[error(
        "refusing to listen on {0}: sections 2 and 3 of the AICP manual are answered without a token. \
         Set legacy.anonymous = false to require one, or = true to allow this on purpose"
    )]
    AnonymousOnNetwork(SocketAddr),
    /// Things in the data folder are not as they were stored.
    #[error("{0} things are not as they were stored")]
    Unsound(u64),
    /// A part of the data folder is gone.
    #[error(
        "{path} is missing or empty, but {beside} is there: put it back, from a backup if need be, or give up what it held with \
         --new"
    )]
    Lost {
        /// What is gone.
        path: PathBuf,
        /// What is there.
        beside: PathBuf,
    },
    /// The system lets this process have too few files open.
    #[error(
        "at most {files} files may be open, and {needed} are needed for http.max_connections: raise the limit \
         (`ulimit -n {needed}`, LimitNOFILE= of systemd) or lower the setting"
    )]
    OpenFiles {
        /// Files that may be open.
        files: usize,
        /// Files that are needed.
        needed: usize,
    },
    /// An address can't be listened on.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// A file or folder can't be worked on.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// A file of the data folder does not hold what it should.
    #[error("{path}: {reason}")]
    DataFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A picture shows no face.
    #[error("{0}: no face found")]
    NoFace(PathBuf),
    /// A picture can't be worked on.
    #[error("{path}: {source}")]
    Picture {
        /// The picture.
        path: PathBuf,
        /// Why not.
        source: aicp_vision::Error,
    },
    /// Models or runtime library are missing or broken.
    #[error(transparent)]
    Vision(#[from] aicp_vision::Error),
    /// A measurement failed.
    #[error(transparent)]
    Measure(#[from] aicp_measure::Error),
    /// A running server refused, or could not be asked.
    #[error("{0}")]
    Server(String),
    /// The database can't be worked with.
    #[error("{path}: {source}; `aicp check` tells what is damaged")]
    Database {
        /// The database file.
        path: PathBuf,
        /// What it says.
        source: aicp_platform::Error,
    },
    /// The platform failed.
    #[error(transparent)]
    Platform(#[from] aicp_platform::Error),
    /// The async runtime can't be started.
    #[error("can't start: {0}")]
    Runtime(#[source] std::io::Error),
    /// Some files do not match the manifest.
    #[error("{0} file(s) are missing or wrong")]
    ModelFiles(usize),
    /// Output can't be written.
    #[error("can't write: {0}")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// An error about a file or folder.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
