//! Locks by key.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// One lock per key, made on first use and dropped with its last holder: serialises the engine writes of a library, say.
pub(crate) struct KeyedLock<Key>(Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>);

impl<Key> Default for KeyedLock<Key> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Key: Eq + Hash> KeyedLock<Key> {
    /// Waits for the lock of a key. Holders of one key come one after the other, in the order of their calls.
    pub async fn lock(&self, key: Key) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = locks.get(&key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                locks.retain(|_, lock| lock.strong_count() > 0);
                let lock = Arc::default();
                locks.insert(key, Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}

/// A lock's key for anything that can be hashed. Two values with one digest only wait for each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest(u64);

impl Digest {
    /// The digest of a value.
    pub fn of(value: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}
