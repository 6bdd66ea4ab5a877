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
mod bulk;
mod health;
mod rules;
mod transactions;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aicp_backends::{EnrolledFace, RemoteEngine, Write};
use aicp_store::{Act, NewPerson, OutboxAction, OutboxCount, OutboxFilter, OutboxRow, Page, Store};
use aicp_types::{FaceId, LibraryId, OutboxId, UnixMillis};
use bytes::Bytes;
use tokio::sync::{Notify, watch};

use attempts::{Maker, Outcome};
use rules::{DropRequest, NewWrite};

use crate::background::run_detached;
use crate::libraries::LibraryToCreate;
use crate::live_settings::LiveSettings;
use crate::locks::{Held, Locks};
use crate::shared::Shared;
use crate::{Caller, Face, Library, Missing, Person, PersonChanges, Platform, Result};

pub use bulk::RetryFilter;
pub use health::{EngineHealth, HealthCheck};
pub(crate) use health::{monitor_engines, report_health};

/// Time after which an engine has answered a call, or never will.
const ENGINE_TIME: Duration = Duration::from_secs(30);
/// Time for which a write in doubt is remembered.
const DOUBT_LIFE: Duration = Duration::from_hours(1);
/// Age of a write that was not listed, from which its first attempt was interrupted: an engine has less time.
const INTERRUPTED_AFTER: Duration = Duration::from_mins(5);

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
    /// [`crate::Refusal::Forbidden`], [`crate::Internal::Store`].
    pub async fn outbox(
        &self,
        caller: &Caller,
        filter: OutboxFilter<'_>,
        page: Page,
    ) -> Result<(u64, Vec<OutboxEntry>)> {
        caller.require_administration()?;
        let (total, rows) = self.inner.store.snapshot().await?.outbox_page(filter, page).await?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            let picture = self.inner.outbox.picture(&row).await?;
            entries.push(OutboxEntry { row, picture });
        }
        Ok((total, entries))
    }

    /// Returns the writes that were not done at once and that the filter admits, at most `limit`, the newest first.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`crate::Internal::Store`].
    pub async fn latest_writes(&self, caller: &Caller, filter: OutboxFilter<'_>, limit: u64) -> Result<Vec<OutboxRow>> {
        caller.require_administration()?;
        Ok(self.inner.store.rows().await?.latest_outbox(filter, limit).await?)
    }

    /// Returns a write that was not done at once.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`]; [`crate::Missing::Write`].
    pub async fn outbox_entry(&self, caller: &Caller, id: OutboxId) -> Result<OutboxEntry> {
        caller.require_administration()?;
        let row = self.inner.store.rows().await?.outbox_row(id).await?;
        let row = row.filter(|row| row.listed).ok_or(Missing::Write)?;
        let picture = self.inner.outbox.picture(&row).await?;
        Ok(OutboxEntry { row, picture })
    }

    /// Returns the picture of a write as a separate file, which exists as long as the write has the picture. `name` is
    /// a path inside the folder of such files. `None` if the write has no picture.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`crate::Internal::Store`].
    pub async fn outbox_file(&self, caller: &Caller, entry: &OutboxEntry, name: String) -> Result<Option<PathBuf>> {
        caller.require_administration()?;
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
    /// [`crate::Refusal::Forbidden`], [`crate::Internal::Store`].
    pub async fn resume(&self, caller: &Caller, ids: BTreeSet<OutboxId>) -> Result<bool> {
        caller.require_administration()?;
        let (outbox, solved_by) = (Arc::clone(&self.inner.outbox), caller.app_id().to_owned());
        let act = caller.act(self.now(), "outbox.retry", "");
        run_detached(async move {
            let mut all_done = true;
            for id in ids {
                let act = Act { target: format!("write {id}"), ..act.clone() };
                outbox.store().write_always(move |tx| Box::pin(async move { tx.append_act(act).await })).await?;
                all_done &= outbox.resume_one(id, &solved_by).await?;
            }
            Ok(all_done)
        })
        .await
    }

    /// Drops a write that waits or was refused, for a reason that stays with it. What an addition has made here is taken
    /// back. If it may have reached the engine, it first becomes a removal that waits for the engine; dropped again, that is
    /// given up. Returns the write.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`]; [`Missing::Write`]; [`crate::Existing::DoneWrite`]; [`crate::Existing::People`] if the write creates a
    /// library that has people by now.
    pub async fn drop_write(&self, caller: &Caller, id: OutboxId, reason: String) -> Result<OutboxEntry> {
        caller.require_administration()?;
        let (outbox, by, at) = (Arc::clone(&self.inner.outbox), caller.app_id().to_owned(), self.now());
        let act = caller.act(at, "outbox.drop", format!("write {id}"));
        run_detached(async move { outbox.drop_one(id, DropRequest { reason, by, at, act }).await }).await?;
        self.outbox_entry(caller, id).await
    }

    /// Counts the writes that are not done, by engine.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`crate::Internal::Store`].
    pub async fn outbox_counts(&self, caller: &Caller) -> Result<Vec<OutboxCount>> {
        caller.require_administration()?;
        Ok(self.inner.store.rows().await?.outbox_counts().await?)
    }

    /// Returns the health of each remote engine.
    pub fn engine_health(&self) -> Vec<EngineHealth> {
        self.inner.outbox.engine_health()
    }
}

