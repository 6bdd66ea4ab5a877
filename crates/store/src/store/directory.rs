//! Directory of a library's people.

use aicp_types::{FaceId, LibraryId, OutboxId, PersonId, PublicId};
use bytes::Bytes;

use super::Store;
use crate::{DirectoryEntry, DirectoryFilter, NewFace, NewOutboxRow, Page, Person, PersonChanges, Result};

impl Store {
    /// Returns the person of a library with this `public_id`.
    pub async fn person_with_id(&self, library_id: LibraryId, public_id: PublicId) -> Result<Option<Person>> {
        self.shared.database.person_with_id(library_id, public_id).await
    }

    /// Returns the people of a library with these `public_id`s, with their faces, by row id. Missing ids are omitted.
    pub async fn directory_entries(
        &self,
        library_id: LibraryId,
        public_ids: &[PublicId],
    ) -> Result<Vec<DirectoryEntry>> {
        self.shared.database.directory_entries(library_id, public_ids).await
    }

    /// Returns the number of people of a library that match, and a page of them by row id. The count reads the whole
    /// library.
    pub async fn directory_page(
        &self,
        library_id: LibraryId,
        filter: DirectoryFilter<'_>,
        page: Page,
    ) -> Result<(u64, Vec<DirectoryEntry>)> {
        self.shared.database.directory_page(library_id, filter, page).await
    }

    /// Returns those of a person's faces whose picture has this MD5, in lower-case hex.
    pub async fn faces_with_md5(&self, person_id: PersonId, md5: &str) -> Result<Vec<FaceId>> {
        self.shared.database.faces_with_md5(person_id, md5).await
    }

    /// Updates a person.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the person does not exist;
    /// [`Error::Exists`](crate::Error::Exists) if another person of the library has that `external_id`, or has none and
    /// that `public_id` in decimal.
    pub async fn update_person(&self, person_id: PersonId, changes: PersonChanges) -> Result<()> {
        self.write(move |shared| async move { shared.database.update_person(person_id, changes).await }).await
    }

    /// Updates a person and replaces all their faces by this one with its picture; all or nothing.
    ///
    /// # Errors
    /// Those of [`update_person`](Self::update_person); [`Error::Database`](crate::Error::Database) if an id is taken
    /// or a number is NaN.
    pub async fn update_person_and_face(
        &self,
        person_id: PersonId,
        changes: PersonChanges,
        face: NewFace,
        picture: Bytes,
    ) -> Result<()> {
        self.write(move |shared| async move {
            let insert = |name| shared.database.update_person_and_face(person_id, changes, face, name);
            let ((), removals) = shared.pictures.store_with(picture, insert).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(())
        })
        .await
    }

    /// Updates a person of a remote engine, and removes all their faces but `kept_face`, each like
    /// [`enqueue_face_removal`](Self::enqueue_face_removal); all or nothing. Returns the ids of the new outbox rows.
    ///
    /// # Errors
    /// Those of [`update_person`](Self::update_person).
    pub async fn enqueue_update(
        &self,
        person_id: PersonId,
        changes: PersonChanges,
        kept_face: FaceId,
        template: NewOutboxRow,
        next_id: Box<dyn FnMut() -> OutboxId + Send>,
    ) -> Result<Vec<OutboxId>> {
        self.write(move |shared| async move {
            let update = shared.database.enqueue_update(person_id, changes, kept_face, template, next_id);
            let (rows, removals) = update.await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(rows)
        })
        .await
    }
}
