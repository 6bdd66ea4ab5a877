//! The changes of all nodes, in order, as this node's observer gets them.
//!
//! Changes that this node has just committed come from memory, if it knows all before them; all others are read from the database. A
//! commit whose answer was lost is found there, too.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use aicp_store::sql::{DatabaseError, Kind};
use aicp_store::{Effects, Error, Observer, Result, Rows};
use aicp_types::Sequence;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify, watch};

use super::Membership;
use crate::pool::Pool;

/// Changes that are read at a time.
const BATCH: u64 = 1000;
/// Pause after changes could not be read.
const RETRY: Duration = Duration::from_millis(100);

/// The changes that this node knows.
pub(crate) struct Feed {
    pool: Pool,
    observer: OnceLock<Arc<dyn Observer>>,
    /// Sequence of the last change that the observer has.
    known: Mutex<i64>,
    /// The same, for who waits.
    applied: watch::Sender<i64>,
    /// Sequence of the last change that was seen in the database.
    last: watch::Sender<i64>,
    has_applied: Notify,
    /// Whether changes that this node does not know are gone.
    is_too_late: AtomicBool,
    /// Whether the changes of other nodes are followed. Before, what the observer follows is being loaded: a face that is removed meanwhile must
    /// not come back with what was read before.
    follows: AtomicBool,
    /// Number of the last event that was seen in the database.
    last_event: watch::Sender<i64>,
}

impl Feed {
    /// Knows the changes up to a sequence.
    pub fn after(pool: Pool, known: i64) -> Self {
        let (applied, last) = (watch::Sender::new(known), watch::Sender::new(known));
        Self {
            pool,
            observer: OnceLock::new(),
            known: Mutex::new(known),
            applied,
            last,
            has_applied: Notify::new(),
            is_too_late: AtomicBool::new(false),
            follows: AtomicBool::new(false),
            last_event: watch::Sender::new(0),
        }
    }

    pub fn observe(&self, observer: Arc<dyn Observer>) {
        // A second observer is a mistake of the caller, who is told so by its silence.
        let _ = self.observer.set(observer);
    }

    /// Follows the other nodes from now on, and all that was committed since the beginning.
    pub fn follow(&self) {
        self.follows.store(true, Ordering::Release);
        self.last.send_modify(|_| {});
    }

    pub fn applied(&self) -> i64 {
        *self.applied.borrow()
    }

    /// Waits until changes of others are applied.
    pub async fn has_applied(&self) {
        self.has_applied.notified().await;
    }

    /// Tells the last change that the database has.
    pub fn tell_last(&self, last: i64) {
        self.last.send_if_modified(|known| {
            let is_new = last > *known;
            *known = last.max(*known);
            is_new
        });
    }

    /// Tells the last event that the database has.
    pub fn tell_last_event(&self, event: i64) {
        self.last_event.send_if_modified(|known| {
            let is_new = event > *known;
            *known = event.max(*known);
            is_new
        });
    }

    pub async fn wait_for_number(&self, sequence: i64) {
        // Fails only if the sender is gone, which this holds.
        let _ = self.applied.subscribe().wait_for(|applied| *applied >= sequence).await;
    }

    /// Waits until the changes up to a sequence are applied.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if they are not in time.
    pub async fn wait_for(&self, sequence: Sequence, at_most: Duration) -> Result<()> {
        let waiting = self.wait_for_number(i64::try_from(sequence.get()).unwrap_or(i64::MAX));
        let waited = tokio::time::timeout(at_most, waiting).await;
        waited
            .map_err(|_| Error::from(DatabaseError::new(Kind::Unavailable, "this node does not know that change yet")))
    }

    fn set_known(&self, known: &mut i64, sequence: i64) {
        *known = sequence.max(*known);
        self.applied.send_replace(*known);
        self.tell_last(*known);
    }

