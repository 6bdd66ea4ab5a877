//! What apps may do.

use aicp_types::UnixMillis;

use super::Store;
use crate::{Grant, Result};

impl Store {
    /// The grants of all apps that have one, by app id.
    pub async fn grants(&self) -> Result<Vec<Grant>> {
        self.shared.database.grants().await
    }

    /// Gives an app a grant. Makes the app known if it is not, as of `created_at`; keeps its libraries if it is.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the app has a grant; [`Error::Database`](crate::Error::Database) if
    /// another app has that token.
    pub async fn create_grant(&self, grant: Grant, created_at: UnixMillis) -> Result<()> {
        self.write(move |shared| async move { shared.database.create_grant(grant, created_at).await }).await
    }

    /// Sets the end of an app's grant and adds those of `capabilities` that it does not hold, in their order. Returns
    /// the grant as it is then.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the app has no grant.
    pub async fn extend_grant(&self, app_id: &str, due_at: UnixMillis, capabilities: Vec<String>) -> Result<Grant> {
        let app_id = app_id.to_owned();
        self.write(move |shared| async move { shared.database.extend_grant(app_id, due_at, capabilities).await }).await
    }

    /// Takes an app's grant away. The app and its libraries stay.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the app has no grant.
    pub async fn delete_grant(&self, app_id: &str) -> Result<()> {
        let app_id = app_id.to_owned();
        self.write(move |shared| async move { shared.database.delete_grant(app_id).await }).await
    }
}
