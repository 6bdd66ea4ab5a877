//! A bounded pool of worker threads, each with networks of its own.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
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
    runtime: Arc<RwLock<RuntimeInfo>>,
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
        Self::begin(paths, size, inference)?.wait()
    }

    /// As [`Vision::start_with`], but leaves the workers to load their networks while something else is done.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the runtime library.
    pub fn begin(paths: &ModelPaths, size: PoolSize, inference: Inference) -> Result<Starting> {
        let files = ModelFiles::read(paths, inference)?;
        let queue = Arc::new(Queue::new(size.queue.get()));
        let workers = Loading::start(&files, &queue, size.workers)?;
        let vision = Self {
            algorithm: Arc::new(files.algorithm.clone()),
            runtime: Arc::new(RwLock::new(files.runtime.info().clone())),
            handle: Arc::new(Handle(queue)),
        };
        let may_fall_back = inference.runtime == RuntimeChoice::Auto && files.runtime.is_openvino();
        Ok(Starting { vision, workers, files, size, may_fall_back })
    }

    /// What runs the networks.
    pub fn runtime(&self) -> RuntimeInfo {
        self.runtime.read().unwrap_or_else(PoisonError::into_inner).clone()
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

/// Workers that load their networks.
pub struct Starting {
    vision: Vision,
    workers: Loading,
    files: ModelFiles,
    size: PoolSize,
    may_fall_back: bool,
}

impl Starting {
    /// The pool. What it is given to do waits until [`Starting::wait`] found all workers ready.
    pub fn vision(&self) -> Vision {
        self.vision.clone()
    }

    /// Waits until each worker has loaded its networks.
    ///
    /// # Errors
    /// As [`Vision::start_with`]; the pool is of no use then.
    pub fn wait(mut self) -> Result<Vision> {
        match self.workers.wait() {
            Err(Error::Model { model, reason }) if self.may_fall_back => {
                self.files.runtime = self.files.runtime.without_openvino(format!("{model}: {reason}"));
                let mut runtime = self.vision.runtime.write().unwrap_or_else(PoisonError::into_inner);
                *runtime = self.files.runtime.info().clone();
                drop(runtime);
                Loading::start(&self.files, &self.vision.handle.0, self.size.workers)?.wait()?;
            }
            settled => settled?,
        }
        Ok(self.vision)
    }
}

/// Threads that load networks and then wait for the word to begin; those of which it is dropped end.
struct Loading {
    loaded: Receiver<Result<()>>,
    words: Vec<SyncSender<()>>,
}

impl Loading {
    fn start(files: &ModelFiles, queue: &Arc<Queue>, workers: NonZeroUsize) -> Result<Self> {
        let files = Arc::new(files.clone());
        let (ready, loaded) = mpsc::channel();
        let mut words = Vec::new();
        for number in 0..workers.get() {
            let (files, queue, ready) = (Arc::clone(&files), Arc::clone(queue), ready.clone());
            let (word, begin) = mpsc::sync_channel(1);
            words.push(word);
            thread::Builder::new()
                .name(format!("vision-{number}"))
                .spawn(move || {
                    let models = FaceModels::load(&files);
                    drop(files);
                    let (outcome, models) = match models {
                        Ok(models) => (Ok(()), Some(models)),
                        Err(e) => (Err(e), None),
                    };
                    let _ = ready.send(outcome);
                    drop(ready);
                    if let (Some(models), Ok(())) = (models, begin.recv()) {
                        work(models, &queue);
                    }
                })
                .map_err(|e| Error::Worker(e.to_string()))?;
        }
        Ok(Self { loaded, words })
    }

    /// Waits for all, and lets them begin if all have loaded.
    fn wait(&self) -> Result<()> {
        for _ in &self.words {
            self.loaded.recv().map_err(|_| Error::Worker("it ended while loading its models".to_owned()))??;
        }
        for word in &self.words {
            word.send(()).map_err(|_| Error::Worker("it ended before its work".to_owned()))?;
        }
        Ok(())
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
