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

use crate::{Error, Result, error::at};

/// Size of the reserve file in bytes.
const RESERVE: u64 = 4 << 20;
/// Free bytes below which removals get the reserve.
const HARDLY_ANY: u64 = 1 << 20;
/// Free bytes from which the reserve is allocated again; without a reserve, new data is refused below this.
const ENOUGH: u64 = 2 * RESERVE;

/// The disk of a data folder.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    reserve: PathBuf,
    database: PathBuf,
    /// Identity and length of the database file at the last check.
    seen: Mutex<Seen>,
}

impl Disk {
    /// Watches the disk of `folder` and the file `database`, which must exist. Allocates the reserve if there is space.
    pub fn of(folder: &Path, database: &Path) -> Result<Self> {
        let disk = Self {
            folder: folder.to_owned(),
            reserve: reserve_of(folder),
            database: database.to_owned(),
            seen: Mutex::new(Seen::of(database)?),
        };
        disk.lay_by();
        Ok(disk)
    }

    /// Refuses a write other than a removal when the disk is full.
    pub fn check_room(&self) -> Result<()> {
        if self.reserve.exists() {
            return Ok(());
        }
        let free = free(&self.folder)?;
        if free < ENOUGH {
            return Err(Error::DiskFull { path: self.folder.clone(), free });
        }
        self.lay_by();
        Ok(())
    }

    /// Deletes the reserve if less than [`HARDLY_ANY`] is free.
    pub fn make_room(&self) -> Result<()> {
        make_room(&self.folder)
    }

    /// Checks that new data can be written.
    ///
    /// # Errors
    /// [`Error::DiskFull`], and [`Error::Gone`] if the database file is not the one that was opened, or was cut short.
    pub fn check(&self) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match Seen::of(&self.database) {
            // SQLite never shortens the file here.
            Ok(now) if now.identity == seen.identity && now.length >= seen.length => *seen = now,
            _ => return Err(Error::Gone { path: self.database.clone() }),
        }
        drop(seen);
        let free = free(&self.folder)?;
        if free < RESERVE {
            return Err(Error::DiskFull { path: self.folder.clone(), free });
        }
        self.check_room()
    }

    /// Allocates the reserve if there is space; a failure is logged, as a later call may succeed.
    fn lay_by(&self) {
        if self.reserve.exists() || free(&self.folder).unwrap_or_default() < ENOUGH {
            return;
        }
        let part = self.reserve.with_extension("part");
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            if fallocate(&file, FallocateFlags::empty(), 0, RESERVE).is_err() {
                // This file system can't allocate bytes without writing them.
                let zeros = vec![0; 1 << 16];
                for _ in 0..RESERVE / zeros.len() as u64 {
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

/// Deletes the reserve of a data folder if less than [`HARDLY_ANY`] is free.
pub(crate) fn make_room(folder: &Path) -> Result<()> {
    let reserve = reserve_of(folder);
    if free(folder)? < HARDLY_ANY && reserve.exists() {
        tracing::warn!(folder = %folder.display(), "the disk is full: the reserve is given up");
        fs::remove_file(&reserve).map_err(at(&reserve))?;
    }
    Ok(())
}

/// Returns [`Error::DiskFull`] if the disk of a data folder is full.
pub(crate) fn fullness(folder: &Path) -> Option<Error> {
    let free = free(folder).ok()?;
    (free < HARDLY_ANY).then(|| Error::DiskFull { path: folder.to_owned(), free })
}

fn reserve_of(folder: &Path) -> PathBuf {
    folder.join("reserve")
}

/// Returns the bytes available to this user.
fn free(folder: &Path) -> Result<u64> {
    let found = statvfs(folder).map_err(|e| at(folder)(e.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Identity and length of a file.
#[derive(Debug)]
struct Seen {
    /// Device and inode.
    identity: (u64, u64),
    /// Length in bytes.
    length: u64,
}

impl Seen {
    fn of(path: &Path) -> Result<Self> {
        let found = fs::metadata(path).map_err(at(path))?;
        Ok(Self { identity: (found.dev(), found.ino()), length: found.len() })
    }
}
