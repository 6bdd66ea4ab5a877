//! Locks by name: of this process, and of all nodes of the database.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use aicp_store::{NodeLock, Store};
use tokio::sync::OwnedMutexGuard;

use crate::Result;

/// Locks among all tasks of all nodes, each named by a value. Serialises the engine writes of a library, for example.
pub(crate) struct Locks {
    of_process: KeyedLock<i64>,
    store: Store,
}

/// A lock that is held. That among the nodes is released first.
pub(crate) struct Held {
    _among_nodes: NodeLock,
    _in_process: OwnedMutexGuard<()>,
}

impl Locks {
    pub fn new(store: Store) -> Self {
        Self { of_process: KeyedLock::default(), store }
    }

    /// Waits for the lock of a value. Waiters of this node acquire it in the order of their calls.
    ///
    /// # Errors
    /// [`crate::Error::Busy`] if this node has no lease of the database, or another holds the lock for too long.
    pub async fn lock(&self, name: &impl Hash) -> Result<Held> {
        let key = key_of(name);
        let in_process = self.of_process.lock(key).await;
        let among_nodes = match self.store.nodes() {
            Some(nodes) => nodes.lock(key).await?,
            None => NodeLock::default(),
        };
        Ok(Held { _among_nodes: among_nodes, _in_process: in_process })
    }
}

/// Returns the key of a name. A collision only costs waiting. It is the same in all processes of one build.
pub(crate) fn key_of(name: &impl Hash) -> i64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    // Far from the lock of the writers, which has a small number.
    hasher.finish().cast_signed() | 1 << 62
}

/// One lock per key, created on first use and dropped with its last holder.
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
