//! Runs jobs, a few at a time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use aicp_store::{IdOrder, JobFilter, JobItem, JobItemState, JobRow, JobState, NodeLock, Store};
use aicp_types::JobId;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::among_nodes::LooksAmongNodes;
use super::uploads::{Folder, file_of};
use super::{
    ItemDetail, JobKind, Task, copy, deletion, duplicates, export, grouping, has_ended, import, progress, resealing,
};
use crate::background::Background;
use crate::{Caller, Error, Inner, Library, Missing, Platform, Result};

/// Interval at which the runner looks for jobs that nobody told it of, and for old ones.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Old jobs that are deleted in one transaction each, at one look.
const MAX_FORGOTTEN: u64 = 100;
/// Jobs that are read at a time.
const BATCH: u64 = 256;
/// Pause before a job goes on for which the database, or the place of the pictures, was not there.
const BUSY_PAUSE: Duration = Duration::from_secs(5);
/// Pause before a file is moved again.
const TRANSFER_RETRY: Duration = Duration::from_secs(5);
/// Time after which a file that can't be moved fails its job, which may be resumed.
const TRANSFER_PATIENCE: Duration = Duration::from_hours(1);
/// Maximum number of deletions of libraries that run at a time, beside the other jobs: nobody waits for an import to end.
const MAX_DELETIONS: usize = 4;

/// The jobs that run in this process.
pub(crate) struct Jobs {
    pub folder: Folder,
    active: Mutex<HashMap<JobId, ActiveJob>>,
    wake: Notify,
}

struct ActiveJob {
    app_id: String,
    is_deletion: bool,
    /// Stops it by true.
    stop: watch::Sender<bool>,
}

impl Jobs {
    pub fn new(folder: PathBuf, store: Store) -> Self {
        Self { folder: Folder::new(folder, store), active: Mutex::default(), wake: Notify::new() }
    }

    fn active(&self) -> MutexGuard<'_, HashMap<JobId, ActiveJob>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the runner that a job may be due.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Stops a job; returns whether it was running.
    pub fn stop(&self, id: JobId) -> bool {
        self.active().get(&id).is_some_and(|job| job.stop.send(true).is_ok())
    }

    /// Stops all jobs where they are.
    pub(super) fn stop_all(&self) {
        for job in self.active().values() {
            let _ = job.stop.send(true);
        }
    }

    /// Returns the ids of those that run.
    pub(super) fn ids(&self) -> Vec<JobId> {
        self.active().keys().copied().collect()
    }

    /// Returns how many run.
    pub fn running(&self) -> usize {
        self.active().len()
    }

    pub fn is_active(&self, id: JobId) -> bool {
        self.active().contains_key(&id)
    }
}

/// Whether a job is complete or was stopped.
pub(super) enum End {
    Complete,
    Stopped,
}

/// What became of an item.
pub(super) struct FinishedItem {
    pub number: i64,
    pub state: JobItemState,
    pub code: &'static str,
    pub detail: ItemDetail,
}

/// A job that runs.
#[derive(Clone)]
pub(super) struct Running {
    pub platform: Platform,
    pub id: JobId,
    pub caller: Caller,
    /// Turns true if it must stop.
    pub stop: watch::Receiver<bool>,
}

impl Running {
    pub fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits; returns early if the job must stop.
    pub async fn pause(&mut self, time: Duration) {
        let _ = tokio::time::timeout(time, self.stop.wait_for(|stop| *stop)).await;
    }

    /// Changes the row by a function.
    pub async fn update(&self, change: impl FnOnce(&mut JobRow) + Send + 'static) -> Result<()> {
        let (id, now) = (self.id, self.platform.now());
        let update = self.platform.inner.store.write_always(move |tx| {
            Box::pin(async move {
                let change = |job: &mut JobRow| {
                    change(job);
                    Ok(())
                };
                progress::update(tx, id, now, change).await.map(drop)
            })
        });
        update.await
    }

