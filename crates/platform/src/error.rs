//! Errors of the use cases.

use crate::gates::QualityFault;

/// An error of a use case. Each dialect maps it to its own codes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The app has no such library.
    #[error("no such library")]
    NoLibrary,
    /// The id is not valid for a library.
    #[error("a library's id is wanted")]
    BadLibraryId,
    /// The app has a library with this id.
    #[error("the library exists")]
    LibraryExists,
    /// The library has no such person.
    #[error("no such person")]
    NoPerson,
    /// The library has a person with this id.
    #[error("the person exists")]
    PersonExists,
    /// There is no such picture, or its link is not valid.
    #[error("no such picture")]
    NoPicture,
    /// The face does not exist or belongs to another person.
    #[error("no such face")]
    NoSuchFace,
    /// The library contains this picture already.
    #[error("the face exists")]
    FaceExists,
    /// The app has reached the limit of libraries.
    #[error("no more libraries are allowed")]
    TooManyLibraries,
    /// The library has reached the limit of people.
    #[error("no more people are allowed")]
    TooManyPeople,
    /// The person has reached the limit of faces.
    #[error("no more faces are allowed")]
    TooManyFaces,
    /// The app has no such account.
    #[error("no such account")]
    NoAccount,
    /// The account would exceed the limit of friend groups.
    #[error("no more friend groups are allowed")]
    TooManyFriendGroups,
    /// No app with this id has a grant.
    #[error("no such app")]
    NoApp,
    /// The app has no such key.
    #[error("no such key")]
    NoKey,
    /// An app with this id has a grant already, or the id is reserved.
    #[error("the app exists")]
    AppExists,
    /// The id is not valid for an app.
    #[error("an app's id is wanted")]
    BadAppId,
    /// The capability does not exist.
    #[error("no such capability")]
    NoCapability,
    /// A console user has this name already.
    #[error("the user exists")]
    UserExists,
    /// The limit of console users is reached.
    #[error("there are too many users")]
    TooManyUsers,
    /// The login failed.
    #[error("not recognised")]
    NotRecognised,
    /// Too many login attempts from one address or for one name in a short time.
    #[error("too many attempts")]
    TooManyAttempts,
    /// The picture fails the quality control.
    #[error("the picture is not good enough: {0}")]
    Quality(QualityFault),
    /// The face fails the liveness control.
    #[error("not a live face")]
    NotLive,
    /// The picture shows too little around the face to judge liveness.
    #[error("too little around the face to tell whether it is live")]
    TooTight,
    /// The face is not recognisable, or not certain enough to be a face; it was not enrolled.
    #[error("the face is not recognisable: {0}")]
    NotRecognisable(aicp_backends::Unrecognisable),
    /// The library's engine is not configured.
    #[error("no such engine")]
    NoEngine,
    /// The engine does not answer.
    #[error("the engine is unavailable: {0}")]
    EngineUnavailable(String),
    /// The store could not tell which faces of an engine are known.
    #[error("the store does not tell which faces are known: {0}")]
    Claims(String),
    /// The engine understood the request and refused it.
    #[error("the engine refused: {code},{text}")]
    Rejected {
        /// The engine's code.
        code: String,
        /// The engine's message.
        text: String,
    },
    /// A sealed secret can't be opened: it was changed, or `secret.key` is a different key.
    #[error("a sealed secret can't be opened")]
    Sealed,
    /// A password can't be hashed, or a stored hash can't be parsed.
    #[error("password hash: {0}")]
    PasswordHash(String),
    /// The bytes can't be decoded as a picture, or the picture is too large.
    #[error("bad picture: {0}")]
    BadPicture(String),
    /// The picture shows no face.
    #[error("the picture shows no face")]
    NoFace,
    /// Overloaded; try again later.
    #[error("busy")]
    Busy,
    /// The engine failed; the fault is not the caller's.
    #[error(transparent)]
    Engine(aicp_backends::Error),
    /// The store failed; the fault is not the caller's.
    #[error(transparent)]
    Store(#[from] aicp_store::Error),
    /// The library has no such group.
    #[error("no such group")]
    NoGroup,
    /// The library has a group of this kind and name.
    #[error("the group exists")]
    GroupExists,
    /// The person or device is not in the group.
    #[error("not in the group")]
    NotInGroup,
    /// The library knows no such device.
    #[error("no such device")]
    NoDevice,
    /// The library has no such relation of groups.
    #[error("no such relation")]
    NoRelation,
    /// The address of a picture is not valid.
    #[error("not the address of a picture")]
    BadAddress,
    /// The picture behind an address could not be fetched.
    #[error("a picture could not be fetched: {0}")]
    NotFetched(aicp_fetch::Error),
    /// The settings of fetching are not valid.
    #[error(transparent)]
    Fetching(aicp_fetch::Error),
    /// The operating system failed to supply random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

impl From<aicp_backends::Error> for Error {
    fn from(e: aicp_backends::Error) -> Self {
        use aicp_backends::{Error as Engine, RemoteError};
        match e {
            Engine::BadPicture(reason) => Self::BadPicture(reason),
            Engine::NoFace => Self::NoFace,
            Engine::NotRecognisable(why) => Self::NotRecognisable(why),
            Engine::Busy => Self::Busy,
            Engine::Remote(RemoteError::Unavailable { reason, .. }) => Self::EngineUnavailable(reason),
            Engine::Remote(RemoteError::Refused { status }) => {
                Self::EngineUnavailable(format!("refused by HTTP status {status}"))
            }
            Engine::Remote(RemoteError::Claims(e)) => Self::Claims(e.to_string()),
            Engine::Remote(RemoteError::Rejected { code, text }) => Self::Rejected { code, text },
            other => Self::Engine(other),
        }
    }
}

impl From<aicp_backends::RemoteError> for Error {
    fn from(e: aicp_backends::RemoteError) -> Self {
        aicp_backends::Error::from(e).into()
    }
}

impl Error {
    /// Returns why the store is not ready, without paths: the text is safe to publish.
    pub fn readiness_message(&self) -> String {
        match self {
            Self::Store(aicp_store::Error::DiskFull { free, .. }) => format!("the disk is full, {free} bytes are free"),
            Self::Store(aicp_store::Error::FileReplaced { .. }) => {
                "the database file was moved, removed, replaced or cut short".to_owned()
            }
            _ => "it does not answer".to_owned(),
        }
    }

    /// Converts a store error; a missing row is a missing library.
    pub(crate) fn or_no_library(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoLibrary)
    }

    /// Converts a store error; a missing row is a missing person.
    pub(crate) fn or_no_person(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoPerson)
    }

    /// Converts a store error; a missing row is a missing face.
    pub(crate) fn or_no_face(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoSuchFace)
    }

    /// Whether the database is damaged, or can't be read or written.
    pub fn is_database_error(&self) -> bool {
        matches!(self, Self::Store(e) if e.is_database_error())
    }

    /// Whether another process has the data folder open.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Store(aicp_store::Error::InUse { .. }))
    }

    /// Converts a store error; a missing row is a missing app.
    pub(crate) fn or_no_app(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoApp)
    }

    /// Converts a store error about a new library.
    pub(crate) fn of_new_library(e: aicp_store::Error) -> Self {
        match e {
            aicp_store::Error::Exists => Self::LibraryExists,
            other => other.into(),
        }
    }

    /// Converts a store error about a new person.
    pub(crate) fn of_enrolment(e: aicp_store::Error) -> Self {
        match e {
            aicp_store::Error::Exists => Self::PersonExists,
            other => Self::or_no_library(other),
        }
    }

    /// Converts a store error about changes of a person.
    pub(crate) fn of_changed_person(e: aicp_store::Error) -> Self {
        match e {
            aicp_store::Error::Exists => Self::PersonExists,
            other => Self::or_no_person(other),
        }
    }

    /// Converts a store error; a missing row is a missing group.
    pub(crate) fn or_no_group(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoGroup)
    }

    /// Converts a store error; a missing row is a missing membership.
    pub(crate) fn or_not_in_group(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NotInGroup)
    }

    /// Converts a store error; a missing row is a missing relation.
    pub(crate) fn or_no_relation(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoRelation)
    }

    fn where_missing(e: aicp_store::Error, missing: Self) -> Self {
        match e {
            aicp_store::Error::NotFound => missing,
            other => other.into(),
        }
    }
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
