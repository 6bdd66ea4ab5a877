//! What the disk below the data folder has room for, and whether the database is still the one that was opened.
//!
//! A file of some MiB is kept in reserve. When the disk is full it is given up for removals, which write a little before they free
//! anything; everything else is refused until there is room again.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::{Error, Result, error::at};

/// Bytes kept in reserve.
const RESERVE: u64 = 4 << 20;
/// With less free than this, removals get the reserve.
const HARDLY_ANY: u64 = 1 << 20;
/// With so much free the reserve is laid by again, and until then nothing new is written.
const ENOUGH: u64 = 2 * RESERVE;

/// The disk of a data folder.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    reserve: PathBuf,
    database: PathBuf,
    /// The database file as it was last seen.
    seen: Mutex<Seen>,
}

impl Disk {
    /// Of the folder with this database file, which must be there. Lays the reserve by if there is room.
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

    /// Refuses a write that is no removal when the disk is full.
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

    /// Gives the reserve up if there is hardly any room.
    pub fn make_room(&self) -> Result<()> {
        make_room(&self.folder)
    }

    /// Whether new things can be written.
    ///
    /// # Errors
    /// [`Error::DiskFull`], and [`Error::Gone`] if the database file is not the one that was opened, or was cut short.
    pub fn check(&self) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match Seen::of(&self.database) {
            // The file is never made shorter.
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

    /// What can't be laid by now may be later.
    fn lay_by(&self) {
        if self.reserve.exists() || free(&self.folder).unwrap_or_default() < ENOUGH {
            return;
        }
        let part = self.reserve.with_extension("part");
        let write = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
            if fallocate(&file, FallocateFlags::empty(), 0, RESERVE).is_err() {
                // This file system can't set bytes aside without writing them.
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

/// Gives the reserve of a data folder up if there is hardly any room.
pub(crate) fn make_room(folder: &Path) -> Result<()> {
    let reserve = reserve_of(folder);
    if free(folder)? < HARDLY_ANY && reserve.exists() {
        tracing::warn!(folder = %folder.display(), "the disk is full: the reserve is given up");
        fs::remove_file(&reserve).map_err(at(&reserve))?;
    }
    Ok(())
}

/// That the disk of a data folder is full, if it is.
pub(crate) fn fullness(folder: &Path) -> Option<Error> {
    let free = free(folder).ok()?;
    (free < HARDLY_ANY).then(|| Error::DiskFull { path: folder.to_owned(), free })
}

fn reserve_of(folder: &Path) -> PathBuf {
    folder.join("reserve")
}

/// Bytes that are free for this user.
fn free(folder: &Path) -> Result<u64> {
    let found = statvfs(folder).map_err(|e| at(folder)(e.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// What a file is known by.
#[derive(Debug)]
struct Seen {
    /// Its device and its number there.
    identity: (u64, u64),
    /// Bytes.
    length: u64,
}

impl Seen {
    fn of(path: &Path) -> Result<Self> {
        let found = fs::metadata(path).map_err(at(path))?;
        Ok(Self { identity: (found.dev(), found.ino()), length: found.len() })
    }
}
