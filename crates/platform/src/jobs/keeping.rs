//! How long the files of jobs are kept.

use std::collections::HashSet;
use std::time::Duration;

use aicp_store::{IdOrder, JobFilter, JobRow, JobState};
use aicp_types::JobId;

use super::uploads::{export_of, file_of};
use super::{JobKind, has_ended, progress};
use crate::{Error, Platform, Result};

/// Jobs that are read at a time.
const BATCH: u64 = 256;
/// Age from which an archive has its job, if it ever gets one.
const ABANDONED: Duration = Duration::from_hours(24);

fn is_open(job: &JobRow) -> bool {
    matches!(job.state, JobState::Queued | JobState::Running | JobState::Paused)
}

impl Platform {
    /// Deletes the file of a job that needs it no longer.
    pub(super) async fn discard_files(&self, id: JobId) {
        let job = async { Ok::<_, Error>(self.inner.store.rows().await?.job(id).await?) };
        match job.await {
            Ok(Some(job)) if !self.keeps_file(&job) => self.inner.jobs.folder.discard(&job).await,
            Ok(_) => {}
            Err(e) => tracing::warn!(job = id.get(), error = %e, "the file of a job can't be deleted"),
        }
    }

    /// Deletes the file of a job that has run here, unless it needs it still: then this node's copy, where nodes share files.
    pub(super) async fn leave_file(&self, id: JobId, name: &str) {
        let (folder, job) =
            (&self.inner.jobs.folder, async { Ok::<_, Error>(self.inner.store.rows().await?.job(id).await?) });
        match job.await {
            // Another node may run an export now. What nobody needs is swept.
            Ok(Some(job)) if self.keeps_file(&job) || (folder.is_shared() && is_open(&job)) => folder.leave(name).await,
            Ok(_) => folder.discard_named(name).await,
            Err(e) => {
                tracing::warn!(job = id.get(), error = %e, "it can't be seen whether a job needs its file");
                folder.leave(name).await;
            }
        }
    }

    /// Deletes the shared files that no job needs: what could not be deleted when its job ended, and what nodes have left that ended.
    pub(super) async fn sweep_shared_job_files(&self) -> Result<()> {
        let folder = &self.inner.jobs.folder;
        for file in folder.shared_files().await? {
            let is_needed = match export_of(&file.name) {
                Some(id) => self
                    .inner
                    .store
                    .rows()
                    .await?
                    .job(id)
                    .await?
                    .is_some_and(|job| is_open(&job) || self.keeps_file(&job)),
                // An archive gets its job after it is shared.
                None => {
                    let is_old = file.written.elapsed().is_ok_and(|age| age > ABANDONED);
                    !is_old || self.needed_files().await?.contains(&file.name)
                }
            };
            if !is_needed {
                folder.discard_named(&file.name).await;
            }
        }
        Ok(())
    }

    /// Deletes the files that no job needs: what the end of the last run left. Call it before archives are received.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn sweep_job_files(&self) -> Result<()> {
        Ok(self.inner.jobs.folder.sweep(self.needed_files().await?).await?)
    }

    /// Returns the names of the files that jobs need.
    async fn needed_files(&self) -> Result<HashSet<String>> {
        let (mut kept, mut after) = (HashSet::new(), None);
        loop {
            let order = IdOrder::Oldest(after);
            let jobs = self.inner.store.rows().await?.jobs_after(JobFilter::default(), order, BATCH).await?;
            let Some(last) = jobs.last() else { break };
            after = Some(last.id);
            kept.extend(jobs.iter().filter(|job| self.keeps_file(job)).filter_map(file_of));
        }
        Ok(kept)
    }

    /// Whether a job needs its file: an archive until it is imported, an export for a set time.
    pub(super) fn keeps_file(&self, job: &JobRow) -> bool {
        if job.kind == JobKind::Export.name() { self.export_expiry(job).is_some() } else { !has_ended(job.state) }
    }

    /// Deletes the exports whose time is over.
    pub(super) async fn discard_old_exports(&self) -> Result<()> {
        let filter =
            JobFilter { states: &[JobState::Done], kind: Some(JobKind::Export.name()), ..JobFilter::default() };
        let mut after = None;
        loop {
            let jobs = self.inner.store.rows().await?.jobs_after(filter, IdOrder::Oldest(after), BATCH).await?;
            let Some(last) = jobs.last() else { return Ok(()) };
            after = Some(last.id);
            for job in jobs.iter().filter(|job| job.position.is_some() && !self.keeps_file(job)) {
                self.inner.jobs.folder.discard(job).await;
                let (id, now) = (job.id, self.now());
                let forget = |job: &mut JobRow| {
                    job.position = None;
                    Ok(())
                };
                let forget = self.inner.store.write_always(move |tx| {
                    Box::pin(async move { progress::update(tx, id, now, forget).await.map(drop) })
                });
                forget.await.map_err(|e: Error| e)?;
            }
        }
    }
}
