//! Why something could not be measured.

use std::path::PathBuf;

/// What a measurement ends with instead of numbers; its words are for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder can't be worked on.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// The operating system refuses something else.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A call over HTTP failed.
    #[error("a call failed: {0}")]
    Call(String),
    /// The server can't be started or ended.
    #[error("{0}")]
    Server(String),
    /// What was asked for can't be measured.
    #[error("{0}")]
    Request(String),
    /// Models or pictures can't be used.
    #[error(transparent)]
    Vision(#[from] aicp_vision::Error),
    /// A template or a probe was refused.
    #[error(transparent)]
    Gallery(#[from] aicp_gallery::Error),
    /// The data folder of a measurement can't be made.
    #[error(transparent)]
    Store(#[from] aicp_store::Error),
    /// The numbers can't be put down as JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// An error about a file or folder.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
