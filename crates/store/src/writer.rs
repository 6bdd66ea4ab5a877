//! The only writer of a process: runs the queued jobs in batches, one commit per batch, then announces the changes.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::sql::{DatabaseError, Kind};
use crate::{Effects, Error, Job, Observer, Result, Tx};

/// Capacity of the queue; senders wait while it is full.
const QUEUE_DEPTH: usize = 1024;
/// Maximum number of jobs per commit.
const BATCH_SIZE: usize = 256;

/// Connections of a database to its writer.
#[async_trait]
pub trait Session: Send + 'static {
    /// Begins a transaction.
    ///
    /// # Errors
    /// Errors of the database; nothing was begun then.
    async fn begin(&mut self) -> Result<Tx, DatabaseError>;

    /// Takes a transaction back that was committed or rolled back.
    fn end(&mut self, tx: Tx);

    /// Announces what the jobs of a committed transaction did, in order, before their callers are told.
    async fn announce(&mut self, observer: Option<&dyn Observer>, done: &[&Effects]) {
        let Some(observer) = observer else { return };
        for effects in done {
            effects.sequence.iter().for_each(|sequence| observer.committed(*sequence, &effects.changes));
        }
        if done.iter().any(|effects| effects.has_events) {
            observer.recorded_events();
        }
    }

    /// Completes what is to be done after the last transaction.
    ///
    /// # Errors
    /// Errors of the database.
    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Handle of the writer's thread.
pub struct Writer {
    queue: mpsc::Sender<Message>,
    observer: Arc<OnceLock<Arc<dyn Observer>>>,
    /// Result of the thread; `None` once it was received.
    ended: Mutex<Option<oneshot::Receiver<Result<()>>>>,
}

enum Message {
    /// A job, and where to send what it did.
    Run(Job, oneshot::Sender<Result<Effects>>),
    /// Work to do between two transactions.
    Pause(Box<dyn FnOnce() + Send>),
    Close,
}

/// A job of a batch that has run.
struct Done {
    effects: Effects,
    reply: oneshot::Sender<Result<Effects>>,
}

impl Writer {
    /// Starts the writer on a thread of its own, which the observer may block. Statements of a session that blocks run on that
    /// thread, so that its transactions never wait for another one. Must be called on the runtime.
    ///
    /// # Errors
    /// The system can't start a thread.
    pub fn start(session: impl Session) -> io::Result<Self> {
        let observer = Arc::<OnceLock<_>>::default();
        let told = Arc::clone(&observer);
        let (queue, messages) = mpsc::channel(QUEUE_DEPTH);
        let (tell, ended) = oneshot::channel();
        let runtime = Handle::current();
        thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            let outcome = runtime.block_on(write_until_closed(session, &told, messages));
            // The receiver is gone if the store was dropped.
            let _ = tell.send(outcome);
        })?;
        Ok(Self { queue, observer, ended: Mutex::new(Some(ended)) })
    }

    /// Announces every change from now on to this observer. At most one is set, once.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        // A second observer is a mistake of the caller, who is told so by its silence.
        let _ = self.observer.set(observer);
    }

    /// Runs a job atomically; returns when it is committed and announced, or rolled back.
    ///
    /// # Errors
    /// [`Error::RolledBack`], [`Error::InDoubt`], [`Error::Closed`].
    pub async fn run(&self, job: Job) -> Result<Effects> {
        let (reply, outcome) = oneshot::channel();
        self.queue.send(Message::Run(job, reply)).await.map_err(|_| Error::Closed)?;
        outcome.await.unwrap_or(Err(Error::Closed))
    }

    /// Runs work on the writer's thread between two transactions, while nothing is written.
    ///
    /// # Errors
    /// Those of the work; [`Error::Closed`].
    pub async fn pause<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (reply, outcome) = oneshot::channel();
        let work = Box::new(move || drop(reply.send(work())));
        self.queue.send(Message::Pause(work)).await.map_err(|_| Error::Closed)?;
        outcome.await.unwrap_or(Err(Error::Closed))
    }

    /// Waits until the queue is empty, then closes the session. A second call does nothing.
    ///
    /// # Errors
    /// Those of the session.
    pub async fn close(&self) -> Result<()> {
        let mut slot = self.ended.lock().await;
        let Some(ended) = slot.as_mut() else { return Ok(()) };
        // If sending fails, the thread has ended already; its result is what counts.
        self.queue.send(Message::Close).await.ok();
        let outcome = ended.await.unwrap_or(Err(Error::Closed));
        *slot = None;
        outcome
    }
}

