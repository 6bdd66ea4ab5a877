//! A moment of the database, read while a server may write to it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use aicp_store::{BlobKey, Error, Result, at};

use crate::connection::{BUSY_TIMEOUT, driver_error};
use crate::{DATABASE, check, disk};

/// Pages that are copied before the next report of progress.
const PAGES_PER_STEP: i32 = 4096;

/// The database of a data folder as it is at one moment, whatever another process writes meanwhile. All methods block.
#[derive(Debug)]
pub struct Moment {
    connection: Connection,
}

impl Moment {
    /// Opens the database and keeps the state of this moment. The log of writes grows until this is dropped.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no database; [`Error::Database`].
    pub fn begin(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join(DATABASE);
        fs::metadata(&path).map_err(at(&path))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let begin = || {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch("BEGIN")?;
            // A transaction begins to read with its first statement.
            let _: i64 = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok(connection)
        };
        Ok(Self { connection: begin().map_err(error)? })
    }

    /// Returns the version of the schema.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn schema(&self) -> Result<i64> {
        self.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)
    }

    /// Returns the number of the latest change; 0 if there is none.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn sequence(&self) -> Result<i64> {
        let is_there = self.connection.table_exists(None, "change").map_err(error)?;
        let latest = "SELECT COALESCE(MAX(sequence), 0) FROM change";
        if is_there { self.connection.query_row(latest, [], |row| row.get(0)).map_err(error) } else { Ok(0) }
    }

    /// Returns the size of the database in bytes.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn bytes(&self) -> Result<u64> {
        let size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
        let bytes: i64 = self.connection.query_row(size, [], |row| row.get(0)).map_err(error)?;
        Ok(bytes.unsigned_abs())
    }

    /// Returns the keys of the pictures that rows refer to, in order.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub fn pictures(&self) -> Result<Vec<BlobKey>> {
        let mut keys: Vec<_> = check::known_pictures(&self.connection).map_err(error)?.used.into_keys().collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Copies the database to a new file, readable by this user only, page by page; `progress` gets the share that is done,
    /// 0 to 1. The copy has no log beside it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be created; [`Error::DiskFull`], [`Error::Database`].
    pub fn copy(&self, to: &Path, progress: impl Fn(f64)) -> Result<()> {
        let folder = to.parent().unwrap_or(Path::new("."));
        let free = disk::free(folder)?;
        // Never the last bytes, which a server may need.
        if free < self.bytes()?.saturating_add(disk::REFILL_FREE_BYTES) {
            return Err(Error::DiskFull { path: folder.to_owned(), free });
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(at(to))?;
        let copy = || {
            let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            // The copy is verified by its bytes, and made anew after a crash.
            target.pragma_update(None, "synchronous", "OFF")?;
            let backup = Backup::new(&self.connection, &mut target)?;
            loop {
                let step = backup.step(PAGES_PER_STEP)?;
                let done = backup.progress();
                progress(1.0 - f64::from(done.remaining) / f64::from(done.pagecount.max(1)));
                match step {
                    StepResult::Done => return Ok(()),
                    StepResult::More => {}
                    // Nobody else has the copy open, and readers of the original wait for nobody.
                    _ => return Err(rusqlite::Error::InvalidQuery),
                }
            }
        };
        copy().map_err(error)
    }
}

fn error(error: rusqlite::Error) -> Error {
    driver_error(error).into()
}