    /// Records what became of items, and counts each once.
    pub async fn finish(&self, items: Vec<FinishedItem>) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let (id, now) = (self.id, self.platform.now());
        let finish = self.platform.inner.store.write_always(move |tx| {
            Box::pin(async move {
                let (mut done, mut failed) = (0, 0);
                for FinishedItem { number, state, code, detail } in items {
                    let detail = serde_json::to_string(&detail).ok();
                    if tx.finish_job_item(id, number, state, code, detail.as_deref()).await? {
                        match state {
                            JobItemState::Failed => failed += 1,
                            JobItemState::Done | JobItemState::Waiting => done += 1,
                        }
                    }
                }
                if done + failed > 0 {
                    let count = |job: &mut JobRow| {
                        job.done += done;
                        job.failed += failed;
                        Ok(())
                    };
                    progress::update(tx, id, now, count).await?;
                }
                Ok::<_, Error>(())
            })
        });
        finish.await
    }

    /// Adds items, counts those of them that failed and `done` more that are done, and notes the position, all at once.
    pub async fn advance(&self, items: Vec<JobItem>, done: u64, position: Option<String>) -> Result<()> {
        let (id, now) = (self.id, self.platform.now());
        let failed = items.iter().filter(|item| item.state == JobItemState::Failed).count() as u64;
        let insert = self.platform.inner.store.write(move |tx| {
            Box::pin(async move {
                tx.insert_job_items(id, items).await?;
                let count = |job: &mut JobRow| {
                    job.done += done;
                    job.failed += failed;
                    job.position = position.or(job.position.take());
                    // More may come while it runs.
                    job.total = job.total.map(|total| total.max(job.done + job.failed));
                    Ok(())
                };
                progress::update(tx, id, now, count).await.map(drop)
            })
        });
        insert.await
    }

    /// Notes the position at the end, unless the job was stopped, withdrawn or deleted meanwhile; returns whether it was noted.
    pub async fn note_end(&self, position: String) -> Result<bool> {
        let id = self.id;
        let note = self.platform.inner.store.write_always(move |tx| {
            Box::pin(async move {
                let wanted = tx.job(id).await?.filter(|job| matches!(job.state, JobState::Running | JobState::Paused));
                let Some(mut job) = wanted else { return Ok(false) };
                job.position = Some(position);
                tx.update_job(&job).await?;
                Ok::<_, Error>(true)
            })
        });
        note.await
    }

    /// Moves a file between this node and the place that nodes share, again and again until that can be reached; `None` if the job was stopped.
    pub async fn transferred<T, F>(&mut self, transfer: impl Fn(Platform) -> F) -> Result<Option<T>>
    where
        F: Future<Output = aicp_store::Result<T>>,
    {
        let begun = Instant::now();
        loop {
            let mut stop = self.stop.clone();
            let moved = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(None),
                moved = transfer(self.platform.clone()) => moved,
            };
            match moved {
                Err(aicp_store::Error::Blobs(e)) if e.is_unavailable() && begun.elapsed() < TRANSFER_PATIENCE => {
                    tracing::warn!(job = self.id.get(), "the file of a job can't be moved; it is tried again");
                    self.pause(TRANSFER_RETRY).await;
                }
                moved => return Ok(Some(moved?)),
            }
        }
    }

    /// Returns the position that was noted last; the default at the start.
    pub fn position<T: DeserializeOwned + Default>(job: &JobRow) -> T {
        job.position.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Notes the number of the library's people as the total, once.
    pub async fn count_people(&self, library: &Library) -> Result<()> {
        let people = self.platform.inner.store.rows().await?.person_count(library.id).await?;
        self.update(move |job| job.total = job.total.or(Some(people))).await
    }

    /// Forgets what earlier runs have done.
    pub async fn begin_anew(&self) -> Result<()> {
        let id = self.id;
        let clear = self.platform.inner.store.remove(move |tx| {
            Box::pin(async move {
                tx.delete_job_items(id).await?;
                let mut job = tx.job(id).await?.ok_or(Missing::Job)?;
                (job.done, job.failed, job.total, job.position) = (0, 0, None, None);
                Ok::<_, Error>(tx.update_job(&job).await?)
            })
        });
        clear.await
    }

    /// Returns the library of the job.
    pub async fn library(&self, job: &JobRow) -> Result<Library> {
        let id = job.library_id.ok_or(Missing::Library)?;
        let library = self.platform.inner.store.rows().await?.library_by_id(id).await?;
        library.filter(|library| !library.hidden).ok_or(Missing::Library.into())
    }
}

impl Platform {
    /// Starts to run jobs: those that ran when the program ended, and those that are queued. Runs until the returned task
    /// is closed; then jobs stop where they are, and go on at the next start.
    pub fn start_jobs(&self) -> Background {
        let inner = std::sync::Arc::downgrade(&self.inner);
        Background::start(|stop| run(inner, stop))
    }

