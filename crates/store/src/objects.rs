//! Pictures as files in a local folder, named by their content. All functions block.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::{Error, Result, error::at};

/// Hex digits in a key.
const KEY_LENGTH: usize = 64;

/// Returns the key of a picture: lower-case hex of the SHA-256 of its bytes.
pub fn picture_key(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Returns the MD5 digest of bytes, as lower-case hex. It is shown to callers, and lets the offline check detect
/// damaged templates.
pub fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// Key and digest of a picture.
#[derive(Clone, Debug)]
pub(crate) struct PictureName {
    pub(crate) key: String,
    /// See [`md5_hex`].
    pub(crate) md5: String,
}

/// Returns the shard, one of 256, of a key; `None` if `key` is not a valid key.
pub(crate) fn shard_of(key: &str) -> Option<u8> {
    let is_key = key.len() == KEY_LENGTH && key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_key { u8::from_str_radix(&key[..2], 16).ok() } else { None }
}

/// Folder of pictures in the data folder.
pub(crate) const OBJECTS: &str = "objects";
/// Subfolder of staged pictures.
pub(crate) const INCOMING: &str = "incoming";
/// Folder of links: pictures under a second name, as section 11 of the AICP manual names it.
const LINKS: &str = "highAvailability/picture";

/// Folder of pictures: `<first 2 digits>/<other digits>` when published, `incoming/<key>.<number>` when staged. Beside
/// it is the folder of links, where some pictures have a second name.
#[derive(Debug)]
pub(crate) struct LocalObjects {
    root: PathBuf,
    incoming: PathBuf,
    links: PathBuf,
    next_number: AtomicU64,
}

/// A staged picture: durable, but not published yet.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) key: String,
    /// See [`md5_hex`].
    pub(crate) md5: String,
    path: PathBuf,
}

impl Staged {
    /// Returns the picture's key and digest.
    pub(crate) fn name(&self) -> PictureName {
        PictureName { key: self.key.clone(), md5: self.md5.clone() }
    }
}

