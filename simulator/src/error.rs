//! Why the simulator could not start.

use std::io;
use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// Another simulator has the data folder.
    #[error("{0} is in use by another simulator")]
    InUse(PathBuf),
    /// A line of the journal, before its last, can't be read.
    #[error("journal, line {0}: {1}")]
    Journal(usize, String),
    /// The address to listen on.
    #[error("{0}: {1}")]
    Listen(std::net::SocketAddr, #[source] io::Error),
    /// Models, runtime library or templates.
    #[error(transparent)]
    Engine(#[from] aicp_engines::Error),
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
