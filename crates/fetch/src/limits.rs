//! Limits of fetching.

use std::time::Duration;

use crate::{Error, Network, Result, Settings};

/// Limits of what is fetched and from where.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum size of a body in bytes.
    pub max_bytes: usize,
    /// Time limit of one fetch, at most an hour: the wait for a slot (at most half of it), connections, all redirects
    /// and the body.
    pub total_time: Duration,
    /// Maximum number of redirects.
    pub max_redirects: usize,
    /// Maximum number of concurrent fetches, including fetched bodies not yet dropped. Each owner gets a quarter of
    /// them, at least one. Further fetches wait.
    pub at_once: usize,
    /// Networks that may be reached although they are not public.
    pub allowed_networks: Vec<Network>,
    /// Certificate authorities trusted in addition to the well-known ones: each one certificate in DER, or any number
    /// in PEM.
    pub extra_roots: Vec<Vec<u8>>,
}

/// Upper limit of `total_time`.
const MAX_TOTAL_TIME: Duration = Duration::from_secs(3600);

impl Default for Limits {
    /// The limits of default settings.
    fn default() -> Self {
        Settings::default().limits_without_roots()
    }
}

impl Limits {
    /// Checks that no limit refuses everything and that the time limit is in range.
    pub(crate) fn check(&self) -> Result<()> {
        if self.max_bytes == 0 {
            return Err(Error::Settings("a body may have no bytes at all".into()));
        }
        if self.total_time.is_zero() {
            return Err(Error::Settings("a fetch may take no time at all".into()));
        }
        if self.total_time > MAX_TOTAL_TIME {
            return Err(Error::Settings("a fetch may take longer than an hour".into()));
        }
        if self.at_once == 0 {
            return Err(Error::Settings("not one fetch may be under way".into()));
        }
        Ok(())
    }
}
