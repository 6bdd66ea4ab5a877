//! The only writer: runs the queued jobs in batches, one commit per batch, then announces the changes.

use std::sync::Arc;
use std::thread;

use aicp_types::Clock;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::connection::Local;
use super::person_cache::{Invalidation, PersonCache};
use crate::sql;
use crate::sql::{DatabaseError, Kind};
use crate::{Change, Error, Observer, Result};

/// Capacity of the queue; senders wait while it is full.
const QUEUE_DEPTH: usize = 1024;
/// Maximum number of jobs per commit.
const BATCH_SIZE: usize = 256;

/// Handle of the writer's thread.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    /// Result of the thread; `None` once it was received.
    ended: Mutex<Option<oneshot::Receiver<Result<()>>>>,
}

/// Context of a job: the connection, inside a transaction, and the changes to announce after the commit.
pub(super) struct WriteTx {
    pub(super) connection: Local,
    pub(super) changes: Vec<Change>,
    /// Cached entries to invalidate.
    pub(super) stale: Vec<Invalidation>,
    pub(super) clock: Arc<dyn Clock>,
}

enum Message {
    Run(Box<dyn Job>),
    Close,
}

impl Writer {
    /// Starts the writer on a thread of its own. It invalidates the outdated entries of `person_cache`.
    ///
    /// Statements run synchronously on that thread, so that a transaction never waits for another thread.
    pub(super) fn start(
        connection: Local,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn Observer>>,
        person_cache: Arc<PersonCache>,
    ) -> std::io::Result<Self> {
        let (queue, messages) = mpsc::channel(QUEUE_DEPTH);
        let (tell, ended) = oneshot::channel();
        let tx = WriteTx { connection, changes: Vec::new(), stale: Vec::new(), clock };
        let runtime = Handle::current();
        thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || {
            let outcome = runtime.block_on(write_until_closed(tx, observer, person_cache, messages));
            // The receiver is gone if the store was dropped.
            let _ = tell.send(outcome);
        })?;
        Ok(Self { queue, ended: Mutex::new(Some(ended)) })
    }

    /// Runs `work` atomically; returns when it is committed and announced.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'t> FnOnce(&'t mut WriteTx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let job = Box::new(Pending { work: Some(work), outcome: None, reply });
        self.queue.send(Message::Run(job)).await.map_err(|_| Error::Closed)?;
        outcome.await.unwrap_or(Err(Error::Closed))
    }

    /// Waits until the queue is empty, then closes the connection. A second call does nothing.
    pub(super) async fn close(&self) -> Result<()> {
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
    mut tx: WriteTx,
    observer: Option<Arc<dyn Observer>>,
    person_cache: Arc<PersonCache>,
    mut messages: mpsc::Receiver<Message>,
) -> Result<()> {
    let mut received = Vec::with_capacity(BATCH_SIZE);
    let mut closing = false;
    while !closing && messages.recv_many(&mut received, BATCH_SIZE).await > 0 {
        let mut jobs = Vec::with_capacity(received.len());
        for message in received.drain(..) {
            match message {
                Message::Run(job) => jobs.push(job),
                Message::Close => closing = true,
            }
        }
        finish_batch(&mut tx, observer.as_deref(), &person_cache, jobs).await;
    }
    messages.close();
    let checkpoint = sql::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut tx.connection).await?;
    let (is_blocked, _, _): (bool, i64, i64) = checkpoint;
    if is_blocked {
        tracing::warn!("a reader kept the write-ahead log from being folded into the database; the next start does it");
    }
    Ok(tx.connection.close()?)
}

/// Runs and commits `jobs` as one batch, announces their changes, and sends each caller its outcome.
async fn finish_batch(
    tx: &mut WriteTx,
    observer: Option<&dyn Observer>,
    person_cache: &PersonCache,
    mut jobs: Vec<Box<dyn Job>>,
) {
    if jobs.is_empty() {
        return;
    }
    let failure = match run_all(tx, &mut jobs).await {
        Ok(()) => tx.execute("COMMIT").await.err().map(|error| (may_be_durable(&error), error)),
        Err(error) => Some((false, error)),
    };
    // Also after a failure, as a commit in doubt may be durable.
    person_cache.invalidate(tx.stale.drain(..));
    match failure {
        None => {
            for change in tx.changes.drain(..) {
                if let Some(observer) = observer {
                    observer.committed(&change);
                }
            }
            jobs.into_iter().for_each(|job| job.acknowledge());
        }
        Some((in_doubt, error)) => {
            tracing::error!(%error, jobs = jobs.len(), "a batch of writes failed");
            tx.changes.clear();
            // Fails if SQLite has rolled back by itself, which has the same effect.
            tx.execute("ROLLBACK").await.ok();
            let tell = if in_doubt { Error::InDoubt } else { Error::RolledBack };
            jobs.into_iter().for_each(|job| job.fail(tell(error.clone())));
        }
    }
}

/// Runs each job in a savepoint, so that a failing job rolls back only its own changes.
async fn run_all(tx: &mut WriteTx, jobs: &mut [Box<dyn Job>]) -> Result<(), DatabaseError> {
    tx.execute("BEGIN IMMEDIATE").await?;
    for job in jobs {
        let (changes_before, stale_before) = (tx.changes.len(), tx.stale.len());
        tx.execute("SAVEPOINT job").await?;
        if !job.run(tx).await {
            // On a full disk, for example, SQLite rolls back the whole transaction; then this fails, and so does the
            // batch.
            tx.execute("ROLLBACK TO job").await?;
            tx.changes.truncate(changes_before);
            tx.stale.truncate(stale_before);
        }
        tx.execute("RELEASE job").await?;
    }
    Ok(())
}

/// Returns whether a failed commit may be found in the write-ahead log after a crash. Only an error that SQLite reports
/// without a failing disk excludes that.
fn may_be_durable(error: &DatabaseError) -> bool {
    !matches!(error.kind(), Kind::Refused | Kind::Duplicate | Kind::MissingParent)
}

impl WriteTx {
    async fn execute(&mut self, sql: &'static str) -> Result<(), DatabaseError> {
        sql::query(sql).execute(&mut self.connection).await.map(|_| ())
    }
}

/// A queued job: a [`Pending`] of any type.
trait Job: Send {
    /// Runs the work and stores its outcome; returns whether to commit it.
    fn run<'t>(&'t mut self, tx: &'t mut WriteTx) -> BoxFuture<'t, bool>;
    /// Sends the outcome to the caller.
    fn acknowledge(self: Box<Self>);
    /// Sends `error` to the caller, as the batch was not committed.
    fn fail(self: Box<Self>, error: Error);
}

struct Pending<T, W> {
    work: Option<W>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, W> Job for Pending<T, W>
where
    T: Send,
    W: for<'t> FnOnce(&'t mut WriteTx) -> BoxFuture<'t, Result<T>> + Send,
{
    fn run<'t>(&'t mut self, tx: &'t mut WriteTx) -> BoxFuture<'t, bool> {
        Box::pin(async move {
            if let Some(work) = self.work.take() {
                self.outcome = Some(work(tx).await);
            }
            matches!(self.outcome, Some(Ok(_)))
        })
    }

    fn acknowledge(self: Box<Self>) {
        // The caller may have dropped the future.
        self.reply.send(self.outcome.unwrap_or(Err(Error::Closed))).ok();
    }

    fn fail(self: Box<Self>, error: Error) {
        self.reply.send(Err(error)).ok();
    }
}

#[cfg(test)]
mod tests;
