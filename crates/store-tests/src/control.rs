//! Pictures and databases that can be stopped and made to fail.
#![allow(missing_docs, reason = "test data, named by what it is")]

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aicp_blobs::{BlobKey, BlobStream, Blobs, Error as BlobError, MemoryBlobs};
use aicp_store::sql::{Connection, Kind};
use aicp_store::{
    Algorithm, Bytes, Database, DatabaseError, DatabaseUsage, Effects, Error, Job, Observer, Result, RowIds, Space,
    TemplateSink, TemplatesRead,
};
use aicp_types::LibraryId;
use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::Harness;
use crate::fixture::PATIENCE;

/// A point that operations pass while it is open. While it is closed, they wait until they are let go one by one, or
/// until it opens.
pub struct Gate {
    pub is_closed: AtomicBool,
    arrivals: Semaphore,
    passes: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { is_closed: AtomicBool::new(false), arrivals: Semaphore::new(0), passes: Semaphore::new(0) }
    }
}

impl Gate {
    pub async fn pass(&self) {
        if self.is_closed.load(Ordering::SeqCst) {
            self.arrivals.add_permits(1);
            self.passes.acquire().await.expect("not closed").forget();
        }
    }

    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    /// Waits until an operation waits here.
    pub async fn arrival(&self) {
        let arrival = tokio::time::timeout(PATIENCE, self.arrivals.acquire()).await;
        arrival.expect("an operation comes").expect("not closed").forget();
    }

    pub fn let_one_go(&self) {
        self.passes.add_permits(1);
    }

    /// Opens, and lets one operation go that waits.
    pub fn open(&self) {
        self.is_closed.store(false, Ordering::SeqCst);
        self.let_one_go();
    }
}

/// Blobs in memory that can be stopped and made to fail.
#[derive(Default)]
pub struct Controlled {
    blobs: Arc<MemoryBlobs>,
    puts: Arc<AtomicUsize>,
    pub before_put: Arc<Gate>,
    pub after_put: Gate,
    pub after_get: Gate,
    pub before_delete: Gate,
    pub after_delete: Gate,
    pub fails: AtomicBool,
    /// Pictures that can't be deleted.
    stuck: Mutex<HashSet<BlobKey>>,
}

impl Controlled {
    fn refuse(&self) -> aicp_blobs::Result<()> {
        if self.fails.load(Ordering::SeqCst) { Err(BlobError::Unavailable) } else { Ok(()) }
    }

    pub fn stick(&self, pictures: &[&str]) {
        *self.stuck.lock().expect("not poisoned") =
            pictures.iter().map(|picture| BlobKey::of(picture.as_bytes())).collect();
    }

    fn is_stuck(&self, keys: &[BlobKey]) -> bool {
        let stuck = self.stuck.lock().expect("not poisoned");
        keys.iter().any(|key| stuck.contains(key))
    }

    pub fn puts(&self) -> usize {
        self.puts.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Blobs for Controlled {
    async fn put(&self, blobs: &[(BlobKey, Bytes)]) -> aicp_blobs::Result<()> {
        self.refuse()?;
        let (gate, pictures, puts) = (Arc::clone(&self.before_put), Arc::clone(&self.blobs), Arc::clone(&self.puts));
        let blobs = blobs.to_vec();
        // As on a thread, which goes on if the caller goes away.
        let put = tokio::spawn(async move {
            gate.pass().await;
            let put = pictures.put(&blobs).await;
            puts.fetch_add(1, Ordering::SeqCst);
            put
        });
        put.await.expect("no panic")?;
        self.after_put.pass().await;
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> aicp_blobs::Result<BlobStream> {
        let picture = self.blobs.get(key).await;
        self.after_get.pass().await;
        picture
    }

    async fn delete(&self, keys: &[BlobKey]) -> aicp_blobs::Result<()> {
        self.refuse()?;
        self.before_delete.pass().await;
        if self.is_stuck(keys) {
            return Err(BlobError::Io { path: "a picture".into(), source: std::io::Error::other("it is stuck") });
        }
        self.blobs.delete(keys).await?;
        self.after_delete.pass().await;
        Ok(())
    }

    async fn list(&self, shard: u8) -> aicp_blobs::Result<Vec<BlobKey>> {
        self.blobs.list(shard).await
    }

    fn path(&self, _: &BlobKey) -> Option<PathBuf> {
        None
    }
}

/// A database that can be stopped and made to fail.
pub struct ControlledDatabase {
    pub database: Arc<dyn Database>,
    pub control: Arc<Control>,
}

#[derive(Default)]
pub struct Control {
    /// It is unknown of a write whether it was committed.
    pub is_in_doubt: AtomicBool,
    /// Whether it was.
    pub commits: AtomicBool,
    /// The disk is full.
    pub is_full: AtomicBool,
    /// Whether a write on the full disk has asked for what is set aside.
    pub has_freed: AtomicBool,
    pub after_write: Gate,
}

#[async_trait]
impl Database for ControlledDatabase {
    async fn reader(&self) -> Result<Box<dyn Connection + '_>> {
        self.database.reader().await
    }

    async fn snapshot(&self) -> Result<Box<dyn Connection + '_>> {
        self.database.snapshot().await
    }

    async fn write(&self, job: Job, space: Space) -> Result<Effects> {
        match space {
            Space::Needed => self.require_space()?,
            Space::Freed => {
                let is_full = self.control.is_full.load(Ordering::SeqCst);
                self.control.has_freed.fetch_or(is_full, Ordering::SeqCst);
            }
            Space::Ignored => {}
        }
        if !self.control.is_in_doubt.load(Ordering::SeqCst) {
            let effects = self.database.write(job, space).await?;
            self.control.after_write.pass().await;
            return Ok(effects);
        }
        if self.control.commits.load(Ordering::SeqCst) {
            self.database.write(job, space).await?;
        }
        Err(Error::InDoubt(DatabaseError::new(Kind::Disk, "the disk failed")))
    }

    fn require_space(&self) -> Result<()> {
        match self.control.is_full.load(Ordering::SeqCst) {
            true => Err(Error::DiskFull { path: "disk".into(), free: 0 }),
            false => self.database.require_space(),
        }
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.database.observe(observer);
    }

    fn row_ids(&self) -> RowIds {
        self.database.row_ids()
    }

    async fn read_templates(
        &self,
        algorithm: &Algorithm,
        without: &[LibraryId],
        take: TemplateSink,
    ) -> Result<TemplatesRead> {
        self.database.read_templates(algorithm, without, take).await
    }

    async fn check(&self) -> Result<()> {
        self.database.check().await
    }

    async fn usage(&self) -> Result<DatabaseUsage> {
        self.database.usage().await
    }

    fn release_reserve(&self) -> Result<()> {
        self.database.release_reserve()
    }

    async fn close(&self) -> Result<()> {
        self.database.close().await
    }
}

/// Opens databases under one control.
pub struct ControlledHarness {
    pub harness: Box<dyn Harness>,
    pub control: Arc<Control>,
}

#[async_trait]
impl Harness for ControlledHarness {
    async fn open(&self) -> Result<Arc<dyn Database>> {
        let database = self.harness.open().await?;
        Ok(Arc::new(ControlledDatabase { database, control: Arc::clone(&self.control) }))
    }
}
