//! Jobs among the nodes of a database: one node runs a job at a time.

use std::time::Duration;

use aicp_store::{JobRow, JobState, NodeLock};
use aicp_types::JobId;
use tokio::sync::watch;

use super::JobKind;
use super::uploads::file_of;
use crate::locks::key_of;
use crate::{Platform, Result};

/// Interval at which a node among others looks for jobs: another may have created, stopped or left one.
const LOOK_INTERVAL_AMONG_NODES: Duration = Duration::from_secs(2);

impl Platform {
    /// Returns whether this node can run a job: where nodes share no files, the archive of an import is on the node that has received it.
    pub(super) fn has_archive_of(&self, job: &JobRow) -> bool {
        if self.inner.jobs.folder.is_shared() || self.answering_nodes() == 1 || job.kind != JobKind::Import.name() {
            return true;
        }
        file_of(job).is_none_or(|name| self.inner.jobs.folder.path_of(&name).exists())
    }

    /// Takes the turn to run a job; `None` if another node runs it.
    pub(super) async fn turn_of(&self, id: JobId) -> Result<Option<NodeLock>> {
        match self.inner.store.nodes() {
            Some(nodes) => Ok(nodes.try_lock(key_of(&(id, "job"))).await?),
            None => Ok(Some(NodeLock::default())),
        }
    }

    /// Stops the jobs of this node that another node has paused, cancelled or deleted.
    async fn stop_left_jobs(&self) -> Result<()> {
        for id in self.inner.jobs.ids() {
            let job = self.inner.store.rows().await?.job(id).await?;
            if !job.is_some_and(|job| job.state == JobState::Running) {
                self.inner.jobs.stop(id);
            }
        }
        Ok(())
    }

    /// Waits until it is time to see what other nodes have done to jobs; stops the jobs of this one if it loses its lease. Never returns where
    /// there are no nodes.
    pub(super) async fn look_among_nodes(&self, losses: &mut Option<watch::Receiver<u64>>) {
        let Some(losses) = losses else { return std::future::pending().await };
        tokio::select! {
            _ = losses.changed() => self.inner.jobs.stop_all(),
            () = tokio::time::sleep(LOOK_INTERVAL_AMONG_NODES) => {
                if let Err(e) = self.stop_left_jobs().await {
                    tracing::warn!(error = %e, "it can't be seen whether jobs were stopped");
                }
            }
        }
    }
}