    /// Runs a job to its end in this task, which is paused for all others. For a command that runs no others.
    ///
    /// # Errors
    /// [`Missing::Job`], and what made the job fail.
    pub async fn complete_job(&self, id: JobId) -> Result<()> {
        let _turn = self.wait_for_turn_of(id).await?;
        let job = self.inner.store.rows().await?.job(id).await?.ok_or(Missing::Job)?;
        let (stop, stopped) = watch::channel(false);
        let is_deletion = is_deletion(&job);
        self.inner.jobs.active().insert(id, ActiveJob { app_id: job.app_id.clone(), is_deletion, stop });
        let running = Running { platform: self.clone(), id, caller: Caller::job(&job.app_id), stop: stopped };
        running.complete(job).await
    }

    /// Starts the jobs that are due, as far as there is room.
    async fn start_due(&self, tasks: &mut JoinSet<()>) -> Result<()> {
        let most = self.inner.settings.load().jobs.concurrent;
        // One place is left for another app.
        let most_of_app = most.saturating_sub(1).max(1);
        let (known, now) = (self.inner.jobs.running(), self.now());
        let due = self.inner.store.rows().await?.due_jobs(now, (most + known) as u64 + BATCH).await?;
        let deletions = JobFilter {
            states: &[JobState::Queued, JobState::Running],
            kind: Some(JobKind::LibraryDeletion.name()),
            ..JobFilter::default()
        };
        let deletions = self.inner.store.rows().await?.jobs_after(deletions, IdOrder::default(), BATCH).await?;
        let deletions = deletions.into_iter().filter(|job| job.starts_at.is_none_or(|starts_at| starts_at <= now));
        for job in deletions.chain(due.into_iter().filter(|job| !is_deletion(job))) {
            let is_deletion = is_deletion(&job);
            let has_room = {
                let active = self.inner.jobs.active();
                let same = active.values().filter(|other| other.is_deletion == is_deletion);
                let of_app = same.clone().filter(|other| is_deletion || other.app_id == job.app_id).count();
                let (most, most_of_app) =
                    if is_deletion { (MAX_DELETIONS, MAX_DELETIONS) } else { (most, most_of_app) };
                !active.contains_key(&job.id) && same.count() < most && of_app < most_of_app
            };
            if has_room
                && self.has_archive_of(&job)
                && let Some(turn) = self.turn_of(job.id).await?
            {
                self.start(job, turn, tasks).await?;
            }
        }
        Ok(())
    }

    /// Starts a job, unless it was paused or cancelled meanwhile.
    async fn start(
        &self,
        JobRow { id, app_id, kind, .. }: JobRow,
        turn: NodeLock,
        tasks: &mut JoinSet<()>,
    ) -> Result<()> {
        let now = self.now();
        let begin = self.inner.store.write_always(move |tx| {
            Box::pin(async move {
                let job = tx.job(id).await?.ok_or(Missing::Job)?;
                if !matches!(job.state, JobState::Queued | JobState::Running) {
                    return Ok(None);
                }
                let begin = |job: &mut JobRow| {
                    job.state = JobState::Running;
                    job.started_at = job.started_at.or(Some(now));
                    Ok(())
                };
                progress::update(tx, id, now, begin).await.map(Some)
            })
        });
        // Registered first: a pause that comes now must find it.
        let (stop, stopped) = watch::channel(false);
        let is_deletion = kind == JobKind::LibraryDeletion.name();
        self.inner.jobs.active().insert(id, ActiveJob { app_id, is_deletion, stop });
        match begin.await {
            Ok(Some(job)) => {
                let caller = Caller::job(&job.app_id);
                let running = Running { platform: self.clone(), id, caller, stop: stopped };
                tasks.spawn(async move {
                    let _turn = turn;
                    drop(running.complete(job).await);
                });
            }
            Ok(None) => drop(self.inner.jobs.active().remove(&id)),
            Err(e) => {
                self.inner.jobs.active().remove(&id);
                return Err(e);
            }
        }
        Ok(())
    }

    /// Waits until the next job begins that may not begin yet; at most for the interval of the looks.
    async fn next_start(&self) {
        let now = self.now();
        let next = async { Ok::<_, Error>(self.inner.store.rows().await?.next_job_start(now).await?) };
        let wait = match next.await {
            Ok(Some(at)) => at.since(now).min(LOOK_INTERVAL),
            Ok(None) => LOOK_INTERVAL,
            Err(e) => {
                tracing::warn!(error = %e, "the next job can't be looked up; the next look tries again");
                LOOK_INTERVAL
            }
        };
        tokio::time::sleep(wait).await;
    }

