//! How much is fetched, and from where.

use std::time::Duration;

use crate::{Error, Network, Result};

/// What may be fetched, and how much of it.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes that a body may have.
    pub max_bytes: usize,
    /// Time for one fetch, at most an hour: the wait for a place (at most half of it), connections, all redirects and the
    /// body.
    pub total_time: Duration,
    /// Redirects that are followed.
    pub max_redirects: usize,
    /// Fetches under way at once, and fetched bodies not yet dropped; a quarter of them (and at least one) for each owner.
    /// More wait.
    pub at_once: usize,
    /// Networks that are not public but may be reached all the same.
    pub allowed_networks: Vec<Network>,
    /// Authorities that are trusted beside the well-known ones: each a certificate in DER, or any number of them in
    /// PEM.
    pub extra_roots: Vec<Vec<u8>>,
}

/// Longest time that one fetch may be given.
const MAX_TIME: Duration = Duration::from_secs(3600);

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 8 << 20,
            total_time: Duration::from_secs(15),
            max_redirects: 3,
            at_once: 32,
            allowed_networks: Vec::new(),
            extra_roots: Vec::new(),
        }
    }
}

impl Limits {
    /// Refuses limits that let nothing through.
    pub(crate) fn check(&self) -> Result<()> {
        if self.max_bytes == 0 {
            return Err(Error::Settings("a body may have no bytes at all".into()));
        }
        if self.total_time.is_zero() {
            return Err(Error::Settings("a fetch may take no time at all".into()));
        }
        if self.total_time > MAX_TIME {
            return Err(Error::Settings("a fetch may take longer than an hour".into()));
        }
        if self.at_once == 0 {
            return Err(Error::Settings("not one fetch may be under way".into()));
        }
        Ok(())
    }
}
