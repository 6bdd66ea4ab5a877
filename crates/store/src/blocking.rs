//! Blocking work off the async threads.

use crate::{Error, Result};

/// Runs blocking work on a thread where it may block.
///
/// # Errors
/// Those of the work; [`Error::Closed`] if the runtime is shutting down.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // Joining fails only if the runtime is shutting down.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Closed))
}
