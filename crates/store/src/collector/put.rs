//! Puts of pictures.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aicp_blobs::BlobKey;
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::deletion::Task;
use super::{Parts, Requests};
use crate::{Error, PictureClaim, PictureName, Result};

/// Maximum number of times that a picture is put for one write.
const MAX_PUTS: usize = 100;

/// Time after which a put does not count any more where there are nodes: the tombstones of earlier deletions are forgotten.
const PUT_LIFE: Duration = Duration::from_hours(1);
/// Pause before a picture is put again that another node may be deleting, times the number of puts.
const REPEAT_PAUSE: Duration = Duration::from_millis(20);

/// Puts under way, numbered in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Puts(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    latest: u64,
    under_way: BTreeSet<u64>,
}

impl Puts {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>) -> UnderWay {
        let mut numbers = self.numbers();
        numbers.latest += 1;
        let number = numbers.latest;
        numbers.under_way.insert(number);
        UnderWay { number, puts: Arc::clone(self) }
    }

    /// Returns the number of the latest put that has begun.
    pub(super) fn latest(&self) -> u64 {
        self.numbers().latest
    }

    /// Returns the number of the oldest put under way.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.numbers().under_way.first().copied()
    }
}

/// A put is under way as long as this lives.
#[derive(Debug)]
pub(crate) struct UnderWay {
    number: u64,
    puts: Arc<Puts>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.puts.numbers().under_way.remove(&self.number);
    }
}

/// Pictures that were put and have no row yet.
pub(crate) struct Put {
    blobs: Vec<(BlobKey, Bytes)>,
    names: Vec<PictureName>,
    /// Generations of the tombstones that were marked before the latest put.
    seen: HashMap<BlobKey, i64>,
    under_way: Arc<UnderWay>,
    begun: Instant,
    puts: usize,
    is_kept: bool,
    requests: Requests,
    parts: Arc<Parts>,
    /// Held until the put is done, also if its caller has gone away.
    _permit: OwnedSemaphorePermit,
}

impl Put {
    pub(super) fn new(
        pictures: Vec<(PictureName, Bytes)>,
        parts: Arc<Parts>,
        requests: Requests,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            blobs: pictures.iter().map(|(name, bytes)| (name.key.clone(), bytes.clone())).collect(),
            names: pictures.into_iter().map(|(name, _)| name).collect(),
            seen: HashMap::new(),
            under_way: Arc::new(parts.puts.begin()),
            begun: Instant::now(),
            puts: 0,
            is_kept: false,
            requests,
            parts,
            _permit: permit,
        }
    }

    /// Returns the names of the pictures, in order.
    pub(crate) fn names(&self) -> Vec<PictureName> {
        self.names.clone()
    }

    /// Returns what the transaction needs to claim the pictures.
    pub(crate) fn claim(&self) -> PictureClaim {
        let ends = self.parts.has_nodes().then(|| self.begun + PUT_LIFE);
        PictureClaim { keys: self.keys(), seen: self.seen.clone(), ends, _under_way: Arc::clone(&self.under_way) }
    }

    fn keys(&self) -> Vec<BlobKey> {
        self.blobs.iter().map(|(key, _)| key.clone()).collect()
    }

    /// Leaves the pictures alone: rows refer to them, or may.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Deletes those of the pictures that no row refers to.
    pub(crate) async fn release(mut self) {
        self.keep();
        // An error means that the task has ended.
        let _ = self.requests.run(Task::release(self.keys())).await;
    }

    /// Waits for the deletion of equal pictures and puts them again.
    pub(crate) async fn repeat(mut self) -> Result<Self> {
        self.requests.run(Task::pictures(self.keys())).await?;
        if self.parts.has_nodes() {
            // It may be another node's turn.
            tokio::time::sleep(REPEAT_PAUSE * u32::try_from(self.puts).unwrap_or(1)).await;
        }
        self.begun = Instant::now();
        self.seen = self.parts.rows().await?.marked_tombstones(&self.keys()).await?;
        self.under_way = Arc::new(self.parts.puts.begin());
        self.put().await
    }

    /// Stores the pictures. It goes on if the caller goes away, as threads can't be stopped; then they are released.
    pub(super) async fn put(mut self) -> Result<Self> {
        self.puts += 1;
        if self.puts > MAX_PUTS {
            return Err(Error::Contended);
        }
        let put = tokio::spawn(async move {
            self.parts.blobs.put(&self.blobs).await?;
            Ok(self)
        });
        // Joining fails only if the runtime is shutting down.
        put.await.unwrap_or(Err(Error::Closed))
    }
}

impl Drop for Put {
    fn drop(&mut self) {
        if !self.is_kept {
            // The write was refused, or its outcome is unknown: the rows decide.
            self.requests.send(Task::release(self.keys()));
        }
    }
}
