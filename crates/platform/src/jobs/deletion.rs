//! Deletion of a large library: its people go in transactions of a bounded size.

use aicp_store::{JobRow, NewJob, PersonFilter, PersonOrder};
use aicp_types::LibraryId;

use super::runner::{End, Running};
use super::{Job, JobKind, Task, progress};
use crate::error::or_missing;
use crate::libraries::{library_target, log_deletion};
use crate::{BUILTIN, BadInput, Caller, Error, Library, Missing, Platform, Result};

/// Maximum number of people of a library that is deleted at once.
const MAX_AT_ONCE: u64 = 1000;
/// People that are deleted in one transaction.
const BATCH: u64 = 200;

impl Platform {
    /// Deletes a library of the app with its people, faces and pictures, even if it was renamed meanwhile. A large one is out
    /// of sight on return, and its id is free for another; a job, which is returned, deletes the people. One of a vendor's
    /// engine is deleted at once, because the engine is.
    ///
    /// # Errors
    /// [`Missing::Library`].
    pub async fn delete_library_in_parts(&self, caller: &Caller, library: &Library) -> Result<Option<Job>> {
        let backend = self.backend_of(caller, library)?;
        let id = library.id;
        let act = caller.act(self.now(), "library.delete", library_target(library));
        let people = self.inner.store.rows().await?.person_count(id).await?;
        if people <= MAX_AT_ONCE || backend.name() != BUILTIN {
            backend.delete_library(id, act).await?;
            return Ok(None);
        }
        let input = serde_json::to_string(&Task::Deletion).map_err(|e| BadInput::Import(e.to_string()))?;
        let new = NewJob {
            app_id: caller.app_id().to_owned(),
            library_id: Some(id),
            kind: JobKind::LibraryDeletion.name().to_owned(),
            input,
            total: Some(people),
            created_at: self.now(),
        };
        let withdraw = self.inner.store.remove(move |tx| {
            Box::pin(async move {
                let at = act.at;
                log_deletion(tx, id, act).await?;
                // Ids with control characters are reserved.
                tx.withdraw_library(id, &format!("\u{1}{id}"), at).await.map_err(or_missing(Missing::Library))?;
                Ok::<_, Error>(tx.insert_job(new).await?)
            })
        });
        let job = withdraw.await?;
        self.inner.jobs.wake();
        Ok(Some(self.job_of(job)))
    }
}

/// Runs the deletion of a library.
pub(super) async fn run(running: Running, job: JobRow) -> Result<End> {
    let library = job.library_id.ok_or(Missing::Library)?;
    while !running.is_stopped() {
        if !delete_some(&running, library).await? {
            return delete_rest(&running, library).await.map(|()| End::Complete);
        }
    }
    Ok(End::Stopped)
}

/// Deletes some people; returns whether there were any.
async fn delete_some(running: &Running, library: LibraryId) -> Result<bool> {
    let (id, now) = (running.id, running.platform.now());
    let delete = running.platform.inner.store.remove(move |tx| {
        Box::pin(async move {
            let people = tx.people_after(library, PersonFilter::default(), PersonOrder::default(), BATCH).await?;
            for person in &people {
                tx.remove_person(person.id, now).await?;
            }
            let count = |job: &mut JobRow| {
                job.done += people.len() as u64;
                // Somebody may have been enrolled while the library was withdrawn.
                job.total = job.total.max(Some(job.done));
                Ok(())
            };
            progress::update(tx, id, now, count).await?;
            Ok::<_, Error>(!people.is_empty())
        })
    });
    delete.await
}

/// Deletes the library itself; it may be gone since a crash.
async fn delete_rest(running: &Running, library: LibraryId) -> Result<()> {
    let now = running.platform.now();
    let delete = running.platform.inner.store.remove(move |tx| {
        Box::pin(async move {
            match tx.delete_library(library, now).await {
                Err(aicp_store::Error::NotFound) => Ok(()),
                deleted => Ok::<_, Error>(deleted?),
            }
        })
    });
    delete.await
}
