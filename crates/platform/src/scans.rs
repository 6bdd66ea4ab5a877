//! Concurrency limit of searches that scan a whole library.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::locks::KeyedLock;
use crate::{Error, Result};

/// Maximum number of concurrent scans of all apps: they share the store's readers with all other queries.
const MAX_CONCURRENT_SCANS: usize = 2;
/// Maximum wait for a permit.
const WAIT_FOR_TURN: Duration = Duration::from_secs(5);

/// Admits one scan at a time per app and [`MAX_CONCURRENT_SCANS`] overall.
pub(crate) struct Scans {
    apps: KeyedLock<String>,
    all: Arc<Semaphore>,
}

/// A permit for a scan, released when dropped.
#[derive(Debug)]
pub(crate) struct ScanPermit {
    _of_app: OwnedMutexGuard<()>,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Scans {
    fn default() -> Self {
        Self { apps: KeyedLock::default(), all: Arc::new(Semaphore::new(MAX_CONCURRENT_SCANS)) }
    }
}

impl Scans {
    /// Waits for a permit.
    ///
    /// # Errors
    /// [`Error::Busy`] after [`WAIT_FOR_TURN`].
    pub async fn acquire(&self, app_id: &str) -> Result<ScanPermit> {
        let turn = async {
            // The lock of the app comes first, so that waiting scans of one app take no global permits.
            let of_app = self.apps.lock(app_id.to_owned()).await;
            let of_all = Arc::clone(&self.all).acquire_owned().await.map_err(|_| Error::Busy)?;
            Ok(ScanPermit { _of_app: of_app, _of_all: of_all })
        };
        timeout(WAIT_FOR_TURN, turn).await.unwrap_or(Err(Error::Busy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_app_has_one_turn_and_all_have_two() {
        let scans = Scans::default();
        let first = scans.acquire("a").await.expect("a turn");
        assert!(matches!(scans.acquire("a").await, Err(Error::Busy)), "the app has its turn");
        let second = scans.acquire("b").await.expect("a turn");
        assert!(matches!(scans.acquire("c").await, Err(Error::Busy)), "all turns are taken");
        drop(first);
        let third = scans.acquire("c").await.expect("a turn");
        drop((second, third));
        scans.acquire("a").await.expect("a turn");
    }
}
