//! The store's entry point.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aicp_blobs::{BlobKey, Blobs, Files, read_all};
use aicp_types::{Clock, LibraryId, Node, OutboxId, PersonId};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::collector::Collector;
use crate::links::Links;
use crate::{
    Algorithm, BulkPerson, Database, DatabaseUsage, Error, Kept, Nodes, Observer, PictureName, Result, Rows, Space,
    TemplateRow, TemplatesRead, Tx, Written, blocking::run_blocking, database::job_of, statements::PreparedPeople,
};

/// Maximum number of concurrent writes, whose pictures are in memory; further ones wait. An interrupted run leaves no
/// more pictures without a row, as each write but an import of many people has one picture.
pub(crate) const MAX_CONCURRENT_WRITES: u32 = 1024;

/// Minimum time between two probes of [`Store::ping`].
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Handle of the open store: rows in a database, and pictures. Cheap to clone; all clones are the same store.
///
/// After [`close`](Self::close) everything but [`picture`](Self::picture) returns [`Error::Closed`].
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) clock: Arc<dyn Clock>,
    links: Links,
    writes: Arc<Semaphore>,
    /// When the last probe of the database succeeded.
    probed_at: tokio::sync::Mutex<Option<Instant>>,
    pub(crate) collector: Collector,
}

impl Store {
    /// Composes a store of a database and a place for pictures. `links` is the folder of
    /// [`outbox_picture_file`](Self::outbox_picture_file). Deletes what removed rows have left.
    ///
    /// # Errors
    /// Errors of database and pictures.
    pub async fn open(
        database: Arc<dyn Database>,
        blobs: Arc<dyn Blobs>,
        links: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let folder = links.to_owned();
        let links = run_blocking(move || Links::open(&folder)).await?;
        let collector = Collector::start(Arc::clone(&database), Arc::clone(&blobs), links.clone(), Arc::clone(&clock));
        let writes = Arc::new(Semaphore::new(MAX_CONCURRENT_WRITES as usize));
        let shared =
            Shared { database, blobs, clock, links, writes, probed_at: tokio::sync::Mutex::default(), collector };
        shared.collector.collect_all().await;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Looks through all pictures and deletes those that no row refers to; returns their number. If they are more than
    /// interrupted writes can have left, or no row at all has a picture, the database may not be the one of these
    /// pictures: then none is deleted, and an error is logged.
    ///
    /// # Errors
    /// Errors of database and pictures.
    pub async fn sweep(&self) -> Result<usize> {
        self.shared.collector.sweep().await
    }

    /// [Sweeps](Self::sweep) in the background until the store is closed: now and once a day.
    pub fn keep_sweeping(&self) {
        self.shared.collector.keep_sweeping();
    }

    /// Waits for a connection to read rows. Each statement sees what is committed when it begins.
    ///
    /// # Errors
    /// [`Error::Closed`], and errors of the database.
    pub async fn rows(&self) -> Result<Rows<'_>> {
        Ok(Rows::new(self.shared.database.reader().await?))
    }

