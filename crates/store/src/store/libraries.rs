//! Apps and libraries.

use aicp_types::LibraryId;

use super::Store;
use crate::{Library, LibraryCounts, Page, Result};

impl Store {
    /// Every app, by time of creation, then by id.
    pub async fn app_ids(&self) -> Result<Vec<String>> {
        self.shared.database.app_ids().await
    }

    /// The hidden library that an app calls `external_id`.
    pub async fn hidden_library(&self, app_id: &str, external_id: &str) -> Result<Option<Library>> {
        self.shared.database.hidden_library(app_id, external_id).await
    }

    /// A library by row id, hidden or not.
    pub async fn library_by_id(&self, library_id: LibraryId) -> Result<Option<Library>> {
        self.shared.database.library_by_id(library_id).await
    }

    /// How many libraries an app has, leaving out hidden ones.
    pub async fn library_count(&self, app_id: &str) -> Result<u64> {
        self.shared.database.library_count(app_id).await
    }

    /// How much there is in a library. All zero if there is no such library.
    pub async fn library_counts(&self, library_id: LibraryId) -> Result<LibraryCounts> {
        self.shared.database.library_counts(library_id).await
    }

    /// As [`libraries`](Self::libraries), but by time of creation, then by engine-side id.
    pub async fn libraries_by_age(&self, app_id: &str, page: Page) -> Result<Vec<Library>> {
        self.shared.database.libraries_by_age(app_id, page).await
    }

    /// The library of an app whose engine key begins with `prefix`, lower-case hex digits; of several the first.
    /// Anything else is the prefix of no key.
    pub async fn library_by_engine_key_prefix(&self, app_id: &str, prefix: &str) -> Result<Option<Library>> {
        self.shared.database.library_by_engine_key_prefix(app_id, prefix).await
    }

    /// Gives a library another `external_id`, and another display name if that was the same.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the app has another library of that `external_id`.
    pub async fn rename_library(&self, library_id: LibraryId, external_id: &str) -> Result<()> {
        let external_id = external_id.to_owned();
        self.write(move |shared| async move { shared.database.rename_library(library_id, external_id).await }).await
    }
}
