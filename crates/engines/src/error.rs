//! Errors of engines.

use std::fmt;

/// Error of another crate.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Reason why an engine call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes cannot be decoded as a picture or the picture is too large; for a remote engine also: no face was
    /// found.
    #[error("bad picture: {0}")]
    BadPicture(String),
    /// The picture shows no face.
    #[error("the picture shows no face")]
    NoFace,
    /// The face carries no identity, or the detector is not certain that it is a face; it is not enrolled.
    #[error("the face is not recognisable: {0}")]
    NotRecognisable(Unrecognisable),
    /// The engine is at its limit. Nothing was done; try again later.
    #[error("the engine is busy")]
    Busy,
    /// The engine in this process failed.
    #[error("the engine failed: {0}")]
    Failed(#[source] aicp_vision::Error),
    /// The search threads cannot be started.
    #[error("no thread can be started to search: {0}")]
    Threads(#[source] std::io::Error),
    /// A template does not fit the engine's gallery.
    #[error("a template does not fit: {0}")]
    Template(#[from] aicp_gallery::Error),
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

/// Reason why a face is not enrolled. The numbers are 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unrecognisable {
    /// The recognisability is too low: the face is too dark, too bright, blurred, small, cut or covered.
    Recognisability(f32),
    /// The detector's confidence is too low.
    Confidence(f32),
}

impl fmt::Display for Unrecognisable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recognisability(value) => {
                write!(f, "recognisability {value:.2}; it may be dark, overexposed, blurred, small, cut or covered")
            }
            Self::Confidence(value) => write!(f, "confidence {value:.2} that it is a face"),
        }
    }
}

impl From<aicp_vision::Error> for Error {
    fn from(e: aicp_vision::Error) -> Self {
        match e {
            aicp_vision::Error::Busy | aicp_vision::Error::Overdue => Self::Busy,
            e if e.is_bad_picture() => Self::BadPicture(e.to_string()),
            e => Self::Failed(e),
        }
    }
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
