//! Changes of a job's row, and the events that tell of them.

use aicp_store::{EventData, JobRow, JobState, NewEvent, Tx};
use aicp_types::{JobId, UnixMillis};

use crate::{Missing, Result};

/// Number of events that tell of the progress of a whole job.
const STEPS: u64 = 20;

/// How far a job is, as events tell it.
#[derive(PartialEq, Eq)]
struct Milestone(JobState, u64);

impl Milestone {
    fn of(job: &JobRow) -> Self {
        let step = job.total.map_or(0, |total| (job.done + job.failed) * STEPS / total.max(1));
        Self(job.state, step)
    }
}

/// Changes a job by a function of its row, and records an event if its state changed or it came a step further.
///
/// # Errors
/// [`Missing::Job`]; those of `change`.
pub(super) async fn update(
    tx: &mut Tx,
    id: JobId,
    at: UnixMillis,
    change: impl FnOnce(&mut JobRow) -> Result<()>,
) -> Result<JobRow> {
    let mut job = tx.job(id).await?.ok_or(Missing::Job)?;
    let before = Milestone::of(&job);
    change(&mut job)?;
    tx.update_job(&job).await?;
    if Milestone::of(&job) != before {
        record(tx, &job, at);
    }
    Ok(job)
}

/// Records an event that tells how far a job is.
pub(super) fn record(tx: &mut Tx, job: &JobRow, at: UnixMillis) {
    let data = EventData::Job {
        job: job.id.to_string(),
        state: state_name(job.state).to_owned(),
        done: job.done + job.failed,
        total: job.total,
    };
    tx.record_event(NewEvent { time: at, app_id: Some(job.app_id.clone()), library_id: job.library_id, data });
}

fn state_name(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Running => "running",
        JobState::Paused => "paused",
        JobState::Cancelled => "cancelled",
        JobState::Done => "done",
        JobState::Failed => "failed",
    }
}
