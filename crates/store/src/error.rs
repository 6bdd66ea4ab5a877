//! What can go wrong while keeping things.

use std::path::PathBuf;

use crate::sql::{DatabaseError, Kind};

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The row or picture asked for, or the row that a new one should belong to, is not there.
    #[error("not found")]
    NotFound,
    /// The name is taken: a library's `(app_id, external_id)`, a person's `external_id` inside the library, or a console
    /// user's name; a key's name inside its kind; or the app has a grant
    /// already.
    #[error("already exists")]
    Exists,
    /// There are as many of them already as there may be at most.
    #[error("there is room for no more")]
    Full,
    /// The store was closed, or its writer broke off.
    #[error("the store is closed")]
    Closed,
    /// Another process, or another `Store` of this one, has the data directory open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// There is too little room on the disk to write anything new.
    #[error("the disk of {path} is full: {free} bytes are free; make room")]
    DiskFull {
        /// The data folder.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
    },
    /// The database file was moved, removed, replaced or cut short under the open store: what is written now would be lost.
    #[error("{path} is not the file that was opened, or was cut short: stop the server and put it back")]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// The picture on disk is not the one that was stored.
    #[error("picture {key} is damaged")]
    Corrupt {
        /// The picture's key.
        key: String,
    },
    /// The database refused a statement. Nothing was written.
    #[error("database: {0}")]
    Database(DatabaseError),
    /// The transaction that the write was part of failed. Nothing was written.
    #[error("the transaction was rolled back: {0}")]
    RolledBack(DatabaseError),
    /// Writing the commit to disk failed. It counts as not written, but may come back if the machine stops now.
    #[error("the commit could not be written: {0}")]
    InDoubt(DatabaseError),
    /// A newer program wrote the database.
    #[error("the database has version {found} of the schema, but this program knows versions up to {known}")]
    NewerSchema {
        /// Version of the database.
        found: i64,
        /// Latest version that this program knows.
        known: i64,
    },
    /// A file or folder could not be worked on.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the database could not do what it always can: its file, or the disk below it, is not as it should be.
    pub fn is_of_database(&self) -> bool {
        matches!(self, Self::Database(_) | Self::RolledBack(_) | Self::InDoubt(_))
    }

    /// Whether a write that ended so may nevertheless be found committed later.
    pub(crate) fn may_be_committed(&self) -> bool {
        matches!(self, Self::Closed | Self::InDoubt(_))
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        if error.kind() == Kind::Closed { Self::Closed } else { Self::Database(error) }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        DatabaseError::from(error).into()
    }
}

/// Adds the path to an I/O error; made for `map_err`.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { path, source }
}
