//! Queue of writes to engines that store faces themselves.
//!
//! A write to such an engine is first a row of the outbox, committed together with the change that it belongs to. Then
//! the engine is called. If it answers, the row is solved. If it is unreachable, the row waits and the caller gets
//! success; the row is replayed when an operator requests it or, if the settings say so, once the engine answers again.
//!
//! The writes of a library go to its engine one at a time, in order of creation. So at most one of them is in doubt:
//! sent but never answered, or interrupted by the end of the process. Before a retry of that one the engine is asked
//! whether it was done. Thus no write is lost, and none is done twice.

mod health;
mod rules;
mod transactions;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use aicp_engines::{BoxError, ClaimLookup, Engine, EnrolledFace, LibraryRef, Write};
use aicp_store::{
    NewFace, NewLibrary, NewPerson, OutboxAction, OutboxFilter, OutboxRow, Page, Solution, Store, picture_key,
};
use aicp_types::{FaceId, LibraryId, OutboxId};
use async_trait::async_trait;
use bytes::Bytes;

use crate::background::run_detached;
use crate::engines::library_ref;
use crate::{App, Error, Face, Library, Person, PersonChanges, Platform, Result};

use rules::NewWrite;

pub use health::EngineHealth;
pub(crate) use health::monitor_engines;

/// After this many failed libraries in a row, replay pauses until the next health check.
const MAX_CONSECUTIVE_FAILURES: u32 = 8;

/// A write that waits for its engine, or waited. Not `Debug`: pictures must not be logged.
#[derive(Clone)]
pub struct OutboxEntry {
    /// The row.
    pub row: OutboxRow,
    /// Picture of the write, as long as it is stored.
    pub picture: Option<Bytes>,
}

/// Result of an attempt.
enum Outcome {
    /// The engine did the write.
    Done,
    /// The engine is unreachable; the write waits.
    Waits,
    /// The engine refused the write.
    Refused(Error),
}

