//! Errors of the use cases: few kinds, each with what it is about.

use crate::gates::QualityFault;
use aicp_store::Written;

/// An error of a use case. Each dialect maps it to its own codes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the caller named does not exist, or belongs to another app.
    #[error("no such {0}")]
    Missing(#[from] Missing),
    /// What the caller would create exists.
    #[error("the {0} exists")]
    Exists(#[from] Existing),
    /// A limit is reached.
    #[error("no more {0} are allowed")]
    Full(#[from] Limit),
    /// The request is well formed, and a rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request contains something that is not valid.
    #[error(transparent)]
    BadInput(#[from] BadInput),
    /// Overloaded; try again later.
    #[error("busy")]
    Busy,
    /// A vendor's engine does not answer.
    #[error("the engine is unavailable: {0}")]
    Unavailable(String),
    /// The fault is not the caller's.
    #[error(transparent)]
    Internal(#[from] Internal),
}

/// What does not exist. The text of a variant is its noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The app has no such account.
    #[error("account")]
    Account,
    /// No app with this id has a grant.
    #[error("app")]
    App,
    /// The capability does not exist.
    #[error("capability")]
    Capability,
    /// The webhook has no such delivery.
    #[error("delivery")]
    Delivery,
    /// The library knows no such device.
    #[error("device")]
    Device,
    /// The library's engine is not configured.
    #[error("engine")]
    Engine,
    /// The log of recognitions has no such entry.
    #[error("entry")]
    Entry,
    /// There is no such event, or it was deleted by age.
    #[error("event")]
    Event,
    /// The face does not exist or belongs to another person.
    #[error("face")]
    Face,
    /// The job has no file, or no longer.
    #[error("file")]
    File,
    /// The library has no such group.
    #[error("group")]
    Group,
    /// The app has no such job.
    #[error("job")]
    Job,
    /// The app has no such key.
    #[error("key")]
    Key,
    /// The app has no such library.
    #[error("library")]
    Library,
    /// The person or device is not in the group.
    #[error("membership")]
    Membership,
    /// There is no such operator.
    #[error("operator")]
    Operator,
    /// The library has no such person.
    #[error("person")]
    Person,
    /// There is no such picture, or its link is not valid.
    #[error("picture")]
    Picture,
    /// The library has no such relation of groups.
    #[error("relation")]
    Relation,
    /// There is no such setting.
    #[error("setting")]
    Setting,
    /// The history of the settings has no such change.
    #[error("change of a setting")]
    SettingChange,
    /// The database has no value for the setting.
    #[error("value in the database")]
    SettingValue,
    /// The operator has no such session or token.
    #[error("session")]
    Session,
    /// The app has no such webhook.
    #[error("webhook")]
    Webhook,
    /// The face has no template here.
    #[error("template")]
    Template,
    /// The outbox has no such write.
    #[error("write")]
    Write,
}

/// What exists already. The text of a variant is its noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Existing {
    /// An app with this id has a grant already, or the id is reserved.
    #[error("app")]
    App,
    /// The write was done, or dropped.
    #[error("done write")]
    DoneWrite,
    /// The library contains this picture.
    #[error("face")]
    Face,
    /// The library has a group of this kind and name.
    #[error("group")]
    Group,
    /// The app has a library with this id.
    #[error("library")]
    Library,
    /// An operator has this name.
    #[error("operator")]
    Operator,
    /// The library has people.
    #[error("people")]
    People,
    /// The library has a person with this id.
    #[error("person")]
    Person,
    /// A console user has this name.
    #[error("user")]
    User,
}

/// A limit that is reached. The text of a variant is what is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Bytes of an export.
    #[error("bytes of an export (jobs.max_unpacked_mib)")]
    ExportSize,
    /// Faces of a person.
    #[error("faces")]
    Faces,
    /// Friend groups of an account.
    #[error("friend groups")]
    FriendGroups,
    /// Jobs of an app that have not ended.
    #[error("unfinished jobs")]
    Jobs,
    /// Master keys.
    #[error("secret keys: forget earlier ones first")]
    SecretKeys,
    /// Libraries of an app.
    #[error("libraries")]
    Libraries,
    /// People of a library.
    #[error("people")]
    People,
    /// Tokens of an operator.
    #[error("tokens")]
    Tokens,
    /// Deliveries of a webhook that were asked for and wait.
    #[error("deliveries out of turn")]
    Replays,
    /// Tags of a person.
    #[error("tags")]
    Tags,
    /// Users of the console.
    #[error("users")]
    Users,
    /// Webhooks.
    #[error("webhooks")]
    Webhooks,
}

/// The rule that forbids a request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The engine understood the request and refused it.
    #[error("the engine refused: {code},{text}")]
    Engine {
        /// The engine's code.
        code: String,
        /// The engine's message.
        text: String,
    },
    /// The operator must have a face, as long as one is wanted at the sign-in.
    #[error("the sign-in by password and face needs a face that can be recognised")]
    FaceMissing,
    /// The sign-in by a face alone is switched off.
    #[error("sign-in by a face alone is switched off")]
    FaceSignInOff,
    /// The face is not that of an operator who may sign in.
    #[error("the face is not recognised")]
    FaceUnknown,
    /// The password is right, and a face is wanted with it.
    #[error("this operator signs in by password and face together: the face is missing")]
    FaceWanted,
    /// The role of the caller does not allow it.
    #[error("only the administrator may do this")]
    Forbidden,
    /// The state of the job does not allow it.
    #[error("the state of the job does not allow this")]
    JobState,
    /// Links to pictures that earlier master keys signed would become invalid.
    #[error(
        "links to pictures that the earlier keys signed would become invalid, also those that never expire: say so if they may"
    )]
    LinksWouldBreak,
    /// The login failed.
    #[error("not recognised")]
    Login,
    /// The picture shows no face.
    #[error("the picture shows no face")]
    NoFace,
    /// The settings let nobody register.
    #[error("nobody may register")]
    NoRegistration,
    /// The face fails the liveness control.
    #[error("not a live face")]
    NotLive,
    /// The face is not recognisable, or not certain enough to be a face; it was not enrolled.
    #[error("the face is not recognisable: {0}")]
    NotRecognisable(aicp_backends::Unrecognisable),
    /// A face alone opened the session.
    #[error("a face alone opened this session: sign in with the password for that")]
    PasswordWanted,
    /// The picture fails the quality control.
    #[error("the picture is not good enough: {0}")]
    Quality(QualityFault),
    /// The master key for which a job seals is not the current one.
    #[error("the key that this job seals with is not the current one; `aicp key reseal` starts another job")]
    SecretKeyChanged,
    /// A setting has what was to be changed.
    #[error("it is set by {0}: change it there")]
    SecretSet(&'static str),
    /// Secrets are sealed with earlier master keys.
    #[error("{secrets} secrets are sealed with the earlier keys; `aicp key reseal` starts a job that seals them anew")]
    StillSealed {
        /// Number of the secrets.
        secrets: u64,
    },
    /// The setting was changed again since.
    #[error("{name} was changed again since, by change {id}")]
    SettingChanged {
        /// The setting.
        name: String,
        /// Its last change.
        id: aicp_types::SettingChangeId,
    },
    /// The setting can't be changed while the program runs.
    #[error("the setting can't be changed: {0}")]
    SettingLocked(crate::Rejection),
    /// The picture shows too little around the face to judge liveness.
    #[error("too little around the face to tell whether it is live")]
    TooTight,
    /// Too many login attempts from one address or for one name in a short time.
    #[error("too many attempts")]
    TooManyAttempts,
    /// The present password is another one.
    #[error("the present password is another one")]
    WrongPassword,
}

