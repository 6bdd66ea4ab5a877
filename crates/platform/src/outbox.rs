//! Writes to engines that keep faces themselves, and what becomes of them while an engine can't be reached.
//!
//! A write to such an engine is first a row in the outbox, committed together with the change that it belongs to. Then
//! the engine is asked. If it answers, the row is done with. If it can't be reached, the row stays, the caller is told of
//! success, and the row is worked off later: when somebody asks for it or, if so set, once the engine answers again.
//!
//! The writes of a library go to its engine one at a time, in the order in which they were made. So at most one can be
//! in doubt (sent, but never answered, or broken off by the end of this process), and before that one is tried again the
//! engine is asked whether it has been done: nothing is done twice, nothing is lost.

mod health;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use aicp_engines::{BoxError, ClaimLookup, Engine, EnrolledFace, LibraryRef, Write};
use aicp_store::{
    NewFace, NewLibrary, NewOutboxRow, NewPerson, OutboxAction, OutboxFilter, OutboxRow, Page, Solution, Store,
    picture_key,
};
use aicp_types::{FaceId, LibraryId, OutboxId};
use async_trait::async_trait;
use bytes::Bytes;

use crate::background::run_to_the_end;
use crate::engines::library_ref;
use crate::{App, Error, Face, Library, Person, PersonChanges, Platform, Result};

pub use health::EngineHealth;
pub(crate) use health::look_after;

/// After this many failed libraries in a row, replay pauses until the next health check.
const MAX_CONSECUTIVE_FAILURES: u32 = 8;

/// A write that waits for its engine, or waited. Not `Debug`, as a picture belongs into no log.
#[derive(Clone)]
pub struct OutboxEntry {
    /// The row.
    pub row: OutboxRow,
    /// The picture that it carries, as long as it is kept.
    pub picture: Option<Vec<u8>>,
}

/// How an attempt ended.
enum Outcome {
    /// The engine has done it.
    Done,
    /// The engine can't be reached; the write waits.
    Waits,
    /// The engine refused.
    Refused(Error),
}

