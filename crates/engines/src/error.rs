//! Why an engine could not answer.

/// What an engine says instead of an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no picture that can be decoded, or too large a one.
    #[error("bad picture: {0}")]
    BadPicture(#[source] aicp_vision::Error),
    /// The picture shows no face.
    #[error("the picture shows no face")]
    NoFace,
    /// The engine has as much to do as it takes on; try again later.
    #[error("the engine is busy")]
    Busy,
    /// The engine itself failed.
    #[error("the engine failed: {0}")]
    Failed(#[source] aicp_vision::Error),
    /// A template does not fit the engine's gallery.
    #[error("a template does not fit: {0}")]
    Template(#[from] aicp_gallery::Error),
}

impl From<aicp_vision::Error> for Error {
    fn from(e: aicp_vision::Error) -> Self {
        match e {
            aicp_vision::Error::Busy => Self::Busy,
            e if e.is_bad_picture() => Self::BadPicture(e),
            e => Self::Failed(e),
        }
    }
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
