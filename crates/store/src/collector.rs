//! Deletes pictures that no row refers to any more.
//!
//! A picture is put before the row that refers to it is committed. A removal leaves a *tombstone* in its transaction
//! for each picture that lost its last row. One task deletes those pictures, then marks the tombstones, and forgets
//! them after [`RETENTION`].
//!
//! A picture that is put again meanwhile must not be lost: the commit of its row fails as long as there is a tombstone
//! that the put has not seen marked. The writer then waits for the deletion and puts the picture again. A put that
//! began before the deletion always finds the tombstone, as none takes as long as the retention.
//!
//! If a process ends between a put and its commit, a picture without a row and without a tombstone stays. A sweep over
//! all pictures finds them. It deletes none if they are more than interrupted puts can leave, or if no row has a picture:
//! then the database may be a new or an older one, and these pictures may be all that is left of the other.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aicp_blobs::{BlobKey, Blobs, SHARDS};
use aicp_types::Clock;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::blocking::run_blocking;
use crate::database::job_of;
use crate::links::Links;
use crate::store::MAX_CONCURRENT_WRITES;
use crate::{Database, Error, PictureClaim, PictureName, Result, Rows, Space, Tx};

/// How long tombstones are kept: far longer than any put takes until its commit.
const RETENTION: Duration = Duration::from_secs(3600);
/// Time after which a put is repeated if it was not committed yet.
const MAX_PUT_AGE: Duration = Duration::from_secs(600);
/// Interval between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// Maximum number of tombstones, and of pictures of a sweep, handled at a time.
const BATCH: usize = 1000;
/// Maximum number of times that a picture is put for one write.
const MAX_PUTS: usize = 100;

/// Handle of the task that deletes pictures.
pub(crate) struct Collector {
    requests: mpsc::UnboundedSender<Request>,
    task: Mutex<Option<JoinHandle<()>>>,
    sweeps: Mutex<Option<JoinHandle<()>>>,
    parts: Arc<Parts>,
}

/// What the task works on.
struct Parts {
    database: Arc<dyn Database>,
    blobs: Arc<dyn Blobs>,
    links: Links,
    clock: Arc<dyn Clock>,
}

enum Request {
    /// Deletes the pictures that have tombstones.
    Collect(oneshot::Sender<()>),
    /// Leaves tombstones for those of these pictures that no row refers to, and deletes them.
    Release(Vec<BlobKey>, Option<oneshot::Sender<()>>),
    Close,
}

impl Collector {
    pub(crate) fn start(
        database: Arc<dyn Database>,
        blobs: Arc<dyn Blobs>,
        links: Links,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (requests, received) = mpsc::unbounded_channel();
        let parts = Arc::new(Parts { database, blobs, links, clock });
        let task = tokio::spawn(run(Arc::clone(&parts), received));
        Self { requests, task: Mutex::new(Some(task)), sweeps: Mutex::default(), parts }
    }

    /// Deletes the pictures of all tombstones; returns when that is done. Failures are logged, as the writes that left
    /// the tombstones have succeeded; the next call tries again.
    pub(crate) async fn collect(&self) {
        let (done, waiting) = oneshot::channel();
        if self.requests.send(Request::Collect(done)).is_ok() {
            // An error means that the task has ended.
            let _ = waiting.await;
        }
    }

    /// Deletes abandoned pictures; returns their number.
    pub(crate) async fn sweep(&self) -> Result<usize> {
        sweep(&self.parts, &self.requests).await
    }

