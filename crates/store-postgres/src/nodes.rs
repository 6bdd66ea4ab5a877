//! The nodes of a database: each has a lease, follows the changes of the others, and holds locks among them.
//!
//! The lease of a node is a session of the database with an advisory lock on the node's number. Everything that a node alone may have
//! hangs on that session: the server ends it, with all its locks, if the node dies, sends nothing for three seconds, or is expelled. A node
//! answers as long as its last heartbeat was heard less than [`LEASE`] ago. It writes as long as the session has its lock, which each
//! transaction checks under the lock of the writers.
//!
//! A write is answered once every node that answers has followed it. A node that has not within [`PATIENCE`] is expelled: its session is
//! ended, so that it answers nobody [`LEASE`] later at the latest, until it has a new session and has followed all changes.

mod feed;
mod followed;
mod session;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use aicp_store::sql::{DatabaseError, Kind};
use aicp_store::{Error, Flush, NodeLock, Result};
use aicp_types::{Node, Sequence};
use async_trait::async_trait;
use metrics::{counter, histogram};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::connection::Lease;
use crate::pool::Pool;
pub(crate) use feed::Feed;
use followed::Followed;
use session::Live;

/// Advisory locks of the numbers of nodes have this first key, "AICP" in ASCII.
const NUMBERS: i32 = 0x4149_4350;
/// Advisory locks of the nodes that answer have this first key, and the node's number as the second.
const ANSWERING: i32 = 0x4149_4351;
/// Time after the begin of a heartbeat that was heard, during which a node answers.
const LEASE: Duration = Duration::from_millis(900);
/// Wait for the other nodes to follow a write.
const PATIENCE: Duration = Duration::from_millis(500);
/// Wait of a call for this node to have a lease again.
const ADMISSION: Duration = Duration::from_secs(3);
/// Wait for the other nodes to write down what they have in buffers.
const FLUSH_WAIT: Duration = Duration::from_secs(1);
/// Wait of a node that joins: for the writes under way, and for the changes since it has begun.
const JOINING: Duration = Duration::from_mins(12);
/// Wait for a lock that another node holds.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// Pauses between attempts at a lock: the first, and the longest.
const LOCK_PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// This node among those of its database.
pub(crate) struct Membership {
    pool: Pool,
    /// The connection of the writer.
    pub of_writer: Pool,
    number: Node,
    /// The lease. `None`: it was lost.
    live: Mutex<Option<Arc<Live>>>,
    /// When the last heartbeat began that was heard; changes with each, and with the loss of the lease.
    heard: watch::Sender<Option<Instant>>,
    /// Counts the leases that were lost.
    losses: watch::Sender<u64>,
    /// Whether this node wants to answer.
    joined: watch::Sender<bool>,
    /// Number of the other nodes that answer.
    others: AtomicUsize,
    /// Whether there was one ever.
    has_met_others: AtomicBool,
    pub feed: Arc<Feed>,
    followed: Followed,
    /// Whether the session is to be ended.
    gives_up: AtomicBool,
    /// Wakes the session: there is something to report.
    report: Notify,
    /// Called if another node has the number of this one, or the database is an earlier one.
    told: Arc<dyn Fn() + Send + Sync>,
    /// Whether writes wait for the other nodes.
    waits: bool,
    flush: OnceLock<Flush>,
}

/// Connections of a node.
pub(crate) struct Pools {
    /// Those of all callers.
    pub all: Pool,
    pub of_writer: Pool,
    pub of_feed: Pool,
}

