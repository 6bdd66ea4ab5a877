//! Apps and libraries.

use aicp_types::LibraryId;

use super::Store;
use crate::{Library, LibraryCounts, Page, Result};

impl Store {
    /// Returns the ids of all apps, by time of creation, then by id.
    pub async fn app_ids(&self) -> Result<Vec<String>> {
        self.shared.database.app_ids().await
    }

    /// Returns an app's hidden library by `external_id`.
    pub async fn hidden_library(&self, app_id: &str, external_id: &str) -> Result<Option<Library>> {
        self.shared.database.hidden_library(app_id, external_id).await
    }

    /// Returns a library by row id, hidden or not.
    pub async fn library_by_id(&self, library_id: LibraryId) -> Result<Option<Library>> {
        self.shared.database.library_by_id(library_id).await
    }

    /// Returns the number of an app's libraries, hidden ones not counted.
    pub async fn library_count(&self, app_id: &str) -> Result<u64> {
        self.shared.database.library_count(app_id).await
    }

    /// Counts the users and faces of a library; zero if there is no such library.
    pub async fn library_counts(&self, library_id: LibraryId) -> Result<LibraryCounts> {
        self.shared.database.library_counts(library_id).await
    }

    /// Returns a page of an app's libraries, by time of creation, then by engine key; hidden ones are omitted.
    pub async fn libraries_by_age(&self, app_id: &str, page: Page) -> Result<Vec<Library>> {
        self.shared.database.libraries_by_age(app_id, page).await
    }

    /// Returns the app's library whose engine key begins with `prefix`, lower-case hex digits; of several the first.
    /// Any other `prefix` matches nothing.
    pub async fn library_by_engine_key_prefix(&self, app_id: &str, prefix: &str) -> Result<Option<Library>> {
        self.shared.database.library_by_engine_key_prefix(app_id, prefix).await
    }

    /// Changes the `external_id` of a library, and its display name if that was equal.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the app has another library of that `external_id`.
    pub async fn rename_library(&self, library_id: LibraryId, external_id: &str) -> Result<()> {
        let external_id = external_id.to_owned();
        self.write(move |shared| async move { shared.database.rename_library(library_id, external_id).await }).await
    }
}