/// What is not valid in a request.
#[derive(Debug, thiserror::Error)]
pub enum BadInput {
    /// The address of a picture is not valid.
    #[error("not the address of a picture")]
    Address,
    /// An administrator was bound to an app.
    #[error("an administrator administers all apps")]
    AdminOfApp,
    /// The id is not valid for an app.
    #[error("an app's id is wanted")]
    AppId,
    /// What is to be imported can't be.
    #[error("{0}")]
    Import(String),
    /// The id is not valid for a library.
    #[error("a library's id is wanted")]
    LibraryId,
    /// The picture behind an address could not be fetched.
    #[error("a picture could not be fetched: {0}")]
    NotFetched(aicp_fetch::Error),
    /// The name is not valid for an operator or a token.
    #[error("a name has 1 to {most} characters, without control characters and spaces around it")]
    OperatorName {
        /// Maximum length in characters.
        most: usize,
    },
    /// The password is too short, too long, or the name.
    #[error("a password has at least {least} characters, at most {most} bytes, and is not the name")]
    Password {
        /// Minimum length in characters.
        least: usize,
        /// Maximum length in bytes.
        most: usize,
    },
    /// A person's id or name is too long.
    #[error("a person's id and name have at most {most} bytes each")]
    PersonKey {
        /// Maximum length in bytes.
        most: usize,
    },
    /// The reason of a change is missing or too long.
    #[error("a reason has 1 to {most} characters, without control characters")]
    Reason {
        /// Maximum length in characters.
        most: usize,
    },
    /// The setting does not admit the value.
    #[error("{0}")]
    SettingValue(String),
    /// Nothing can be posted to the target of a webhook.
    #[error("not a target: {0}")]
    Target(aicp_fetch::Error),
    /// The bytes can't be decoded as a picture, or the picture is too large.
    #[error("bad picture: {0}")]
    Picture(String),
}

