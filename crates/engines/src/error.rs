//! Why an engine could not answer.

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

impl From<aicp_vision::Error> for Error {
    fn from(e: aicp_vision::Error) -> Self {
        match e {
            aicp_vision::Error::Busy => Self::Busy,
            e if e.is_bad_picture() => Self::BadPicture(e.to_string()),
            e => Self::Failed(e),
        }
    }
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
