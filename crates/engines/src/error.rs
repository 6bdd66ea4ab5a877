//! Errors of engines.

/// Error of another crate.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Reason why an engine call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine can't decode the picture, or found no face in it.
    #[error("bad picture: {0}")]
    BadPicture(String),
    /// The picture shows no face.
    #[error("the picture shows no face")]
    NoFace,
    /// The engine is at its limit. Nothing was done; try again later.
    #[error("the engine is busy")]
    Busy,
    /// The engine has no such library.
    #[error("the engine has no such library")]
    LibraryMissing,
    /// The engine refused the request by a code of its own. Nothing was done; a retry would be refused again.
    #[error("the engine refused: {code},{text}")]
    Rejected {
        /// The engine's code.
        code: String,
        /// The engine's message.
        text: String,
    },
    /// The engine did not answer, or its answer was not understood.
    #[error("the engine is unavailable: {reason}")]
    Unavailable {
        /// Whether the request may have been carried out.
        in_doubt: bool,
        /// Reason, without addresses, secrets or pictures.
        reason: String,
    },
    /// The engine refused the request with an HTTP status. Nothing was done.
    #[error("the engine is unavailable: refused by HTTP status {status}")]
    Refused {
        /// The status, 400..=499.
        status: u16,
    },
    /// No path is configured for this call.
    #[error("the engine has no call for: {0}")]
    Unsupported(&'static str),
    /// The lookup of claimed faces failed.
    #[error("which faces are known here could not be learnt: {0}")]
    Claims(#[source] BoxError),
    /// The settings of an engine are not valid.
    #[error("settings of the engine: {0}")]
    Settings(String),
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
