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

use crate::algorithm::Algorithm;
use crate::models::{FaceModels, ModelFiles, ModelPaths};
use crate::recognisability::Judge;
use crate::runtime::{Inference, RuntimeChoice, RuntimeInfo};
use crate::{Error, Result};

use queue::Refused;

pub use queue::{Load, Priority};

type Job = Box<dyn FnOnce(&mut FaceModels) + Send>;
type Queue = queue::Queue<Job>;

/// Time limits of a caller's job.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    /// From submission until a worker starts the job.
    pub wait: Duration,
    /// From the start of the job until it is done.
    pub job: Duration,
}

/// Extra time in which an overdue job may notice its deadline before its caller gets an error.
const GRACE: Duration = Duration::from_secs(5);

/// Size of the pool and its queue.
#[derive(Debug, Clone, Copy)]
pub struct PoolSize {
    /// Worker threads; each runs its networks single-threaded.
    pub workers: NonZeroUsize,
    /// Maximum waiting jobs of known callers; half as many of each other kind. A job beyond that is refused.
    pub queue: NonZeroUsize,
}

impl PoolSize {
    /// One worker per core and 32 waiting jobs per worker.
    pub fn for_this_machine() -> Self {
        let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        // Evaluated by the compiler: zero would not compile.
        Self { workers, queue: workers.saturating_mul(const { NonZeroUsize::new(32).unwrap() }) }
    }
}

/// Handle to the worker threads. Clones share them; they end when the last clone is dropped.
#[derive(Clone)]
pub struct Vision {
    handle: Arc<Handle>,
    algorithm: Arc<Algorithm>,
    runtime: Arc<RwLock<RuntimeInfo>>,
    judge: Arc<Option<Judge>>,
    embedder_weights: Option<Arc<[f32]>>,
    limits: Option<TimeLimits>,
}

