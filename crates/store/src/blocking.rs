//! File work beside the async threads.

use crate::{Error, Result};

/// Runs blocking work off the async threads.
pub(crate) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // It can't be joined only if the runtime is shutting down.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Closed))
}
