//! Why a use case did not do what it was asked.

/// What went wrong, in the platform's own terms; each dialect has its own words for it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The app has no such library.
    #[error("no such library")]
    NoLibrary,
    /// The app has a library of this name.
    #[error("the library exists")]
    LibraryExists,
    /// The library has no such person.
    #[error("no such person")]
    NoPerson,
    /// The library has a person of this id.
    #[error("the person exists")]
    PersonExists,
    /// There is no such picture, or its link is not valid.
    #[error("no such picture")]
    NoPicture,
    /// The bytes are no picture that can be decoded, or too large a one.
    #[error("bad picture: {0}")]
    BadPicture(String),
    /// The picture shows no face.
    #[error("the picture shows no face")]
    NoFace,
    /// As much is under way as this machine takes on; try again later.
    #[error("busy")]
    Busy,
    /// The engine failed; the fault is not the caller's.
    #[error(transparent)]
    Engine(aicp_engines::Error),
    /// The store failed; the fault is not the caller's.
    #[error(transparent)]
    Store(#[from] aicp_store::Error),
    /// The operating system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

impl From<aicp_engines::Error> for Error {
    fn from(e: aicp_engines::Error) -> Self {
        match e {
            aicp_engines::Error::BadPicture(reason) => Self::BadPicture(reason.to_string()),
            aicp_engines::Error::NoFace => Self::NoFace,
            aicp_engines::Error::Busy => Self::Busy,
            other => Self::Engine(other),
        }
    }
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
