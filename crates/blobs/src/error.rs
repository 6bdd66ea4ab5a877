//! Errors of blob storage.

use std::path::PathBuf;

use crate::BlobKey;

/// Result of the operations in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of a blob operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no blob of this key.
    #[error("there is no picture {key}")]
    Missing {
        /// The key.
        key: BlobKey,
    },
    /// The stored bytes are not those that the key stands for.
    #[error("picture {key} is damaged")]
    Corrupt {
        /// The key.
        key: BlobKey,
    },
    /// An operation on a file or folder failed.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The place can't be reached, or the process is ending.
    #[error("the pictures can't be reached")]
    Unavailable,
}

impl Error {
    /// Returns whether the place can't be reached, so that the operation may succeed later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

/// Adds the path to an I/O error; for `map_err`.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { path, source }
}
