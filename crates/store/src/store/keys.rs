//! Keys that clients of other interfaces sign with.

use aicp_types::{KeyId, UnixMillis};

use super::Store;
use crate::{Key, KeyUsage, NewKey, Result, UsedSignature};

impl Store {
    /// Every key, revoked ones too, in the order in which they were made.
    pub async fn keys(&self) -> Result<Vec<Key>> {
        self.shared.database.keys().await
    }

    /// Makes a key, and its app known if it is not.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the kind has a key of that name.
    pub async fn create_key(&self, new: NewKey) -> Result<Key> {
        self.write(move |shared| async move { shared.database.create_key(new).await }).await
    }

    /// Notes that a key was revoked; of one that was before, the first time counts.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound).
    pub async fn revoke_key(&self, key_id: KeyId, revoked_at: UnixMillis) -> Result<()> {
        self.write(move |shared| async move { shared.database.revoke_key(key_id, revoked_at).await }).await
    }

    /// The apps whose grant was taken away and that got no other.
    pub async fn apps_with_revoked_grant(&self) -> Result<Vec<String>> {
        self.shared.database.apps_with_revoked_grant().await
    }

    /// Notes how often keys (row ids) were used and what was signed with, and forgets what expired up to `now`. What
    /// is about keys that are gone is left out.
    pub async fn note_key_usage(
        &self,
        usage: Vec<(KeyId, KeyUsage)>,
        signatures: Vec<UsedSignature>,
        now: UnixMillis,
    ) -> Result<()> {
        self.write(move |shared| async move { shared.database.note_key_usage(usage, signatures, now).await }).await
    }

    /// What was signed with and expires after `now`.
    pub async fn used_signatures(&self, now: UnixMillis) -> Result<Vec<UsedSignature>> {
        self.shared.database.used_signatures(now).await
    }
}
