//! A bounded pool of worker threads, each with networks of its own.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::models::{Algorithm, FaceModels, ModelFiles, ModelPaths};
use crate::runtime::{Inference, RuntimeChoice, RuntimeInfo};
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
    handle: Arc<Handle>,
    algorithm: Arc<Algorithm>,
    runtime: Arc<RuntimeInfo>,
}

/// Ends the workers when the last [`Vision`] is gone.
struct Handle(Arc<Queue>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Vision {
    /// As [`Vision::start_with`], on the runtime and in the precision that are chosen by themselves.
    ///
    /// # Errors
    /// As [`Vision::start_with`].
    pub fn start(paths: &ModelPaths, size: PoolSize) -> Result<Self> {
        Self::start_with(paths, size, Inference::default())
    }

    /// Reads and verifies the model files, starts the workers and waits until each has loaded its networks.
    ///
    /// Where OpenVINO was not asked for by name and its networks can't be loaded, ONNX Runtime runs them.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the runtime library.
    pub fn start_with(paths: &ModelPaths, size: PoolSize, inference: Inference) -> Result<Self> {
        let mut files = ModelFiles::read(paths, inference)?;
        let reason = match Self::on(files.clone(), size) {
            Err(Error::Model { model, reason })
                if inference.runtime == RuntimeChoice::Auto && files.runtime.is_openvino() =>
            {
                format!("{model}: {reason}")
            }
            settled => return settled,
        };
        files.runtime = files.runtime.without_openvino(reason);
        Self::on(files, size)
    }

    /// Workers on these files.
    fn on(files: ModelFiles, size: PoolSize) -> Result<Self> {
        let files = Arc::new(files);
        let (algorithm, runtime) = (Arc::new(files.algorithm.clone()), Arc::new(files.runtime.info().clone()));
        let queue = Arc::new(Queue::new(size.queue.get()));
        let handle = Arc::new(Handle(Arc::clone(&queue)));
        let (ready, loaded) = mpsc::channel();
        for number in 0..size.workers.get() {
            let (files, queue, ready) = (Arc::clone(&files), Arc::clone(&queue), ready.clone());
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
        Ok(Self { handle, algorithm, runtime })
    }

    /// What runs the networks.
    pub fn runtime(&self) -> &RuntimeInfo {
        &self.runtime
    }

    /// Which algorithm the embeddings are of.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// Jobs that wait for a worker now.
    pub fn waiting(&self) -> usize {
        self.handle.0.lock().waiting.len()
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
        self.handle.0.put(job)?;
        answered.await.map_err(|_| Error::Worker("no answer".to_owned()))?
    }
}

fn work(mut models: FaceModels, queue: &Queue) {
    while let Some(job) = queue.take() {
        job(&mut models);
    }
}

/// Jobs on their way to workers. A job goes to the worker that became idle last, whose networks are the likeliest to
/// be still in its core's cache; with all at work it waits its turn.
struct Queue {
    state: Mutex<State>,
    capacity: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// One sender for each idle worker, the latest last.
    idle: Vec<SyncSender<Job>>,
    closed: bool,
}

impl Queue {
    fn new(capacity: usize) -> Self {
        Self { state: Mutex::default(), capacity }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a job to an idle worker or lets it wait; busy if there is neither a worker nor room.
    fn put(&self, job: Job) -> Result<()> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::Worker("no worker is left".to_owned()));
        }
        let Some(worker) = state.idle.pop() else {
            if state.waiting.len() >= self.capacity {
                return Err(Error::Busy);
            }
            state.waiting.push_back(job);
            return Ok(());
        };
        worker.send(job).map_err(|_| Error::Worker("it ended while idle".to_owned()))
    }

    /// The next job for the calling worker; none once the queue is closed.
    fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        if let Some(job) = state.waiting.pop_front() {
            return Some(job);
        }
        if state.closed {
            return None;
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        state.idle.push(sender);
        drop(state);
        receiver.recv().ok()
    }

    /// Ends idle workers now and the others when nothing waits any more.
    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.idle.clear();
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}
