//! Cache of friend groups: clients poll them, and they rarely change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aicp_store::{FriendGroups, Members};

/// Upper bound of the cache's estimated size in bytes. When exceeded, the cache is cleared.
const MAX_BYTES: usize = 64 << 20;
/// Estimated size in bytes above which an entry is not cached.
const MAX_BYTES_EACH: usize = 256 << 10;
/// Estimated overhead per group and per account, in bytes.
const OVERHEAD: usize = 128;

/// Caches the groups of accounts until they change.
#[derive(Default)]
pub(crate) struct FriendGroupCache(Mutex<CacheState>);

#[derive(Default)]
struct CacheState {
    /// Cached groups by `key` of app and account; app ids have no line ends.
    accounts: HashMap<String, Remembered>,
    bytes: usize,
    /// Number of invalidations: groups read before the latest one may be stale.
    changes: u64,
}

#[derive(Default)]
struct Remembered {
    counted: Option<Arc<FriendGroups>>,
    named: Option<Arc<FriendGroups>>,
    bytes: usize,
}

impl Remembered {
    fn slot(&mut self, members: Members) -> &mut Option<Arc<FriendGroups>> {
        match members {
            Members::Counted => &mut self.counted,
            Members::Named => &mut self.named,
        }
    }
}

impl FriendGroupCache {
    /// Returns the cached groups of an account or, on a miss, the value to pass to [`insert`](Self::remember) as
    /// `before`.
    pub fn of(&self, app_id: &str, user_id: &str, members: Members) -> Result<Arc<FriendGroups>, u64> {
        let mut known = self.known();
        let changes = known.changes;
        let account = known.accounts.get_mut(&key(app_id, user_id));
        account.and_then(|account| account.slot(members).clone()).ok_or(changes)
    }

    /// Caches groups, unless something was invalidated after [`of`](Self::of) returned `before`.
    pub fn insert(&self, app_id: &str, user_id: &str, members: Members, before: u64, groups: &Arc<FriendGroups>) {
        let names = groups.groups.iter().map(|group| group.name.len() + group.members.bytes() + OVERHEAD);
        let bytes = names.sum::<usize>() + app_id.len() + user_id.len() + OVERHEAD;
        let mut known = self.known();
        if known.changes != before || bytes > MAX_BYTES_EACH {
            return;
        }
        if known.bytes + bytes > MAX_BYTES {
            known.accounts.clear();
            known.bytes = 0;
        }
        let account = known.accounts.entry(key(app_id, user_id)).or_default();
        if account.slot(members).replace(Arc::clone(groups)).is_none() {
            account.bytes += bytes;
            known.bytes += bytes;
        }
    }

    /// Invalidates the groups of an account.
    pub fn forget(&self, app_id: &str, user_id: &str) {
        let mut known = self.known();
        known.changes += 1;
        if let Some(account) = known.accounts.remove(&key(app_id, user_id)) {
            known.bytes -= account.bytes;
        }
    }

    fn known(&self) -> MutexGuard<'_, CacheState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(app_id: &str, user_id: &str) -> String {
    format!("{app_id}\n{user_id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aicp_store::FriendGroup;

    fn groups(sequence: u64, name_bytes: usize) -> Arc<FriendGroups> {
        let group = FriendGroup { name: "x".repeat(name_bytes), count: 0, members: Default::default() };
        Arc::new(FriendGroups { sequence, groups: vec![group] })
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let remembered = FriendGroupCache::default();
        let of = |user: &str, members| remembered.of("app", user, members).map(|groups| groups.sequence);
        let before = of("ada", Members::Counted).expect_err("not read yet");
        remembered.forget("app", "bob");
        remembered.insert("app", "ada", Members::Counted, before, &groups(1, 1));
        let before = of("ada", Members::Counted).expect_err("it may be old");
        remembered.insert("app", "ada", Members::Counted, before, &groups(2, 1));
        assert_eq!(of("ada", Members::Counted), Ok(2));
        assert!(of("ada", Members::Named).is_err() && of("bob", Members::Counted).is_err());
        assert!(remembered.of("ap", "p\nada", Members::Counted).is_err());
        remembered.insert("app", "ada", Members::Named, before, &groups(2, 9));
        remembered.forget("app", "ada");
        assert!(of("ada", Members::Counted).is_err() && of("ada", Members::Named).is_err());
        assert_eq!(remembered.known().bytes, 0);
    }

    #[test]
    fn memory_is_bounded() {
        let remembered = FriendGroupCache::default();
        remembered.insert("app", "large", Members::Named, 0, &groups(1, MAX_BYTES_EACH));
        assert!(remembered.of("app", "large", Members::Named).is_err());
        for number in 0..MAX_BYTES / (MAX_BYTES_EACH / 2) + 10 {
            for _ in 0..2 {
                let half = groups(1, MAX_BYTES_EACH / 2);
                remembered.insert("app", &number.to_string(), Members::Named, 0, &half);
            }
            assert!(remembered.of("app", &number.to_string(), Members::Named).is_ok());
            let known = remembered.known();
            assert!(known.bytes <= MAX_BYTES);
            assert_eq!(known.bytes, known.accounts.values().map(|account| account.bytes).sum::<usize>());
        }
        assert!(remembered.of("app", "0", Members::Named).is_err(), "forgotten with the others");
    }
}
