//! The seam below the store: what a database has to do.

use std::ops::ControlFlow;
use std::sync::Arc;

use aicp_types::LibraryId;
use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::collector::Requests;
use crate::sql::Connection;
use crate::{Algorithm, Effects, Nodes, Observer, Result, RowIds, TemplateRow, TemplatesRead, Tx};

/// A job that writes. It returns whether to commit what it wrote; its result goes where its creator wants.
pub type Job = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, bool> + Send>;

/// Makes a job of work whose result goes to `keep`; an error is not committed. What the job releases goes to `collector`.
pub(crate) fn job_of<T, E, W>(
    work: W,
    collector: Option<Requests>,
    keep: impl FnOnce(Result<T, E>) + Send + 'static,
) -> Job
where
    T: Send + 'static,
    E: Send + 'static,
    W: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
{
    fn typed<J: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, bool>>(job: J) -> J {
        job
    }
    Box::new(typed(move |tx| {
        tx.effects.released.requests = collector;
        Box::pin(async move {
            let done = work(tx).await;
            let commits = done.is_ok();
            keep(done);
            commits
        })
    }))
}

/// Receiver of templates, called by several threads; `Break` ends the reading.
pub type TemplateSink = Arc<dyn Fn(Vec<TemplateRow>) -> ControlFlow<()> + Send + Sync>;

/// Space that a database takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseUsage {
    /// Name of the kind of database, such as `sqlite`.
    pub kind: &'static str,
    /// Size in bytes, with what is yet to be merged into it.
    pub bytes: u64,
    /// Bytes that are free on its disk; `None` if that is elsewhere.
    pub free_bytes: Option<u64>,
}

/// Disk space that a write may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// The write adds data: it is refused when the disk is full.
    Needed,
    /// The write frees space: on a full disk it gets what is set aside.
    Freed,
    /// The write needs next to nothing and must not fail for want of space.
    Ignored,
}

/// A database. Statements are shared by all databases and run over its connections.
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Waits for a connection to read from. Each statement sees what is committed when it begins.
    async fn reader(&self) -> Result<Box<dyn Connection + '_>>;

    /// Waits for a connection to read from, whose statements all see the state at the first one.
    async fn snapshot(&self) -> Result<Box<dyn Connection + '_>>;

    /// Runs a job in a transaction; returns when it is committed and announced to the observer, or rolled back. A job
    /// that was begun is completed, even if the caller drops the future.
    ///
    /// # Errors
    /// [`Error::DiskFull`](crate::Error::DiskFull); [`Error::RolledBack`](crate::Error::RolledBack) and
    /// [`Error::InDoubt`](crate::Error::InDoubt) if the job could not be committed.
    async fn write(&self, job: Job, space: Space) -> Result<Effects>;

    /// Refuses data that is to be added, as [`write`](Self::write) does, when the disk is full: a picture comes before its
    /// write.
    ///
    /// # Errors
    /// [`Error::DiskFull`](crate::Error::DiskFull).
    fn require_space(&self) -> Result<()>;

    /// Announces every change from now on to this observer. At most one observer is set, once.
    fn observe(&self, observer: Arc<dyn Observer>);

    /// Passes every template of an algorithm to `take`, except those of the libraries `without`, in batches, all from one
    /// state of the database.
    async fn read_templates(
        &self,
        algorithm: &Algorithm,
        without: &[LibraryId],
        take: TemplateSink,
    ) -> Result<TemplatesRead>;

    /// Returns the statements for the row ids that the database assigns.
    fn row_ids(&self) -> RowIds;

    /// Checks that the database is the one that was opened, and that its disk has space.
    ///
    /// # Errors
    /// [`Error::FileReplaced`](crate::Error::FileReplaced), [`Error::DiskFull`](crate::Error::DiskFull).
    async fn check(&self) -> Result<()>;

    /// Tells how much space the database takes, and what it is called.
    ///
    /// # Errors
    /// Errors of the file system, or of the database.
    async fn usage(&self) -> Result<DatabaseUsage>;

    /// Gives disk space up that was set aside, if almost nothing is free, for a write that must not wait for space.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    fn release_reserve(&self) -> Result<()>;

    /// Returns what the nodes of the database agree on; `None` if it is this process' alone.
    fn nodes(&self) -> Option<&dyn Nodes> {
        None
    }

    /// Completes the writes under way and closes all connections. A second call does nothing.
    async fn close(&self) -> Result<()>;
}
