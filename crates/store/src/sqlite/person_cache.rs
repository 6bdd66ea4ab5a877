//! Caches directory entries: building one takes five queries, and the same people are requested repeatedly.
//!
//! A write invalidates the entries it changes before it is acknowledged. An entry read before an invalidation is not
//! inserted after it, as it may be outdated.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::DirectoryEntry;
use aicp_types::{LibraryId, PersonId, PublicId};

/// Upper bound of the cache's size in bytes, as [`size`] estimates it. When exceeded, the cache is cleared.
const MAX_CACHE_BYTES: usize = 96 << 20;

/// Cache entries that a write invalidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalidation {
    /// The entry of this person.
    Person(PersonId),
    /// All entries.
    AllPeople,
}

/// A cached entry.
pub(super) struct CachedPerson {
    pub(super) library_id: LibraryId,
    pub(super) row_id: PersonId,
    pub(super) entry: DirectoryEntry,
}

/// Result of a lookup.
pub(super) struct LookupResult {
    pub(super) hits: Vec<Arc<CachedPerson>>,
    /// The `public_id`s that are not cached.
    pub(super) misses: Vec<PublicId>,
    /// Version of the cache at the lookup, to be passed to [`PersonCache::insert`].
    pub(super) version: u64,
}

/// The cache, shared by readers and the writer.
#[derive(Default)]
pub(super) struct PersonCache(Mutex<State>);

#[derive(Default)]
struct State {
    by_public_id: HashMap<PublicId, Arc<CachedPerson>>,
    public_ids: HashMap<PersonId, PublicId>,
    size: usize,
    /// Counts the invalidations.
    version: u64,
}

impl PersonCache {
    /// Looks up people of a library.
    pub(super) fn lookup(&self, library_id: LibraryId, public_ids: impl IntoIterator<Item = PublicId>) -> LookupResult {
        let state = self.state();
        let mut found = LookupResult { hits: Vec::new(), misses: Vec::new(), version: state.version };
        for public_id in public_ids {
            match state.by_public_id.get(&public_id) {
                Some(person) if person.library_id == library_id => found.hits.push(Arc::clone(person)),
                // The person is in another library; people never move.
                Some(_) => {}
                None => found.misses.push(public_id),
            }
        }
        found
    }

    /// Inserts entries that were read, unless anything was invalidated since `version`.
    pub(super) fn insert(&self, version: u64, read: &[Arc<CachedPerson>]) {
        let mut state = self.state();
        if state.version != version {
            return;
        }
        for person in read {
            let size = size(&person.entry);
            if state.size.saturating_add(size) > MAX_CACHE_BYTES {
                state.clear();
            }
            if state.by_public_id.insert(person.entry.public_id, Arc::clone(person)).is_none() {
                state.size += size;
            }
            state.public_ids.insert(person.row_id, person.entry.public_id);
        }
    }

    /// Removes outdated entries.
    pub(super) fn invalidate(&self, stale: impl IntoIterator<Item = Invalidation>) {
        let mut state = self.state();
        for stale in stale {
            state.version += 1;
            match stale {
                Invalidation::AllPeople => state.clear(),
                Invalidation::Person(row_id) => {
                    let person = state.public_ids.remove(&row_id).and_then(|id| state.by_public_id.remove(&id));
                    let gone = person.map_or(0, |person| size(&person.entry));
                    state.size = state.size.saturating_sub(gone);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn clear(&mut self) {
        self.by_public_id.clear();
        self.public_ids.clear();
        self.size = 0;
    }
}

/// Estimated size of an entry in bytes.
fn size(entry: &DirectoryEntry) -> usize {
    let texts = [&entry.external_id, &entry.name, &entry.info];
    let texts: usize = texts.into_iter().flatten().map(String::capacity).sum();
    384 + texts + entry.faces.len() * 320
}

#[cfg(test)]
mod tests {
    use aicp_types::UnixMillis;

    use super::*;

    fn cached(row_id: i64, text: usize) -> Arc<CachedPerson> {
        let row_id = PersonId::new(row_id);
        let entry = DirectoryEntry {
            public_id: PublicId::new(row_id.get() + 1000),
            external_id: None,
            name: None,
            info: Some("x".repeat(text)),
            created_at: UnixMillis::default(),
            updated_at: UnixMillis::default(),
            faces: Vec::new(),
        };
        Arc::new(CachedPerson { library_id: LibraryId::new(1), row_id, entry })
    }

    fn known(entries: &PersonCache, library_id: i64, ids: &[i64]) -> Vec<i64> {
        let ids = ids.iter().copied().map(PublicId::new);
        let hits = entries.lookup(LibraryId::new(library_id), ids).hits;
        hits.iter().map(|person| person.entry.public_id.get()).collect()
    }

    #[test]
    fn outdated_entries_are_removed_and_those_read_before_are_not_inserted() {
        let entries = PersonCache::default();
        let version = entries.lookup(LibraryId::new(1), []).version;
        entries.insert(version, &[cached(1, 0), cached(2, 0)]);
        assert_eq!(known(&entries, 1, &[1001, 1002, 1003]), [1001, 1002]);
        assert_eq!(known(&entries, 2, &[1001]), Vec::<i64>::new());
        assert_eq!(entries.lookup(LibraryId::new(1), [1003, 1001].map(PublicId::new)).misses, [PublicId::new(1003)]);

        entries.invalidate([Invalidation::Person(PersonId::new(1))]);
        assert_eq!(known(&entries, 1, &[1001, 1002]), [1002]);
        entries.insert(version, &[cached(1, 0)]);
        assert_eq!(known(&entries, 1, &[1001]), Vec::<i64>::new(), "it was read before the change");
        entries.insert(entries.lookup(LibraryId::new(1), []).version, &[cached(1, 0)]);
        assert_eq!(known(&entries, 1, &[1001]), [1001]);
        entries.invalidate([Invalidation::AllPeople]);
        assert_eq!(known(&entries, 1, &[1001, 1002]), Vec::<i64>::new());
        assert_eq!(entries.state().size, 0);
    }

    #[test]
    fn memory_is_bounded() {
        let entries = PersonCache::default();
        for row_id in 0..300 {
            entries.insert(0, &[cached(row_id, 1 << 20)]);
            let state = entries.state();
            assert!(state.size <= MAX_CACHE_BYTES && state.by_public_id.len() <= MAX_CACHE_BYTES >> 20);
        }
        let last = entries.lookup(LibraryId::new(1), [PublicId::new(1299)]).hits;
        assert_eq!(last.len(), 1, "the latest is cached");
        let weight_before = entries.state().size;
        entries.insert(0, &last);
        assert_eq!(entries.state().size, weight_before, "once");
    }
}
