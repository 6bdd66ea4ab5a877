//! More ways to libraries, and to people by their numbers.

use super::Store;
use crate::{Library, Person, Result};

impl Store {
    /// As [`libraries`](Self::libraries), but by time of creation, then by engine-side id.
    pub async fn libraries_by_age(&self, app_id: &str, offset: i64, limit: i64) -> Result<Vec<Library>> {
        self.shared.database.libraries_by_age(app_id, offset, limit).await
    }

    /// The library of an app whose engine-side id begins with `head`, lower-case hex digits; of several the first.
    /// Anything else is the beginning of no id.
    pub async fn library_by_engine_id_head(&self, app_id: &str, head: &str) -> Result<Option<Library>> {
        self.shared.database.library_by_engine_id_head(app_id, head).await
    }

    /// The person in an app's libraries that are not hidden whose `number` begins with `head`, lower-case hex digits;
    /// of several the first. Anything else is the beginning of no number.
    pub async fn person_by_number_head(&self, app_id: &str, head: &str) -> Result<Option<Person>> {
        self.shared.database.person_by_number_head(app_id, head).await
    }

    /// Gives a library another `external_id`, and another display name if that was the same.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the app has another library of that `external_id`.
    pub async fn rename_library(&self, library_id: i64, external_id: &str) -> Result<()> {
        let external_id = external_id.to_owned();
        self.write(move |shared| async move { shared.database.rename_library(library_id, external_id).await }).await
    }
}
