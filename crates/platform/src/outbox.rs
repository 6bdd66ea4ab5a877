//! Queue of writes to engines that store faces themselves.
//!
//! A write to such an engine is first a row of the outbox, committed together with the change that it belongs to. Then
//! the engine is called. If it answers, the row is solved. If it is unreachable, the row waits and the caller gets
//! success; the row is replayed when an operator requests it or, if the settings say so, once the engine answers again.
//!
//! The writes of a library go to its engine one at a time, in order of creation. So at most one of them is in doubt:
//! sent but never answered, or interrupted by the end of the process. Before a retry of that one the engine is asked
//! whether it was done. Thus no write is lost, and none is done twice.

mod attempts;
mod health;
mod rules;
mod transactions;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use aicp_backends::{RemoteEngine, Write};
use aicp_store::{NewFace, NewLibrary, NewPerson, OutboxFilter, OutboxRow, Page};
use aicp_types::{FaceId, LibraryId, OutboxId};
use bytes::Bytes;

use attempts::Outcome;
use rules::NewWrite;

use crate::background::run_detached;
use crate::{Caller, Face, Library, Person, PersonChanges, Platform, Result};

pub use health::EngineHealth;
pub(crate) use health::monitor_engines;

/// A write that waits for its engine, or waited. Not `Debug`: pictures must not be logged.
#[derive(Clone)]
pub struct OutboxEntry {
    /// The row.
    pub row: OutboxRow,
    /// Picture of the write, as long as it is stored.
    pub picture: Option<Bytes>,
}

