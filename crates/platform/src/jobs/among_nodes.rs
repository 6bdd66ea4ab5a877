//! Jobs among the nodes of a database: one node runs a job at a time.

use std::time::Duration;

use aicp_store::{JobRow, JobState, NodeLock, Nodes};
use aicp_types::JobId;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

use super::JobKind;
use super::uploads::file_of;
use crate::locks::key_of;
use crate::{Platform, Result};

/// Interval at which a node among others looks for jobs: another may have created, stopped or left one.
const LOOK_INTERVAL_AMONG_NODES: Duration = Duration::from_secs(2);

/// Wait for a node to leave a job.
const TURN_WAIT: Duration = Duration::from_millis(200);

/// When it is time to look at what other nodes have done. Outlives what else the node is told of jobs.
pub(super) struct LooksAmongNodes {
    losses: watch::Receiver<u64>,
    interval: Interval,
}

impl LooksAmongNodes {
    pub(super) fn new(nodes: &dyn Nodes) -> Self {
        let mut interval = tokio::time::interval(LOOK_INTERVAL_AMONG_NODES);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { losses: nodes.losses(), interval }
    }
}

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

    /// As [`turn_of`](Self::turn_of), but waits: a node may have begun the job before it was paused, and is about to leave it.
    pub(super) async fn wait_for_turn_of(&self, id: JobId) -> Result<NodeLock> {
        loop {
            if let Some(turn) = self.turn_of(id).await? {
                return Ok(turn);
            }
            tokio::time::sleep(TURN_WAIT).await;
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
    pub(super) async fn look_among_nodes(&self, looks: &mut Option<LooksAmongNodes>) {
        let Some(LooksAmongNodes { losses, interval }) = looks else { return std::future::pending().await };
        tokio::select! {
            _ = losses.changed() => self.inner.jobs.stop_all(),
            _ = interval.tick() => {
                if let Err(e) = self.stop_left_jobs().await {
                    tracing::warn!(error = %e, "it can't be seen whether jobs were stopped");
                }
            }
        }
    }
}
