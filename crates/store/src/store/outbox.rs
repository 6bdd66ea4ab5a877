//! Outbox: writes to engines that store faces themselves.
//!
//! A row is inserted in the transaction of the change it belongs to, so that neither exists without the other.

use std::path::PathBuf;

use aicp_types::{FaceId, LibraryId, OutboxId, PersonId, UnixMillis};
use bytes::Bytes;

use super::Store;
use crate::{
    Face, Library, NewFace, NewLibrary, NewOutboxRow, NewPerson, OutboxFilter, OutboxRow, Page, Person, Result,
    Solution,
};

impl Store {
    /// Creates a library and, if `row` is given, an outbox row that creates it at the engine.
    ///
    /// # Errors
    /// Those of [`create_library`](Self::create_library).
    pub async fn enqueue_library(&self, new: NewLibrary, row: Option<NewOutboxRow>) -> Result<Library> {
        self.write(move |shared| async move { shared.database.enqueue_library(new, row).await }).await
    }

    /// Enrols a person like [`enrol`](Self::enrol), with a pending face and an outbox row that enrols it at the engine.
    pub async fn enqueue_person(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        face: NewFace,
        picture: Bytes,
        row: NewOutboxRow,
    ) -> Result<(Person, Face)> {
        self.write(move |shared| async move {
            let insert = |key| shared.database.enqueue_person(library_id, person, face, key, row);
            shared.pictures.store_with(picture, insert).await
        })
        .await
    }

    /// Adds a face like [`add_face`](Self::add_face), pending, with an outbox row that enrols it at the engine.
    pub async fn enqueue_face(
        &self,
        person_id: PersonId,
        face: NewFace,
        picture: Bytes,
        row: NewOutboxRow,
    ) -> Result<Face> {
        self.write(move |shared| async move {
            let insert = |key| shared.database.enqueue_face(person_id, face, key, row);
            shared.pictures.store_with(picture, insert).await
        })
        .await
    }

    /// Removes a person here at once, and leaves outbox rows for the engine. For each face:
    /// - if it is not pending, a new row removes it at the engine;
    /// - if it is pending and its row is not in doubt, that row is deleted;
    /// - if its row is in doubt, it becomes an [`UndoAdd`](crate::OutboxAction::UndoAdd) and keeps its id and picture.
    ///
    /// New rows are copies of `template`, each with an id from `next_id`; the template's own id is not used. Returns
    /// the ids of the new rows.
    pub async fn enqueue_removal(
        &self,
        person_id: PersonId,
        template: NewOutboxRow,
        next_id: Box<dyn FnMut() -> OutboxId + Send>,
    ) -> Result<Vec<OutboxId>> {
        self.write_removal(move |shared| async move {
            let (done, removals) = shared.database.enqueue_removal(person_id, template, next_id).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(done)
        })
        .await
    }

    /// Removes a face like [`enqueue_removal`](Self::enqueue_removal) does. The person stays.
    pub async fn enqueue_face_removal(
        &self,
        face_id: FaceId,
        template: NewOutboxRow,
        next_id: Box<dyn FnMut() -> OutboxId + Send>,
    ) -> Result<Vec<OutboxId>> {
        self.write_removal(move |shared| async move {
            let (done, removals) = shared.database.enqueue_face_removal(face_id, template, next_id).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(done)
        })
        .await
    }

    /// Removes a library with its contents, deletes its unsolved rows, and inserts a row that deletes the library at
    /// the engine. Returns the id of that row; `None` if the engine was never asked to create the library.
    pub async fn enqueue_library_removal(&self, library_id: LibraryId, row: NewOutboxRow) -> Result<Option<OutboxId>> {
        self.write_removal(move |shared| async move {
            let (done, removals) = shared.database.enqueue_library_removal(library_id, row).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(done)
        })
        .await
    }

    /// Returns a row by id.
    pub async fn outbox_row(&self, id: OutboxId) -> Result<Option<OutboxRow>> {
        self.shared.database.outbox_row(id).await
    }

