//! A bounded pool of worker threads, each with networks of its own.

mod queue;

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::models::{Algorithm, FaceModels, ModelFiles, ModelPaths};
use crate::runtime::{Inference, RuntimeChoice, RuntimeInfo};
use crate::{Error, Result};

use queue::Refused;

pub use queue::Caller;

type Job = Box<dyn FnOnce(&mut FaceModels) + Send>;
type Queue = queue::Queue<Job>;

/// How long a caller's job may take.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    /// Until a worker begins it.
    pub wait: Duration,
    /// From then until it is done.
    pub job: Duration,
}

/// What a job may take beyond its time until it sees that, before its caller is told.
const GRACE: Duration = Duration::from_secs(5);

/// How large the pool is.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// Worker threads; each runs its networks on itself alone.
    pub workers: NonZeroUsize,
    /// Jobs of known callers that may wait for a worker, and half as many of others; one more is refused.
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
    limits: Option<TimeLimits>,
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
        let queue = Arc::new(Queue::new(size.workers.get(), size.queue.get()));
        let workers = Loading::start(&files, &queue, size.workers)?;
        let vision = Self {
            algorithm: Arc::new(files.algorithm.clone()),
            runtime: Arc::new(RwLock::new(files.runtime.info().clone())),
            handle: Arc::new(Handle(queue)),
            limits: None,
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
        self.handle.0.waiting()
    }

    /// How long workers have been at their jobs without one being done, if that is longer than a job may take.
    pub fn stuck_for(&self) -> Option<Duration> {
        let longest = self.limits?.job + GRACE;
        self.handle.0.still_for().filter(|still| *still > longest)
    }

    /// The same pool, with limits of time for the jobs that are given through it on behalf of callers.
    pub fn with_limits(self, limits: TimeLimits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// Runs `job` on a worker and waits for its result, however long it takes.
    ///
    /// # Errors
    /// [`Error::Busy`] at once if the queue is full; [`Error::Worker`] if the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut FaceModels) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (_queued, answered) = self.put(Caller::Known, None, job)?;
        answered.await.map_err(|_| Error::Worker("no answer".to_owned()))?
    }

    /// Runs `job` on a worker on behalf of a caller, within the limits of time if there are any and it is not [`Caller::Own`]. A
    /// job that is past its time ends at its next look at the picture.
    ///
    /// # Errors
    /// As [`Vision::run`]; [`Error::Busy`] too if no worker began the job in time; [`Error::Overdue`] if it was not done in time.
    pub async fn run_for<T: Send + 'static>(
        &self,
        caller: Caller,
        job: impl FnOnce(&mut FaceModels) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lost = |_| Error::Worker("no answer".to_owned());
        let limits = self.limits.filter(|_| caller != Caller::Own);
        let Some(TimeLimits { wait, job: at_work }) = limits else {
            let (_queued, answered) = self.put(caller, None, job)?;
            return answered.await.map_err(lost)?;
        };
        let (begun, has_begun) = oneshot::channel();
        let (queued, answered) = self.put(caller, Some(at_work), move |models| {
            let _ = begun.send(());
            job(models)
        })?;
        if timeout(wait, has_begun).await.is_err() && queued.withdraw() {
            return Err(Error::Busy);
        }
        // It sees its own time run out; a single step of it may be longer than what is left.
        timeout(at_work + GRACE, answered).await.map_err(|_| Error::Overdue)?.map_err(lost)?
    }

    fn put<T: Send + 'static>(
        &self,
        caller: Caller,
        time: Option<Duration>,
        job: impl FnOnce(&mut FaceModels) -> Result<T> + Send + 'static,
    ) -> Result<(Queued, oneshot::Receiver<Result<T>>)> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |models| {
            // Nobody waits for the answer any more: the caller hung up.
            if answer.is_closed() {
                return;
            }
            models.set_deadline(time.map(|time| Instant::now() + time));
            let result = catch_unwind(AssertUnwindSafe(|| job(models)))
                .unwrap_or_else(|panic| Err(Error::Worker(panic_text(panic.as_ref()))));
            models.set_deadline(None);
            let _ = answer.send(result);
        });
        let queue = Arc::clone(&self.handle.0);
        let ticket = queue.put(caller, job).map_err(|refused| match refused {
            Refused::Full => Error::Busy,
            Refused::Closed => Error::Worker("no worker is left".to_owned()),
        })?;
        Ok((Queued { queue, ticket }, answered))
    }
}

/// A job in the queue or at work. One that still waits when this is dropped is taken back: the caller hung up.
struct Queued {
    queue: Arc<Queue>,
    ticket: u64,
}

impl Queued {
    fn withdraw(&self) -> bool {
        self.queue.withdraw(self.ticket)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.withdraw();
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
    let mut done = None;
    while let Some((caller, job)) = queue.take(done) {
        job(&mut models);
        done = Some(caller);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}