    /// Deletes jobs that ended long ago.
    async fn forget_old_jobs(&self) -> Result<()> {
        let age = Duration::from_secs(86_400) * self.inner.settings.load().jobs.retention_days;
        let old =
            self.inner.store.rows().await?.jobs_ended_before(self.now().saturating_sub(age), MAX_FORGOTTEN).await?;
        for id in old {
            // Deletions of libraries that failed stay: they can be resumed.
            match self.delete_job_with(&Caller::administrator(), id, None).await {
                Ok(()) | Err(Error::Refused(_) | Error::Missing(_)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

impl Running {
    /// Runs the job and records how it ended.
    ///
    /// # Errors
    /// What made it fail; it is recorded, too.
    async fn complete(self, job: JobRow) -> Result<()> {
        let (platform, id, file) = (self.platform.clone(), self.id, file_of(&job));
        let ended = match serde_json::from_str(&job.input) {
            Ok(Task::Import(source)) => import::run(self.clone(), job, source).await,
            Ok(Task::Deletion) => deletion::run(self.clone(), job).await,
            Ok(Task::ScheduledDeletion(requester)) => deletion::run_scheduled(self.clone(), job, requester).await,
            Ok(Task::Duplicates { threshold }) => duplicates::run(self.clone(), job, threshold).await,
            Ok(Task::Grouping { threshold }) => grouping::run(self.clone(), job, threshold).await,
            Ok(Task::Copy { from }) => copy::run(self.clone(), job, from).await,
            Ok(Task::Export(content)) => export::run(self.clone(), job, content).await,
            Ok(Task::Reseal { key }) => resealing::run(self.clone(), key).await,
            Err(e) => Err(Error::BadInput(crate::BadInput::Import(format!("another program wrote the job: {e}")))),
        };
        let now = platform.now();
        let recorded = match &ended {
            Ok(End::Stopped) => Ok(()),
            Ok(End::Complete) => {
                let done = self.update(move |job| {
                    // It may have been paused or ended at the last moment; nothing is left to do.
                    if !has_ended(job.state) && job.state != JobState::Failed {
                        (job.state, job.ended_at) = (JobState::Done, Some(now));
                    }
                });
                done.await
            }
            Err(e) if matches!(e, Error::Busy) || e.is_in_doubt() => {
                tracing::warn!(job = id.get(), error = %e, "a job has to wait; it goes on where it is");
                self.clone().pause(BUSY_PAUSE).await;
                Ok(())
            }
            Err(e) => {
                tracing::warn!(job = id.get(), error = %e, "a job failed");
                let reason = e.to_string();
                let failed = self.update(move |job| {
                    if !has_ended(job.state) {
                        (job.state, job.error, job.ended_at) = (JobState::Failed, Some(reason), Some(now));
                    }
                });
                failed.await
            }
        };
        if let Err(e) = recorded {
            tracing::error!(job = id.get(), error = %e, "the end of a job can't be recorded; the next start repeats it");
        }
        if let Some(file) = file {
            platform.leave_file(id, &file).await;
        }
        platform.inner.jobs.active().remove(&id);
        ended.map(drop)
    }
}

fn is_deletion(job: &JobRow) -> bool {
    job.kind == JobKind::LibraryDeletion.name()
}

async fn run(inner: Weak<Inner>, mut stop: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    // An interval of its own, as jobs may be told of all the time.
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    // Once, before the lock of any job is taken: no loss must be missed.
    let mut among_nodes = inner.upgrade().and_then(|inner| inner.store.nodes().map(LooksAmongNodes::new));
    loop {
        // Holds the platform only while it is needed, so that it can shut down.
        let Some(inner) = inner.upgrade() else { return };
        let platform = Platform { inner };
        let mut changes = platform.inner.settings.changes();
        if let Err(e) = platform.start_due(&mut tasks).await {
            tracing::error!(error = %e, "jobs can't be started; the next look tries again");
        }
        let wake = async {
            tokio::select! {
                () = platform.inner.jobs.wake.notified() => {}
                // More jobs may run at a time.
                Ok(()) = changes.changed() => {}
                Some(_) = tasks.join_next() => {}
                () = platform.next_start() => {}
                () = platform.look_among_nodes(&mut among_nodes) => {}
                _ = looks.tick() => {
                    if let Err(e) = platform.forget_old_jobs().await {
                        tracing::warn!(error = %e, "old jobs can't be deleted");
                    }
                    if let Err(e) = platform.discard_old_exports().await {
                        tracing::warn!(error = %e, "old exports can't be deleted");
                    }
                    if let Err(e) = platform.sweep_shared_job_files().await {
                        tracing::warn!(error = %e, "shared files of jobs can't be looked through");
                    }
                }
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {
                platform.inner.jobs.stop_all();
                break;
            }
            () = wake => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}
