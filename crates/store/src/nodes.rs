//! What the nodes of one database agree on.

use std::fmt;

use aicp_types::{Node, Sequence};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::Result;

/// The nodes of a database that several processes share.
///
/// A node has a *lease*: a session of the database. As long as that lives, nobody else has the number of the node, nor the locks that it
/// holds; once it is lost, the node writes nothing, and soon answers nothing, until it has a new one and knows all changes.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Returns the number of this node.
    fn number(&self) -> Node;

    /// Returns a receiver that changes whenever the lease is lost. What a lock protects must end then.
    fn losses(&self) -> watch::Receiver<u64>;

    /// Returns how many nodes answer, at least 1.
    fn answering(&self) -> usize;

    /// Returns whether no other node has answered since this one began.
    fn is_alone(&self) -> bool;

    /// Begins to answer: follows all changes so far; from now on, each write waits until this node has followed it.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    async fn join(&self) -> Result<()>;

    /// Waits a short time until this node may answer: it has a lease, and has followed every write that was answered a second ago.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    async fn admit(&self) -> Result<()>;

    /// Returns the number of the admission that this node has now; `None`: it must not answer. What was found under one admission may be
    /// answered under the same alone.
    fn admission(&self) -> Option<u64>;

    /// Waits a short time until this node has followed the changes up to a sequence.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    async fn follow_up_to(&self, sequence: Sequence) -> Result<()>;

    /// Sets what this node does when another one asks it to write down what it has in buffers.
    fn flush_by(&self, flush: Flush);

    /// Has the other nodes write down what they have in buffers; waits for it a short time.
    async fn flush_others(&self);

    /// Takes a lock that one task of one node holds at a time; `None` if another has it. Tasks of this node must not ask for one key at a time.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable).
    async fn try_lock(&self, key: i64) -> Result<Option<NodeLock>>;

    /// Waits for a lock as [`try_lock`](Self::try_lock) takes it.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable), also if it is not free in time.
    async fn lock(&self, key: i64) -> Result<NodeLock>;
}

/// Writes down what is in buffers.
pub type Flush = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A lock among nodes, released when dropped. If its node loses the lease meanwhile, the lock is lost, and so is the right to write: a node
/// gets a new lease once all locks of the old one are dropped.
#[derive(Default)]
pub struct NodeLock(Option<Box<dyn FnOnce() + Send + Sync>>);

impl NodeLock {
    /// Makes a lock that calls `release` when dropped.
    pub fn new(release: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(release)))
    }
}

impl Drop for NodeLock {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

impl fmt::Debug for NodeLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeLock").finish_non_exhaustive()
    }
}
