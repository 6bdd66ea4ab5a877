//! Grants: the capabilities of apps.

use aicp_types::UnixMillis;

use super::Store;
use crate::{Grant, Result};

impl Store {
    /// Returns all grants, by app id.
    pub async fn grants(&self) -> Result<Vec<Grant>> {
        self.shared.database.grants().await
    }

    /// Creates the grant of an app, and the app, as of `created_at`, if it does not exist.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the app has a grant; [`Error::Database`](crate::Error::Database) if
    /// another app has that token.
    pub async fn create_grant(&self, grant: Grant, created_at: UnixMillis) -> Result<()> {
        self.write(move |shared| async move { shared.database.create_grant(grant, created_at).await }).await
    }

    /// Sets the expiry of an app's grant and appends those of `capabilities` that it lacks, in order. Returns the new
    /// grant.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the app has no grant.
    pub async fn extend_grant(&self, app_id: &str, due_at: UnixMillis, capabilities: Vec<String>) -> Result<Grant> {
        let app_id = app_id.to_owned();
        self.write(move |shared| async move { shared.database.extend_grant(app_id, due_at, capabilities).await }).await
    }

    /// Revokes an app's grant. The app and its libraries stay.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the app has no grant.
    pub async fn delete_grant(&self, app_id: &str) -> Result<()> {
        let app_id = app_id.to_owned();
        self.write(move |shared| async move { shared.database.delete_grant(app_id).await }).await
    }
}
