//! Sealing of all secrets with the current master key, after that has changed.

use aicp_store::{Act, IdOrder, JobFilter, JobRow, JobState, NewJob, SealedKind, Tx};
use aicp_types::JobId;
use serde::{Deserialize, Serialize};

use super::runner::{End, Running};
use super::{JobKind, Task, has_ended, progress};
use crate::audit::state;
use crate::secret_changes::owner_of;
use crate::{ADMIN_APP, BadInput, Error, Missing, Platform, Refusal, Result};

/// Secrets that are sealed in one transaction.
const BATCH: u64 = 100;
/// Jobs that are read at a time.
const JOBS: u64 = 256;

/// How far a job is: the secret that it sealed last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Position {
    /// Place of the kind in [`SealedKind::ALL`].
    kind: usize,
    first: String,
    second: String,
}

/// Returns the input of a job that seals all secrets with the key of this id.
pub(crate) fn resealing_input(key: &str) -> Result<String> {
    let task = Task::Reseal { key: key.to_owned() };
    Ok(serde_json::to_string(&task).map_err(|e| BadInput::Import(e.to_string()))?)
}

/// Inserts a job that seals all secrets, and cancels those that have not ended: they are for other keys.
pub(crate) async fn replace_resealing(tx: &mut Tx, new: NewJob, act: Act) -> Result<JobId> {
    let filter = JobFilter { kind: Some(JobKind::Resealing.name()), ..JobFilter::default() };
    let mut after = None;
    loop {
        let jobs = tx.jobs_after(filter, IdOrder::Oldest(after), JOBS).await?;
        let Some(last) = jobs.last() else { break };
        after = Some(last.id);
        for job in jobs.iter().filter(|job| !has_ended(job.state)) {
            let cancel = |job: &mut JobRow| {
                (job.state, job.ended_at) = (JobState::Cancelled, Some(act.at));
                Ok(())
            };
            progress::update(tx, job.id, act.at, cancel).await?;
        }
    }
    let job = tx.insert_job(new).await?;
    progress::record(tx, &job, act.at);
    let create = Act {
        action: "job.create".to_owned(),
        target: format!("job {}", job.id),
        app_id: Some(ADMIN_APP.to_owned()),
        before: None,
        after: state(&serde_json::json!({ "kind": job.kind })),
        ..act.clone()
    };
    tx.append_act(act).await?;
    tx.append_act(create).await?;
    Ok(job.id)
}

/// Records that a job can't be done.
pub(crate) async fn fail(tx: &mut Tx, id: JobId, at: aicp_types::UnixMillis, reason: String) -> Result<()> {
    let fail = |job: &mut JobRow| {
        if !has_ended(job.state) {
            (job.state, job.error, job.ended_at) = (JobState::Failed, Some(reason), Some(at));
        }
        Ok(())
    };
    progress::update(tx, id, at, fail).await.map(drop)
}

impl Platform {
    /// Tells the runner that a job was created. One that it replaced notices by itself.
    pub(crate) fn wake_resealing(&self) {
        self.inner.jobs.wake();
    }
}

/// Seals all secrets with the key of this id.
pub(super) async fn run(running: Running, key: String) -> Result<End> {
    let vault = &running.platform.inner.vault;
    // The job is there before its key.
    drop(vault.changing().lock().await);
    while !running.is_stopped() {
        if vault.keys().current().id() != key {
            return Err(Refusal::SecretKeyChanged.into());
        }
        if let Some(end) = seal_some(&running).await? {
            return Ok(end);
        }
    }
    Ok(End::Stopped)
}

/// Seals some secrets; returns how the job ends, if it does.
async fn seal_some(running: &Running) -> Result<Option<End>> {
    let (id, now, vault) = (running.id, running.platform.now(), running.platform.inner.vault.clone());
    let seal = running.platform.inner.store.write_always(move |tx| {
        Box::pin(async move {
            let job = tx.job(id).await?.ok_or(Missing::Job)?;
            if has_ended(job.state) {
                return Ok::<_, Error>(Some(End::Stopped));
            }
            let mut position: Position =
                job.position.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            let Some(kind) = SealedKind::ALL.get(position.kind).copied() else { return Ok(Some(End::Complete)) };
            let secrets = tx.sealed_after(kind, (&position.first, &position.second), BATCH).await?;
            let (mut done, mut failed) = (0, 0);
            for secret in &secrets {
                match vault.reseal(&owner_of(secret), &secret.sealed) {
                    Ok(None) => done += 1,
                    Ok(Some(sealed)) => {
                        tx.reseal(aicp_store::SealedSecret { sealed, ..secret.clone() }).await?;
                        done += 1;
                    }
                    Err(Error::Internal(crate::Internal::Sealed)) => {
                        tracing::warn!(job = id.get(), secret = ?secret, "no key opens a secret, which stays as it is");
                        failed += 1;
                    }
                    Err(e) => return Err(e),
                }
            }
            position = match secrets.into_iter().next_back() {
                Some(last) => Position { first: last.first, second: last.second, ..position },
                None => Position { kind: position.kind + 1, ..Position::default() },
            };
            let text = serde_json::to_string(&position).ok();
            let count = |job: &mut JobRow| {
                job.position = text;
                (job.done, job.failed) = (job.done + done, job.failed + failed);
                job.total = job.total.max(Some(job.done + job.failed));
                Ok(())
            };
            progress::update(tx, id, now, count).await?;
            Ok(None)
        })
    });
    seal.await
}