/// The writes to remote engines, and what they need.
pub(crate) struct Outbox {
    shared: Arc<Shared>,
    engines: Vec<Arc<dyn RemoteEngine>>,
    settings: LiveSettings,
    /// Serialise the writes of a library.
    locks: Arc<Locks>,
    /// Tells the monitor that a write waits.
    wakeup: Arc<Notify>,
    health: Mutex<HashMap<String, HealthCheck>>,
    /// Writes in doubt that this node has seen, where there are nodes.
    doubts: Mutex<HashMap<OutboxId, Doubt>>,
    /// Changes when an engine is found reachable, or not.
    health_changed: watch::Sender<()>,
}

/// What this node knows of a write in doubt.
struct Doubt {
    attempts: i64,
    seen: Instant,
    /// Whether the last attempt was its own, and has ended.
    is_own: bool,
}

impl Outbox {
    pub fn new(
        shared: Arc<Shared>,
        engines: Vec<Arc<dyn RemoteEngine>>,
        settings: LiveSettings,
        locks: Arc<Locks>,
    ) -> Self {
        Self {
            shared,
            engines,
            settings,
            locks,
            wakeup: Arc::default(),
            health: Mutex::default(),
            doubts: Mutex::default(),
            health_changed: watch::Sender::new(()),
        }
    }

    pub fn now(&self) -> UnixMillis {
        self.shared.now()
    }

    /// Returns the store, which holds the rows of the queue.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Shows writes whose first attempt did not end.
    async fn list_interrupted(&self) {
        let before = self.now().saturating_sub(INTERRUPTED_AFTER);
        let list =
            self.shared.store.write_always(move |tx| Box::pin(async move { tx.list_interrupted_outbox(before).await }));
        if let Err(error) = list.await {
            tracing::warn!(%error, "interrupted writes can't be listed");
        }
    }

    /// Waits for the turn of a library's writes, of all nodes.
    async fn lock_library(&self, library_id: LibraryId) -> Result<Held> {
        let held = self.locks.lock(&(library_id, "outbox")).await?;
        if self.shared.store.nodes().is_some()
            && let Some(last) = self.shared.store.rows().await?.last_outbox_of(library_id).await?
        {
            // Writes are in the order of their ids, and the clock of another node may be ahead.
            self.shared.ids.continue_outbox_after(last);
        }
        Ok(held)
    }

    /// Returns whether the last attempt at a write may still be under way: another node made it, which is gone.
    fn may_be_under_way(&self, row: &OutboxRow) -> bool {
        // A node that is gone, as far as others know, may still wait for its engine.
        if !row.in_doubt || self.shared.store.nodes().is_none_or(aicp_store::Nodes::is_alone) {
            return false;
        }
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.retain(|_, doubt| doubt.seen.elapsed() < DOUBT_LIFE);
        let doubt =
            doubts.entry(row.id).or_insert(Doubt { attempts: row.attempts, seen: Instant::now(), is_own: false });
        if doubt.attempts != row.attempts {
            *doubt = Doubt { attempts: row.attempts, seen: Instant::now(), is_own: false };
        }
        !doubt.is_own && doubt.seen.elapsed() < ENGINE_TIME
    }

    /// Notes that an attempt of this node has ended.
    fn attempt_ended(&self, id: OutboxId, attempts: i64) {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.insert(id, Doubt { attempts, seen: Instant::now(), is_own: true });
    }

