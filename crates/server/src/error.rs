//! Errors of commands, with messages for the terminal.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Error of a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is not valid, or the settings file can't be read.
    #[error("configuration: {0}")]
    Config(String),
    /// Anonymous calls would be open to the network without explicit configuration.
    #[error(
        "refusing to listen on {0}: sections 2 and 3 of the AICP manual are answered without a token. \
         Set legacy.anonymous = false to require one, or = true to allow this on purpose"
    )]
    AnonymousOnNetwork(SocketAddr),
    /// The integrity check found damage in the data folder.
    #[error("{0} things are not as they were stored")]
    DamagedStore(u64),
    /// The PostgreSQL database can't be used.
    #[error(transparent)]
    Postgres(aicp_store_postgres::Error),
    /// A command for the files of SQLite was called with a PostgreSQL database.
    #[error("this command is for SQLite in the data folder; PostgreSQL has tools of its own (docs/scaling.md)")]
    NotOfPostgres,
    /// A copy of a database failed.
    #[error("the database is not copied: {0}")]
    Copy(aicp_store::Error),
    /// A command names the PostgreSQL database of the settings, and there is none.
    #[error("no PostgreSQL database is set: name it by --database or AICP_DATABASE__URL")]
    NoPostgres,
    /// A backup can't be written or read.
    #[error(transparent)]
    Backup(#[from] aicp_backup::Error),
    /// A backup was written, but not everything is in it or can be read.
    #[error("the snapshot was written, but {0} things above are wrong")]
    IncompleteBackup(usize),
    /// A backup is damaged.
    #[error("{0} things in the backup are damaged")]
    DamagedBackup(usize),
    /// A part of the data folder is missing.
    #[error(
        "{path} is missing or empty, but {beside} is there: put it back, from a backup if need be, or give up what it held with \
         --new"
    )]
    MissingPart {
        /// The missing part.
        path: PathBuf,
        /// A part that is present.
        beside: PathBuf,
    },
    /// The limit of open files is too low.
    #[error(
        "at most {files} files may be open, and {needed} are needed for http.max_connections: raise the limit \
         (`ulimit -n {needed}`, LimitNOFILE= of systemd) or lower the setting"
    )]
    OpenFiles {
        /// Current limit of open files.
        files: usize,
        /// Required number of open files.
        needed: usize,
    },
    /// The server can't listen on an address.
    #[error("can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file or folder can't be accessed.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file of the data folder is malformed.
    #[error("{path}: {reason}")]
    DataFile {
        /// The file.
        path: PathBuf,
        /// Description of the fault.
        reason: &'static str,
    },
    /// A TLS file can't be read, or is not what it should be.
    #[error("{path}: {reason}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Description of the fault.
        reason: String,
    },
    /// No certificate can be made.
    #[error("no certificate can be made: {0}")]
    Certificate(String),
    /// An import names no library, and the folder is no export, which would name one.
    #[error("name the library with --library")]
    NoLibrary,
    /// The picture shows no face.
    #[error("{0}: no face found")]
    NoFace(PathBuf),
    /// The picture can't be processed.
    #[error("{path}: {source}")]
    Picture {
        /// The picture.
        path: PathBuf,
        /// Cause.
        source: aicp_vision::Error,
    },
    /// The models or the runtime library are missing or broken.
    #[error(transparent)]
    Vision(#[from] aicp_vision::Error),
    /// A benchmark failed.
    #[error(transparent)]
    Measure(#[from] aicp_measure::Error),
    /// The running server refused the command or can't be reached.
    #[error("{0}")]
    Server(String),
    /// The database can't be used.
    #[error("{path}: {source}; `aicp check` tells what is damaged")]
    Database {
        /// The database file.
        path: PathBuf,
        /// Cause.
        source: aicp_platform::Error,
    },
    /// The platform failed.
    #[error(transparent)]
    Platform(#[from] aicp_platform::Error),
    /// The async runtime can't be started.
    #[error("can't start: {0}")]
    Runtime(#[source] std::io::Error),
    /// Model files do not match the manifest.
    #[error("{0} file(s) are missing or wrong")]
    ModelFiles(usize),
    /// Output can't be written.
    #[error("can't write: {0}")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// Returns a conversion that adds the path of a file or folder to an I/O error.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Result of the functions of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
