//! The database: readers and the writer.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aicp_store::sql::Connection;
use aicp_store::{
    Algorithm, Database, DatabaseUsage, Effects, Job, Observer, Result, RowIds, Space, TemplateSink, TemplatesRead,
    Writer, at, run_blocking,
};
use aicp_types::LibraryId;
use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::connection::Local;
use crate::disk::Disk;
use crate::readers::Readers;
use crate::schema;
use crate::templates::{self, Selection};
use crate::writer::Writing;
use crate::{DATABASE, lock};

const READERS: usize = 4;
/// Page size in bytes of a new file; an existing file keeps its own. Three templates of 2 KiB fit a page, whereas in
/// the default of 4 KiB half stays empty. The file is smaller and read faster, and a commit still writes few bytes.
const PAGE_BYTES: u32 = 8192;
/// Size in bytes to which the write-ahead log is truncated after a checkpoint, however far one large write let it grow.
const JOURNAL_BYTES: &str = "67108864";

/// SQLite, in a file of this machine.
pub struct Sqlite {
    path: PathBuf,
    readers: Readers,
    writer: Writer,
    disk: Arc<Disk>,
    /// Locks of the folders; none once closed.
    locks: Mutex<Vec<File>>,
}

impl Sqlite {
    /// Opens the database of a data folder without the pictures beside it; else as [`open`](crate::open).
    ///
    /// # Errors
    /// As [`open`](crate::open).
    pub async fn open(data_dir: &Path) -> Result<Self> {
        let dir = data_dir.to_owned();
        let lock = run_blocking(move || lock(&dir)).await?;
        Self::open_locked(data_dir, [lock]).await
    }

    /// Opens the database of a data folder, creating it where missing, migrates its schema and starts the writer. Holds
    /// the locks until it is closed.
    pub(crate) async fn open_locked(data_dir: &Path, locks: impl Into<Vec<File>>) -> Result<Self> {
        let path = data_dir.join(DATABASE);
        let (file, folder) = (path.clone(), data_dir.to_owned());
        let (connection, disk) = run_blocking(move || {
            // Created here, as SQLite would let others read it; its companion files inherit the mode.
            OpenOptions::new().append(true).create(true).mode(0o600).open(&file).map(drop).map_err(at(&file))?;
            let connection = Local::open(&file, false)?;
            prepare(&connection).map_err(crate::connection::error)?;
            schema::migrate(&connection, schema::VERSIONS.len() as i64)?;
            connection.raw().pragma_update(None, "foreign_keys", true).map_err(crate::connection::error)?;
            Ok((connection, Disk::of(&folder, &file)?))
        })
        .await?;
        let readers = Readers::open(&path, READERS)?;
        let writer = Writer::start(Writing::new(connection)).map_err(at(&path))?;
        Ok(Self { path, readers, writer, disk: Arc::new(disk), locks: Mutex::new(locks.into()) })
    }
}

/// Sets what a connection that writes needs.
fn prepare(connection: &Local) -> rusqlite::Result<()> {
    let db = connection.raw();
    // Takes effect for a new file only.
    db.pragma_update(None, "page_size", PAGE_BYTES)?;
    let _: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Deleted data is biometric: free pages are overwritten, not just released.
    db.pragma_update(None, "secure_delete", "ON")?;
    db.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
    // Some versions build a table anew, which must not remove the rows that refer to it.
    db.pragma_update(None, "foreign_keys", false)
}

#[async_trait]
impl Database for Sqlite {
    async fn reader(&self) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(self.readers.get().await?))
    }

    async fn snapshot(&self) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(self.readers.get().await?.begin().await?))
    }

    async fn write(&self, job: Job, space: Space) -> Result<Effects> {
        match space {
            Space::Needed => self.disk.require_free_space()?,
            Space::Freed => self.disk.release_reserve()?,
            Space::Ignored => {}
        }
        self.writer.run(job).await
    }

    fn require_space(&self) -> Result<()> {
        self.disk.require_free_space()
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.writer.observe(observer);
    }

    async fn read_templates(
        &self,
        algorithm: &Algorithm,
        without: &[LibraryId],
        take: TemplateSink,
    ) -> Result<TemplatesRead> {
        templates::read(&self.path, &self.writer, Selection::new(algorithm, without), take).await
    }

    fn row_ids(&self) -> RowIds {
        RowIds {
            read: "SELECT name, seq FROM sqlite_sequence",
            write: &[
                "UPDATE sqlite_sequence SET seq = MAX(seq, $2) WHERE name = $1",
                "INSERT INTO sqlite_sequence (name, seq) SELECT $1, $2
                 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $1)",
            ],
        }
    }

    async fn check(&self) -> Result<()> {
        let disk = Arc::clone(&self.disk);
        run_blocking(move || disk.check()).await
    }

    async fn usage(&self) -> Result<DatabaseUsage> {
        let disk = Arc::clone(&self.disk);
        run_blocking(move || disk.usage()).await
    }

    fn release_reserve(&self) -> Result<()> {
        self.disk.release_reserve()
    }

    async fn close(&self) -> Result<()> {
        let mut locks = self.locks.lock().await;
        if locks.is_empty() {
            return Ok(());
        }
        self.readers.close().await;
        let closed = self.writer.close().await;
        locks.clear();
        closed
    }
}
