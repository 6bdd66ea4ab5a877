//! Retry of many writes by one call.

use std::collections::HashSet;
use std::sync::Arc;

use aicp_store::{Act, OutboxFilter};
use aicp_types::{LibraryId, OutboxId, UnixMillis};
use serde::Serialize;

use super::Outbox;
use crate::audit::state;
use crate::background::run_detached;
use crate::{Caller, OutboxState, Platform, Result};

/// Writes that are read at a time.
const BATCH: u64 = 500;

/// Which writes that are not done to retry. The default matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryFilter {
    /// Only writes in this state, waiting or refused.
    pub state: Option<OutboxState>,
    /// Only writes of this engine.
    pub engine: Option<String>,
    /// Only writes of this library.
    pub library_id: Option<LibraryId>,
    /// Only writes of this app.
    pub app_id: Option<String>,
    /// Only writes created at this time or later.
    pub from: Option<UnixMillis>,
    /// Only writes created before this time.
    pub to: Option<UnixMillis>,
}

impl RetryFilter {
    fn rows(&self) -> OutboxFilter<'_> {
        let (engine, app_id) = (self.engine.as_deref(), self.app_id.as_deref());
        let Self { state, library_id, from, to, .. } = *self;
        OutboxFilter { state, engine, library_id, app_id, solved: Some(false), from, to, below: None }
    }
}

/// The filter as the audit log shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditedRetry<'a> {
    state: Option<&'static str>,
    engine: Option<&'a str>,
    library: Option<String>,
    app_id: Option<&'a str>,
    from: Option<UnixMillis>,
    to: Option<UnixMillis>,
    writes: u64,
}

impl Platform {
    /// Begins to retry all writes of a filter that are not done, the oldest first, and returns their number. Goes on after the
    /// return. Of a library whose engine does not answer, only the first waiting write is tried.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`crate::Internal::Store`].
    pub async fn retry_writes(&self, caller: &Caller, filter: RetryFilter) -> Result<u64> {
        caller.require_administration()?;
        let writes = self.inner.store.rows().await?.unsolved_outbox_count(filter.rows()).await?;
        let audited = AuditedRetry {
            state: filter.state.map(|state| if state == OutboxState::Refused { "refused" } else { "waiting" }),
            engine: filter.engine.as_deref(),
            library: filter.library_id.map(|id| id.to_string()),
            app_id: filter.app_id.as_deref(),
            from: filter.from,
            to: filter.to,
            writes,
        };
        let after = state(&audited);
        let act = Act { after, ..caller.act(self.now(), "outbox.retryAll", "outbox") };
        self.inner.store.write_always(move |tx| Box::pin(async move { tx.append_act(act).await })).await?;
        let (outbox, by) = (Arc::clone(&self.inner.outbox), caller.app_id().to_owned());
        tokio::spawn(run_detached(async move {
            outbox.retry_all(&filter, &by).await.inspect_err(|e| tracing::error!(error = %e, "writes can't be retried"))
        }));
        Ok(writes)
    }
}

impl Outbox {
    async fn retry_all(&self, filter: &RetryFilter, solved_by: &str) -> Result<()> {
        // The writes of a library are sent in order: behind one that waits, the next can't be done either.
        let mut stuck = HashSet::new();
        let mut after = OutboxId::new(i64::MIN);
        loop {
            let writes = self.store().rows().await?.unsolved_outbox_after(filter.rows(), after, BATCH).await?;
            let Some((last, ..)) = writes.last() else { return Ok(()) };
            after = *last;
            for (id, library_id, is_refused) in writes {
                if is_refused || !stuck.contains(&library_id) {
                    let is_done = self.resume_one(id, solved_by).await?;
                    if !is_done && !is_refused {
                        stuck.insert(library_id);
                    }
                }
            }
        }
    }
}