    /// Returns the next row to replay in a library: that of lowest id that is neither solved nor rejected.
    pub async fn outbox_head(&self, library_id: LibraryId) -> Result<Option<OutboxRow>> {
        self.shared.database.outbox_head(library_id).await
    }

    /// Returns the libraries that have a [head](Self::outbox_head), by row id; of one engine or of all.
    pub async fn outbox_libraries(&self, engine: Option<&str>) -> Result<Vec<LibraryId>> {
        self.shared.database.outbox_libraries(engine).await
    }

    /// Returns the number of listed rows and a page of them: latest created first, then by id descending.
    pub async fn outbox_page(&self, filter: OutboxFilter, page: Page) -> Result<(u64, Vec<OutboxRow>)> {
        self.shared.database.outbox_page(filter, page).await
    }

    /// Returns the path of a row's picture under a second name, `name`, a relative path: a hard link in the folder
    /// `highAvailability/picture` of the data folder, or a copy where the file system has no hard links. The link is
    /// created if missing, and deleted with the row or the picture. `None` if the row or the picture is gone.
    pub async fn outbox_picture_file(&self, row: &OutboxRow, name: String) -> Result<Option<PathBuf>> {
        let (id, Some(key)) = (row.id, row.picture_key.clone()) else { return Ok(None) };
        self.write(move |shared| async move { shared.pictures.link(&shared.database, id, key, name).await }).await
    }

    /// Records the begin of an attempt, before the engine is called: the row is in doubt from now on. Returns the row
    /// as it was before.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the row is gone or solved.
    pub async fn outbox_attempt(&self, id: OutboxId) -> Result<OutboxRow> {
        self.write(move |shared| async move { shared.database.outbox_attempt(id).await }).await
    }

    /// Records that an attempt failed for now, and whether it is in doubt. The row is listed from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the row is gone or solved.
    pub async fn outbox_postpone(&self, id: OutboxId, in_doubt: bool, error: &str) -> Result<()> {
        let error = error.to_owned();
        self.write(move |shared| async move { shared.database.outbox_postpone(id, in_doubt, error).await }).await
    }

    /// Records that the engine did the write. An unlisted row is deleted, a listed one stays as solved.
    /// - [`AddFace`](crate::OutboxAction::AddFace): the face takes the values of `solution` and is no longer pending.
    /// - [`UndoAdd`](crate::OutboxAction::UndoAdd): its picture is released.
    ///
    /// If the face was removed during the attempt, the row has become an `UndoAdd`, and what the engine did was the
    /// `AddFace`. So an `UndoAdd` whose solution has an `engine_ref` becomes a listed, unsolved
    /// [`RemoveFace`](crate::OutboxAction::RemoveFace) of it. An `UndoAdd` that is not listed becomes listed and stays
    /// unsolved.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the row is gone or solved.
    pub async fn outbox_solve(
        &self,
        id: OutboxId,
        solution: Solution,
        solved_by: Option<&str>,
        solved_at: UnixMillis,
    ) -> Result<()> {
        let solved_by = solved_by.map(str::to_owned);
        self.write(move |shared| async move {
            let removals = shared.database.outbox_solve(id, solution, solved_by, solved_at).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(())
        })
        .await
    }

    /// Records that the engine refused the write permanently. The row is listed from now on, and no longer blocks the
    /// library; it is in doubt if it was before the attempt.
    ///
    /// An unlisted row is rolled back: it is deleted, and with it the face of an
    /// [`AddFace`](crate::OutboxAction::AddFace), its picture, and the person if created with the face and without
    /// another; the library of a [`CreateLibrary`](crate::OutboxAction::CreateLibrary); the picture of an
    /// [`UndoAdd`](crate::OutboxAction::UndoAdd), as the refused write was the `AddFace`. Other actions can't be rolled
    /// back, and stay.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the row is gone or solved.
    pub async fn outbox_reject(&self, id: OutboxId, error: &str) -> Result<()> {
        let error = error.to_owned();
        self.write_removal(move |shared| async move {
            let removals = shared.database.outbox_reject(id, error).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(())
        })
        .await
    }
}