    /// Starts to delete abandoned pictures, now and once a day.
    pub(crate) fn keep_sweeping(&self) {
        let sweeps = tokio::spawn(keep_sweeping(Arc::clone(&self.parts), self.requests.clone()));
        let earlier = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).replace(sweeps);
        earlier.iter().for_each(JoinHandle::abort);
    }

    /// Stores pictures durably. Unless they are [kept](Put::keep), those without a row are deleted.
    pub(crate) async fn put(&self, pictures: Vec<Bytes>) -> Result<Put> {
        let named = run_blocking(move || {
            let named = pictures.into_iter().map(|bytes| (PictureName::of(&bytes), bytes));
            Ok(named.collect::<Vec<_>>())
        });
        let (names, pictures): (Vec<_>, Vec<_>) = named.await?.into_iter().unzip();
        let blobs = names.iter().zip(pictures).map(|(name, bytes): (&PictureName, Bytes)| (name.key.clone(), bytes));
        let mut put = Put {
            blobs: blobs.collect(),
            names,
            seen: HashMap::new(),
            began: Instant::now(),
            puts: 0,
            is_kept: false,
            requests: self.requests.clone(),
            parts: Arc::clone(&self.parts),
        };
        put.put().await?;
        Ok(put)
    }

    /// Ends the task once it has done what was requested.
    pub(crate) async fn close(&self) {
        let sweeps = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sweeps) = sweeps {
            sweeps.abort();
            let _ = sweeps.await;
        }
        let _ = self.requests.send(Request::Close);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

/// Pictures that were put and have no row yet.
pub(crate) struct Put {
    blobs: Vec<(BlobKey, Bytes)>,
    names: Vec<PictureName>,
    /// Generations of the tombstones that were marked before the latest put.
    seen: HashMap<BlobKey, i64>,
    began: Instant,
    puts: usize,
    is_kept: bool,
    requests: mpsc::UnboundedSender<Request>,
    parts: Arc<Parts>,
}

impl Put {
    /// Returns the names of the pictures, in order.
    pub(crate) fn names(&self) -> Vec<PictureName> {
        self.names.clone()
    }

    /// Returns what the transaction needs to claim the pictures.
    pub(crate) fn claim(&self) -> PictureClaim {
        let expires = self.began + MAX_PUT_AGE;
        PictureClaim { keys: self.keys(), seen: self.seen.clone(), expires }
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
        let (done, waiting) = oneshot::channel();
        if self.requests.send(Request::Release(self.keys(), Some(done))).is_ok() {
            // An error means that the task has ended.
            let _ = waiting.await;
        }
    }

    /// Waits for the deletion of equal pictures and puts them again.
    pub(crate) async fn repeat(&mut self) -> Result<()> {
        let (done, waiting) = oneshot::channel();
        self.requests.send(Request::Collect(done)).map_err(|_| Error::Closed)?;
        waiting.await.map_err(|_| Error::Closed)?;
        self.seen = self.parts.rows().await?.marked_tombstones(&self.keys()).await?;
        self.put().await
    }

    async fn put(&mut self) -> Result<()> {
        self.puts += 1;
        if self.puts > MAX_PUTS {
            return Err(Error::Contended);
        }
        self.began = Instant::now();
        Ok(self.parts.blobs.put(&self.blobs).await?)
    }
}

impl Drop for Put {
    fn drop(&mut self) {
        if !self.is_kept {
            // The write was refused, or its outcome is unknown: the rows decide.
            let _ = self.requests.send(Request::Release(self.keys(), None));
        }
    }
}

async fn run(parts: Arc<Parts>, mut requests: mpsc::UnboundedReceiver<Request>) {
    while let Some(request) = requests.recv().await {
        match request {
            Request::Collect(done) => {
                let collected = parts.collect().await;
                log_failure(collected);
                // The caller may have gone away.
                let _ = done.send(());
            }
            Request::Release(keys, done) => {
                let released = parts.release(keys).await;
                log_failure(released);
                let _ = done.map(|done| done.send(()));
            }
            Request::Close => break,
        }
    }
}

fn log_failure(result: Result<()>) {
    match result {
        Ok(()) | Err(Error::Closed) => {}
        Err(error) => tracing::error!(%error, "removed pictures stay until the next removal"),
    }
}

