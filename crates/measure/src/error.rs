//! Errors of measurements.

use std::path::PathBuf;

/// Reason why a measurement failed; the text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be accessed.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Another operation of the operating system failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A call over HTTP failed.
    #[error("a call failed: {0}")]
    Call(String),
    /// The server cannot be started or stopped.
    #[error("{0}")]
    Server(String),
    /// The requested measurement is not possible.
    #[error("{0}")]
    Request(String),
    /// Models or pictures cannot be used.
    #[error(transparent)]
    Vision(#[from] aicp_vision::Error),
    /// A template or a probe was refused.
    #[error(transparent)]
    Gallery(#[from] aicp_gallery::Error),
    /// The data folder of a measurement cannot be created.
    #[error(transparent)]
    Store(#[from] aicp_store::Error),
    /// The results cannot be serialised as JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// Returns a function that wraps an error about this file or folder.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
