//! Errors of both kinds of engines.

use aicp_vision::Unrecognisable;

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
    /// The biometrics in this process failed.
    #[error("the engine failed: {0}")]
    Failed(#[source] aicp_vision::Error),
    /// The index failed.
    #[error(transparent)]
    Index(aicp_index::Error),
    /// A remote engine failed or refused, for a reason that the built-in engine does not have.
    #[error(transparent)]
    Remote(aicp_engines::Error),
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

impl From<aicp_index::Error> for Error {
    fn from(e: aicp_index::Error) -> Self {
        match e {
            aicp_index::Error::Busy => Self::Busy,
            e => Self::Index(e),
        }
    }
}

impl From<aicp_engines::Error> for Error {
    fn from(e: aicp_engines::Error) -> Self {
        match e {
            aicp_engines::Error::BadPicture(reason) => Self::BadPicture(reason),
            aicp_engines::Error::NoFace => Self::NoFace,
            aicp_engines::Error::Busy => Self::Busy,
            e => Self::Remote(e),
        }
    }
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
