//! Writes to engines that keep faces themselves.
//!
//! A row is born in the transaction of the change it belongs to, so that neither is there without the other.

use std::path::PathBuf;

use aicp_types::{FaceId, LibraryId, OutboxId, PersonId, UnixMillis};
use bytes::Bytes;

use super::Store;
use crate::{
    Face, Library, NewFace, NewLibrary, NewOutboxRow, NewPerson, OutboxFilter, OutboxRow, Page, Person, Result,
    Solution,
};

impl Store {
    /// Creates a library and, if `row` is given, a row that has the engine do so too.
    ///
    /// # Errors
    /// As [`create_library`](Self::create_library).
    pub async fn enqueue_library(&self, new: NewLibrary, row: Option<NewOutboxRow>) -> Result<Library> {
        self.write(move |shared| async move { shared.database.enqueue_library(new, row).await }).await
    }

    /// As [`enrol`](Self::enrol), with a pending face and a row that has the engine take it in.
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

    /// As [`add_face`](Self::add_face), with a pending face and a row that has the engine take it in.
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

    /// Removes a person here at once, and leaves what the engine has still to do. Of each face:
    /// - if it is not pending, a new row has the engine let go of it;
    /// - if the row that has the engine take it in is not in doubt, that row is dropped;
    /// - if it is in doubt, it becomes an [`UndoAdd`](crate::OutboxAction::UndoAdd) and keeps its id and picture.
    ///
    /// New rows are made after `template`, each with an id of its own from `next_id`; the template's id is not used.
    /// Returns the ids of new rows.
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

    /// Removes a face here at once; else as [`enqueue_removal`](Self::enqueue_removal). The person stays.
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

    /// Removes a library here with all in it, drops its unsolved rows, and leaves one that has the engine drop the
    /// library, whose id it returns; none if the engine was never asked to make it.
    pub async fn enqueue_library_removal(&self, library_id: LibraryId, row: NewOutboxRow) -> Result<Option<OutboxId>> {
        self.write_removal(move |shared| async move {
            let (done, removals) = shared.database.enqueue_library_removal(library_id, row).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(done)
        })
        .await
    }

    /// A row by id.
    pub async fn outbox_row(&self, id: OutboxId) -> Result<Option<OutboxRow>> {
        self.shared.database.outbox_row(id).await
    }

    /// What is to be done next in a library: the row of lowest id that is neither solved nor rejected.
    pub async fn outbox_head(&self, library_id: LibraryId) -> Result<Option<OutboxRow>> {
        self.shared.database.outbox_head(library_id).await
    }

    /// The row ids of libraries that have a [head](Self::outbox_head), ascending; of one engine or of all.
    pub async fn outbox_libraries(&self, engine: Option<&str>) -> Result<Vec<LibraryId>> {
        self.shared.database.outbox_libraries(engine).await
    }

    /// How many listed rows there are, and up to `limit` of them, leaving out the first `offset`: latest created
    /// first, then by id descending. Negative numbers count as 0.
    pub async fn outbox_page(&self, filter: OutboxFilter, page: Page) -> Result<(u64, Vec<OutboxRow>)> {
        self.shared.database.outbox_page(filter, page).await
    }

    /// The picture of a row as a file of its own, whose `name` is a path: a hard link in the folder
    /// `highAvailability/picture` of the data folder, or a copy where the disk has no hard links. It is made if it is not
    /// there, and goes with the row or the picture. `None` if row or picture are gone.
    pub async fn outbox_picture_file(&self, row: &OutboxRow, name: String) -> Result<Option<PathBuf>> {
        let (id, Some(key)) = (row.id, row.picture_key.clone()) else { return Ok(None) };
        self.write(move |shared| async move { shared.pictures.link(&shared.database, id, key, name).await }).await
    }

    /// Notes that an attempt begins, to be called before the engine is asked: the row is in doubt from now on. Returns
    /// the row as it was before.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the row is gone or solved.
    pub async fn outbox_attempt(&self, id: OutboxId) -> Result<OutboxRow> {
        self.write(move |shared| async move { shared.database.outbox_attempt(id).await }).await
    }

    /// Notes that an attempt came to nothing so far, and whether it is still in doubt. The row is listed from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the row is gone or solved.
    pub async fn outbox_postpone(&self, id: OutboxId, in_doubt: bool, error: &str) -> Result<()> {
        let error = error.to_owned();
        self.write(move |shared| async move { shared.database.outbox_postpone(id, in_doubt, error).await }).await
    }

    /// Notes that the engine did it. A row that was never listed is deleted, a listed one is kept as solved.
    /// - [`AddFace`](crate::OutboxAction::AddFace): the face takes over the solution and is no longer pending.
    /// - [`UndoAdd`](crate::OutboxAction::UndoAdd): its picture is let go.
    ///
    /// If the face was removed while the engine was taking it in, its row is an `UndoAdd` by now, and it was not that
    /// which was done. So an `UndoAdd` whose solution has an `engine_ref` becomes a
    /// [`RemoveFace`](crate::OutboxAction::RemoveFace) of it, listed and yet to be done; one that is not listed stays
    /// to be done.
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

    /// Notes that the engine refused it for good. The row is listed from now on, and no longer holds up the library; it
    /// is in doubt if it was before the attempt.
    ///
    /// If it was not listed yet, all is as if it had never been: the row is gone, and with it the face of an
    /// [`AddFace`](crate::OutboxAction::AddFace), the person if that came with it and has no other, and the picture; the library of a
    /// [`CreateLibrary`](crate::OutboxAction::CreateLibrary); the picture of an
    /// [`UndoAdd`](crate::OutboxAction::UndoAdd), as what was refused is the taking in. Other actions can't be taken
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