    async fn resume_one(&self, id: OutboxId, solved_by: &str) -> Result<bool> {
        let store = &self.shared.store;
        loop {
            let Some(row) = store.rows().await?.outbox_row(id).await? else { return Ok(false) };
            let _lock = self.lock_library(row.library_id).await?;
            // The write may have been done while this waited for the lock.
            let Some(row) = store.rows().await?.outbox_row(id).await? else { return Ok(false) };
            if row.solved_at.is_some() {
                return Ok(true);
            }
            if row.rejected {
                return Ok(matches!(self.attempt(id, Maker::Operator(solved_by)).await?, Outcome::Done));
            }
            let head = store.rows().await?.outbox_head(row.library_id).await?.filter(|head| head.id <= id);
            let Some(head) = head else { return Ok(false) };
            match self.attempt(head.id, Maker::Operator(solved_by)).await? {
                Outcome::Waits => return Ok(false),
                Outcome::Refused(_) if head.id == id => return Ok(false),
                Outcome::Done | Outcome::Refused(_) => {}
            }
        }
    }

    async fn drop_one(&self, id: OutboxId, drop: DropRequest) -> Result<()> {
        let store = &self.shared.store;
        let row = store.rows().await?.outbox_row(id).await?.filter(|row| row.listed).ok_or(Missing::Write)?;
        // An attempt that is under way ends first.
        let _lock = self.lock_library(row.library_id).await?;
        let write = match row.action {
            OutboxAction::CreateLibrary | OutboxAction::DeleteLibrary => Write::DeleteLibrary,
            OutboxAction::AddFace | OutboxAction::RemoveFace | OutboxAction::UndoAdd => Write::RemoveFace,
        };
        let removal = match self.engine_named(&row.engine) {
            Ok(engine) => self.new_row(engine.as_ref(), write),
            // An engine that is no longer configured.
            Err(_) => NewWrite {
                id: self.shared.ids.outbox(),
                engine: row.engine,
                endpoint: row.endpoint,
                operation: row.operation,
                created_at: drop.at,
            },
        };
        tracing::warn!(row = id.get(), by = drop.by, "a write is dropped");
        if !store.remove(move |tx| Box::pin(transactions::drop_write(tx, id, drop, removal))).await? {
            self.wakeup.notify_one();
        }
        Ok(())
    }

    /// Creates a library, also at its engine.
    pub async fn create_library(
        self: &Arc<Self>,
        engine: Arc<dyn RemoteEngine>,
        library: LibraryToCreate,
    ) -> Result<Library> {
        let outbox = Arc::clone(self);
        run_detached(async move {
            let row = outbox.new_row(engine.as_ref(), Write::CreateLibrary);
            let row_id = row.id;
            // No lock needed before the row exists: nobody else knows the library.
            let store = &outbox.shared.store;
            let created = store.write(move |tx| Box::pin(transactions::create_library(tx, library, row)));
            let library = created.await?;
            match outbox.lock_library(library.id).await {
                Ok(_lock) => outbox.first_attempt(row_id, library.id).await?,
                Err(e) => {
                    tracing::warn!(row = row_id.get(), error = %e, "a write waits for its first attempt");
                    outbox.wakeup.notify_one();
                }
            }
            Ok(library)
        })
        .await
    }

    /// Deletes a library here at once, and at its engine as soon as the engine is reachable.
    pub async fn delete_library(
        self: &Arc<Self>,
        engine: Arc<dyn RemoteEngine>,
        library_id: LibraryId,
        act: Act,
    ) -> Result<()> {
        let outbox = Arc::clone(self);
        run_detached(async move {
            let _lock = outbox.lock_library(library_id).await?;
            let row = outbox.new_row(engine.as_ref(), Write::DeleteLibrary);
            let store = &outbox.shared.store;
            match store.remove(move |tx| Box::pin(transactions::remove_library(tx, library_id, act, row))).await? {
                // Here the library is deleted whatever the engine answers.
                Some(row_id) => outbox.attempt_removals(vec![row_id], library_id).await,
                None => Ok(()),
            }
        })
        .await
    }

