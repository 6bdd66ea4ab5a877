//! SQLite as the database of the store, in a folder of this machine.
//!
//! One connection writes, on a thread of its own; a few others read, each on a thread of its own. [`open`] composes the
//! store of a data folder: `aicp.db` (SQLite), `objects/` (pictures, named by content, unless they are elsewhere), `reserve`
//! (disk space set aside for removals) and `lock` (held while the store is open).

mod check;
mod connection;
mod database;
mod disk;
mod moment;
mod peek;
mod readers;
mod repair;
mod schema;
mod templates;
mod writer;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aicp_blobs::LocalBlobs;
use aicp_store::{Error, Result, Store, at, run_blocking};
use aicp_types::Clock;

pub use check::{Finding, Report, check};
pub use database::Sqlite;
pub use moment::Moment;
pub use peek::peek_at_settings;
pub use repair::{Repair, repair};

/// The database in the data folder.
pub const DATABASE: &str = "aicp.db";
/// Folder of pictures in the data folder.
pub const OBJECTS: &str = "objects";
/// Folder of links in the data folder, or in that of the pictures, as section 11 of the AICP manual names it.
pub const LINKS: &str = "highAvailability/picture";

/// File that is locked while a folder is in use.
const LOCK: &str = "lock";

/// Opens the store in `data_dir`, which is created where missing (readable by this user only), and recovers from an
/// interrupted run.
///
/// # Errors
/// [`Error::InUse`] if the store is open already, [`Error::NewerSchema`] if a newer program wrote it,
/// [`Error::DiskFull`] if that is why the database can't be opened, and errors of disk and database.
pub async fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Store> {
    open_with(data_dir, &data_dir.join(OBJECTS), clock).await
}

/// As [`open`], with the pictures in `objects`, which may be on another disk. No other process may have that folder open.
///
/// # Errors
/// As [`open`]; [`Error::InUse`] also if another process has `objects` open.
pub async fn open_with(data_dir: &Path, objects: &Path, clock: Arc<dyn Clock>) -> Result<Store> {
    match open_inner(data_dir, objects, clock).await {
        Err(error) if error.is_database_error() => {
            let data_dir = data_dir.to_owned();
            Err(run_blocking(move || Ok(disk::disk_full_error(&data_dir))).await?.unwrap_or(error))
        }
        opened => opened,
    }
}

async fn open_inner(data_dir: &Path, objects: &Path, clock: Arc<dyn Clock>) -> Result<Store> {
    let (dir, pictures) = (data_dir.to_owned(), objects.to_owned());
    let (locks, blobs) = run_blocking(move || {
        let mut locks = vec![lock(&dir)?];
        if !pictures.starts_with(&dir) {
            create_data_dir(&pictures)?;
            locks.push(take_lock(pictures.join(LOCK))?);
        }
        // The folder of pictures comes first: if a database exists, so does the folder.
        Ok((locks, LocalBlobs::open(&pictures)?))
    })
    .await?;
    let database = Sqlite::open_locked(data_dir, locks).await?;
    let dir = data_dir.to_owned();
    run_blocking(move || sync_dir(&dir)).await?;
    // Hard links need the file system of the pictures.
    let beside = if objects.starts_with(data_dir) { data_dir } else { objects };
    let store = Store::open(Arc::new(database), Arc::new(blobs), &beside.join(LINKS), clock).await?;
    if let Err(error) = store.backfill_digests().await {
        // The first error is returned.
        store.close().await.ok();
        return Err(error);
    }
    Ok(store)
}

/// Creates a data folder where missing and locks it until the file is closed.
///
/// # Errors
/// [`Error::InUse`], and errors of the disk.
pub fn lock(path: &Path) -> Result<File> {
    create_data_dir(path)?;
    let lock = take_lock(path.join(LOCK))?;
    // SQLite can't even read without space for the files beside the database.
    disk::release_reserve(path)?;
    Ok(lock)
}

/// Creates the data folder for this user only. An existing one that is open to others is restricted.
fn create_data_dir(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
    let mode = fs::metadata(path).map_err(at(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "the data folder was open to other users of this machine; it is no more");
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(at(path))?;
    }
    Ok(())
}

/// Makes additions to and removals from a folder durable.
fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(at(path))
}

fn take_lock(path: PathBuf) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o600).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path }),
        Err(TryLockError::Error(error)) => Err(at(path)(error)),
    }
}
