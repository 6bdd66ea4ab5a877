//! Writes of jobs.

use aicp_store::{JobItemState, JobRow, Result};
use aicp_types::JobId;

use super::Handle;

impl Handle {
    /// Updates a job.
    pub async fn update_job(&self, job: &JobRow) -> Result<()> {
        let job = job.clone();
        self.0.write(move |tx| Box::pin(async move { tx.update_job(&job).await })).await
    }

    /// Records what became of an item of a job.
    pub async fn finish_job_item(&self, id: JobId, number: i64, state: JobItemState, code: &str) -> Result<bool> {
        let code = code.to_owned();
        let finish = self
            .0
            .write(move |tx| Box::pin(async move { tx.finish_job_item(id, number, state, &code, Some("{}")).await }));
        finish.await
    }
}