impl Platform {
    /// The writes that an engine did not take at once, newest first: how many there are, and a page of them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn outbox(&self, filter: OutboxFilter, page: Page) -> Result<(u64, Vec<OutboxEntry>)> {
        let (total, rows) = self.inner.store.outbox_page(filter, page).await?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let picture = self.outbox_picture(&row).await?;
            entries.push(OutboxEntry { row, picture });
        }
        Ok((total, entries))
    }

    /// The picture of a write as a file of its own, whose `name` is a path inside the folder for such files. It is there as
    /// long as the write carries the picture; `None` if it doesn't.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn outbox_file(&self, entry: &OutboxEntry, name: String) -> Result<Option<PathBuf>> {
        match &entry.picture {
            Some(_) => Ok(self.inner.store.outbox_picture_file(&entry.row, name).await?),
            None => Ok(None),
        }
    }

    /// Tries waiting writes again, each after those of its library that came before it. Writes that were done
    /// meanwhile are left alone. Whether all are done now; an id that names none counts as not done.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn resume(&self, app: &App, ids: BTreeSet<OutboxId>) -> Result<bool> {
        let (platform, solved_by) = (self.clone(), app.id().to_owned());
        run_to_the_end(async move {
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
            let Some(row) = store.outbox_row(id).await? else { return Ok(false) };
            let _lock = self.inner.library_writes.lock(row.library_id).await;
            // It may have been done while this waited for its turn.
            let Some(row) = store.outbox_row(id).await? else { return Ok(false) };
            if row.solved_at.is_some() {
                return Ok(true);
            }
            if row.rejected {
                return Ok(matches!(self.attempt(id, Some(solved_by)).await?, Outcome::Done));
            }
            let head = store.outbox_head(row.library_id).await?.filter(|head| head.id <= id);
            let Some(head) = head else { return Ok(false) };
            match self.attempt(head.id, Some(solved_by)).await? {
                Outcome::Waits => return Ok(false),
                Outcome::Refused(_) if head.id == id => return Ok(false),
                Outcome::Done | Outcome::Refused(_) => {}
            }
        }
    }

    /// Makes a library, at its engine too.
    pub(crate) async fn create_remotely(&self, engine: Arc<dyn Engine>, new: NewLibrary) -> Result<Library> {
        let platform = self.clone();
        run_to_the_end(async move {
            let row = platform.new_row(engine.as_ref(), Write::CreateLibrary);
            let row_id = row.id;
            // Nobody else knows the library yet, so it needs no turn before it is made.
            let library = platform.inner.store.enqueue_library(new, Some(row)).await.map_err(Error::of_new_library)?;
            let _lock = platform.inner.library_writes.lock(library.id).await;
            platform.first_attempt(row_id, library.id).await?;
            Ok(library)
        })
        .await
    }

    /// Deletes a library here at once, and at its engine as soon as that can be reached.
    pub(crate) async fn delete_remotely(&self, engine: Arc<dyn Engine>, library_id: LibraryId) -> Result<()> {
        let platform = self.clone();
        run_to_the_end(async move {
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::DeleteLibrary);
            let row = platform.inner.store.enqueue_library_removal(library_id, row).await;
            match row.map_err(Error::or_no_library)? {
                // Here the library is gone whatever the engine says.
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
        run_to_the_end(async move {
            let store = &platform.inner.store;
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::AddFace);
            let row_id = row.id;
            let enqueued = store.enqueue_person(library_id, person, face, picture, row).await;
            let (person, face) = enqueued.map_err(Error::of_enrolment)?;
            platform.first_attempt(row_id, library_id).await?;
            Ok((person, store.face(face.id).await?.unwrap_or(face)))
        })
        .await
    }

    /// Adds a face to a person, at the library's engine too.
    pub(crate) async fn add_face_remotely(
        &self,
        engine: Arc<dyn Engine>,
        person: &Person,
        face: NewFace,
        picture: Bytes,
    ) -> Result<Face> {
        let (platform, library_id, person_id) = (self.clone(), person.library_id, person.id);
        run_to_the_end(async move {
            let store = &platform.inner.store;
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::AddFace);
            let row_id = row.id;
            let enqueued = store.enqueue_face(person_id, face, picture, row).await;
            let face = enqueued.map_err(Error::or_no_person)?;
            platform.first_attempt(row_id, library_id).await?;
            Ok(store.face(face.id).await?.unwrap_or(face))
        })
        .await
    }

    /// Removes a person here at once, and at the engine as soon as that can be reached.
    pub(crate) async fn remove_remotely(&self, engine: Arc<dyn Engine>, person: &Person) -> Result<()> {
        let (platform, library_id, person_id) = (self.clone(), person.library_id, person.id);
        run_to_the_end(async move {
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::RemoveFace);
            let rows = platform.inner.store.enqueue_removal(person_id, row, platform.row_ids()).await;
            platform.attempt_removals(rows.map_err(Error::or_no_person)?, library_id).await
        })
        .await
    }

    /// Removes one face of a person, in the same way.
    pub(crate) async fn remove_face_remotely(
        &self,
        engine: Arc<dyn Engine>,
        library_id: LibraryId,
        face_id: FaceId,
    ) -> Result<()> {
        let platform = self.clone();
        run_to_the_end(async move {
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::RemoveFace);
            let rows = platform.inner.store.enqueue_face_removal(face_id, row, platform.row_ids()).await;
            platform.attempt_removals(rows.map_err(Error::or_no_face)?, library_id).await
        })
        .await
    }

    /// Changes a person and removes all their faces but one, here at once, and the faces at the engine as soon as that
    /// can be reached.
    pub(crate) async fn update_remotely(
        &self,
        engine: Arc<dyn Engine>,
        person: &Person,
        changes: PersonChanges,
        kept_face: FaceId,
    ) -> Result<()> {
        let (platform, library_id, person_id) = (self.clone(), person.library_id, person.id);
        run_to_the_end(async move {
            let _lock = platform.inner.library_writes.lock(library_id).await;
            let row = platform.new_row(engine.as_ref(), Write::RemoveFace);
            let ids = platform.row_ids();
            let rows = platform.inner.store.enqueue_update(person_id, changes, kept_face, row, ids).await;
            platform.attempt_removals(rows.map_err(Error::of_changed_person)?, library_id).await
        })
        .await
    }

    async fn attempt_removals(&self, rows: Vec<OutboxId>, library_id: LibraryId) -> Result<()> {
        for row in rows {
            // Here they are gone whatever the engine says; a refusal is left in the outbox for an operator.
            if let Err(e) = self.first_attempt(row, library_id).await {
                tracing::error!(error = %e, row = row.get(), "an engine refused a removal");
            }
        }
        Ok(())
    }

    /// The first attempt at a write, if none of the library's earlier ones waits. The library's turn must be held.
    async fn first_attempt(&self, row_id: OutboxId, library_id: LibraryId) -> Result<()> {
        let head = self.inner.store.outbox_head(library_id).await?;
        if head.is_some_and(|head| head.id != row_id) {
            self.inner.store.outbox_postpone(row_id, false, "earlier writes of this library wait").await?;
            self.inner.outbox_news.notify_one();
            return Ok(());
        }
        match self.attempt(row_id, None).await? {
            Outcome::Done | Outcome::Waits => Ok(()),
            Outcome::Refused(e) => Err(e),
        }
    }

    /// Asks the engine for what a row says. The library's turn must be held.
    async fn attempt(&self, row_id: OutboxId, solved_by: Option<&str>) -> Result<Outcome> {
        let store = &self.inner.store;
        // From here on the write counts as one that may have reached the engine.
        let row = store.outbox_attempt(row_id).await?;
        let mut in_doubt = row.in_doubt;
        let asked = match self.inner.engines.named(&row.engine) {
            Ok(engine) => self.ask(engine.as_ref(), &row, &mut in_doubt).await,
            Err(e) => Err(e),
        };
        match asked {
            Ok(solution) => {
                store.outbox_solve(row_id, solution, solved_by, self.now()).await?;
                Ok(Outcome::Done)
            }
            Err(Error::EngineUnavailable(reason)) => {
                tracing::warn!(row = row_id.get(), engine = row.engine, reason, "a write waits for its engine");
                store.outbox_postpone(row_id, in_doubt, &reason).await?;
                Ok(Outcome::Waits)
            }
            Err(e) if is_refusal(&e) => {
                store.outbox_reject(row_id, &e.to_string()).await?;
                Ok(Outcome::Refused(e))
            }
            // The fault is ours, or passing.
            Err(e) => {
                tracing::warn!(row = row_id.get(), engine = row.engine, error = %e, "a write waits");
                store.outbox_postpone(row_id, in_doubt, &e.to_string()).await?;
                Ok(Outcome::Waits)
            }
        }
    }

    /// Does what a row says. `in_doubt` says before whether it may have been done, and after a failure whether this try
    /// may have.
    async fn ask(&self, engine: &dyn Engine, row: &OutboxRow, in_doubt: &mut bool) -> Result<Solution> {
        let library = self.library_of(row).await?;
        let doubtful = |e: aicp_engines::Error, in_doubt: &mut bool| {
            *in_doubt = matches!(e, aicp_engines::Error::Unavailable { in_doubt: true, .. });
            Error::from(e)
        };
        let nothing = |()| Solution::default();
        match row.action {
            OutboxAction::AddFace => {
                let (tag, picture) = self.tag_and_picture(row).await?;
                // While this fails the doubt remains.
                if let Some(added) = self.added_before(engine, row, &library, &tag, &picture, *in_doubt).await? {
                    return Ok(solution(added));
                }
                *in_doubt = false;
                engine.add_face(&library, &tag, picture.into()).await.map(solution).map_err(|e| doubtful(e, in_doubt))
            }
            OutboxAction::UndoAdd => {
                let (tag, picture) = self.tag_and_picture(row).await?;
                let added = self.added_before(engine, row, &library, &tag, &picture, true).await?;
                if let Some(engine_ref) = added.and_then(|added| added.engine_ref) {
                    engine.remove_face(&library, &engine_ref).await?;
                }
                Ok(Solution::default())
            }
            // These may be done twice.
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

    /// What an earlier attempt left at the engine, if it may have left anything.
    async fn added_before(
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
        Ok((tag(row), picture.into()))
    }

    async fn outbox_picture(&self, row: &OutboxRow) -> Result<Option<Vec<u8>>> {
        let Some(key) = &row.picture_key else { return Ok(None) };
        match self.inner.store.picture(key).await {
            Ok(picture) => Ok(Some(picture)),
            // Its person was removed since.
            Err(aicp_store::Error::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    async fn library_of(&self, row: &OutboxRow) -> Result<LibraryRef> {
        // A library that is being deleted has no row any more; its id says enough.
        let known = self.inner.store.library_by_id(row.library_id).await?;
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

    fn new_row(&self, engine: &dyn Engine, write: Write) -> NewOutboxRow {
        let (endpoint, operation) =
            engine.target(write).map(|target| (target.url, target.operation)).unwrap_or_default();
        NewOutboxRow {
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

    /// Works off what waits for an engine that answers.
    async fn work_off(&self, engine: &dyn Engine) -> Result<()> {
        let mut failures = 0;
        for library_id in self.inner.store.outbox_libraries(Some(engine.name())).await? {
            // What the engine chokes on holds up its own library alone; an engine that takes nothing is left in peace.
            match self.work_off_library(library_id).await {
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

    /// Works off what waits in one library; whether everything is done. The turn is taken for each write anew, so that
    /// callers get theirs in between.
    async fn work_off_library(&self, library_id: LibraryId) -> Result<bool> {
        loop {
            let _lock = self.inner.library_writes.lock(library_id).await;
            let Some(head) = self.inner.store.outbox_head(library_id).await? else { return Ok(true) };
            if let Outcome::Waits = self.attempt(head.id, None).await? {
                return Ok(false);
            }
        }
    }
}

/// Whether the engine, or what it was to be sent, will never let this be done.
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

/// What the engine keeps with the face: 32 hex digits that are this face's alone, as an engine may take them for its id.
fn tag(row: &OutboxRow) -> String {
    let number = row.number.as_deref().unwrap_or_default();
    let mut tag = picture_key(format!("{number}:{}", row.face_id.map_or(0, FaceId::get)).as_bytes());
    tag.truncate(32);
    tag
}

fn solution(added: EnrolledFace) -> Solution {
    Solution {
        engine_ref: added.engine_ref,
        box_: added.face.as_ref().map(|f| [f.area.x, f.area.y, f.area.width, f.area.height]),
        confidence: added.face.as_ref().map(|f| f.confidence),
        quality: added.quality,
    }
}

/// Which refs of an engine belong to faces known here.
struct Claims {
    store: Store,
    library_id: LibraryId,
}

#[async_trait]
impl ClaimLookup for Claims {
    async fn claimed(&self, engine_refs: &[String]) -> Result<HashSet<String>, BoxError> {
        Ok(self.store.claimed_engine_refs(self.library_id, engine_refs).await?)
    }
}