    /// Waits for a connection to read rows of one state of the database.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub async fn snapshot(&self) -> Result<Rows<'_>> {
        Ok(Rows::new(self.shared.database.snapshot().await?))
    }

    /// Runs a job in a transaction and returns its result once that is durable. An error of the job rolls the
    /// transaction back. Refused when the disk is full.
    ///
    /// ```no_run
    /// # async fn rename(store: aicp_store::Store, id: aicp_types::LibraryId) -> aicp_store::Result<()> {
    /// store.write(move |tx| Box::pin(async move { tx.update_library(id, "hall", "the hall", None).await })).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of the job; [`Error::DiskFull`], [`Error::RolledBack`], [`Error::InDoubt`] and [`Error::Closed`].
    pub async fn write<T, E, W>(&self, job: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        W: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let permit = self.permit().await?;
        self.run(job, Space::Needed, Some(permit)).await
    }

    /// Runs a job that frees space, as [`write`](Self::write); on a full disk it gets what is set aside. Pictures that
    /// it releases are deleted on return.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn remove<T, E, W>(&self, job: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        W: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let permit = self.permit().await?;
        self.run(job, Space::Freed, Some(permit)).await
    }

    /// Runs a small job that must be possible on a full disk, as [`write`](Self::write).
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_always<T, E, W>(&self, job: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        W: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        self.run(job, Space::Ignored, None).await
    }

    /// Stores pictures and runs a job that inserts rows which refer to them, given their names in order. If the job
    /// fails, pictures without a row are deleted.
    ///
    /// # Errors
    /// As [`write`](Self::write); [`Error::Blobs`] if a picture can't be stored.
    pub async fn write_with_pictures<T, E, W>(&self, pictures: Vec<Bytes>, job: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        W: for<'t> FnOnce(&'t mut Tx, Vec<PictureName>) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let permit = self.permit().await?;
        self.shared.database.require_space()?;
        let stage = aicp_traces::stage("store.pictures");
        let mut put = self.shared.collector.put(pictures, permit).await?;
        drop(stage);
        let mut job = Some(job);
        loop {
            let Some(unused) = job.take() else { return Err(Error::Closed.into()) };
            let (names, claim) = (put.names(), put.claim());
            let attempt = self.try_run::<Result<T, W>, E, _>(
                move |tx| {
                    Box::pin(async move {
                        let is_claimed = tx.claim_pictures(claim).await?;
                        if is_claimed { unused(tx, names).await.map(Ok) } else { Ok(Err(unused)) }
                    })
                },
                Space::Needed,
                None,
            );
            match attempt.await {
                Ok(Ok(Ok(done))) => {
                    put.keep();
                    return Ok(done);
                }
                // An equal picture was just deleted: put it again.
                Ok(Ok(Err(unused))) => {
                    put = put.repeat().await?;
                    job = Some(unused);
                }
                Ok(Err(refused)) => {
                    put.release().await;
                    return Err(refused);
                }
                // A crash may yet reveal the rows: the sweep after the next start decides.
                Err(error @ (Error::InDoubt(_) | Error::Closed)) => {
                    put.keep();
                    return Err(error.into());
                }
                Err(error) => {
                    put.release().await;
                    return Err(error.into());
                }
            }
        }
    }

    /// As [`write_with_pictures`](Self::write_with_pictures), with one picture.
    ///
    /// # Errors
    /// As [`write_with_pictures`](Self::write_with_pictures).
    pub async fn write_with_picture<T, E, W>(&self, picture: Bytes, job: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        W: for<'t> FnOnce(&'t mut Tx, PictureName) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        fn typed<F, J: for<'t> FnOnce(&'t mut Tx, Vec<PictureName>) -> BoxFuture<'t, F>>(job: J) -> J {
            job
        }
        let job = typed(move |tx, mut names| match names.pop() {
            Some(name) => job(tx, name),
            None => Box::pin(std::future::ready(Err(Error::NotFound.into()))),
        });
        self.write_with_pictures(vec![picture], job).await
    }

    /// Stores many people of one library, with faces and computed templates; all or none. Returns their row ids in
    /// order. For imports of templates and for benchmarks: tens of thousands of people per second.
    ///
    /// A picture is stored if at least one face refers to it. The writer is busy for the whole call, so pass a few
    /// thousand people at a time.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the library does not exist, or a face refers to a picture out of range;
    /// [`Error::Exists`] if an `external_id` is taken or repeated; [`Error::Database`] if another id is taken or a
    /// number is NaN; and those of [`write_with_pictures`](Self::write_with_pictures).
    pub async fn add_people(
        &self,
        library_id: LibraryId,
        people: Vec<BulkPerson>,
        pictures: Vec<Bytes>,
    ) -> Result<Vec<PersonId>> {
        self.restore_people(library_id, people, Kept::default(), pictures).await
    }

    /// As [`add_people`](Self::add_people), for people who were stored before.
    ///
    /// # Errors
    /// As [`add_people`](Self::add_people); [`Error::Database`] also if a row id is taken.
    pub async fn restore_people(
        &self,
        library_id: LibraryId,
        people: Vec<BulkPerson>,
        kept: Kept,
        pictures: Vec<Bytes>,
    ) -> Result<Vec<PersonId>> {
        let (prepared, pictures) = run_blocking(move || PreparedPeople::new(people, kept, pictures)).await?;
        self.write_with_pictures(pictures, move |tx, names| {
            Box::pin(async move { tx.insert_people(library_id, prepared, names).await })
        })
        .await
    }

    async fn run<T, E, W>(&self, job: W, space: Space, permit: Option<OwnedSemaphorePermit>) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        W: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        self.try_run(job, space, permit).await?
    }

    /// Runs a job and returns its result, or the error of the database that could not run or commit it.
    async fn try_run<T, E, W>(&self, job: W, space: Space, permit: Option<OwnedSemaphorePermit>) -> Result<Result<T, E>>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        W: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let _stage = aicp_traces::stage("store.write");
        let result = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&result);
        let collector = Some(self.shared.collector.requests());
        let job = job_of(job, collector, move |done| *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(done));
        let committed = self.shared.database.write(job, space).await;
        if let Err(Error::InDoubt(_)) = committed {
            Written::note_any();
        }
        let effects = committed?;
        Written::note(effects.sequence);
        let done = result.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or(Error::Closed)?;
        if done.is_ok() {
            Written::note_any();
        }
        // Who waits for pictures to be deleted holds up no write.
        drop(permit);
        effects.released.collect().await;
        Ok(done)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.writes).acquire_owned().await.map_err(|_| Error::Closed)
    }

    /// Returns the bytes of a picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of that key; [`Error::Blobs`] if the file differs from what was stored, or
    /// can't be read.
    pub async fn picture(&self, key: &str) -> Result<Bytes> {
        let key = BlobKey::parse(key).ok_or(Error::NotFound)?;
        match read_all(self.shared.blobs.as_ref(), &key).await {
            Err(aicp_blobs::Error::Missing { .. }) => Err(Error::NotFound),
            read => Ok(read?),
        }
    }

    /// Returns an address from which anybody can read a picture for a time; `None` where there are none.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the key is none; [`Error::Blobs`].
    pub async fn picture_link(&self, key: &str, life: Duration) -> Result<Option<String>> {
        let key = BlobKey::parse(key).ok_or(Error::NotFound)?;
        Ok(self.shared.blobs.link(&key, life).await?)
    }

    /// Returns the path of the picture of an outbox row as a file of its own, under `name`, a relative path: a hard
    /// link where pictures are files, else a copy. It is created if missing, and deleted with the row or the picture.
    /// `None` if the row or the picture is gone.
    ///
    /// # Errors
    /// As [`write`](Self::write) and [`picture`](Self::picture).
    pub async fn outbox_picture_file(&self, row_id: OutboxId, key: &str, name: String) -> Result<Option<PathBuf>> {
        let (noted, key_text) = (name.clone(), key.to_owned());
        if !self.rows().await?.has_link(&name, row_id).await? {
            let recorded: Result<bool> =
                self.write(move |tx| Box::pin(async move { tx.record_link(noted, row_id, key_text).await })).await;
            if !recorded? {
                return Ok(None);
            }
        }
        let (links, found) = (self.shared.links.clone(), name.clone());
        if let Some(link) = run_blocking(move || Ok(links.find(&found))).await? {
            return Ok(Some(link));
        }
        let Some(link) = self.make_link(key, name.clone()).await? else { return Ok(None) };
        if self.rows().await?.has_link(&name, row_id).await? {
            return Ok(Some(link));
        }
        // The record went while the link was made, so nobody else removes it.
        let links = self.shared.links.clone();
        run_blocking(move || links.remove(&name)).await?;
        Ok(None)
    }

    /// Makes a link to a picture; `None` if the picture is gone.
    async fn make_link(&self, key: &str, name: String) -> Result<Option<PathBuf>> {
        let file = BlobKey::parse(key).and_then(|key| self.shared.blobs.path(&key)).filter(|file| file.exists());
        if let Some(file) = file {
            let (links, name) = (self.shared.links.clone(), name.clone());
            if let Some(link) = run_blocking(move || links.link(&file, &name)).await? {
                return Ok(Some(link));
            }
        }
        let picture = match self.picture(key).await {
            Err(Error::NotFound) => return Ok(None),
            picture => picture?,
        };
        let links = self.shared.links.clone();
        run_blocking(move || links.write(&picture, &name)).await.map(Some)
    }

    /// Returns the number of this node among those of the database.
    pub fn node(&self) -> Node {
        self.shared.database.nodes().map_or_else(Node::default, |nodes| nodes.number())
    }

    /// Returns what the nodes of the database agree on; `None` if it is this process' alone.
    pub fn nodes(&self) -> Option<&dyn Nodes> {
        self.shared.database.nodes()
    }

    /// Returns the files beside the pictures that nodes share, if they share any.
    pub fn files(&self) -> Option<&dyn Files> {
        self.shared.blobs.files()
    }

    /// Announces every committed change from now on to this observer. At most one observer is set, once.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.shared.database.observe(observer);
    }

    /// Passes every template of an algorithm to `take`, except those of the libraries `without`, in batches, and returns the
    /// number of faces read.
    ///
    /// All come from one state of the database: that at the beginning. Several threads call `take` concurrently, with
    /// batches in no order; a batch is sorted by `face_id`. An error of `take` ends the reading and is returned as the
    /// inner one.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn read_templates<E, F>(
        &self,
        algorithm: &Algorithm,
        without: &[LibraryId],
        take: F,
    ) -> Result<Result<TemplatesRead, E>>
    where
        E: Send + 'static,
        F: Fn(Vec<TemplateRow>) -> Result<(), E> + Send + Sync + 'static,
    {
        let failure = Arc::new(Mutex::new(None));
        let first = Arc::clone(&failure);
        let sink = move |rows: Vec<TemplateRow>| match take(rows) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                ControlFlow::Break(())
            }
        };
        let read = self.shared.database.read_templates(algorithm, without, Arc::new(sink)).await?;
        let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(failure.map_or(Ok(read), Err))
    }

    /// Refuses what is to be stored beside the rows when the disk is full.
    ///
    /// # Errors
    /// [`Error::DiskFull`].
    pub fn require_space(&self) -> Result<()> {
        self.shared.database.require_space()
    }

    /// Tells how much space the database takes.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn database_usage(&self) -> Result<DatabaseUsage> {
        self.shared.database.usage().await
    }

    /// Deletes the disk's reserve if almost nothing is free, for a write that must not wait for space.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn release_reserve(&self) -> Result<()> {
        self.shared.database.release_reserve()
    }

    /// Checks that the database is the one that was opened, that its disk has space, and that a row can be read and
    /// written. After a successful probe of the row, the next one is skipped for two seconds.
    ///
    /// # Errors
    /// [`Error::FileReplaced`], [`Error::DiskFull`], or an error of the database.
    pub async fn ping(&self) -> Result<()> {
        if self.shared.writes.is_closed() {
            return Err(Error::Closed);
        }
        self.shared.database.check().await?;
        let mut probed_at = self.shared.probed_at.lock().await;
        if probed_at.is_some_and(|at| at.elapsed() < PROBE_INTERVAL) {
            return Ok(());
        }
        *probed_at = None;
        let now = self.shared.clock.now();
        self.rows().await?.probe().await?;
        self.run::<(), Error, _>(move |tx| Box::pin(async move { tx.probe(now).await }), Space::Ignored, None).await?;
        *probed_at = Some(Instant::now());
        Ok(())
    }

    /// Waits for running writes and closes the database. A second call does nothing.
    ///
    /// # Errors
    /// Errors of the database; the store is closed nevertheless.
    pub async fn close(&self) -> Result<()> {
        // Holding every permit means that no write is running. It fails only if closed before.
        let _all = self.shared.writes.acquire_many(MAX_CONCURRENT_WRITES).await;
        self.shared.writes.close();
        self.shared.collector.close().await;
        self.shared.database.close().await
    }
}