    /// Announces what a batch of this node has committed. `before`: the last change before the batch. What can't be announced, as earlier changes
    /// can't be read, is read from the database later.
    pub async fn announce(&self, before: i64, done: &[&Effects]) {
        let mut known = self.known.lock().await;
        let follows = self.follows.load(Ordering::Acquire);
        if follows && *known < before && self.catch_up(&mut known, before).await.is_err() {
            return;
        }
        // Else it was read from the database already.
        if *known == before || !follows {
            let is_next = *known == before;
            for effects in done {
                let Some(sequence) = effects.sequence else { continue };
                if let Some(observer) = self.observer.get() {
                    observer.committed(sequence, &effects.changes);
                }
                // Before it follows, it may miss changes of others.
                if is_next {
                    self.set_known(&mut known, i64::try_from(sequence.get()).unwrap_or(i64::MAX));
                }
            }
        } else if let Some(last) = done.iter().filter_map(|effects| effects.sequence).max() {
            let _ = self.catch_up(&mut known, i64::try_from(last.get()).unwrap_or(i64::MAX)).await;
        }
        if let Some(observer) = self.observer.get()
            && done.iter().any(|effects| effects.has_events)
        {
            observer.recorded_events();
        }
        self.has_applied.notify_one();
    }

    /// Reads and announces the changes up to a sequence.
    async fn catch_up(&self, known: &mut i64, up_to: i64) -> Result<()> {
        let Some(observer) = self.observer.get() else {
            return Err(DatabaseError::new(Kind::Unavailable, "nobody follows yet").into());
        };
        while *known < up_to {
            let mut rows = Rows::new(Box::new(self.pool.get().await?));
            let after = Sequence::new(known.unsigned_abs());
            if !rows.keeps_changes_after(after).await? {
                tracing::error!("this node is too far behind: changes that it does not know are gone");
                self.is_too_late.store(true, Ordering::Release);
                return Err(DatabaseError::new(Kind::Refused, "changes are gone").into());
            }
            let recorded = rows.changes_after(after, BATCH).await?;
            let Some(last) = recorded.last().map(|change| change.sequence) else { return Ok(()) };
            let changes = rows.changes_now(&recorded).await?;
            drop(rows);
            let changes: Vec<_> = changes.into_iter().flatten().collect();
            if !changes.is_empty() {
                observer.committed(last, &changes);
            }
            self.set_known(known, i64::try_from(last.get()).unwrap_or(i64::MAX));
        }
        Ok(())
    }
}

/// Starts to follow, on a thread of its own, which the observer may block.
pub(super) fn start(membership: Weak<Membership>) -> io::Result<()> {
    let runtime = Handle::current();
    thread::Builder::new()
        .name("store-follower".to_owned())
        .spawn(move || runtime.block_on(follow(membership)))
        .map(drop)
}

async fn follow(membership: Weak<Membership>) {
    let Some((mut last, mut events)) =
        membership.upgrade().map(|node| (node.feed.last.subscribe(), node.feed.last_event.subscribe()))
    else {
        return;
    };
    loop {
        let Some(feed) = membership.upgrade().map(|node| Arc::clone(&node.feed)) else { return };
        let up_to = *last.borrow_and_update();
        let mut known = feed.known.lock().await;
        let outcome = match feed.observer.get() {
            Some(_) if *known < up_to && feed.follows.load(Ordering::Acquire) => feed.catch_up(&mut known, up_to).await,
            _ => Ok(()),
        };
        drop(known);
        // Not before the changes that they are about.
        if events.has_changed().unwrap_or(false) {
            events.mark_unchanged();
            feed.observer.get().iter().for_each(|observer| observer.recorded_events());
        }
        match outcome {
            Ok(()) => {
                feed.has_applied.notify_one();
                drop(feed);
                // No timer: the runtime may be shutting down. Ends when the node does.
                tokio::select! {
                    changed = last.changed() => if changed.is_err() { return },
                    changed = events.changed() => match changed {
                        Ok(()) => events.mark_changed(),
                        Err(_) => return,
                    },
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the changes of other nodes can't be followed");
                if feed.is_too_late.load(Ordering::Acquire)
                    && let Some(node) = membership.upgrade()
                {
                    (node.told)();
                }
                thread::sleep(RETRY);
            }
        }
    }
}