impl Platform {
    /// Returns the number of writes that were not done at once and a page of them, newest first.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn outbox(&self, filter: OutboxFilter, page: Page) -> Result<(u64, Vec<OutboxEntry>)> {
        let (total, rows) = self.inner.store.snapshot().await?.outbox_page(filter, page).await?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let picture = self.outbox_picture(&row).await?;
            entries.push(OutboxEntry { row, picture });
        }
        Ok((total, entries))
    }

    /// Returns the picture of a write as a separate file, which exists as long as the write has the picture. `name` is
    /// a path inside the folder of such files. `None` if the write has no picture.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn outbox_file(&self, entry: &OutboxEntry, name: String) -> Result<Option<PathBuf>> {
        match &entry.picture {
            Some(_) => match &entry.row.picture_key {
                Some(key) => Ok(self.inner.store.outbox_picture_file(entry.row.id, key, name).await?),
                None => Ok(None),
            },
            None => Ok(None),
        }
    }

    /// Retries waiting writes, each after the earlier ones of its library, and skips those that are done. Returns
    /// whether all are done; an unknown id counts as not done.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn resume(&self, caller: &Caller, ids: BTreeSet<OutboxId>) -> Result<bool> {
        let (platform, solved_by) = (self.clone(), caller.app_id().to_owned());
        run_detached(async move {
            let mut all_done = true;
            for id in ids {
                all_done &= platform.resume_one(id, &solved_by).await?;
            }
            Ok(all_done)
        })
        .await
    }

    async fn resume_one(&self, id: OutboxId, solved_by: &str) -> Result<bool> {
        let store = &self.inner.store;
        loop {
            let Some(row) = store.rows().await?.outbox_row(id).await? else { return Ok(false) };
            let _lock = self.inner.library_writes.lock(row.library_id).await;
            // The write may have been done while this waited for the lock.
            let Some(row) = store.rows().await?.outbox_row(id).await? else { return Ok(false) };
            if row.solved_at.is_some() {
                return Ok(true);
            }
            if row.rejected {
                return Ok(matches!(self.attempt(id, Some(solved_by)).await?, Outcome::Done));
            }
            let head = store.rows().await?.outbox_head(row.library_id).await?.filter(|head| head.id <= id);
            let Some(head) = head else { return Ok(false) };
            match self.attempt(head.id, Some(solved_by)).await? {
                Outcome::Waits => return Ok(false),
                Outcome::Refused(_) if head.id == id => return Ok(false),
                Outcome::Done | Outcome::Refused(_) => {}
            }
        }
    }

    /// Creates a library, also at its engine.
    pub(crate) async fn create_remotely(
        &self,
        engine: Arc<dyn RemoteEngine>,
        new: NewLibrary,
        at_most: Option<u64>,
    ) -> Result<Library> {
        let platform = self.clone();
        run_detached(async move {
            let row = platform.new_row(engine.as_ref(), Write::CreateLibrary);
            let row_id = row.id;
            // No lock needed before the row exists: nobody else knows the library.
            let store = &platform.inner.store;
            let library = store.write(move |tx| Box::pin(transactions::create_library(tx, new, at_most, row))).await?;
            let _lock = platform.inner.library_writes.lock(library.id).await;
            platform.first_attempt(row_id, library.id).await?;
            Ok(library)
        })
        .await
    }

    /// Deletes a library here at once, and at its engine as soon as the engine is reachable.
    pub(crate) async fn delete_remotely(&self, engine: Arc<dyn RemoteEngine>, library_id: LibraryId) -> Result<()> {
        let platform = self.clone();
        run_detached(async move {
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::DeleteLibrary);
            let store = &platform.inner.store;
            match store.remove(move |tx| Box::pin(transactions::remove_library(tx, library_id, row))).await? {
                // Here the library is deleted whatever the engine answers.
                Some(row_id) => platform.attempt_removals(vec![row_id], library_id).await,
                None => Ok(()),
            }
        })
        .await
    }

    /// Enrols a new person at the library's engine.
    pub(crate) async fn enrol_remotely(
        &self,
        engine: Arc<dyn RemoteEngine>,
        library: &Library,
        person: NewPerson,
        face: NewFace,
        picture: Bytes,
    ) -> Result<(Person, Face)> {
        let (platform, library_id) = (self.clone(), library.id);
        run_detached(async move {
            let store = &platform.inner.store;
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::AddFace);
            let row_id = row.id;
            let enqueued = store.write_with_picture(picture, move |tx, picture| {
                Box::pin(transactions::enrol(tx, library_id, person, face, picture, row))
            });
            let (person, face) = enqueued.await?;
            platform.first_attempt(row_id, library_id).await?;
            Ok((person, store.rows().await?.face(face.id).await?.unwrap_or(face)))
        })
        .await
    }

    /// Adds a face to a person, also at the library's engine.
    pub(crate) async fn add_face_remotely(
        &self,
        engine: Arc<dyn RemoteEngine>,
        person: &Person,
        face: NewFace,
        picture: Bytes,
    ) -> Result<Face> {
        let (platform, library_id, person_id) = (self.clone(), person.library_id, person.id);
        run_detached(async move {
            let store = &platform.inner.store;
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::AddFace);
            let row_id = row.id;
            let enqueued = store.write_with_picture(picture, move |tx, picture| {
                Box::pin(transactions::add_face(tx, person_id, face, picture, row))
            });
            let face = enqueued.await?;
            platform.first_attempt(row_id, library_id).await?;
            Ok(store.rows().await?.face(face.id).await?.unwrap_or(face))
        })
        .await
    }

    /// Removes a person here at once, and at the engine as soon as the engine is reachable.
    pub(crate) async fn remove_remotely(&self, engine: Arc<dyn RemoteEngine>, person: &Person) -> Result<()> {
        let (platform, library_id, person_id) = (self.clone(), person.library_id, person.id);
        run_detached(async move {
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::RemoveFace);
            let ids = platform.row_ids();
            let store = &platform.inner.store;
            let rows = store.remove(move |tx| Box::pin(transactions::remove_person(tx, person_id, row, ids))).await?;
            platform.attempt_removals(rows, library_id).await
        })
        .await
    }

    /// Removes one face of a person here at once, and at the engine as soon as the engine is reachable.
    pub(crate) async fn remove_face_remotely(
        &self,
        engine: Arc<dyn RemoteEngine>,
        library_id: LibraryId,
        face_id: FaceId,
    ) -> Result<()> {
        let platform = self.clone();
        run_detached(async move {
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::RemoveFace);
            let ids = platform.row_ids();
            let store = &platform.inner.store;
            let rows = store.remove(move |tx| Box::pin(transactions::remove_face(tx, face_id, row, ids))).await?;
            platform.attempt_removals(rows, library_id).await
        })
        .await
    }

    /// Changes a person and removes all faces but one: here at once, at the engine as soon as the engine is reachable.
    pub(crate) async fn update_remotely(
        &self,
        engine: Arc<dyn RemoteEngine>,
        person: &Person,
        changes: PersonChanges,
        kept_face: FaceId,
    ) -> Result<()> {
        let (platform, library_id, person_id) = (self.clone(), person.library_id, person.id);
        run_detached(async move {
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::RemoveFace);
            let ids = platform.row_ids();
            let update = platform
                .inner
                .store
                .write(move |tx| Box::pin(transactions::update_person(tx, person_id, changes, kept_face, row, ids)));
            platform.attempt_removals(update.await?, library_id).await
        })
        .await
    }

    async fn attempt_removals(&self, rows: Vec<OutboxId>, library_id: LibraryId) -> Result<()> {
        for row in rows {
            // Here the faces are removed whatever the engine answers. A refused removal stays in the outbox for an
            // operator.
            if let Err(e) = self.first_attempt(row, library_id).await {
                tracing::error!(error = %e, row = row.get(), "an engine refused a removal");
            }
        }
        Ok(())
    }

    fn new_row(&self, engine: &dyn RemoteEngine, write: Write) -> NewWrite {
        let (endpoint, operation) =
            engine.target(write).map(|target| (target.url, target.operation)).unwrap_or_default();
        NewWrite {
            id: self.inner.ids.outbox(),
            engine: engine.name().to_owned(),
            endpoint,
            operation,
            created_at: self.now(),
        }
    }

    fn row_ids(&self) -> Box<dyn FnMut() -> OutboxId + Send> {
        let platform = self.clone();
        Box::new(move || platform.inner.ids.outbox())
    }
}

#[cfg(test)]
mod tests;
