//! Pause, resume, cancel and delete jobs.

use aicp_store::{Act, JobRow, JobState};
use aicp_types::JobId;

use super::{Job, JobKind, deletion, has_ended, progress};
use crate::error::or_missing;
use crate::{Caller, Error, Missing, Platform, Refusal, Result};

/// Checks that a caller who sees a job may change it, too.
///
/// # Errors
/// [`Refusal::Forbidden`].
fn require_control(caller: &Caller, job: &JobRow) -> Result<()> {
    if job.kind == JobKind::Resealing.name() { caller.require_administrator() } else { Ok(()) }
}

impl Platform {
    /// Stops a job; what it is at is completed. A job that is paused stays so.
    ///
    /// # Errors
    /// [`Missing::Job`]; [`Refusal::JobState`] if it has ended.
    pub async fn pause_job(&self, caller: &Caller, id: JobId) -> Result<Job> {
        let paused = self.change_job(caller, id, "job.pause", |job| {
            if !matches!(job.state, JobState::Queued | JobState::Running | JobState::Paused) {
                return Err(Refusal::JobState.into());
            }
            job.state = JobState::Paused;
            Ok(())
        });
        let job = paused.await?;
        self.inner.jobs.stop(id);
        Ok(job)
    }

    /// Lets a job go on that is paused or has failed. One that is queued or runs goes on anyway.
    ///
    /// # Errors
    /// [`Missing::Job`]; [`Refusal::JobState`] if it is done or cancelled.
    pub async fn resume_job(&self, caller: &Caller, id: JobId) -> Result<Job> {
        let resumed = self.change_job(caller, id, "job.resume", |job| {
            match job.state {
                JobState::Paused | JobState::Failed => job.state = JobState::Queued,
                JobState::Queued | JobState::Running => {}
                JobState::Cancelled | JobState::Done => return Err(Refusal::JobState.into()),
            }
            (job.error, job.ended_at) = (None, None);
            Ok(())
        });
        let job = resumed.await?;
        self.inner.jobs.wake();
        Ok(job)
    }

    /// Stops a job for good. What it has done stays. A job that is cancelled stays so. The deletion of a library can only be
    /// cancelled before it begins; that is logged as an act on the library, too.
    ///
    /// # Errors
    /// [`Missing::Job`]; [`Refusal::JobState`] if it is done, or can't be cancelled.
    pub async fn cancel_job(&self, caller: &Caller, id: JobId) -> Result<Job> {
        let now = self.now();
        let cancelled = self.change_job(caller, id, "job.cancel", move |job| {
            match job.state {
                JobState::Done => return Err(Refusal::JobState.into()),
                JobState::Cancelled => {}
                _ if !deletion::can_be_cancelled(job) => return Err(Refusal::JobState.into()),
                _ => (job.state, job.ended_at) = (JobState::Cancelled, Some(now)),
            }
            Ok(())
        });
        let job = cancelled.await?;
        if !self.inner.jobs.stop(id) {
            self.discard_files(id).await;
        }
        Ok(job)
    }

    /// Deletes a job that has ended, with its report.
    ///
    /// # Errors
    /// [`Missing::Job`]; [`Refusal::JobState`] if it has not ended.
    pub async fn delete_job(&self, caller: &Caller, id: JobId) -> Result<()> {
        let act = caller.act(self.now(), "job.delete", format!("job {id}"));
        self.delete_job_with(caller, id, Some(act)).await
    }

    /// Deletes a job that has ended, and logs the act, if it is one.
    pub(super) async fn delete_job_with(&self, caller: &Caller, id: JobId, act: Option<Act>) -> Result<()> {
        let row = self.job_row(caller, id).await?;
        require_control(caller, &row)?;
        let is_active = self.inner.jobs.is_active(id);
        let delete = self.inner.store.remove(move |tx| {
            Box::pin(async move {
                let job = tx.job(id).await?.ok_or(Missing::Job)?;
                let must_end = job.kind == JobKind::LibraryDeletion.name();
                let has_ended = has_ended(job.state) || (job.state == JobState::Failed && !must_end);
                if is_active || !has_ended {
                    return Err(Error::from(Refusal::JobState));
                }
                tx.delete_job(id).await.map_err(or_missing(Missing::Job))?;
                match act {
                    Some(act) => Ok(tx.append_act(Act { app_id: Some(job.app_id), ..act }).await?),
                    None => Ok(()),
                }
            })
        });
        delete.await?;
        self.inner.jobs.folder.discard(&row).await;
        Ok(())
    }

    /// Changes a job by a function of its row, and logs the act.
    async fn change_job(
        &self,
        caller: &Caller,
        id: JobId,
        action: &str,
        change: impl FnOnce(&mut JobRow) -> Result<()> + Send + 'static,
    ) -> Result<Job> {
        require_control(caller, &self.job_row(caller, id).await?)?;
        let act = caller.act(self.now(), action, format!("job {id}"));
        let changed = self.inner.store.write_always(move |tx| {
            Box::pin(async move {
                let known = tx.job(id).await?.ok_or(Missing::Job)?;
                let mut wanted = known.clone();
                change(&mut wanted)?;
                // What is so already is neither written nor logged.
                if wanted.state == known.state {
                    return Ok(known);
                }
                let set = |job: &mut JobRow| {
                    *job = wanted;
                    Ok(())
                };
                let job = progress::update(tx, id, act.at, set).await?;
                let act = Act { app_id: Some(job.app_id.clone()), ..act };
                if job.state == JobState::Cancelled {
                    deletion::log_cancellation(tx, &job, &act).await?;
                }
                tx.append_act(act).await?;
                Ok::<_, Error>(job)
            })
        });
        Ok(self.job_of(changed.await?))
    }
}
