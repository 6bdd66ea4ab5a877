//! Why a use case did not do what it was asked.

use crate::gates::QualityFault;

/// What went wrong, in the platform's own terms; each dialect has its own words for it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The app has no such library.
    #[error("no such library")]
    NoLibrary,
    /// The id can't be that of a library.
    #[error("a library's id is wanted")]
    BadLibraryId,
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
    /// The person has no such face, or nobody has.
    #[error("no such face")]
    NoSuchFace,
    /// The library has this very face already.
    #[error("the face exists")]
    FaceExists,
    /// The app has as many libraries as are allowed.
    #[error("no more libraries are allowed")]
    TooManyLibraries,
    /// The library has as many people as are allowed.
    #[error("no more people are allowed")]
    TooManyPeople,
    /// The person has as many faces as are allowed.
    #[error("no more faces are allowed")]
    TooManyFaces,
    /// The app has no such account.
    #[error("no such account")]
    NoAccount,
    /// The account would have more friend groups than are allowed.
    #[error("no more friend groups are allowed")]
    TooManyFriendGroups,
    /// There is no app of this id with a grant.
    #[error("no such app")]
    NoApp,
    /// The app has no such key.
    #[error("no such key")]
    NoKey,
    /// There is an app of this id with a grant.
    #[error("the app exists")]
    AppExists,
    /// The id can't be that of an app.
    #[error("an app's id is wanted")]
    BadAppId,
    /// There is no such capability.
    #[error("no such capability")]
    NoCapability,
    /// There is a console user of this name.
    #[error("the user exists")]
    UserExists,
    /// There are as many console users as there may be.
    #[error("there are too many users")]
    TooManyUsers,
    /// Nobody could be logged in.
    #[error("not recognised")]
    NotRecognised,
    /// Too many attempts from one address, or at one name, in a short time.
    #[error("too many attempts")]
    TooManyAttempts,
    /// The picture is not good enough for what was asked of it.
    #[error("the picture is not good enough: {0}")]
    Quality(QualityFault),
    /// The face was not live before the camera, as far as can be told.
    #[error("not a live face")]
    NotLive,
    /// The picture shows too little around the face to tell whether it is live.
    #[error("too little around the face to tell whether it is live")]
    TooTight,
    /// The face carries no identity, or is hardly certain to be one; it is not enrolled.
    #[error("the face is not recognisable: {0}")]
    NotRecognisable(aicp_engines::Unrecognisable),
    /// The library's engine is not configured.
    #[error("no such engine")]
    NoEngine,
    /// The engine does not answer.
    #[error("the engine is unavailable: {0}")]
    EngineUnavailable(String),
    /// Which faces of an engine are known here could not be learnt.
    #[error("the store does not tell which faces are known: {0}")]
    Claims(String),
    /// The engine understood and refused.
    #[error("the engine refused: {code},{text}")]
    Rejected {
        /// The engine's code.
        code: String,
        /// The engine's words.
        text: String,
    },
    /// A sealed secret can't be opened: it was changed, or `secret.key` is another one.
    #[error("a sealed secret can't be opened")]
    Sealed,
    /// A password can't be hashed, or a hash not be read.
    #[error("password hash: {0}")]
    PasswordHash(String),
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
    /// What should be the address of a picture can't be one.
    #[error("not the address of a picture")]
    BadAddress,
    /// The picture behind an address could not be fetched.
    #[error("a picture could not be fetched: {0}")]
    NotFetched(aicp_fetch::Error),
    /// The settings of fetching make no sense.
    #[error(transparent)]
    Fetching(aicp_fetch::Error),
    /// The operating system gives no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

impl From<aicp_engines::Error> for Error {
    fn from(e: aicp_engines::Error) -> Self {
        match e {
            aicp_engines::Error::BadPicture(reason) => Self::BadPicture(reason),
            aicp_engines::Error::Unavailable { reason, .. } => Self::EngineUnavailable(reason),
            aicp_engines::Error::Refused { status } => {
                Self::EngineUnavailable(format!("refused by HTTP status {status}"))
            }
            aicp_engines::Error::Claims(e) => Self::Claims(e.to_string()),
            aicp_engines::Error::Rejected { code, text } => Self::Rejected { code, text },
            aicp_engines::Error::NoFace => Self::NoFace,
            aicp_engines::Error::NotRecognisable(why) => Self::NotRecognisable(why),
            aicp_engines::Error::Busy => Self::Busy,
            other => Self::Engine(other),
        }
    }
}

impl Error {
    /// Why the store is not ready, in words that anybody may read: without paths.
    pub fn of_store_told(&self) -> String {
        match self {
            Self::Store(aicp_store::Error::DiskFull { free, .. }) => format!("the disk is full, {free} bytes are free"),
            Self::Store(aicp_store::Error::Gone { .. }) => {
                "the database file was moved, removed, replaced or cut short".to_owned()
            }
            _ => "it does not answer".to_owned(),
        }
    }

    /// A store's error where a missing row is a missing library.
    pub(crate) fn or_no_library(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoLibrary)
    }

    /// A store's error where a missing row is a missing person.
    pub(crate) fn or_no_person(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoPerson)
    }

    /// A store's error where a missing row is a missing face.
    pub(crate) fn or_no_face(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoSuchFace)
    }

    /// Whether the database is damaged, or can't be read or written.
    pub fn is_of_database(&self) -> bool {
        matches!(self, Self::Store(e) if e.is_of_database())
    }

    /// Whether another process has the data folder open.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Store(aicp_store::Error::InUse { .. }))
    }

    /// The same error where a row that is missing in the store is a missing app.
    pub(crate) fn no_app_where_missing(self) -> Self {
        match self {
            Self::Store(aicp_store::Error::NotFound) => Self::NoApp,
            other => other,
        }
    }

    /// A store's error about a new library.
    pub(crate) fn of_new_library(e: aicp_store::Error) -> Self {
        match e {
            aicp_store::Error::Exists => Self::LibraryExists,
            aicp_store::Error::Full => Self::TooManyLibraries,
            other => other.into(),
        }
    }

    /// A store's error about a new person of a library.
    pub(crate) fn of_enrolment(e: aicp_store::Error) -> Self {
        match e {
            aicp_store::Error::Exists => Self::PersonExists,
            aicp_store::Error::Full => Self::TooManyPeople,
            other => Self::or_no_library(other),
        }
    }

    /// A store's error about changes of a person.
    pub(crate) fn of_changed_person(e: aicp_store::Error) -> Self {
        match e {
            aicp_store::Error::Exists => Self::PersonExists,
            other => Self::or_no_person(other),
        }
    }

    /// A store's error where a missing row is a missing group.
    pub(crate) fn or_no_group(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NoGroup)
    }

    /// A store's error where a missing row means that somebody or something is not in a group.
    pub(crate) fn or_not_in_group(e: aicp_store::Error) -> Self {
        Self::where_missing(e, Self::NotInGroup)
    }

    /// A store's error where a missing row is a missing relation.
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

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
