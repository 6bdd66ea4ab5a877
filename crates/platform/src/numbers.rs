//! Numbers of the moment, for those who watch the server.

use std::time::Duration;

use aicp_store::{DatabaseUsage, OutboxCount};

use crate::{EngineHealth, Platform, Result};

/// Numbers of the moment.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// Pictures that wait for a worker.
    pub recognitions_waiting: usize,
    /// Faces that searches look through.
    pub searchable_faces: usize,
    /// Jobs that run in this process.
    pub jobs_running: usize,
    /// Writes that wait for each engine.
    pub outbox: Vec<OutboxCount>,
    /// Health of each remote engine.
    pub engines: Vec<EngineHealth>,
    /// Space of the database.
    pub database: DatabaseUsage,
    /// Committed changes that this process has not applied.
    pub changes_behind: u64,
    /// How long the oldest of them that this process knows has waited.
    pub behind_for: Duration,
}

impl Platform {
    /// Returns the numbers of the moment.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn numbers(&self) -> Result<Numbers> {
        let mut rows = self.inner.store.rows().await?;
        let outbox = rows.outbox_counts().await?;
        let committed = rows.last_sequence().await?;
        drop(rows);
        let progress = &self.inner.progress;
        Ok(Numbers {
            recognitions_waiting: self.inner.builtin.waiting(),
            searchable_faces: self.inner.builtin.all_faces(),
            jobs_running: self.inner.jobs.running(),
            outbox,
            engines: self.engine_health(),
            database: self.inner.store.database_usage().await?,
            changes_behind: committed.get().saturating_sub(progress.applied().get()),
            behind_for: progress.waiting_for(),
        })
    }
}
