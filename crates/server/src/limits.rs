//! Limits of connections, which may change while they hold.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Http;
use crate::{Error, Result};

/// Open files that the process needs besides connections: database, pictures in progress, libraries.
const RESERVED_FILES: usize = 256;
/// Minimum number of open files, unless fewer connections are configured.
const FEWEST_FILES: usize = 1024;

/// Limits of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Maximum number of open connections.
    pub most: usize,
    /// Maximum number of open connections of an address.
    pub max_per_address: usize,
    /// Time that a connection may wait for its next request.
    pub idle: Duration,
}

/// The limits in force. Clones share them.
#[derive(Clone)]
pub(crate) struct ConnectionLimits(Arc<ArcSwap<Limits>>);

impl ConnectionLimits {
    /// Creates the limits of the settings.
    ///
    /// # Errors
    /// [`Error::OpenFiles`] if the process may open too few files to serve.
    pub fn new(settings: &Http) -> Result<Self> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(Limits::of(settings)?))))
    }

    /// Returns the limits in force now.
    pub fn load(&self) -> Limits {
        **self.0.load()
    }

    /// Puts other settings in force, for connections from now on.
    pub fn follow(&self, settings: &Http) {
        match Limits::of(settings) {
            Ok(limits) if limits != self.load() => self.0.store(Arc::new(limits)),
            Ok(_) => {}
            Err(e) => tracing::error!(error = %e, "connections keep their limits"),
        }
    }
}

impl From<Limits> for ConnectionLimits {
    fn from(limits: Limits) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(limits)))
    }
}

impl Limits {
    fn of(settings: &Http) -> Result<Self> {
        let most = connections_within_file_limit(settings.max_connections)?;
        let max_per_address = match settings.max_connections_per_address {
            0 => most.div_ceil(4),
            set => set,
        };
        Ok(Self { most, max_per_address, idle: settings.idle_seconds.duration() })
    }
}

/// Returns the number of connections that the limit of open files allows, at most `wanted`.
///
/// # Errors
/// [`Error::OpenFiles`] if the limit is too low to serve.
fn connections_within_file_limit(wanted: usize) -> Result<usize> {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    let needed = RESERVED_FILES.saturating_add(wanted);
    if files < needed.min(FEWEST_FILES) {
        return Err(Error::OpenFiles { files, needed });
    }
    let possible = files.saturating_sub(RESERVED_FILES).max(1);
    if possible < wanted {
        tracing::warn!(wanted, possible, "the limit of open files allows fewer connections than are set");
    }
    Ok(wanted.min(possible))
}
