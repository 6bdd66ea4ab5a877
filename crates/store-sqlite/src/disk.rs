//! Free space of the disk below the data folder, and identity of the database file.
//!
//! A reserve file sets disk space aside. When the disk is full it is deleted for the sake of removals, which write a
//! little before they free anything. All other writes are refused until there is space again.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use aicp_store::{DatabaseUsage, Error, Result, at};

/// Size of the reserve file in bytes.
const RESERVE_BYTES: u64 = 4 << 20;
/// Free bytes below which removals get the reserve.
const MIN_FREE_BYTES: u64 = 1 << 20;
/// Free bytes from which the reserve is allocated again; without a reserve, new data is refused below this.
pub(crate) const REFILL_FREE_BYTES: u64 = 2 * RESERVE_BYTES;

/// The disk of a data folder.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    reserve: PathBuf,
    database: PathBuf,
    /// Identity and length of the database file at the last check.
    seen: Mutex<FileIdentity>,
}

impl Disk {
    /// Watches the disk of `folder` and the file `database`, which must exist. Allocates the reserve if there is space.
    pub fn of(folder: &Path, database: &Path) -> Result<Self> {
        let disk = Self {
            folder: folder.to_owned(),
            reserve: reserve_of(folder),
            database: database.to_owned(),
            seen: Mutex::new(FileIdentity::of(database)?),
        };
        disk.allocate_reserve();
        Ok(disk)
    }

    /// Tells how much space the database takes, and how much is free.
    pub fn usage(&self) -> Result<DatabaseUsage> {
        let mut bytes = fs::metadata(&self.database).map_err(at(&self.database))?.len();
        let mut log = self.database.clone().into_os_string();
        log.push("-wal");
        // Without a log of writes there is nothing to merge.
        bytes += fs::metadata(log).map_or(0, |log| log.len());
        Ok(DatabaseUsage { kind: "sqlite", bytes, free_bytes: Some(free(&self.folder)?) })
    }

    /// Refuses a write other than a removal when the disk is full.
    pub fn require_free_space(&self) -> Result<()> {
        if self.reserve.exists() {
            return Ok(());
        }
        let free = free(&self.folder)?;
        if free < REFILL_FREE_BYTES {
            return Err(Error::DiskFull { path: self.folder.clone(), free });
        }
        self.allocate_reserve();
        Ok(())
    }

    /// Deletes the reserve if less than [`MIN_FREE_BYTES`] is free.
    pub fn release_reserve(&self) -> Result<()> {
        release_reserve(&self.folder)
    }

    /// Checks that new data can be written.
    ///
    /// # Errors
    /// [`Error::DiskFull`], and [`Error::FileReplaced`] if the database file is not the one that was opened, or was cut short.
    pub fn check(&self) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match FileIdentity::of(&self.database) {
            // SQLite never shortens the file here.
            Ok(now) if now.identity == seen.identity && now.length >= seen.length => *seen = now,
            _ => return Err(Error::FileReplaced { path: self.database.clone() }),
        }
        drop(seen);
        let free = free(&self.folder)?;
        if free < RESERVE_BYTES {
            return Err(Error::DiskFull { path: self.folder.clone(), free });
        }
        self.require_free_space()
    }

    /// Allocates the reserve if there is space; a failure is logged, as a later call may succeed.
    fn allocate_reserve(&self) {
        if self.reserve.exists() || free(&self.folder).unwrap_or_default() < REFILL_FREE_BYTES {
            return;
        }
        let part = self.reserve.with_extension("part");
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            if fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES).is_err() {
                // This file system can't allocate bytes without writing them.
                let zeros = vec![0; 1 << 16];
                for _ in 0..RESERVE_BYTES / zeros.len() as u64 {
                    file.write_all(&zeros)?;
                }
                file.sync_all()?;
            }
            fs::rename(&part, &self.reserve)
        };
        if let Err(error) = write() {
            tracing::warn!(path = %self.reserve.display(), %error, "no reserve can be laid by for a full disk");
            drop(fs::remove_file(&part));
        }
    }
}

/// Deletes the reserve of a data folder if less than [`MIN_FREE_BYTES`] is free.
pub(crate) fn release_reserve(folder: &Path) -> Result<()> {
    let reserve = reserve_of(folder);
    if free(folder)? < MIN_FREE_BYTES && reserve.exists() {
        tracing::warn!(folder = %folder.display(), "the disk is full: the reserve is given up");
        fs::remove_file(&reserve).map_err(at(&reserve))?;
    }
    Ok(())
}

/// Returns [`Error::DiskFull`] if the disk of a data folder is full.
pub(crate) fn disk_full_error(folder: &Path) -> Option<Error> {
    let free = free(folder).ok()?;
    (free < MIN_FREE_BYTES).then(|| Error::DiskFull { path: folder.to_owned(), free })
}

fn reserve_of(folder: &Path) -> PathBuf {
    folder.join("reserve")
}

/// Returns the bytes available to this user.
pub(crate) fn free(folder: &Path) -> Result<u64> {
    let found = statvfs(folder).map_err(|e| at(folder)(e.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Identity and length of a file.
#[derive(Debug)]
struct FileIdentity {
    /// Device and inode.
    identity: (u64, u64),
    /// Length in bytes.
    length: u64,
}

impl FileIdentity {
    fn of(path: &Path) -> Result<Self> {
        let found = fs::metadata(path).map_err(at(path))?;
        Ok(Self { identity: (found.dev(), found.ino()), length: found.len() })
    }
}
