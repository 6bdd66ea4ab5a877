//! Numbers of the moment, for those who watch the server.

use std::time::{Duration, Instant};

use aicp_backends::Load;
use aicp_store::{Counts, DatabaseUsage, OutboxCount};
use tokio::sync::Mutex;

use crate::{EngineHealth, Platform, Result};

/// Numbers of the moment.
#[derive(Debug, Clone)]
pub struct Numbers {
    /// Workers of the recognition, and pictures that wait for one.
    pub recognition: Load,
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
    /// Nodes of the database that answer, this one among them.
    pub nodes: u32,
}

/// Shortest time for which counts are kept, and that time as a multiple of what it took to count: so counting takes less
/// than a hundredth of a processor, however large the tables are.
const COUNTS_KEPT: (Duration, u32) = (Duration::from_secs(1), 200);

/// The last counts.
#[derive(Default)]
pub(crate) struct RecentCounts(Mutex<Option<(Instant, Counts)>>);

impl Platform {
    /// Counts the stored objects, or returns counts of before: the more there is to count, the older.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn recent_counts(&self) -> Result<Counts> {
        let mut known = self.inner.recent_counts.0.lock().await;
        let begun = Instant::now();
        if let Some((until, counts)) = &*known
            && begun < *until
        {
            return Ok(*counts);
        }
        let counts = self.counts().await?;
        let (shortest, multiple) = COUNTS_KEPT;
        *known = Some((Instant::now() + shortest.max(begun.elapsed() * multiple), counts));
        Ok(counts)
    }

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
            recognition: self.inner.builtin.recognition_load(),
            searchable_faces: self.inner.builtin.all_faces(),
            jobs_running: self.inner.jobs.running(),
            outbox,
            engines: self.engine_health(),
            database: self.inner.store.database_usage().await?,
            changes_behind: committed.get().saturating_sub(progress.applied().get()),
            behind_for: progress.waiting_for(),
            nodes: self.answering_nodes(),
        })
    }
}
