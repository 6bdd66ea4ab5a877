//! Deletion of a library by a job: that of a large one, whose people go in transactions of a bounded size, and one that begins
//! later and can be cancelled until then.

use aicp_store::{Act, IdOrder, JobFilter, JobRow, JobState, NewJob, PersonFilter, PersonOrder, Tx};
use aicp_types::{LibraryId, UnixMillis};
use serde::{Deserialize, Serialize};

use super::runner::{End, Running};
use super::{Job, JobKind, Task, progress};
use crate::audit::state;
use crate::error::or_missing;
use crate::libraries::{library_target, log_act_on, log_deletion};
use crate::{BUILTIN, BadInput, Caller, Error, Library, Missing, Platform, Result};

/// Maximum number of people of a library that is deleted at once.
const MAX_AT_ONCE: u64 = 1000;
/// People that are deleted in one transaction.
const BATCH: u64 = 200;
/// Position of a job that has taken the library out of sight.
const WITHDRAWN: &str = "withdrawn";

/// Who asked for a deletion that begins later, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requester {
    actor: String,
    address: Option<String>,
    request_id: Option<String>,
}

impl Requester {
    fn of(act: &Act) -> Self {
        let Act { actor, address, request_id, .. } = act.clone();
        Self { actor, address, request_id }
    }

    /// Returns the act of the deletion.
    fn act(self, at: UnixMillis, library: &Library) -> Act {
        let Self { actor, address, request_id } = self;
        let (action, target) = ("library.delete".to_owned(), library_target(library));
        let app_id = Some(library.app_id.clone());
        Act { at, actor, address, request_id, app_id, action, target, before: None, after: None }
    }
}

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
            starts_at: None,
        };
        let withdraw = self.inner.store.remove(move |tx| {
            Box::pin(async move {
                let at = act.at;
                withdraw(tx, id, act, at).await?;
                Ok::<_, Error>(tx.insert_job(new).await?)
            })
        });
        let job = withdraw.await?;
        self.inner.jobs.wake();
        Ok(Some(self.job_of(job)))
    }

    /// Creates a job that deletes a library of the app after the delay of the settings. Until the job begins, the library can be
    /// used and the job can be cancelled. If such a job waits already, that one is returned.
    ///
    /// # Errors
    /// [`Missing::Library`].
    pub async fn schedule_library_deletion(&self, caller: &Caller, library: &Library) -> Result<Job> {
        self.backend_of(caller, library)?;
        let (id, now) = (library.id, self.now());
        let act = caller.act(now, "library.scheduleDeletion", library_target(library));
        let task = Task::ScheduledDeletion(Requester::of(&act));
        let new = NewJob {
            app_id: caller.app_id().to_owned(),
            library_id: Some(id),
            kind: JobKind::LibraryDeletion.name().to_owned(),
            input: serde_json::to_string(&task).map_err(|e| BadInput::Import(e.to_string()))?,
            total: None,
            created_at: now,
            starts_at: Some(now.saturating_add(self.inner.settings.load().jobs.deletion_delay_s.duration())),
        };
        let schedule = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let waiting = JobFilter {
                    states: &[JobState::Queued, JobState::Paused],
                    kind: Some(JobKind::LibraryDeletion.name()),
                    library_id: Some(id),
                    ..JobFilter::default()
                };
                let library = tx.library_by_id(id).await?;
                library.filter(|library| !library.hidden).ok_or(Missing::Library)?;
                if let Some(job) = tx.jobs_after(waiting, IdOrder::default(), 1).await?.pop() {
                    return Ok(job);
                }
                let job = tx.insert_job(new).await?;
                progress::record(tx, &job, now);
                let after = state(&serde_json::json!({ "job": job.id.to_string(), "startsAt": job.starts_at }));
                log_act_on(tx, id, Act { after, ..act }).await?;
                Ok::<_, Error>(job)
            })
        });
        let job = schedule.await?;
        self.inner.jobs.wake();
        Ok(self.job_of(job))
    }
}

/// Whether a job may be cancelled as far as the deletion of a library is concerned: before that begins, or once it has failed
/// with the library still there.
pub(super) fn can_be_cancelled(job: &JobRow) -> bool {
    let is_under_way = || job.started_at.is_some() && job.state != JobState::Failed;
    let can_be = || matches!(serde_json::from_str(&job.input), Ok(Task::ScheduledDeletion(_)));
    job.kind != JobKind::LibraryDeletion.name() || (can_be() && job.position.is_none() && !is_under_way())
}

/// Logs that the deletion of a library was cancelled; ignores other jobs. `act`: that of the cancellation of the job.
pub(super) async fn log_cancellation(tx: &mut Tx, job: &JobRow, act: &Act) -> Result<()> {
    let Some(library) = job.library_id.filter(|_| job.kind == JobKind::LibraryDeletion.name()) else { return Ok(()) };
    let after = state(&serde_json::json!({ "job": job.id.to_string() }));
    let (action, target) = ("library.cancelDeletion".to_owned(), format!("library {library}"));
    Ok(tx.append_act(Act { action, target, after, ..act.clone() }).await?)
}

/// Takes a library out of sight, and logs its deletion.
async fn withdraw(tx: &mut Tx, id: LibraryId, act: Act, at: UnixMillis) -> Result<()> {
    log_deletion(tx, id, act).await?;
    // Ids with control characters are reserved.
    tx.withdraw_library(id, &format!("\u{1}{id}"), at).await.map_err(or_missing(Missing::Library))
}

/// Runs a deletion that was to begin later.
pub(super) async fn run_scheduled(running: Running, job: JobRow, requester: Requester) -> Result<End> {
    let id = job.library_id.ok_or(Missing::Library)?;
    if job.position.is_some() {
        return run(running, job).await;
    }
    let platform = &running.platform;
    let library = platform.inner.store.rows().await?.library_by_id(id).await?;
    // It may have been deleted otherwise meanwhile.
    let Some(library) = library.filter(|library| !library.hidden) else { return Ok(End::Complete) };
    let now = platform.now();
    let act = requester.act(now, &library);
    let backend = platform.backend_of(&running.caller, &library)?;
    let people = platform.inner.store.rows().await?.person_count(id).await?;
    if people <= MAX_AT_ONCE || backend.name() != BUILTIN {
        backend.delete_library(id, act).await?;
        running.update(move |job| (job.total, job.done) = (Some(people), people)).await?;
        return Ok(End::Complete);
    }
    let job_id = running.id;
    let begin = platform.inner.store.remove(move |tx| {
        Box::pin(async move {
            withdraw(tx, id, act, now).await?;
            let note = |job: &mut JobRow| {
                (job.total, job.position) = (Some(people), Some(WITHDRAWN.to_owned()));
                Ok(())
            };
            progress::update(tx, job_id, now, note).await
        })
    });
    let job = begin.await?;
    run(running, job).await
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
