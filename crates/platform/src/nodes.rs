//! This node among those of its database.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aicp_store::{Flush, Store, Written};
use aicp_types::Sequence;
use tokio::sync::watch;

use crate::locks::key_of;
use crate::{Inner, Platform, Result};

/// Interval at which a node asks for work that another one does.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// Wait for work to end when the lease is lost. Then it is dropped, as a crash would: until all of it has ended, this node gets no new lease.
const END_WAIT: Duration = Duration::from_secs(2);

impl Platform {
    /// Returns the admission under which this node answers now; `None`: it must not. What was found under one may be answered under the same alone.
    pub fn admission(&self) -> Option<u64> {
        self.inner.store.nodes().map_or(Some(0), aicp_store::Nodes::admission)
    }

    /// Returns whether there may be other nodes.
    pub(crate) fn is_among_nodes(&self) -> bool {
        self.inner.store.nodes().is_some()
    }

    /// Waits a short time until this node has followed a change of any node.
    ///
    /// # Errors
    /// [`crate::Error::Busy`].
    pub async fn follow_up_to(&self, sequence: Sequence) -> Result<()> {
        match self.inner.store.nodes() {
            Some(nodes) => Ok(nodes.follow_up_to(sequence).await?),
            None => Ok(()),
        }
    }

    /// Does work, and returns what it has written; nothing where there are no nodes.
    pub async fn noting_writes<F: Future>(&self, work: F) -> (F::Output, Written) {
        let written = Written::default();
        if self.inner.store.nodes().is_none() {
            return (work.await, written);
        }
        (written.clone().noting(work).await, written)
    }

    /// Returns how many nodes answer, at least 1. Each admits that part of what is allowed in a short time: all together admit no more than that,
    /// and as much if the calls are spread evenly.
    pub fn answering_nodes(&self) -> u32 {
        let nodes = self.inner.store.nodes().map_or(1, aicp_store::Nodes::answering);
        u32::try_from(nodes).unwrap_or(u32::MAX)
    }

    /// Waits a short time until this node may answer: it has followed every write that was answered a second ago, on whatever node.
    ///
    /// # Errors
    /// [`crate::Error::Busy`].
    pub async fn admit(&self) -> Result<()> {
        match self.inner.store.nodes() {
            Some(nodes) => Ok(nodes.admit().await?),
            None => Ok(()),
        }
    }
}

/// Returns what this node does when another one reads statistics.
pub(crate) fn flush_of(inner: &Arc<Inner>) -> Flush {
    let inner = Arc::downgrade(inner);
    Box::new(move || {
        let inner = inner.upgrade();
        Box::pin(async move {
            if let Some(inner) = inner
                && let Err(error) = inner.call_log.flush().await
            {
                tracing::warn!(%error, "the call log can't be written for another node");
            }
        })
    })
}

/// Returns what a call weighs under a limit of calls, where this many nodes share it. A node admits one at least.
pub(crate) fn weight(nodes: u32, allowed: u32) -> NonZeroU32 {
    NonZeroU32::new(nodes.min(allowed)).unwrap_or(NonZeroU32::MIN)
}

/// Does work that one node of the database does at a time, as long as this is that node. The work ends soon after its receiver turns true:
/// when `stop` does, or when this node loses its lease; then another node goes on, or this one later.
pub(crate) async fn on_one_node<F: Future<Output = ()>>(
    store: Store,
    name: &'static str,
    mut stop: watch::Receiver<bool>,
    work: impl Fn(watch::Receiver<bool>) -> F,
) {
    let Some(nodes) = store.nodes() else { return work(stop).await };
    loop {
        let mut losses = nodes.losses();
        if let Ok(Some(_turn)) = nodes.try_lock(key_of(&name)).await {
            let (end, ended) = watch::channel(false);
            let mut working = std::pin::pin!(work(ended));
            tokio::select! {
                () = &mut working => return,
                _ = stop.wait_for(|stop| *stop) => {}
                _ = losses.changed() => tracing::warn!(name, "another node may do this from now on"),
            }
            let _ = end.send(true);
            if *stop.borrow() {
                return working.await;
            }
            let _ = tokio::time::timeout(END_WAIT, working).await;
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(ASK_INTERVAL) => {}
        }
    }
}