impl Parts {
    async fn write<T: Send + 'static>(
        &self,
        job: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    ) -> Result<Option<T>> {
        let (sender, mut result) = oneshot::channel();
        let job = job_of(job, |done| drop(sender.send(done)));
        self.database.write(job, Space::Freed).await?;
        result.try_recv().ok().transpose()
    }

    async fn rows(&self) -> Result<Rows<'_>> {
        Ok(Rows::new(self.database.reader().await?))
    }

    /// Deletes the pictures that have tombstones, and the links of pictures and rows that are gone.
    async fn collect(&self) -> Result<()> {
        loop {
            let keys = self.rows().await?.open_tombstones(BATCH).await?;
            let is_last = keys.len() < BATCH;
            if !keys.is_empty() {
                self.blobs.delete(&keys).await?;
                let links = self.rows().await?.links_to(&keys).await?;
                let removed = links.clone();
                let folder = self.links.clone();
                run_blocking(move || folder.remove(&removed)).await?;
                let now = self.clock.now();
                self.write(move |tx| {
                    Box::pin(async move {
                        tx.mark_tombstones(&keys, now).await?;
                        tx.delete_tombstones_before(now.saturating_sub(RETENTION)).await?;
                        tx.delete_links(links).await
                    })
                })
                .await?;
            }
            if is_last {
                break;
            }
        }
        let dead = self.rows().await?.dead_links().await?;
        if dead.is_empty() {
            return Ok(());
        }
        let (removed, folder) = (dead.clone(), self.links.clone());
        run_blocking(move || folder.remove(&removed)).await?;
        self.write(move |tx| Box::pin(async move { tx.delete_links(dead).await })).await?;
        Ok(())
    }

    async fn release(&self, keys: Vec<BlobKey>) -> Result<()> {
        let now = self.clock.now();
        self.write(move |tx| Box::pin(async move { tx.release_pictures(&keys, now).await })).await?;
        self.collect().await
    }

    /// Returns those of some pictures that no row refers to, and that are not about to be deleted.
    async fn abandoned(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>> {
        let known: HashSet<BlobKey> = self.rows().await?.known_pictures(keys).await?;
        Ok(keys.iter().filter(|key| !known.contains(*key)).cloned().collect())
    }
}

async fn keep_sweeping(parts: Arc<Parts>, requests: mpsc::UnboundedSender<Request>) {
    loop {
        match sweep(&parts, &requests).await {
            Ok(0) => {}
            Ok(found) => tracing::info!(pictures = found, "abandoned pictures are deleted"),
            Err(Error::Closed) => return,
            Err(error) => tracing::warn!(%error, "abandoned pictures were not looked for"),
        }
        tokio::time::sleep(SWEEP_INTERVAL).await;
    }
}

/// Looks through all pictures, and has those deleted that no row refers to; returns their number. The picture of a write
/// under way may be among them, which then puts it again.
async fn sweep(parts: &Parts, requests: &mpsc::UnboundedSender<Request>) -> Result<usize> {
    let (mut found, mut abandoned) = (0, Vec::new());
    for shard in 0..SHARDS {
        let keys = parts.blobs.list(u8::try_from(shard).unwrap_or_default()).await?;
        for keys in keys.chunks(BATCH) {
            let keys = parts.abandoned(keys).await?;
            found += keys.len();
            if found <= MAX_CONCURRENT_WRITES as usize {
                abandoned.extend(keys);
            }
        }
    }
    if found == 0 {
        return Ok(0);
    }
    if found > MAX_CONCURRENT_WRITES as usize || !parts.rows().await?.has_pictures().await? {
        tracing::error!(
            pictures = found,
            "no row refers to these pictures, and they are more than interrupted writes leave, or no row has a picture \
             at all: the database may not be the one of these pictures, so none of them is deleted"
        );
        return Ok(0);
    }
    let (done, waiting) = oneshot::channel();
    requests.send(Request::Release(abandoned, Some(done))).map_err(|_| Error::Closed)?;
    waiting.await.map_err(|_| Error::Closed)?;
    Ok(found)
}