impl LocalObjects {
    /// Opens the folder inside the data folder; creates it and the shard folders where missing.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        let root = data_dir.join(OBJECTS);
        let links = std::path::absolute(data_dir.join(LINKS)).map_err(at(data_dir))?;
        let incoming = root.join(INCOMING);
        create_dir(&root)?;
        create_dir(&incoming)?;
        for shard in 0..=u8::MAX {
            create_dir(&root.join(hex::encode([shard])))?;
        }
        sync_dir(&root)?;
        remove_empty_dirs(&links)?;
        Ok(Self { root, incoming, links, next_number: AtomicU64::new(0) })
    }

    /// Writes pictures durably to `incoming`; all or none.
    pub(crate) fn stage(&self, pictures: &[Bytes]) -> Result<Vec<Staged>> {
        let mut staged = Vec::with_capacity(pictures.len());
        let mut written = Ok(());
        for bytes in pictures {
            let key = picture_key(bytes);
            let number = self.next_number.fetch_add(1, Ordering::Relaxed);
            let path = self.incoming.join(format!("{key}.{number}"));
            written = write_new(&path, bytes).map_err(at(&path));
            staged.push(Staged { key, md5: md5_hex(bytes), path });
            if written.is_err() {
                break;
            }
        }
        if !staged.is_empty() {
            written = written.and_then(|()| sync_dir(&self.incoming));
        }
        match written {
            Ok(()) => Ok(staged),
            Err(error) => {
                // The first error is returned; files that can't be removed now are removed at the next open.
                staged.iter().for_each(|staged| drop(fs::remove_file(&staged.path)));
                Err(error)
            }
        }
    }

    /// Publishes staged pictures: moves each to its final path, where it replaces an equal one. A failed move does not
    /// stop the others; the first error is returned.
    pub(crate) fn publish(&self, staged: &[Staged]) -> Result<()> {
        let mut outcome = Ok(());
        for staged in staged {
            outcome = outcome.and(self.publish_one(staged));
        }
        outcome
    }

    fn publish_one(&self, staged: &Staged) -> Result<()> {
        let place = self.place(&staged.key)?;
        fs::rename(&staged.path, &place).map_err(at(&staged.path))?;
        sync_dir(self.parent(&place))
    }

    /// Removes staged pictures.
    pub(crate) fn discard(&self, staged: &[Staged]) -> Result<()> {
        // All of them, even if one can't be removed.
        let outcomes: Vec<_> = staged.iter().map(|staged| remove_if_there(&staged.path)).collect();
        outcomes.into_iter().collect()
    }

    /// Returns the files that an earlier run left in `incoming`, keyed by content instead of by name: a truncated file
    /// thus has the key of no row.
    pub(crate) fn leftovers(&self) -> Result<Vec<Staged>> {
        let mut leftovers = Vec::new();
        for entry in fs::read_dir(&self.incoming).map_err(at(&self.incoming))? {
            let entry = entry.map_err(at(&self.incoming))?;
            let path = entry.path();
            if !entry.file_type().map_err(at(&path))?.is_file() {
                tracing::warn!(path = %path.display(), "this is no picture of the store and is left alone");
                continue;
            }
            let bytes = fs::read(&path).map_err(at(&path))?;
            leftovers.push(Staged { key: picture_key(&bytes), md5: md5_hex(&bytes), path });
        }
        Ok(leftovers)
    }

    /// Reads a picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not published; [`Error::Corrupt`] if its bytes are not those stored.
    pub(crate) fn read(&self, key: &str) -> Result<Vec<u8>> {
        let place = self.place(key)?;
        let bytes = match fs::read(&place) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Error::NotFound),
            Err(error) => return Err(at(place)(error)),
        };
        if picture_key(&bytes) == key { Ok(bytes) } else { Err(Error::Corrupt { key: key.to_owned() }) }
    }

    /// Deletes pictures of one shard durably; missing ones are ignored.
    pub(crate) fn remove(&self, shard: u8, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        for key in keys {
            remove_if_there(&self.place(key)?)?;
        }
        sync_dir(&self.root.join(hex::encode([shard])))
    }

    /// Links a published picture under a second name, a path inside the folder of links, and returns the link's path.
    /// The link is a copy where the file system has no hard links.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the picture is not published.
    pub(crate) fn link(&self, key: &str, name: &str) -> Result<PathBuf> {
        let place = self.place(key)?;
        let link = self.links.join(name);
        if link.exists() {
            return Ok(link);
        }
        if !place.exists() {
            return Err(Error::NotFound);
        }
        create_dirs(link.parent().unwrap_or(&self.links))?;
        match fs::hard_link(&place, &link) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => copy(&place, &link)?,
            _ => {}
        }
        Ok(link)
    }

    /// Removes links; missing ones are ignored.
    pub(crate) fn unlink(&self, names: &[String]) -> Result<()> {
        names.iter().try_for_each(|name| remove_if_there(&self.links.join(name)))
    }

    /// Returns the path of a published picture; [`Error::NotFound`] if `key` is not a valid key.
    fn place(&self, key: &str) -> Result<PathBuf> {
        shard_of(key).ok_or(Error::NotFound)?;
        let (shard, rest) = key.split_at(2);
        Ok(self.root.join(shard).join(rest))
    }

    fn parent<'p>(&'p self, place: &'p Path) -> &'p Path {
        place.parent().unwrap_or(&self.root)
    }
}

/// Creates a folder for this user only; an existing one is left unchanged.
fn create_dir(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// Creates a folder and its parents for this user only; existing ones are left unchanged.
fn create_dirs(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

/// Creates the data folder for this user only. An existing one that is open to others is restricted.
pub(crate) fn create_data_dir(path: &Path) -> Result<()> {
    create_dirs(path)?;
    let mode = fs::metadata(path).map_err(at(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "the data folder was open to other users of this machine; it is no more");
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(at(path))?;
    }
    Ok(())
}

/// Makes additions to and removals from a folder durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(at(path))
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Copies a file atomically.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("part");
    fs::copy(from, &part).and_then(|_| fs::rename(&part, to)).map_err(at(to))
}

/// Removes the empty folders in `path`, if it exists.
fn remove_empty_dirs(path: &Path) -> Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(at(path))?,
    };
    for entry in entries {
        // Fails for a folder that is not empty.
        drop(fs::remove_dir(entry.map_err(at(path))?.path()));
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}
