//! Tasks that run beside the calls.

use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::{Error, Result};

/// A task that runs beside the calls until it is done or told to stop.
pub struct Background {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Background {
    /// Starts a task that ends soon after what it is given turns true.
    pub(crate) fn start<F>(task: impl FnOnce(watch::Receiver<bool>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: Mutex::new(Some(tokio::spawn(task(stopped)))) }
    }

    /// Tells the task to stop and waits until it has.
    pub async fn close(&self) {
        let _ = self.stop.send(true);
        self.finished().await;
    }

    /// Waits until the task is done.
    pub async fn finished(&self) {
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

/// Runs work to its end even if the caller goes away: what an engine was asked for must be written down.
///
/// # Errors
/// Those of the work; [`Error::Store`] if it broke off.
pub(crate) async fn run_to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.unwrap_or(Err(Error::Store(aicp_store::Error::Closed)))
}
