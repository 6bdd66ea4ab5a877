//! A library as a directory of people.

use aicp_types::{FaceId, LibraryId, OutboxId, PersonId, PublicId};
use bytes::Bytes;

use super::Store;
use crate::{DirectoryEntry, DirectoryFilter, NewFace, NewOutboxRow, Page, Person, PersonChanges, Result};

impl Store {
    /// The person of a library with this `public_id`.
    pub async fn person_with_id(&self, library_id: LibraryId, public_id: PublicId) -> Result<Option<Person>> {
        self.shared.database.person_with_id(library_id, public_id).await
    }

    /// The people of a library with these `public_id`s, with their faces, by row id. Absent ids are left out.
    pub async fn directory_entries(
        &self,
        library_id: LibraryId,
        public_ids: &[PublicId],
    ) -> Result<Vec<DirectoryEntry>> {
        self.shared.database.directory_entries(library_id, public_ids).await
    }

    /// How many people of a library there are to list, and up to `limit` of them, by row id, leaving out the first
    /// `offset`. Negative numbers count as 0. All of the library are looked at, to be counted.
    pub async fn directory_page(
        &self,
        library_id: LibraryId,
        filter: DirectoryFilter<'_>,
        page: Page,
    ) -> Result<(u64, Vec<DirectoryEntry>)> {
        self.shared.database.directory_page(library_id, filter, page).await
    }

    /// The row ids of a person's faces whose picture has this fingerprint, lower-case hex of its MD5.
    pub async fn faces_with_md5(&self, person_id: PersonId, md5: &str) -> Result<Vec<FaceId>> {
        self.shared.database.faces_with_md5(person_id, md5).await
    }

    /// Changes a person.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the person is gone; [`Error::Exists`](crate::Error::Exists) if the
    /// library has somebody else of that `external_id`, or somebody without one whose `public_id` it is in decimal.
    pub async fn update_person(&self, person_id: PersonId, changes: PersonChanges) -> Result<()> {
        self.write(move |shared| async move { shared.database.update_person(person_id, changes).await }).await
    }

    /// Changes a person, removes all their faces and stores this one with its picture. All or nothing.
    ///
    /// # Errors
    /// As [`update_person`](Self::update_person); [`Error::Database`](crate::Error::Database) if an id is taken or a
    /// number is NaN.
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

    /// Changes a person whose faces an engine elsewhere keeps, and removes all their faces but one, each as
    /// [`enqueue_face_removal`](Self::enqueue_face_removal) does. All or nothing. Returns the ids of new rows.
    ///
    /// # Errors
    /// As [`update_person`](Self::update_person).
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