async fn write_until_closed(
    mut session: impl Session,
    observer: &OnceLock<Arc<dyn Observer>>,
    mut messages: mpsc::Receiver<Message>,
) -> Result<()> {
    let mut received = Vec::with_capacity(BATCH_SIZE);
    let mut closing = false;
    while !closing && messages.recv_many(&mut received, BATCH_SIZE).await > 0 {
        let mut jobs = Vec::with_capacity(received.len());
        let mut pauses = Vec::new();
        for message in received.drain(..) {
            match message {
                Message::Run(job, reply) => jobs.push((job, reply)),
                Message::Pause(work) => pauses.push(work),
                Message::Close => closing = true,
            }
        }
        finish_batch(&mut session, observer, jobs).await;
        pauses.into_iter().for_each(|work| work());
    }
    messages.close();
    session.close().await
}

/// Runs and commits `jobs` as one batch, announces their changes, and sends each caller its outcome.
async fn finish_batch(
    session: &mut impl Session,
    observer: &OnceLock<Arc<dyn Observer>>,
    jobs: Vec<(Job, oneshot::Sender<Result<Effects>>)>,
) {
    if jobs.is_empty() {
        return;
    }
    let begun = Instant::now();
    metrics::histogram!("aicp_store_batch_writes").record(jobs.len() as f64);
    let mut done = Vec::with_capacity(jobs.len());
    let failure = run_all(session, jobs, &mut done).await.err();
    metrics::histogram!("aicp_store_commit_seconds").record(begun.elapsed());
    match failure {
        None => {
            metrics::counter!("aicp_store_writes_total").increment(done.len() as u64);
            let effects: Vec<&Effects> = done.iter().map(|done| &done.effects).collect();
            session.announce(observer.get().map(AsRef::as_ref), &effects).await;
            // A caller may have dropped the future.
            done.into_iter().for_each(|done| drop(done.reply.send(Ok(done.effects))));
        }
        Some((in_doubt, error)) => {
            metrics::counter!("aicp_store_failed_batches_total").increment(1);
            tracing::error!(%error, jobs = done.len(), "a batch of writes failed");
            let tell = match (in_doubt, error.kind()) {
                (true, _) => Error::InDoubt,
                (false, Kind::Unavailable) => Error::Unavailable,
                (false, _) => Error::RolledBack,
            };
            done.into_iter().for_each(|done| drop(done.reply.send(Err(tell(error.clone())))));
        }
    }
}

/// Runs each job in a savepoint of one transaction, so that a failing job rolls back only its own changes, and commits. After
/// an error no further job is run; it tells whether the transaction may be found committed.
async fn run_all(
    session: &mut impl Session,
    jobs: Vec<(Job, oneshot::Sender<Result<Effects>>)>,
    done: &mut Vec<Done>,
) -> Result<(), (bool, DatabaseError)> {
    let mut begun = session.begin().await;
    let mut failed = None;
    for (job, reply) in jobs {
        let mut effects = Effects::default();
        if let Ok(tx) = &mut begun
            && failed.is_none()
        {
            failed = run_one(tx, job, &mut effects).await.err();
        }
        done.push(Done { effects, reply });
    }
    let mut tx = begun.map_err(|error| (false, error))?;
    let outcome = match failed {
        None => tx.execute("COMMIT").await.map_err(|error| (is_in_doubt(&error), error)),
        Some(error) => Err((false, error)),
    };
    if outcome.is_err() {
        // Fails if the database has rolled back by itself, which has the same effect.
        tx.execute("ROLLBACK").await.ok();
    }
    session.end(tx);
    outcome
}

async fn run_one(tx: &mut Tx, job: Job, effects: &mut Effects) -> Result<(), DatabaseError> {
    // Effects of a job that could not be completed must not become those of this one.
    drop(tx.take_effects());
    tx.execute("SAVEPOINT job").await?;
    let commits = job(tx).await;
    if commits {
        tx.finish().await?;
        *effects = tx.take_effects();
    } else {
        drop(tx.take_effects());
        // A database may have rolled back the whole transaction, on a full disk for example; then this fails, and so does the batch.
        tx.execute("ROLLBACK TO job").await?;
    }
    tx.execute("RELEASE job").await
}

/// Returns whether a failed commit may have happened nevertheless, or may happen in a crash, as it is in the log already. Only an answer
/// of the database that does not tell of a failing disk excludes that.
fn is_in_doubt(error: &DatabaseError) -> bool {
    !matches!(error.kind(), Kind::Refused | Kind::Duplicate | Kind::MissingParent)
}