/// Ends the workers when the last [`Vision`] is dropped.
struct Handle(Arc<Queue>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Vision {
    /// Starts the pool as [`Vision::start_with`] does, on the default runtime and precision.
    ///
    /// # Errors
    /// As [`Vision::start_with`].
    pub fn start(paths: &ModelPaths, size: PoolSize) -> Result<Self> {
        Self::start_with(paths, size, Inference::default())
    }

    /// Reads and verifies the model files, starts the workers and waits until each has loaded its networks.
    ///
    /// If OpenVINO was not explicitly requested and can't load the networks, ONNX Runtime runs them.
    ///
    /// # Errors
    /// Any error of the files or the runtime library.
    pub fn start_with(paths: &ModelPaths, size: PoolSize, inference: Inference) -> Result<Self> {
        Self::begin(paths, size, inference)?.wait()
    }

    /// Starts the pool as [`Vision::start_with`] does, but does not wait until the workers have loaded their networks.
    ///
    /// # Errors
    /// Any error of the files or the runtime library.
    pub fn begin(paths: &ModelPaths, size: PoolSize, inference: Inference) -> Result<StartingPool> {
        let files = ModelFiles::read(paths, inference)?;
        let queue = Arc::new(Queue::new(size.workers.get(), size.queue.get()));
        let workers = Loading::start(&files, &queue, size.workers)?;
        let vision = Self {
            algorithm: Arc::new(files.algorithm.clone()),
            runtime: Arc::new(RwLock::new(files.runtime.info().clone())),
            judge: Arc::clone(&files.judge),
            embedder_weights: files.embedder_weights()?.map(Arc::from),
            handle: Arc::new(Handle(queue)),
            limits: None,
        };
        let may_fall_back = inference.runtime == RuntimeChoice::Auto && files.runtime.is_openvino();
        Ok(StartingPool { vision, workers, files, size, may_fall_back })
    }

    /// The runtime that runs the networks.
    pub fn runtime(&self) -> RuntimeInfo {
        self.runtime.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The algorithm of the embeddings.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// The judge of recognisability; `None` for another embedder than the manifest's.
    pub(crate) fn judge(&self) -> Option<&Judge> {
        self.judge.as_ref().as_ref()
    }

    /// The weights of the layer that makes the embeddings, one row per number of an embedding; `None` if that is no square
    /// linear layer.
    pub fn embedder_weights(&self) -> Option<Arc<[f32]>> {
        self.embedder_weights.clone()
    }

    /// Numbers of workers and jobs at this moment.
    pub fn load(&self) -> Load {
        self.handle.0.load()
    }

    /// Time since the last completed job, if jobs are running and it exceeds the limit of a job.
    pub fn stuck_for(&self) -> Option<Duration> {
        let longest = self.limits?.job + GRACE;
        self.handle.0.time_since_progress().filter(|still| *still > longest)
    }

    /// The same pool with time limits for callers' jobs.
    pub fn with_limits(self, limits: TimeLimits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// Runs `job` on a worker and waits for its result, without a time limit.
    ///
    /// # Errors
    /// [`Error::Busy`] at once if the queue is full; [`Error::Worker`] if the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut FaceModels) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (_queued, answered) = self.put(Priority::Known, None, job)?;
        answered.await.map_err(|_| Error::Worker("no answer".to_owned()))?
    }

    /// Runs `job` on a worker on behalf of a caller, within the time limits, if any; [`Priority::Own`] has none. An
    /// overdue job ends at its next detector pass or embedding.
    ///
    /// # Errors
    /// As [`Vision::run`]; [`Error::Busy`] also if no worker started the job in time; [`Error::Overdue`] if it was not
    /// done in time.
    pub async fn run_for<T: Send + 'static>(
        &self,
        priority: Priority,
        job: impl FnOnce(&mut FaceModels) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lost = |_| Error::Worker("no answer".to_owned());
        let limits = self.limits.filter(|_| priority != Priority::Own);
        let Some(TimeLimits { wait, job: at_work }) = limits else {
            let (_queued, answered) = self.put(priority, None, job)?;
            return answered.await.map_err(lost)?;
        };
        let (begun, has_begun) = oneshot::channel();
        let (queued, answered) = self.put(priority, Some(at_work), move |models| {
            let _ = begun.send(());
            job(models)
        })?;
        if timeout(wait, has_begun).await.is_err() && queued.withdraw() {
            return Err(Error::Busy);
        }
        // The job checks its own deadline; a single step may take longer than the remaining time.
        timeout(at_work + GRACE, answered).await.map_err(|_| Error::Overdue)?.map_err(lost)?
    }

    fn put<T: Send + 'static>(
        &self,
        priority: Priority,
        time: Option<Duration>,
        job: impl FnOnce(&mut FaceModels) -> Result<T> + Send + 'static,
    ) -> Result<(Queued, oneshot::Receiver<Result<T>>)> {
        let (answer, answered) = oneshot::channel();
        let (queued, trace) = (Instant::now(), aicp_traces::Trace::current());
        let job: Job = Box::new(move |models| {
            // The caller has hung up.
            if answer.is_closed() {
                return;
            }
            let begun = Instant::now();
            metrics::histogram!("aicp_recognition_wait_seconds").record(begun - queued);
            models.set_deadline(time.map(|time| Instant::now() + time));
            let result = catch_unwind(AssertUnwindSafe(|| job(models)))
                .unwrap_or_else(|panic| Err(Error::Worker(panic_text(panic.as_ref()))));
            models.set_deadline(None);
            metrics::histogram!("aicp_recognition_work_seconds").record(begun.elapsed());
            if let Some(trace) = trace {
                trace.add_stage("recognition.wait", queued, begun);
                trace.add_stage("recognition.work", begun, Instant::now());
            }
            let _ = answer.send(result);
        });
        let queue = Arc::clone(&self.handle.0);
        let ticket = queue.put(priority, job).map_err(|refused| match refused {
            Refused::Full => {
                metrics::counter!("aicp_recognition_refused_total").increment(1);
                Error::Busy
            }
            Refused::Closed => Error::Worker("no worker is left".to_owned()),
        })?;
        Ok((Queued { queue, ticket }, answered))
    }
}

/// A queued or running job. Dropping this withdraws the job if it still waits: the caller has hung up.
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

/// A pool whose workers are loading their networks.
pub struct StartingPool {
    vision: Vision,
    workers: Loading,
    files: ModelFiles,
    size: PoolSize,
    may_fall_back: bool,
}

impl StartingPool {
    /// The pool. Its jobs wait until [`StartingPool::wait`] has found all workers ready.
    pub fn vision(&self) -> Vision {
        self.vision.clone()
    }

    /// Waits until each worker has loaded its networks.
    ///
    /// # Errors
    /// As [`Vision::start_with`]; the pool is unusable then.
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

/// Threads that load networks and then wait for a start signal; dropping this ends those that still wait.
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

    /// Waits until all threads have loaded, then starts them; fails if one could not load.
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
    while let Some((priority, job)) = queue.take(done) {
        job(&mut models);
        done = Some(priority);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned())
}
