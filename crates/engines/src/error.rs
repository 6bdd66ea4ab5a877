//! Why an engine could not answer.

use std::fmt;

/// An error of somebody else's.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What an engine says instead of an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no picture that can be decoded, or too large a one, or (an engine elsewhere) no face was found.
    #[error("bad picture: {0}")]
    BadPicture(String),
    /// The picture shows no face.
    #[error("the picture shows no face")]
    NoFace,
    /// The face carries no identity, or is hardly certain to be one; it is not enrolled.
    #[error("the face is not recognisable: {0}")]
    NotRecognisable(Unrecognisable),
    /// The engine has as much to do as it takes on; nothing was done; try again later.
    #[error("the engine is busy")]
    Busy,
    /// The engine in this process failed.
    #[error("the engine failed: {0}")]
    Failed(#[source] aicp_vision::Error),
    /// The threads that search can't be started.
    #[error("no thread can be started to search: {0}")]
    Threads(#[source] std::io::Error),
    /// A template does not fit the engine's gallery.
    #[error("a template does not fit: {0}")]
    Template(#[from] aicp_gallery::Error),
    /// The engine has no such library.
    #[error("the engine has no such library")]
    LibraryMissing,
    /// The engine understood and refused; nothing was done, and the same again would be refused again.
    #[error("the engine refused: {code},{text}")]
    Rejected {
        /// The engine's code.
        code: String,
        /// The engine's words.
        text: String,
    },
    /// The engine did not answer, or not in a way that can be understood.
    #[error("the engine is unavailable: {reason}")]
    Unavailable {
        /// Whether the request may have reached it and done its work.
        in_doubt: bool,
        /// Why, without addresses, secrets or pictures.
        reason: String,
    },
    /// The engine answered with an HTTP status that refuses the request; nothing was done.
    #[error("the engine is unavailable: refused by HTTP status {status}")]
    Refused {
        /// The status, 400..=499.
        status: u16,
    },
    /// No path is configured for this call of the engine.
    #[error("the engine has no call for: {0}")]
    Unsupported(&'static str),
    /// Which faces are claimed could not be learnt.
    #[error("which faces are known here could not be learnt: {0}")]
    Claims(#[source] BoxError),
    /// The settings of an engine make no sense.
    #[error("settings of the engine: {0}")]
    Settings(String),
}

/// Why a face is not enrolled. The numbers are 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unrecognisable {
    /// Its recognisability is too low: it is too dark, too bright, blurred, small, cut or covered.
    Recognisability(f32),
    /// The detector is not certain enough that it is a face.
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

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
