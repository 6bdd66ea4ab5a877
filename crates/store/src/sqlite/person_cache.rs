//! People as directories show them, kept in memory: the same ones are asked for again and again, and each would be five
//! lookups in the database.
//!
//! Whatever a committed write changes is forgotten before the write is acknowledged. What was read before that is not
//! kept after it, as it may be what the write has changed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::DirectoryEntry;

/// Memory that all that is kept may take, as [`weight`] estimates it. If it is full, all goes.
const MOST: usize = 96 << 20;

/// What a write has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// The person of this row id, or a face of theirs.
    Person(i64),
    /// Anybody.
    Everybody,
}

/// A person of a library.
pub(super) struct Kept {
    pub(super) library_id: i64,
    pub(super) row_id: i64,
    pub(super) entry: DirectoryEntry,
}

/// What of a question was known.
pub(super) struct Found {
    pub(super) known: Vec<Arc<Kept>>,
    /// The `public_id`s of the others.
    pub(super) unknown: Vec<i64>,
    /// To be given back with what is read of them.
    pub(super) age: u64,
}

/// What is kept. Shared by readers and the writer.
#[derive(Default)]
pub(super) struct KeptEntries(Mutex<State>);

#[derive(Default)]
struct State {
    by_public_id: HashMap<i64, Arc<Kept>>,
    public_ids: HashMap<i64, i64>,
    weight: usize,
    /// Grows with every write that has changed somebody.
    age: u64,
}

impl KeptEntries {
    /// Those of some people of a library who are known.
    pub(super) fn find(&self, library_id: i64, public_ids: impl IntoIterator<Item = i64>) -> Found {
        let state = self.state();
        let mut found = Found { known: Vec::new(), unknown: Vec::new(), age: state.age };
        for public_id in public_ids {
            match state.by_public_id.get(&public_id) {
                Some(kept) if kept.library_id == library_id => found.known.push(Arc::clone(kept)),
                // Known to be somewhere else, and people stay where they are.
                Some(_) => {}
                None => found.unknown.push(public_id),
            }
        }
        found
    }

    /// Keeps what was read, unless somebody was changed since `age`.
    pub(super) fn keep(&self, age: u64, read: &[Arc<Kept>]) {
        let mut state = self.state();
        if state.age != age {
            return;
        }
        for kept in read {
            let weight = weight(&kept.entry);
            if state.weight.saturating_add(weight) > MOST {
                state.clear();
            }
            if state.by_public_id.insert(kept.entry.public_id, Arc::clone(kept)).is_none() {
                state.weight += weight;
            }
            state.public_ids.insert(kept.row_id, kept.entry.public_id);
        }
    }

    /// Forgets what was changed.
    pub(super) fn forget(&self, stale: impl IntoIterator<Item = Stale>) {
        let mut state = self.state();
        for stale in stale {
            state.age += 1;
            match stale {
                Stale::Everybody => state.clear(),
                Stale::Person(row_id) => {
                    let kept = state.public_ids.remove(&row_id).and_then(|id| state.by_public_id.remove(&id));
                    let gone = kept.map_or(0, |kept| weight(&kept.entry));
                    state.weight = state.weight.saturating_sub(gone);
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
        self.weight = 0;
    }
}

/// About how many bytes a person takes.
fn weight(entry: &DirectoryEntry) -> usize {
    let texts = [&entry.external_id, &entry.name, &entry.info];
    let texts: usize = texts.into_iter().flatten().map(String::capacity).sum();
    384 + texts + entry.faces.len() * 320
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(row_id: i64, text: usize) -> Arc<Kept> {
        let entry = DirectoryEntry {
            public_id: row_id + 1000,
            external_id: None,
            name: None,
            info: Some("x".repeat(text)),
            created_ms: 0,
            updated_ms: 0,
            faces: Vec::new(),
        };
        Arc::new(Kept { library_id: 1, row_id, entry })
    }

    fn known(entries: &KeptEntries, library_id: i64, ids: &[i64]) -> Vec<i64> {
        entries.find(library_id, ids.iter().copied()).known.iter().map(|kept| kept.entry.public_id).collect()
    }

    #[test]
    fn what_was_changed_is_forgotten_and_what_was_read_before_is_not_kept() {
        let entries = KeptEntries::default();
        let age = entries.find(1, []).age;
        entries.keep(age, &[kept(1, 0), kept(2, 0)]);
        assert_eq!(known(&entries, 1, &[1001, 1002, 1003]), [1001, 1002]);
        assert_eq!(known(&entries, 2, &[1001]), Vec::<i64>::new());
        assert_eq!(entries.find(1, [1003, 1001]).unknown, [1003]);

        entries.forget([Stale::Person(1)]);
        assert_eq!(known(&entries, 1, &[1001, 1002]), [1002]);
        entries.keep(age, &[kept(1, 0)]);
        assert_eq!(known(&entries, 1, &[1001]), Vec::<i64>::new(), "it was read before the change");
        entries.keep(entries.find(1, []).age, &[kept(1, 0)]);
        assert_eq!(known(&entries, 1, &[1001]), [1001]);
        entries.forget([Stale::Everybody]);
        assert_eq!(known(&entries, 1, &[1001, 1002]), Vec::<i64>::new());
        assert_eq!(entries.state().weight, 0);
    }

    #[test]
    fn memory_is_bounded() {
        let entries = KeptEntries::default();
        for row_id in 0..300 {
            entries.keep(0, &[kept(row_id, 1 << 20)]);
            let state = entries.state();
            assert!(state.weight <= MOST && state.by_public_id.len() <= MOST >> 20);
        }
        let last = entries.find(1, [1299]).known;
        assert_eq!(last.len(), 1, "the latest is kept");
        let weight_before = entries.state().weight;
        entries.keep(0, &last);
        assert_eq!(entries.state().weight, weight_before, "once");
    }
}
