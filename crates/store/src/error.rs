//! Errors of the store.

use std::path::PathBuf;

use crate::sql::{DatabaseError, Kind};

/// Result of the operations in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of a store operation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The requested row or picture, or the row that a new one refers to, does not exist.
    #[error("not found")]
    NotFound,
    /// The name is taken: a library's `(app_id, external_id)`, a person's `external_id` inside the library, a console
    /// user's name, a group's name, or a key's name inside its kind. Also returned if the app has a grant already.
    #[error("already exists")]
    Exists,
    /// The store was closed, or its writer ended abnormally.
    #[error("the store is closed")]
    Closed,
    /// Another process, or another `Store` of this one, has the data directory open.
    #[error("{path} is in use by another process")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The disk has too little free space for new data.
    #[error("the disk of {path} is full: {free} bytes are free; make room")]
    DiskFull {
        /// The data folder.
        path: PathBuf,
        /// Free bytes.
        free: u64,
    },
    /// The database file was moved, removed, replaced or truncated under the open store: writes from now on would be
    /// lost.
    #[error("{path} is not the file that was opened, or was cut short: stop the server and put it back")]
    FileReplaced {
        /// Path that the file had.
        path: PathBuf,
    },
    /// A picture could not be stored, read or deleted.
    #[error(transparent)]
    Blobs(#[from] aicp_blobs::Error),
    /// A picture was deleted again and again while it was being stored.
    #[error("an equal picture is being deleted all the time")]
    Contended,
    /// The database can't be reached, or did not answer in time. Nothing was written.
    #[error("the database is unavailable: {0}")]
    Unavailable(DatabaseError),
    /// The database refused a statement. Nothing was written.
    #[error("database: {0}")]
    Database(DatabaseError),
    /// The transaction that the write was part of failed. Nothing was written.
    #[error("the transaction was rolled back: {0}")]
    RolledBack(DatabaseError),
    /// Writing the commit to disk failed. The write counts as not done, but may reappear if the machine stops now.
    #[error("the commit could not be written: {0}")]
    InDoubt(DatabaseError),
    /// The target of a copy is in use.
    #[error("the target has rows in the table {table}: copy into an empty database")]
    NotEmpty {
        /// The table.
        table: &'static str,
    },
    /// A copy has other rows than its source, as one of them was written to meanwhile.
    #[error("the copy has other rows than the source in the table {table}")]
    Different {
        /// The table.
        table: &'static str,
    },
    /// A newer program wrote the database.
    #[error("the database has version {found} of the schema, but this program knows versions up to {known}")]
    NewerSchema {
        /// Version of the database.
        found: i64,
        /// Latest version that this program supports.
        known: i64,
    },
    /// An operation on a file or folder failed.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
}

impl Error {
    /// Returns whether the database itself failed: its file, or the disk below it, may be damaged or full.
    pub fn is_database_error(&self) -> bool {
        matches!(self, Self::Database(_) | Self::RolledBack(_) | Self::InDoubt(_))
    }

    /// Returns whether a row with the same id or key exists.
    pub fn is_duplicate(&self) -> bool {
        match self {
            Self::Exists => true,
            Self::Database(error) => error.kind() == Kind::Duplicate,
            _ => false,
        }
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        match error.kind() {
            Kind::Closed => Self::Closed,
            Kind::Unavailable => Self::Unavailable(error),
            _ => Self::Database(error),
        }
    }
}

/// Adds the path to an I/O error; for `map_err`.
pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { path, source }
}
