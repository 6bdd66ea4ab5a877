//! A bounded pool of worker threads, each with networks of its own.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

use crate::models::{Algorithm, FaceModels, ModelFiles, ModelPaths};
use crate::{Error, Result};

type Job = Box<dyn FnOnce(&mut FaceModels) + Send>;

/// How large the pool is.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// Worker threads; each runs its networks on itself alone.
    pub workers: NonZeroUsize,
    /// Jobs that may wait for a worker; one more is refused.
    pub queue: NonZeroUsize,
}

impl PoolSize {
    /// One worker a core, and room for 32 waiting jobs each.
    pub fn for_this_machine() -> Self {
        let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { workers, queue: workers.saturating_mul(NonZeroUsize::MIN.saturating_add(31)) }
    }
}

/// The worker threads. Clones share them; they end when the last clone is gone.
#[derive(Clone)]
pub struct Vision {
    jobs: Sender<Job>,
    algorithm: Arc<Algorithm>,
}

impl Vision {
    /// Reads and verifies the model files, starts the workers and waits until each has loaded its networks.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the runtime library.
    pub fn start(paths: &ModelPaths, size: PoolSize) -> Result<Self> {
        let files = Arc::new(ModelFiles::read(paths)?);
        let algorithm = Arc::new(files.algorithm.clone());
        let (jobs, queue) = bounded::<Job>(size.queue.get());
        let (ready, loaded) = mpsc::channel();
        for number in 0..size.workers.get() {
            let (files, queue, ready) = (Arc::clone(&files), queue.clone(), ready.clone());
            thread::Builder::new()
                .name(format!("vision-{number}"))
                .spawn(move || {
                    let models = FaceModels::load(&files);
                    drop(files);
                    match models {
                        Ok(models) => {
                            let _ = ready.send(Ok(()));
                            drop(ready);
                            work(models, &queue);
                        }
                        Err(e) => {
                            let _ = ready.send(Err(e));
                        }
                    }
                })
                .map_err(|e| Error::Worker(e.to_string()))?;
        }
        drop(ready);
        for _ in 0..size.workers.get() {
            loaded.recv().map_err(|_| Error::Worker("it ended while loading its models".to_owned()))??;
        }
        Ok(Self { jobs, algorithm })
    }

    /// Which algorithm the embeddings are of.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// Jobs that wait for a worker now.
    pub fn waiting(&self) -> usize {
        self.jobs.len()
    }

    /// Runs `job` on a worker and waits for its result.
    ///
    /// # Errors
    /// [`Error::Busy`] at once if the queue is full; [`Error::Worker`] if the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut FaceModels) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |models| {
            // Nobody waits for the answer any more: the caller hung up.
            if answer.is_closed() {
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(|| job(models)))
                .unwrap_or_else(|panic| Err(Error::Worker(panic_text(panic.as_ref()))));
            let _ = answer.send(result);
        });
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(Error::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(Error::Worker("no worker is left".to_owned())),
        }
        answered.await.map_err(|_| Error::Worker("no answer".to_owned()))?
    }
}

fn work(mut models: FaceModels, queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        job(&mut models);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}
