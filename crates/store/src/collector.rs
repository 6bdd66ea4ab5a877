//! Deletes pictures that no row refers to any more.
//!
//! A picture is put before the row that refers to it is committed. A removal leaves a *tombstone* in its transaction
//! for each picture that lost its last row. One task deletes those pictures, then marks the tombstones. It serves the
//! removals in turn, a batch at a time: a small removal does not wait for a large one. A picture that can't be deleted
//! keeps its tombstone; it is tried again after the next removal and at the next start. If the place of the pictures can't be reached, nothing is
//! deleted for some seconds, so that removals don't wait for it one by one; then all of it is tried again.
//!
//! A picture that is put again meanwhile must not be lost: the commit of its row fails as long as there is a tombstone
//! that the put has not seen marked. The writer then waits for the deletion and puts the picture again. A marked
//! tombstone stays as long as a put is under way that began before the mark, whatever the clock says.
//!
//! Where several nodes put and delete, a deletion is the *turn* of one node, for a minute: it stamps the tombstones with a generation of its own, and
//! marks them only if they still have that. A tombstone that is marked stays for two hours, and a put that is older than one is repeated.
//!
//! If a process ends between a put and its commit, a picture without a row and without a tombstone stays. A sweep over
//! all pictures finds them. It deletes none if they are more than interrupted puts can leave, or if no row has a picture:
//! then the database may be a new or an older one, and these pictures may be all that is left of the other.

mod deletion;
mod put;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aicp_blobs::{BlobKey, Blobs, SHARDS};
use aicp_types::Clock;
use bytes::Bytes;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::blocking::run_blocking;
use crate::links::Links;
use crate::store::MAX_CONCURRENT_WRITES;
use crate::{Database, Error, PictureName, Result, Rows};

use deletion::{Deleter, Task};
use put::Puts;

pub(crate) use deletion::Forgettable;
pub(crate) use put::{Put, UnderWay};

/// Interval between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// Interval at which pictures are deleted that another node was to delete.
const LEFT_INTERVAL: Duration = Duration::from_mins(2);
/// Maximum number of pictures, or links, that are handled at a time.
const BATCH: usize = 1000;

/// Handle of the task that deletes pictures.
pub(crate) struct Collector {
    requests: Requests,
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
    puts: Arc<Puts>,
}

impl Parts {
    /// Returns whether other processes put and delete pictures, too.
    fn has_nodes(&self) -> bool {
        self.database.nodes().is_some_and(|nodes| !nodes.is_alone())
    }

    async fn rows(&self) -> Result<Rows<'_>> {
        Ok(Rows::new(self.database.reader().await?))
    }

    /// Returns those of some pictures that no row refers to, and that are not about to be deleted.
    async fn abandoned(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>> {
        let known = self.rows().await?.known_pictures(keys).await?;
        Ok(keys.iter().filter(|key| !known.contains(*key)).cloned().collect())
    }
}

/// Requests to the task.
#[derive(Clone, Debug)]
pub(crate) struct Requests(mpsc::UnboundedSender<Request>);

/// Told when a request is done.
type Waiter = oneshot::Sender<()>;

#[derive(Debug)]
enum Request {
    Do(Task, Option<Waiter>),
    Close,
}

impl Requests {
    fn send(&self, task: Task) {
        // If the task has ended, the next start does it.
        let _ = self.0.send(Request::Do(task, None));
    }

    /// Returns when it is done. Failures are logged, as the writes that left the tombstones have succeeded.
    ///
    /// # Errors
    /// [`Error::Closed`].
    async fn run(&self, task: Task) -> Result<()> {
        let (done, waiting) = oneshot::channel();
        self.0.send(Request::Do(task, Some(done))).map_err(|_| Error::Closed)?;
        waiting.await.map_err(|_| Error::Closed)
    }
}

/// What a write has left to be deleted. It is deleted even if this is dropped, as when the caller of the write gives up.
#[derive(Debug, Default)]
pub(crate) struct Released {
    /// Generation of the tombstones of the write.
    pub(crate) generation: Option<i64>,
    /// Whether links may have lost their rows.
    pub(crate) links: bool,
    /// Where to have it deleted.
    pub(crate) requests: Option<Requests>,
}

impl Released {
    /// Returns whether there may be something to delete.
    pub(crate) fn is_any(&self) -> bool {
        self.generation.is_some() || self.links
    }

    /// Notes that there is nothing to delete.
    pub(crate) fn clear(&mut self) {
        (self.generation, self.links) = (None, false);
    }

    /// Deletes it; returns when that is done.
    pub(crate) async fn collect(mut self) {
        if let Some((requests, task)) = self.take() {
            // An error means that the task has ended: the next start does it.
            let _ = requests.run(task).await;
        }
    }

    fn take(&mut self) -> Option<(Requests, Task)> {
        let task = self.is_any().then(|| Task::collect(self.generation));
        self.requests.take().zip(task)
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        if let Some((requests, task)) = self.take() {
            requests.send(task);
        }
    }
}

impl Collector {
    pub(crate) fn start(
        database: Arc<dyn Database>,
        blobs: Arc<dyn Blobs>,
        links: Links,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (requests, received) = mpsc::unbounded_channel();
        let parts = Arc::new(Parts { database, blobs, links, clock, puts: Arc::default() });
        let task = tokio::spawn(serve(Deleter::new(Arc::clone(&parts)), received));
        Self { requests: Requests(requests), task: Mutex::new(Some(task)), sweeps: Mutex::default(), parts }
    }

