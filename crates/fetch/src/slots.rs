//! Slots that limit concurrent fetches, in total and per owner.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Result};

/// Divisor of all slots that gives one owner's share, so that silent addresses of one owner don't block the others.
const OWNER_SHARE_DIVISOR: usize = 4;

/// Slots for fetches; each fetch holds one.
pub(crate) struct FetchSlots {
    all: Arc<Semaphore>,
    per_owner: usize,
    owners: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A slot, released when it is dropped.
pub(crate) struct FetchSlot {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl FetchSlots {
    /// Creates this many slots in total.
    pub fn new(at_once: usize) -> Self {
        let at_once = at_once.min(Semaphore::MAX_PERMITS);
        let all = Arc::new(Semaphore::new(at_once));
        Self { all, per_owner: (at_once / OWNER_SHARE_DIVISOR).max(1), owners: Mutex::default() }
    }

    /// Waits for a slot of an owner.
    ///
    /// # Errors
    /// [`Error::Busy`] if the semaphores are closed.
    pub async fn take(&self, owner: &str) -> Result<FetchSlot> {
        // The owner's slot comes first, so that waiting for it does not block other owners.
        let own = self.of(owner).acquire_owned().await.map_err(|_| Error::Busy)?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.map_err(|_| Error::Busy)?;
        Ok(FetchSlot { _own: own, _of_all: of_all })
    }

    /// Returns the slots of an owner, remembered as long as one is held or waited for.
    fn of(&self, owner: &str) -> Arc<Semaphore> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = owners.get(owner).and_then(Weak::upgrade) {
            return known;
        }
        owners.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(self.per_owner));
        owners.insert(owner.to_owned(), Arc::downgrade(&places));
        places
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    /// Takes all slots that are available for an owner.
    async fn taken(places: &FetchSlots, owner: &str) -> Vec<FetchSlot> {
        let mut taken = Vec::new();
        loop {
            tokio::select! {
                biased;
                place = places.take(owner) => taken.push(place.expect("a place")),
                () = yield_now() => return taken,
            }
        }
    }

    #[tokio::test]
    async fn an_owner_has_a_quarter_and_at_least_one() {
        for (at_once, own, owners_served) in [(1, 1, 1), (2, 1, 2), (7, 1, 7), (8, 2, 4), (32, 8, 4), (33, 8, 5)] {
            let places = FetchSlots::new(at_once);
            let first = taken(&places, "0").await;
            assert_eq!(first.len(), own, "{at_once}");
            let mut others = Vec::new();
            for owner in 1..=at_once {
                others.push(taken(&places, &owner.to_string()).await);
            }
            let served = 1 + others.iter().filter(|places| !places.is_empty()).count();
            assert_eq!(served, owners_served, "{at_once}");
            assert_eq!(first.len() + others.iter().map(Vec::len).sum::<usize>(), at_once, "none is wasted");
        }
    }

    #[tokio::test]
    async fn an_owner_who_holds_nothing_is_forgotten() {
        let places = FetchSlots::new(4);
        for owner in ["a", "b", "c"] {
            drop(taken(&places, owner).await);
        }
        let held = taken(&places, "d").await;
        assert_eq!(held.len(), 1);
        let owners = places.owners.lock().expect("a lock");
        assert_eq!(owners.keys().collect::<Vec<_>>(), ["d"]);
    }
}
