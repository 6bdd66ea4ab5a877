//! Keys with which clients of other interfaces sign requests.

use aicp_types::{KeyId, UnixMillis};

use super::Store;
use crate::{Key, KeyUsage, NewKey, Result, UsedSignature};

impl Store {
    /// Returns all keys, also revoked ones, in order of creation.
    pub async fn keys(&self) -> Result<Vec<Key>> {
        self.shared.database.keys().await
    }

    /// Creates a key, and its app if it does not exist.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the kind has a key of that name.
    pub async fn create_key(&self, new: NewKey) -> Result<Key> {
        self.write(move |shared| async move { shared.database.create_key(new).await }).await
    }

    /// Revokes a key; the time of the first revocation stays.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if there is no such key.
    pub async fn revoke_key(&self, key_id: KeyId, revoked_at: UnixMillis) -> Result<()> {
        self.write(move |shared| async move { shared.database.revoke_key(key_id, revoked_at).await }).await
    }

    /// Returns the apps whose grant was revoked and not replaced.
    pub async fn apps_with_revoked_grant(&self) -> Result<Vec<String>> {
        self.shared.database.apps_with_revoked_grant().await
    }

    /// Stores the usage of keys and the used signatures, and deletes signatures that expired by `now`. Entries of
    /// missing keys are ignored.
    pub async fn store_key_usage(
        &self,
        usage: Vec<(KeyId, KeyUsage)>,
        signatures: Vec<UsedSignature>,
        now: UnixMillis,
    ) -> Result<()> {
        self.write(move |shared| async move { shared.database.store_key_usage(usage, signatures, now).await }).await
    }

    /// Returns the used signatures that expire after `now`.
    pub async fn used_signatures(&self, now: UnixMillis) -> Result<Vec<UsedSignature>> {
        self.shared.database.used_signatures(now).await
    }
}
