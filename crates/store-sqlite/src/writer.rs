//! The only writer: runs the queued jobs in batches, one commit per batch, then announces the changes.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::connection::Local;
use aicp_store::sql::{self, DatabaseError, Kind};
use aicp_store::{Effects, Error, Job, Observer, Result, Tx};

/// Capacity of the queue; senders wait while it is full.
const QUEUE_DEPTH: usize = 1024;
/// Maximum number of jobs per commit.
const BATCH_SIZE: usize = 256;

/// Handle of the writer's thread.
pub(crate) struct Writer {
    queue: mpsc::Sender<Message>,
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
    /// Starts the writer on a thread of its own.
    ///
    /// Statements run synchronously on that thread, so that a transaction never waits for another thread.
    pub(crate) fn start(connection: Local, observer: Arc<OnceLock<Arc<dyn Observer>>>) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE_DEPTH);
        let (tell, ended) = oneshot::channel();
        let tx = Tx::new(Box::new(connection));
        let runtime = Handle::current();
        thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || {
            let outcome = runtime.block_on(write_until_closed(tx, &observer, messages));
            // The receiver is gone if the store was dropped.
            let _ = tell.send(outcome);
        })?;
        Ok(Self { queue, ended: Mutex::new(Some(ended)) })
    }

    /// Runs a job atomically; returns when it is committed and announced, or rolled back.
    pub(crate) async fn run(&self, job: Job) -> Result<Effects> {
        let (reply, outcome) = oneshot::channel();
        self.queue.send(Message::Run(job, reply)).await.map_err(|_| Error::Closed)?;
        outcome.await.unwrap_or(Err(Error::Closed))
    }

    /// Runs work on the writer's thread between two transactions, while nothing is written.
    pub(crate) async fn pause<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, outcome) = oneshot::channel();
        let work = Box::new(move || drop(reply.send(work())));
        self.queue.send(Message::Pause(work)).await.map_err(|_| Error::Closed)?;
        outcome.await.unwrap_or(Err(Error::Closed))
    }

    /// Waits until the queue is empty, then closes the connection. A second call does nothing.
    pub(crate) async fn close(&self) -> Result<()> {
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
    mut tx: Tx,
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
        finish_batch(&mut tx, observer, jobs).await;
        pauses.into_iter().for_each(|work| work());
    }
    messages.close();
    let checkpoint = tx.fetch_one(sql::query_as("PRAGMA wal_checkpoint(TRUNCATE)")).await?;
    let (is_blocked, _, _): (bool, i64, i64) = checkpoint;
    if is_blocked {
        tracing::warn!("a reader kept the write-ahead log from being folded into the database; the next start does it");
    }
    Ok(())
}

/// Runs and commits `jobs` as one batch, announces their changes, and sends each caller its outcome.
async fn finish_batch(
    tx: &mut Tx,
    observer: &OnceLock<Arc<dyn Observer>>,
    jobs: Vec<(Job, oneshot::Sender<Result<Effects>>)>,
) {
    if jobs.is_empty() {
        return;
    }
    let begun = Instant::now();
    metrics::histogram!("aicp_store_batch_writes").record(jobs.len() as f64);
    let mut done = Vec::with_capacity(jobs.len());
    let failure = match run_all(tx, jobs, &mut done).await {
        Ok(()) => tx.execute("COMMIT").await.err().map(|error| (may_be_durable(&error), error)),
        Err(error) => Some((false, error)),
    };
    metrics::histogram!("aicp_store_commit_seconds").record(begun.elapsed());
    match failure {
        None => {
            metrics::counter!("aicp_store_writes_total").increment(done.len() as u64);
            if let Some(observer) = observer.get() {
                for Effects { changes, sequence, .. } in done.iter().map(|done| &done.effects) {
                    sequence.iter().for_each(|sequence| observer.committed(*sequence, changes));
                }
                if done.iter().any(|done| done.effects.has_events) {
                    observer.recorded_events();
                }
            }
            // A caller may have dropped the future.
            done.into_iter().for_each(|done| drop(done.reply.send(Ok(done.effects))));
        }
        Some((in_doubt, error)) => {
            metrics::counter!("aicp_store_failed_batches_total").increment(1);
            tracing::error!(%error, jobs = done.len(), "a batch of writes failed");
            // Fails if SQLite has rolled back by itself, which has the same effect.
            tx.execute("ROLLBACK").await.ok();
            let tell = if in_doubt { Error::InDoubt } else { Error::RolledBack };
            done.into_iter().for_each(|done| drop(done.reply.send(Err(tell(error.clone())))));
        }
    }
}

/// Runs each job in a savepoint, so that a failing job rolls back only its own changes. After an error no further job is
/// run.
async fn run_all(
    tx: &mut Tx,
    jobs: Vec<(Job, oneshot::Sender<Result<Effects>>)>,
    done: &mut Vec<Done>,
) -> Result<(), DatabaseError> {
    let mut begun = tx.execute("BEGIN IMMEDIATE").await;
    for (job, reply) in jobs {
        let mut effects = Effects::default();
        if begun.is_ok() {
            begun = run_one(tx, job, &mut effects).await;
        }
        done.push(Done { effects, reply });
    }
    begun
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
        // On a full disk, for example, SQLite rolls back the whole transaction; then this fails, and so does the batch.
        tx.execute("ROLLBACK TO job").await?;
    }
    tx.execute("RELEASE job").await
}

/// Returns whether a failed commit may be found in the write-ahead log after a crash. Only an error that SQLite reports
/// without a failing disk excludes that.
fn may_be_durable(error: &DatabaseError) -> bool {
    !matches!(error.kind(), Kind::Refused | Kind::Duplicate | Kind::MissingParent)
}

#[cfg(test)]
mod tests;
