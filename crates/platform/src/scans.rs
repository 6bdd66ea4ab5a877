//! Turns of searches that look at every row of a library.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::locks::KeyedLock;
use crate::{Error, Result};

/// Searches of all apps at once: they share the store's readers with everybody else.
const AT_ONCE: usize = 2;
/// How long a search waits for its turn.
const WAIT_FOR_TURN: Duration = Duration::from_secs(5);

/// One search at a time for each app, a few for all.
pub(crate) struct Scans {
    apps: KeyedLock<String>,
    all: Arc<Semaphore>,
}

/// A turn, over when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _of_app: OwnedMutexGuard<()>,
    _of_all: OwnedSemaphorePermit,
}

impl Default for Scans {
    fn default() -> Self {
        Self { apps: KeyedLock::default(), all: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Scans {
    /// The turn of an app.
    ///
    /// # Errors
    /// [`Error::Busy`] if it does not come soon.
    pub async fn acquire(&self, app_id: &str) -> Result<Turn> {
        let turn = async {
            // First the app's own, so that its searches wait for each other in nobody else's way.
            let of_app = self.apps.lock(app_id.to_owned()).await;
            let of_all = Arc::clone(&self.all).acquire_owned().await.map_err(|_| Error::Busy)?;
            Ok(Turn { _of_app: of_app, _of_all: of_all })
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
