//! Errors of an index.

/// Reason why a call of an index failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The limit of concurrent searches is reached. Nothing was done; try again later.
    #[error("too many searches are running")]
    Busy,
    /// A probe does not fit the index.
    #[error("a probe does not fit: {0}")]
    BadProbe(#[source] aicp_gallery::Error),
    /// The index failed; the fault is not the caller's.
    #[error("the index failed: {0}")]
    Unavailable(String),
    /// A file has no library that can be restored.
    #[error("the file of a library can't be used: {0}")]
    BadFile(String),
    /// The search threads can't be started.
    #[error("no thread can be started to search: {0}")]
    Threads(#[source] std::io::Error),
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