    /// Returns where to have pictures deleted.
    pub(crate) fn requests(&self) -> Requests {
        self.requests.clone()
    }

    /// Deletes what an earlier process has left to be deleted.
    pub(crate) async fn collect_all(&self) {
        // An error means that the task has ended.
        let _ = self.requests.run(Task::collect_all()).await;
    }

    /// Deletes abandoned pictures and links; returns the number of the pictures.
    pub(crate) async fn sweep(&self) -> Result<usize> {
        sweep_links(&self.parts).await?;
        sweep(&self.parts, &self.requests).await
    }

    /// Starts to delete abandoned pictures, now and once a day.
    pub(crate) fn keep_sweeping(&self) {
        let sweeps = tokio::spawn(keep_sweeping(Arc::clone(&self.parts), self.requests.clone()));
        let earlier = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).replace(sweeps);
        earlier.iter().for_each(JoinHandle::abort);
    }

    /// Stores pictures durably. Unless they are [kept](Put::keep), those without a row are deleted.
    pub(crate) async fn put(&self, pictures: Vec<Bytes>, permit: OwnedSemaphorePermit) -> Result<Put> {
        let named = run_blocking(move || {
            let named = pictures.into_iter().map(|bytes| (PictureName::of(&bytes), bytes));
            Ok(named.collect::<Vec<_>>())
        });
        Put::new(named.await?, Arc::clone(&self.parts), self.requests.clone(), permit).put().await
    }

    /// Ends the task once it has done what was requested.
    pub(crate) async fn close(&self) {
        let sweeps = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sweeps) = sweeps {
            sweeps.abort();
            let _ = sweeps.await;
        }
        let _ = self.requests.0.send(Request::Close);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // Else the store would never let go of its database.
        self.sweeps.get_mut().unwrap_or_else(PoisonError::into_inner).iter().for_each(JoinHandle::abort);
    }
}

/// Serves requests, a turn each, until the collector is closed or dropped.
async fn serve(mut deleter: Deleter, mut requests: mpsc::UnboundedReceiver<Request>) {
    let mut waiting = VecDeque::new();
    let mut unfinished = None;
    let mut is_closing = false;
    deleter.begin().await;
    loop {
        let received = match requests.try_recv() {
            Ok(received) => Some(received),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => return,
        };
        // What is unfinished waits behind the requests that came meanwhile.
        let received = match received {
            None if waiting.is_empty() && unfinished.is_none() && !is_closing => {
                tokio::select! {
                    received = requests.recv() => received,
                    () = deleter.pause_is_over() => {
                        waiting.push_back((Task::collect_all(), None));
                        continue;
                    }
                }
            }
            received => received,
        };
        match received {
            Some(Request::Do(task, waiter)) => {
                waiting.push_back((task, waiter));
                continue;
            }
            Some(Request::Close) => {
                is_closing = true;
                continue;
            }
            None => waiting.extend(unfinished.take()),
        }
        let Some((task, waiter)) = waiting.pop_front() else { return };
        let is_removal = task.is_removal();
        match deleter.turn(task).await {
            Some(rest) => unfinished = Some((rest, waiter)),
            None => {
                // The caller may have gone away.
                let _ = waiter.map(|waiter| waiter.send(()));
                unfinished = is_removal.then(|| deleter.next_attempt()).flatten().map(|task| (task, None));
            }
        }
    }
}

async fn keep_sweeping(parts: Arc<Parts>, requests: Requests) {
    loop {
        match sweep(&parts, &requests).await {
            Ok(0) => {}
            Ok(found) => tracing::info!(pictures = found, "abandoned pictures are deleted"),
            Err(Error::Closed) => return,
            Err(error) => tracing::warn!(%error, "abandoned pictures were not looked for"),
        }
        // What a node has left that ended.
        let mut slept = Duration::ZERO;
        while slept < SWEEP_INTERVAL {
            tokio::time::sleep(LEFT_INTERVAL).await;
            slept += LEFT_INTERVAL;
            if parts.database.nodes().is_some() {
                requests.send(Task::collect_all());
                if let Err(error) = sweep_links(&parts).await {
                    tracing::warn!(%error, "links that another node has removed were not looked for");
                }
            }
        }
    }
}

/// Deletes the links of this node that another node has removed: it could only delete its own file.
async fn sweep_links(parts: &Parts) -> Result<()> {
    let links = parts.links.clone();
    let names = run_blocking(move || links.names()).await?;
    for names in names.chunks(BATCH) {
        // A link is recorded before there is a file.
        let known = parts.rows().await?.known_links(names).await?;
        let left: Vec<String> = names.iter().filter(|name| !known.contains(*name)).cloned().collect();
        let links = parts.links.clone();
        run_blocking(move || left.iter().try_for_each(|name| links.remove(name))).await?;
    }
    Ok(())
}

/// Looks through all pictures, and has those deleted that no row refers to; returns their number. The picture of a write
/// under way may be among them, which then puts it again.
async fn sweep(parts: &Parts, requests: &Requests) -> Result<usize> {
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
    requests.run(Task::release(abandoned)).await?;
    Ok(found)
}