    /// Enrols a new person at the library's engine.
    pub async fn enrol(
        self: &Arc<Self>,
        engine: Arc<dyn RemoteEngine>,
        library_id: LibraryId,
        person: NewPerson,
        at_most: Option<u64>,
        picture: Bytes,
    ) -> Result<(Person, Face)> {
        let outbox = Arc::clone(self);
        run_detached(async move {
            let store = &outbox.shared.store;
            let _lock = outbox.lock_library(library_id).await?;
            let row = outbox.new_row(engine.as_ref(), Write::AddFace);
            let row_id = row.id;
            let face = outbox.shared.new_face(EnrolledFace::default());
            let enqueued = store.write_with_picture(picture, move |tx, picture| {
                Box::pin(transactions::enrol(tx, library_id, person, at_most, face, picture, row))
            });
            let (person, face) = enqueued.await?;
            outbox.first_attempt(row_id, library_id).await?;
            Ok((person, outbox.as_confirmed(face).await))
        })
        .await
    }

    /// Adds a face to a person, also at the library's engine.
    pub async fn add_face(
        self: &Arc<Self>,
        engine: Arc<dyn RemoteEngine>,
        person: &Person,
        picture: Bytes,
    ) -> Result<Face> {
        let (outbox, library_id, person_id) = (Arc::clone(self), person.library_id, person.id);
        run_detached(async move {
            let store = &outbox.shared.store;
            let _lock = outbox.lock_library(library_id).await?;
            let row = outbox.new_row(engine.as_ref(), Write::AddFace);
            let row_id = row.id;
            let face = outbox.shared.new_face(EnrolledFace::default());
            let enqueued = store.write_with_picture(picture, move |tx, picture| {
                Box::pin(transactions::add_face(tx, person_id, face, picture, row))
            });
            let face = enqueued.await?;
            outbox.first_attempt(row_id, library_id).await?;
            Ok(outbox.as_confirmed(face).await)
        })
        .await
    }

    /// Removes a person here at once, and at the engine as soon as the engine is reachable.
    pub async fn remove_person(self: &Arc<Self>, engine: Arc<dyn RemoteEngine>, person: &Person) -> Result<()> {
        let (outbox, library_id, person_id) = (Arc::clone(self), person.library_id, person.id);
        run_detached(async move {
            let _lock = outbox.lock_library(library_id).await?;
            let row = outbox.new_row(engine.as_ref(), Write::RemoveFace);
            let ids = outbox.row_ids();
            let store = &outbox.shared.store;
            let rows = store.remove(move |tx| Box::pin(transactions::remove_person(tx, person_id, row, ids))).await?;
            outbox.attempt_removals(rows, library_id).await
        })
        .await
    }

    /// Removes one face of a person here at once, and at the engine as soon as the engine is reachable.
    pub async fn remove_face(
        self: &Arc<Self>,
        engine: Arc<dyn RemoteEngine>,
        library_id: LibraryId,
        face_id: FaceId,
    ) -> Result<()> {
        let outbox = Arc::clone(self);
        run_detached(async move {
            let _lock = outbox.lock_library(library_id).await?;
            let row = outbox.new_row(engine.as_ref(), Write::RemoveFace);
            let ids = outbox.row_ids();
            let store = &outbox.shared.store;
            let rows = store.remove(move |tx| Box::pin(transactions::remove_face(tx, face_id, row, ids))).await?;
            outbox.attempt_removals(rows, library_id).await
        })
        .await
    }

    /// Changes a person and removes all faces but one: here at once, at the engine as soon as the engine is reachable.
    pub async fn keep_one_face(
        self: &Arc<Self>,
        engine: Arc<dyn RemoteEngine>,
        person: &Person,
        changes: PersonChanges,
        kept_face: FaceId,
    ) -> Result<()> {
        let (outbox, library_id, person_id) = (Arc::clone(self), person.library_id, person.id);
        run_detached(async move {
            let _lock = outbox.lock_library(library_id).await?;
            let row = outbox.new_row(engine.as_ref(), Write::RemoveFace);
            let ids = outbox.row_ids();
            let update = outbox
                .shared
                .store
                .write(move |tx| Box::pin(transactions::update_person(tx, person_id, changes, kept_face, row, ids)));
            outbox.attempt_removals(update.await?, library_id).await
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
            id: self.shared.ids.outbox(),
            engine: engine.name().to_owned(),
            endpoint,
            operation,
            created_at: self.shared.now(),
        }
    }

    fn row_ids(self: &Arc<Self>) -> Box<dyn FnMut() -> OutboxId + Send> {
        let outbox = Arc::clone(self);
        Box::new(move || outbox.shared.ids.outbox())
    }
}

#[cfg(test)]
mod tests;
