//! Cache of friend groups: clients poll them, and they rarely change.

use std::sync::Arc;

use aicp_store::{FriendGroups, Members};

use crate::versioned::{Version, Versioned};

/// Upper bound of the cache's estimated size in bytes.
const MAX_BYTES: usize = 64 << 20;
/// Estimated size in bytes above which an entry is not cached.
const MAX_BYTES_EACH: usize = 256 << 10;
/// Estimated overhead per group and per account, in bytes.
const OVERHEAD: usize = 128;

/// App, account, and whether members are named.
type Key = (String, String, bool);

/// Caches the groups of accounts until they change.
pub(crate) struct FriendGroupCache(Versioned<Key, Arc<FriendGroups>>);

impl Default for FriendGroupCache {
    fn default() -> Self {
        Self(Versioned::new("friend_groups", MAX_BYTES))
    }
}

impl FriendGroupCache {
    /// Returns the cached groups of an account.
    ///
    /// # Errors
    /// The version to pass to [`insert`](Self::insert), if they are not cached.
    pub fn get(&self, app_id: &str, user_id: &str, members: Members) -> Result<Arc<FriendGroups>, Version> {
        self.0.get(&key(app_id, user_id, members))
    }

    /// Caches groups that were read at a version.
    pub fn insert(&self, app_id: &str, user_id: &str, members: Members, groups: &Arc<FriendGroups>, read_at: Version) {
        let names = groups.groups.iter().map(|group| group.name.len() + group.members.bytes() + OVERHEAD);
        let bytes = names.sum::<usize>() + app_id.len() + user_id.len() + OVERHEAD;
        if bytes <= MAX_BYTES_EACH {
            self.0.insert(key(app_id, user_id, members), Arc::clone(groups), bytes, read_at);
        }
    }

    /// Invalidates the groups of an account.
    pub fn invalidate(&self, app_id: &str, user_id: &str) {
        for members in [Members::Counted, Members::Named] {
            self.0.invalidate(&key(app_id, user_id, members));
        }
    }

    /// Invalidates all groups.
    pub fn invalidate_all(&self) {
        self.0.invalidate_all();
    }
}

fn key(app_id: &str, user_id: &str, members: Members) -> Key {
    (app_id.to_owned(), user_id.to_owned(), members == Members::Named)
}
