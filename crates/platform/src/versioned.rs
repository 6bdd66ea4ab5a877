//! A bounded cache of what the store holds, which follows the committed changes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::Counter;

/// Values by key. A committed change invalidates what it changes before its write is acknowledged. A value that was read
/// before an invalidation is not inserted after it, as it may be stale.
pub(crate) struct Versioned<K, V> {
    state: Mutex<State<K, V>>,
    max_weight: usize,
    hits: Counter,
    misses: Counter,
}

/// Version of a cache at a miss, to be passed to [`Versioned::insert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(u64);

struct State<K, V> {
    values: HashMap<K, Weighted<V>>,
    weight: usize,
    version: u64,
}

struct Weighted<V> {
    value: V,
    weight: usize,
}

impl<K: Eq + Hash, V: Clone> Versioned<K, V> {
    /// Creates a cache with its name in the metrics and an upper bound of the total weight, in a unit of the caller's choice.
    /// When exceeded, the cache is cleared.
    pub fn new(name: &'static str, max_weight: usize) -> Self {
        let state = State { values: HashMap::new(), weight: 0, version: 0 };
        let hits = metrics::counter!("aicp_cache_hits_total", "cache" => name);
        let misses = metrics::counter!("aicp_cache_misses_total", "cache" => name);
        Self { state: Mutex::new(state), max_weight, hits, misses }
    }

    /// Returns the value of a key or, on a miss, the version for [`insert`](Self::insert).
    ///
    /// # Errors
    /// The version, if there is no value.
    pub fn get(&self, key: &K) -> Result<V, Version> {
        let state = self.state();
        let found = state.values.get(key).map(|known| known.value.clone()).ok_or(Version(state.version));
        drop(state);
        let counter = if found.is_ok() { &self.hits } else { &self.misses };
        counter.increment(1);
        found
    }

    /// Counts a miss of a value whose key is not known; returns the version for [`insert`](Self::insert).
    pub fn miss(&self) -> Version {
        self.misses.increment(1);
        Version(self.state().version)
    }

    /// Returns the values of some keys, those without a value, and the version for [`insert`](Self::insert).
    pub fn get_all(&self, keys: impl IntoIterator<Item = K>) -> (Vec<V>, Vec<K>, Version) {
        let state = self.state();
        let (mut hits, mut misses) = (Vec::new(), Vec::new());
        for key in keys {
            match state.values.get(&key) {
                Some(known) => hits.push(known.value.clone()),
                None => misses.push(key),
            }
        }
        self.hits.increment(hits.len() as u64);
        self.misses.increment(misses.len() as u64);
        (hits, misses, Version(state.version))
    }

    /// Caches a value that was read at a version, unless something was invalidated since. A value that weighs more than
    /// an eighth of the bound is not cached.
    pub fn insert(&self, key: K, value: V, weight: usize, read_at: Version) {
        let mut state = self.state();
        if state.version != read_at.0 || weight > self.max_weight / 8 {
            return;
        }
        if state.weight + weight > self.max_weight {
            state.values.clear();
            state.weight = 0;
        }
        let before = state.values.insert(key, Weighted { value, weight });
        state.weight = state.weight + weight - before.map_or(0, |before| before.weight);
    }

    /// Invalidates the value of a key.
    pub fn invalidate(&self, key: &K) {
        let mut state = self.state();
        state.version += 1;
        if let Some(known) = state.values.remove(key) {
            state.weight -= known.weight;
        }
    }

    /// Invalidates all values.
    pub fn invalidate_all(&self) {
        let mut state = self.state();
        state.version += 1;
        state.values.clear();
        state.weight = 0;
    }

    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_cached() {
        let cache = Versioned::new("of a test", 100);
        let before = cache.get(&"ada").expect_err("not read yet");
        cache.invalidate(&"bob");
        cache.insert("ada", 1, 1, before);
        let before = cache.get(&"ada").expect_err("it may be stale");
        cache.insert("ada", 2, 1, before);
        assert_eq!(cache.get(&"ada"), Ok(2));
        assert_eq!(cache.get_all(["bob", "ada"]), (vec![2], vec!["bob"], before));
        cache.invalidate(&"ada");
        assert!(cache.get(&"ada").is_err());
        assert_eq!(cache.state().weight, 0);
    }

    #[test]
    fn weight_is_bounded() {
        let cache = Versioned::new("of a test", 80);
        let version = cache.get(&0).expect_err("empty");
        cache.insert(0, "too heavy", 11, version);
        assert!(cache.get(&0).is_err());
        for key in 0..100 {
            for _ in 0..2 {
                cache.insert(key, "ten", 10, version);
            }
            assert_eq!(cache.get(&key), Ok("ten"), "the latest is cached");
            let state = cache.state();
            assert!(state.weight <= 80);
            assert_eq!(state.weight, state.values.len() * 10);
        }
        cache.invalidate_all();
        assert!(cache.get(&99).is_err());
    }
}
