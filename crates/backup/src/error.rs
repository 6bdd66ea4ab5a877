//! Errors of backups.

use std::path::PathBuf;

/// Why a backup can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of a repository is wrong.
    #[error("{0}")]
    Address(String),
    /// The place of the repository failed.
    #[error("{what}: {source}")]
    Place {
        /// What was to be read or written.
        what: String,
        /// Cause.
        source: Box<object_store::Error>,
    },
    /// A local file can't be accessed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// There is no repository at this place.
    #[error("there is no backup")]
    NoBackup,
    /// The place holds something else.
    #[error("this is no backup and not empty: give a folder or prefix of its own")]
    Occupied,
    /// A newer program wrote the repository.
    #[error("the backup has version {found} of the format, and this program knows {known}")]
    Newer {
        /// Version of the repository.
        found: u32,
        /// The latest known version.
        known: u32,
    },
    /// The repository is encrypted, and no pass phrase was given.
    #[error("the backup is encrypted: give its pass phrase")]
    PassPhraseNeeded,
    /// A pass phrase was given for a repository that is not encrypted.
    #[error("the backup is not encrypted: give no pass phrase, or another place for an encrypted one")]
    NotEncrypted,
    /// The pass phrase is wrong, or the key in the repository is damaged.
    #[error("wrong pass phrase, or damaged key")]
    WrongPassPhrase,
    /// Another backup writes to the repository, or was killed.
    #[error("another backup runs since {since}: {holder}; if it does not run any more, delete the file `lock`")]
    Locked {
        /// Machine and process.
        holder: String,
        /// Its start.
        since: String,
    },
    /// There is no snapshot, or none of this name.
    #[error("there is no snapshot{0}")]
    NoSnapshot(String),
    /// A part of the backup is damaged or missing.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The folder to restore to holds something.
    #[error("{0} is not empty: restore into a new folder")]
    TargetInUse(PathBuf),
    /// The disk is too full to restore.
    #[error("{path} has {free} bytes free, and {needed} are needed")]
    Space {
        /// The folder.
        path: PathBuf,
        /// Free bytes.
        free: u64,
        /// Needed bytes.
        needed: u64,
    },
    /// TLS can't be set up.
    #[error("{0}")]
    Tls(String),
    /// The system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// Encryption failed, which only a lack of memory can cause.
    #[error("it can't be encrypted")]
    Encryption,
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names what failed at the place of the repository.
pub(crate) fn at_place(what: impl Into<String>) -> impl FnOnce(object_store::Error) -> Error {
    move |source| Error::Place { what: what.into(), source: Box::new(source) }
}

/// Names the local file that can't be accessed.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { path: path.into(), source }
}