/// The tasks of a node, until dropped.
pub(crate) struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Membership {
    /// Takes a number.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn begin(
        Pools { all: pool, of_writer, of_feed }: Pools,
        told: Arc<dyn Fn() + Send + Sync>,
        waits: bool,
    ) -> Result<(Arc<Self>, Tasks), crate::Error> {
        let (live, number, notices) = Live::first(&pool).await.map_err(Error::from)?;
        let losses = watch::Sender::new(0);
        let last = session::last_sequence(&pool, Lease::now(losses.subscribe()));
        let last = session::beside_heartbeats(&live, last).await.map_err(Error::from)?;
        let feed = Arc::new(Feed::after(of_feed, last));
        let membership = Arc::new(Self {
            number: Node::new(number).unwrap_or_default(),
            live: Mutex::new(Some(Arc::new(live))),
            heard: watch::Sender::new(None),
            losses,
            joined: watch::Sender::new(false),
            others: AtomicUsize::new(0),
            has_met_others: AtomicBool::new(false),
            followed: Followed::default(),
            gives_up: AtomicBool::new(false),
            report: Notify::new(),
            feed: Arc::clone(&feed),
            pool,
            of_writer,
            told,
            waits,
            flush: OnceLock::new(),
        });
        // Before anything is deleted: alone, this node would do so without a turn.
        let found = membership.pool.get().await.map_err(Error::from)?.numbers(&membership.question()).await;
        membership.judge(&found.map_err(Error::from)?).map_err(Error::from)?;
        let tasks = vec![
            tokio::spawn(session::keep(Arc::downgrade(&membership), notices)),
            tokio::spawn(followed::watch(Arc::downgrade(&membership))),
        ];
        feed::start(Arc::downgrade(&membership)).map_err(crate::Error::Threads)?;
        Ok((membership, Tasks(tasks)))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> Result<Arc<Live>, DatabaseError> {
        self.slot().clone().ok_or_else(no_lease)
    }

    /// Returns the statement whose answer [`judge`](Self::judge) takes: the last change, whether this node has its number, and how many
    /// others answer.
    pub fn question(&self) -> String {
        let process = self.slot().as_ref().map_or(0, |live| live.process);
        format!(
            "SELECT COALESCE((SELECT MAX(sequence) FROM change), 0),
                COUNT(*) FILTER (WHERE classid = {NUMBERS} AND pid = {process}),
                COUNT(*) FILTER (WHERE classid = {ANSWERING} AND pid <> {process})
             FROM pg_locks WHERE {LOCKS}"
        )
    }

    fn meet(&self, others: i64) {
        if others > 0 {
            self.has_met_others.store(true, Ordering::Release);
        }
    }

    /// Judges what the database answered inside a transaction of the writer; returns the last change.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] if this node must not write.
    pub fn judge(&self, found: &[i64]) -> Result<i64, DatabaseError> {
        let [last, locks, others] = found else { return Err(DatabaseError::decode("three numbers were asked for")) };
        if *locks == 0 {
            return Err(no_lease());
        }
        self.meet(*others);
        self.others.store(usize::try_from(*others).unwrap_or_default(), Ordering::Release);
        Ok(*last)
    }

    /// Waits until every node that answers has followed a write of this one, or has been expelled: this node, too.
    ///
    /// # Errors
    /// [`Error::InDoubt`] if a node may still answer that has not followed it. The write is committed.
    pub async fn wait_for_nodes(&self, sequence: Sequence) -> Result<()> {
        if *self.joined.borrow() && self.feed.wait_for(sequence, PATIENCE).await.is_err() {
            tracing::error!("this node does not follow its own writes: it gives its lease up");
            self.gives_up.store(true, Ordering::Release);
            self.heard.send_replace(None);
            self.report.notify_one();
        }
        if !self.waits || self.others.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        let begun = Instant::now();
        let waited = tokio::time::timeout(PATIENCE, self.followed.wait_for(sequence)).await;
        histogram!("aicp_nodes_wait_seconds").record(begun.elapsed());
        if waited.is_ok() {
            return Ok(());
        }
        let expelled = async { self.live()?.expel_those_behind(sequence).await };
        match expelled.await {
            Ok(0) => Ok(()),
            Ok(nodes) => {
                counter!("aicp_nodes_expelled_total").increment(nodes as u64);
                tracing::error!(nodes, "nodes that did not follow a write in time have lost their lease");
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "nodes that do not follow can't be expelled");
                Err(Error::InDoubt(error))
            }
        }
    }

    /// Counts the leases that were lost.
    pub fn lost_leases(&self) -> u64 {
        *self.losses.borrow()
    }

    /// Gives the lease back.
    pub fn end(&self) {
        self.heard.send_replace(None);
        *self.slot() = None;
    }

    async fn admitted_within(&self, at_most: Duration) -> Result<()> {
        let mut heard = self.heard.subscribe();
        let admitted = heard.wait_for(|heard| heard.is_some_and(|heard| heard.elapsed() < LEASE));
        match tokio::time::timeout(at_most, admitted).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(no_lease().into()),
        }
    }

    /// Returns whether this node may answer now.
    fn may_answer(&self) -> bool {
        self.heard.borrow().is_some_and(|heard| heard.elapsed() < LEASE)
    }

    /// Checks that this node has a lease.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn check(&self) -> Result<()> {
        self.live()?;
        if *self.joined.borrow() && !self.may_answer() { Err(no_lease().into()) } else { Ok(()) }
    }
}

#[async_trait]
impl aicp_store::Nodes for Membership {
    fn number(&self) -> Node {
        self.number
    }

    fn losses(&self) -> watch::Receiver<u64> {
        self.losses.subscribe()
    }

    fn answering(&self) -> usize {
        self.others.load(Ordering::Acquire).saturating_add(1)
    }

    fn is_alone(&self) -> bool {
        !self.has_met_others.load(Ordering::Acquire)
    }

    async fn join(&self) -> Result<()> {
        self.feed.follow();
        self.joined.send_replace(true);
        self.report.notify_one();
        self.admitted_within(JOINING).await
    }

    async fn admit(&self) -> Result<()> {
        if self.may_answer() { Ok(()) } else { self.admitted_within(ADMISSION).await }
    }

    fn admission(&self) -> Option<u64> {
        let losses = self.lost_leases();
        self.may_answer().then_some(losses)
    }

    async fn follow_up_to(&self, sequence: Sequence) -> Result<()> {
        self.feed.wait_for(sequence, ADMISSION).await
    }

    fn flush_by(&self, flush: Flush) {
        // A second one is a mistake of the caller, who is told so by its silence.
        let _ = self.flush.set(flush);
    }

    async fn flush_others(&self) {
        if self.others.load(Ordering::Acquire) == 0 {
            return;
        }
        let flushed = async { self.live()?.flush_others().await };
        match tokio::time::timeout(FLUSH_WAIT, flushed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "other nodes can't be asked to write down what they have in buffers")
            }
            Err(_) => tracing::warn!("other nodes have not written down in time what they have in buffers"),
        }
    }

    async fn try_lock(&self, key: i64) -> Result<Option<NodeLock>> {
        Ok(self.live()?.try_lock(key).await?)
    }

    async fn lock(&self, key: i64) -> Result<NodeLock> {
        let (begun, (mut pause, longest)) = (Instant::now(), LOCK_PAUSES);
        loop {
            if let Some(lock) = self.live()?.try_lock(key).await? {
                return Ok(lock);
            }
            if begun.elapsed() > LOCK_WAIT {
                return Err(DatabaseError::new(Kind::Unavailable, "another node holds a lock for too long").into());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }
}

/// Condition on rows of `pg_locks`: they are locks of nodes of this database.
const LOCKS: &str = "locktype = 'advisory' AND objsubid = 2 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

fn no_lease() -> DatabaseError {
    DatabaseError::new(Kind::Unavailable, "this node has no lease of the database")
}