/// A fault of this server or of what it depends on.
#[derive(Debug, thiserror::Error)]
pub enum Internal {
    /// The store could not tell which faces of an engine are known.
    #[error("the store does not tell which faces are known: {0}")]
    Claims(String),
    /// The engine failed.
    #[error(transparent)]
    Engine(aicp_backends::Error),
    /// The settings of fetching are not valid.
    #[error(transparent)]
    Fetching(aicp_fetch::Error),
    /// A password can't be hashed, or a stored hash can't be parsed.
    #[error("password hash: {0}")]
    PasswordHash(String),
    /// The operating system failed to supply random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// A sealed secret can't be opened: it was changed, or `secret.key` is a different key.
    #[error("a sealed secret can't be opened")]
    Sealed,
    /// A file of keys or tokens can't be written.
    #[error("the file of keys or tokens can't be replaced: {0}")]
    SecretFile(std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(aicp_store::Error),
}

impl From<aicp_store::Error> for Error {
    fn from(e: aicp_store::Error) -> Self {
        // Callers may try again, as when too many calls are in progress; not if this call has written something already.
        let may_try_again = !Written::of_task().is_some_and(|written| written.is_any());
        match e {
            aicp_store::Error::Blobs(error) if error.is_unavailable() && may_try_again => Self::Busy,
            aicp_store::Error::Unavailable(error) if may_try_again => {
                tracing::warn!(%error, "the database is unavailable");
                Self::Busy
            }
            e => Internal::Store(e).into(),
        }
    }
}

impl From<aicp_backends::Error> for Error {
    fn from(e: aicp_backends::Error) -> Self {
        use aicp_backends::{Error as Engine, RemoteError};
        match e {
            Engine::BadPicture(reason) => BadInput::Picture(reason).into(),
            Engine::NoFace => Refusal::NoFace.into(),
            Engine::NotRecognisable(why) => Refusal::NotRecognisable(why).into(),
            Engine::Busy => Self::Busy,
            Engine::Remote(RemoteError::Unavailable { reason, .. }) => Self::Unavailable(reason),
            Engine::Remote(RemoteError::Refused { status }) => {
                Self::Unavailable(format!("refused by HTTP status {status}"))
            }
            Engine::Remote(RemoteError::Claims(e)) => Internal::Claims(e.to_string()).into(),
            Engine::Remote(RemoteError::Rejected { code, text }) => Refusal::Engine { code, text }.into(),
            other => Internal::Engine(other).into(),
        }
    }
}

impl From<aicp_backends::RemoteError> for Error {
    fn from(e: aicp_backends::RemoteError) -> Self {
        aicp_backends::Error::from(e).into()
    }
}

impl Error {
    /// Returns the store's error, if the store failed.
    fn of_store(&self) -> Option<&aicp_store::Error> {
        match self {
            Self::Internal(Internal::Store(e)) => Some(e),
            _ => None,
        }
    }

    /// Returns why the store is not ready, without paths: the text is safe to publish.
    pub fn readiness_message(&self) -> String {
        match self.of_store() {
            Some(aicp_store::Error::DiskFull { free, .. }) => format!("the disk is full, {free} bytes are free"),
            Some(aicp_store::Error::FileReplaced { .. }) => {
                "the database file was moved, removed, replaced or cut short".to_owned()
            }
            _ => "it does not answer".to_owned(),
        }
    }

    /// Whether the database is damaged, or can't be read or written.
    pub fn is_database_error(&self) -> bool {
        self.of_store().is_some_and(aicp_store::Error::is_database_error)
    }

    /// Whether nobody knows if a write was committed.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.of_store().is_some_and(|e| matches!(e, aicp_store::Error::InDoubt(_) | aicp_store::Error::Closed))
    }

    /// Whether a vendor's engine does not offer what was asked of it.
    pub fn is_not_offered(&self) -> bool {
        use aicp_backends::{Error as Engine, RemoteError};
        matches!(self, Self::Internal(Internal::Engine(Engine::Remote(RemoteError::Unsupported(_)))))
    }

    /// Whether another process has the data folder open.
    pub fn is_in_use(&self) -> bool {
        matches!(self.of_store(), Some(aicp_store::Error::InUse { .. }))
    }
}

/// Converts a store error; a row that the store did not find is `missing`.
pub(crate) fn or_missing(missing: Missing) -> impl FnOnce(aicp_store::Error) -> Error {
    move |e| match e {
        aicp_store::Error::NotFound => missing.into(),
        other => other.into(),
    }
}

/// Converts a store error: a row that exists is `existing`, one that the store did not find is `missing`.
pub(crate) fn or_existing(existing: Existing, missing: Missing) -> impl FnOnce(aicp_store::Error) -> Error {
    move |e| match e {
        aicp_store::Error::Exists => existing.into(),
        other => or_missing(missing)(other),
    }
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
