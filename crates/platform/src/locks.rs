//! Keyed locks.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// One lock per key, created on first use and dropped with its last holder. Serialises the engine writes of a library,
/// for example.
pub(crate) struct KeyedLock<Key>(Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>);

impl<Key> Default for KeyedLock<Key> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Key: Eq + Hash> KeyedLock<Key> {
    /// Waits for the lock of a key. Waiters acquire it in the order of their calls.
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

/// A lock key for any hashable value. A collision of two digests only costs waiting.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Digest(u64);

impl Digest {
    /// Returns the digest of a value.
    pub fn of(value: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}