impl Platform {
    /// Returns the number of writes that were not done at once and a page of them, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
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
    /// [`Error::Store`].
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
    /// [`Error::Store`].
    pub async fn resume(&self, app: &App, ids: BTreeSet<OutboxId>) -> Result<bool> {
        let (platform, solved_by) = (self.clone(), app.id().to_owned());
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
        engine: Arc<dyn Engine>,
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
    pub(crate) async fn delete_remotely(&self, engine: Arc<dyn Engine>, library_id: LibraryId) -> Result<()> {
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
        engine: Arc<dyn Engine>,
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
        engine: Arc<dyn Engine>,
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
    pub(crate) async fn remove_remotely(&self, engine: Arc<dyn Engine>, person: &Person) -> Result<()> {
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
        engine: Arc<dyn Engine>,
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
        engine: Arc<dyn Engine>,
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

    /// Makes the first attempt at a write, unless earlier writes of the library wait. The caller must hold the
    /// library's lock.
    async fn first_attempt(&self, row_id: OutboxId, library_id: LibraryId) -> Result<()> {
        let head = self.inner.store.rows().await?.outbox_head(library_id).await?;
        if head.is_some_and(|head| head.id != row_id) {
            self.postpone(row_id, false, "earlier writes of this library wait").await?;
            self.inner.outbox_wakeup.notify_one();
            return Ok(());
        }
        match self.attempt(row_id, None).await? {
            Outcome::Done | Outcome::Waits => Ok(()),
            Outcome::Refused(e) => Err(e),
        }
    }

    /// Makes one attempt at a write and stores the result. The caller must hold the library's lock.
    async fn attempt(&self, row_id: OutboxId, solved_by: Option<&str>) -> Result<Outcome> {
        let store = &self.inner.store;
        // Marks the write as possibly sent.
        let row = store.write_always(move |tx| Box::pin(transactions::begin_attempt(tx, row_id))).await?;
        let mut in_doubt = row.in_doubt;
        let asked = match self.inner.engines.named(&row.engine) {
            Ok(engine) => self.execute(engine.as_ref(), &row, &mut in_doubt).await,
            Err(e) => Err(e),
        };
        match asked {
            Ok(solution) => {
                let (solved_by, now) = (solved_by.map(str::to_owned), self.now());
                let solve =
                    store.write_always(move |tx| Box::pin(transactions::solve(tx, row_id, solution, solved_by, now)));
                solve.await?;
                Ok(Outcome::Done)
            }
            Err(Error::EngineUnavailable(reason)) => {
                tracing::warn!(row = row_id.get(), engine = row.engine, reason, "a write waits for its engine");
                self.postpone(row_id, in_doubt, &reason).await?;
                Ok(Outcome::Waits)
            }
            Err(e) if is_refusal(&e) => {
                let (error, now) = (e.to_string(), self.now());
                store.remove(move |tx| Box::pin(transactions::reject(tx, row_id, error, now))).await?;
                Ok(Outcome::Refused(e))
            }
            // The fault is on our side or temporary.
            Err(e) => {
                tracing::warn!(row = row_id.get(), engine = row.engine, error = %e, "a write waits");
                self.postpone(row_id, in_doubt, &e.to_string()).await?;
                Ok(Outcome::Waits)
            }
        }
    }

    async fn postpone(&self, row_id: OutboxId, in_doubt: bool, error: &str) -> Result<()> {
        let error = error.to_owned();
        let store = &self.inner.store;
        store.write_always(move |tx| Box::pin(transactions::postpone(tx, row_id, in_doubt, error))).await
    }

    /// Executes a write. On entry `in_doubt` says whether an earlier attempt may have been executed; after a failure,
    /// whether this attempt may have been.
    async fn execute(&self, engine: &dyn Engine, row: &OutboxRow, in_doubt: &mut bool) -> Result<Solution> {
        let library = self.library_of(row).await?;
        let doubtful = |e: aicp_engines::Error, in_doubt: &mut bool| {
            *in_doubt = matches!(e, aicp_engines::Error::Unavailable { in_doubt: true, .. });
            Error::from(e)
        };
        let nothing = |()| Solution::default();
        match row.action {
            OutboxAction::AddFace => {
                let (tag, picture) = self.tag_and_picture(row).await?;
                // If this fails, the write remains in doubt.
                if let Some(added) =
                    self.find_earlier_addition(engine, row, &library, &tag, &picture, *in_doubt).await?
                {
                    return Ok(solution(added));
                }
                *in_doubt = false;
                engine.add_face(&library, &tag, picture.into()).await.map(solution).map_err(|e| doubtful(e, in_doubt))
            }
            OutboxAction::UndoAdd => {
                let (tag, picture) = self.tag_and_picture(row).await?;
                let added = self.find_earlier_addition(engine, row, &library, &tag, &picture, true).await?;
                if let Some(engine_ref) = added.and_then(|added| added.engine_ref) {
                    engine.remove_face(&library, &engine_ref).await?;
                }
                Ok(Solution::default())
            }
            // The remaining writes are idempotent.
            OutboxAction::RemoveFace => {
                let engine_ref = row.engine_ref.as_deref().unwrap_or_default();
                engine.remove_face(&library, engine_ref).await.map(nothing).map_err(|e| doubtful(e, in_doubt))
            }
            OutboxAction::CreateLibrary => {
                engine.create_library(&library).await.map(nothing).map_err(|e| doubtful(e, in_doubt))
            }
            OutboxAction::DeleteLibrary => {
                engine.delete_library(&library).await.map(nothing).map_err(|e| doubtful(e, in_doubt))
            }
        }
    }

    /// Returns the face that an earlier attempt added at the engine. Does not ask the engine unless the write is in
    /// doubt.
    async fn find_earlier_addition(
        &self,
        engine: &dyn Engine,
        row: &OutboxRow,
        library: &LibraryRef,
        tag: &str,
        picture: &Bytes,
        in_doubt: bool,
    ) -> Result<Option<EnrolledFace>> {
        if !in_doubt {
            return Ok(None);
        }
        let claims = Claims { store: self.inner.store.clone(), library_id: row.library_id };
        Ok(engine.find_added(library, tag, picture.clone().into(), &claims).await?)
    }

    async fn tag_and_picture(&self, row: &OutboxRow) -> Result<(String, Bytes)> {
        let picture = self.outbox_picture(row).await?.ok_or(Error::NoPicture)?;
        Ok((tag(row), picture))
    }

    async fn outbox_picture(&self, row: &OutboxRow) -> Result<Option<Bytes>> {
        let Some(key) = &row.picture_key else { return Ok(None) };
        match self.inner.store.picture(key).await {
            Ok(picture) => Ok(Some(picture)),
            // The person was removed meanwhile.
            Err(aicp_store::Error::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    async fn library_of(&self, row: &OutboxRow) -> Result<LibraryRef> {
        // A library under deletion has no row any more; its engine key is enough.
        let known = self.inner.store.rows().await?.library_by_id(row.library_id).await?;
        Ok(known.as_ref().map_or_else(
            || LibraryRef {
                row: row.library_id,
                engine_id: row.engine_key.clone(),
                name: String::new(),
                description: None,
            },
            library_ref,
        ))
    }

    fn new_row(&self, engine: &dyn Engine, write: Write) -> NewWrite {
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

    /// Replays the waiting writes of an engine that answers.
    async fn replay(&self, engine: &dyn Engine) -> Result<()> {
        let mut failures = 0;
        for library_id in self.inner.store.rows().await?.outbox_libraries(Some(engine.name())).await? {
            // A write that the engine can't process delays its own library only. An engine that accepts nothing gets a
            // pause.
            match self.replay_library(library_id).await {
                Ok(true) => failures = 0,
                Ok(false) => failures += 1,
                Err(e) => {
                    tracing::error!(error = %e, library = library_id.get(), "waiting writes can't be worked off");
                    failures += 1;
                }
            }
            if failures == MAX_CONSECUTIVE_FAILURES {
                break;
            }
        }
        Ok(())
    }

    /// Replays the waiting writes of a library. Returns whether all are done. Takes the lock separately for each write,
    /// so that callers can write in between.
    async fn replay_library(&self, library_id: LibraryId) -> Result<bool> {
        loop {
            let _lock = self.inner.library_writes.lock(library_id).await;
            let Some(head) = self.inner.store.rows().await?.outbox_head(library_id).await? else { return Ok(true) };
            if let Outcome::Waits = self.attempt(head.id, None).await? {
                return Ok(false);
            }
        }
    }
}

/// Whether an error is final: retries would fail too.
fn is_refusal(e: &Error) -> bool {
    use aicp_engines::Error::{LibraryMissing, Unsupported};
    matches!(
        e,
        Error::Rejected { .. }
            | Error::BadPicture(_)
            | Error::NoFace
            | Error::NotRecognisable(_)
            | Error::NoPicture
            | Error::Engine(LibraryMissing | Unsupported(_))
    )
}

/// Returns the tag that the engine stores with the face: 32 hex digits unique to the face, as some engines use it as
/// their id.
fn tag(row: &OutboxRow) -> String {
    let number = row.number.as_deref().unwrap_or_default();
    let mut tag = picture_key(format!("{number}:{}", row.face_id.map_or(0, FaceId::get)).as_bytes());
    tag.truncate(32);
    tag
}

fn solution(added: EnrolledFace) -> Solution {
    Solution {
        engine_ref: added.engine_ref,
        bounding_box: added.face.as_ref().map(|f| [f.area.x, f.area.y, f.area.width, f.area.height]),
        confidence: added.face.as_ref().map(|f| f.confidence),
        quality: added.quality,
    }
}

/// Looks up which engine references belong to faces known here.
struct Claims {
    store: Store,
    library_id: LibraryId,
}

#[async_trait]
impl ClaimLookup for Claims {
    async fn claimed(&self, engine_refs: &[String]) -> Result<HashSet<String>, BoxError> {
        Ok(self.store.rows().await?.claimed_engine_refs(self.library_id, engine_refs).await?)
    }
}
