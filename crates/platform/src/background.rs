//! Tasks that run beside the calls.

use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

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
