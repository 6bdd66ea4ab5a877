//! Errors of starting the simulator.

use std::io;
use std::path::PathBuf;

/// Why the simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder can't be accessed.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// Another simulator uses the data folder.
    #[error("{0} is in use by another simulator")]
    InUse(PathBuf),
    /// A line of the journal other than the last one can't be parsed.
    #[error("journal, line {0}: {1}")]
    Journal(usize, String),
    /// The server can't listen on the address.
    #[error("{0}: {1}")]
    Listen(std::net::SocketAddr, #[source] io::Error),
    /// Models, runtime library or templates are not usable.
    #[error(transparent)]
    Engine(#[from] aicp_backends::Error),
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
