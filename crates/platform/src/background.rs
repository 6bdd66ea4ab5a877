//! Background tasks.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use aicp_store::Written;
use tokio::sync::{Mutex, watch};
use tokio::task::{JoinHandle, unconstrained};
use tracing::Instrument;

use crate::{Error, Internal, Result};

/// A background task that runs until it is done or told to stop.
pub struct Background {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Background {
    /// Starts a task. It must end soon after the channel it is given turns true.
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

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Drives a future to completion on this thread, which must not be one that the runtime needs. Unlike the runtime's own
/// function this may run inside another driven future, as on the writer's thread of the store.
pub(crate) fn drive<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    // Unconstrained, because the budget of the outer future is not renewed meanwhile.
    let mut future = pin!(unconstrained(future));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

/// Makes work, for a task of its own, part of the call that this task belongs to: its log lines, its stages, and what it writes.
pub fn carry_call<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let written = Written::of_task().unwrap_or_default();
    written.noting(aicp_traces::carry(work)).in_current_span()
}

/// Runs work to completion even if the caller is dropped: the answer of an engine must be stored. Its log lines and stages are
/// those of the request.
///
/// # Errors
/// Those of the work; [`Internal::Store`] if it was aborted or panicked.
pub(crate) async fn run_detached<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(carry_call(work)).await.unwrap_or(Err(Error::Internal(Internal::Store(aicp_store::Error::Closed))))
}
