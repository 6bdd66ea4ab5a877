//! Blobs as files in a local folder.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, DirEntry, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::error::at;
use crate::{BlobKey, BlobStream, Blobs, Error, Files, Result};

/// Bytes of a piece in a stream.
const PIECE_BYTES: usize = 1 << 20;
/// Age from which nobody is writing a file under `incoming` any more.
const ABANDONED: Duration = Duration::from_hours(6);

/// Blobs in a folder: `<first 2 digits>/<other digits>`. A file is written under `incoming/`, made durable, and then
/// moved to its name, so that no reader sees a part of it. One process at a time may have the folder open, unless all open it as
/// [shared](Self::open_shared).
#[derive(Debug, Clone)]
pub struct LocalBlobs {
    folder: Arc<Folder>,
}

#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
    incoming: PathBuf,
    is_shared: bool,
    /// Tells the files of this process under `incoming` from those of others.
    writer: u64,
    next_number: AtomicU64,
}

impl LocalBlobs {
    /// Subfolder of files that are being written.
    pub const INCOMING: &str = "incoming";

    /// Opens the folder, which is created where missing, with its shards, for this user only. Blobs that an earlier
    /// process has written in full get their places, and others that it was still writing are deleted. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(root: &Path) -> Result<Self> {
        Self::open_as(root, false)
    }

    /// Opens a folder that other processes have open, too. It also has [`Files`]. Of what others were writing, only what is hours old
    /// is taken care of. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open_shared(root: &Path) -> Result<Self> {
        Self::open_as(root, true)
    }

    fn open_as(root: &Path, is_shared: bool) -> Result<Self> {
        let folder = Folder::of(root, is_shared);
        create_dir(root)?;
        create_dir(&folder.incoming)?;
        for shard in 0..=u8::MAX {
            create_dir(&root.join(hex::encode([shard])))?;
        }
        sync_dir(root)?;
        folder.settle_incoming()?;
        Ok(Self { folder: Arc::new(folder) })
    }

    /// Opens an existing folder to read from it, also while another process has it open.
    pub fn open_to_read(root: &Path) -> Self {
        Self { folder: Arc::new(Folder::of(root, false)) }
    }

    /// Lets no process delete blobs of the folder until the returned lock is dropped; deletions wait meanwhile. Blocks while
    /// one is under way.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn hold(root: &Path) -> Result<Hold> {
        // Whoever deletes locks the folder together with others, whoever holds it alone.
        let folder = File::open(root).and_then(|folder| folder.lock().map(|()| folder));
        Ok(Hold { _folder: folder.map_err(at(root))? })
    }

    /// Returns the key that the path of a file stands for; `None` if it is not the path of a blob.
    pub fn key_of(path: &Path) -> Option<BlobKey> {
        let rest = path.file_name()?.to_str()?;
        let shard = path.parent()?.file_name()?.to_str()?;
        BlobKey::parse(&format!("{shard}{rest}")).filter(|key| key.split().0 == shard)
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let folder = Arc::clone(&self.folder);
        // Joining fails only if the runtime is shutting down.
        tokio::task::spawn_blocking(move || work(&folder)).await.unwrap_or(Err(Error::Unavailable))
    }
}

/// A lock under which all blobs of a folder stay.
#[derive(Debug)]
pub struct Hold {
    _folder: File,
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn put(&self, blobs: &[(BlobKey, Bytes)]) -> Result<()> {
        let blobs = blobs.to_vec();
        self.run(move |folder| folder.put(&blobs)).await
    }

    async fn get(&self, key: &BlobKey) -> Result<BlobStream> {
        let key = key.clone();
        let (file, first) = self.run(move |folder| folder.open(&key)).await?;
        Ok(stream::iter([Ok(first)]).chain(file.stream()).boxed())
    }

    async fn delete(&self, keys: &[BlobKey]) -> Result<()> {
        let keys = keys.to_vec();
        self.run(move |folder| folder.delete(&keys)).await
    }

    async fn list(&self, shard: u8) -> Result<Vec<BlobKey>> {
        self.run(move |folder| folder.list(shard)).await
    }

    fn path(&self, key: &BlobKey) -> Option<PathBuf> {
        Some(self.folder.place(key))
    }

    fn files(&self) -> Option<&dyn Files> {
        self.folder.is_shared.then_some(self)
    }
}

/// A file that is read in pieces.
#[derive(Debug)]
pub struct OpenFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
}

impl OpenFile {
    /// Returns the rest of the file.
    pub fn stream(self) -> BlobStream {
        let rest = stream::try_unfold(Some(self), async |file| {
            let Some(mut file) = file else { return Ok(None) };
            let read = tokio::task::spawn_blocking(move || {
                let piece = file.read_piece().map_err(at(&file.path))?;
                Ok((file, piece))
            });
            // Joining fails only if the runtime is shutting down.
            let (file, piece) = read.await.unwrap_or(Err(Error::Unavailable))?;
            Ok((!piece.is_empty()).then_some((piece, Some(file))))
        });
        rest.boxed()
    }

    /// Reads the next piece; it is empty at the end.
    fn read_piece(&mut self) -> std::io::Result<Bytes> {
        let mut piece = Vec::new();
        (&mut self.file).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        Ok(piece.into())
    }
}

impl Folder {
    fn of(root: &Path, is_shared: bool) -> Self {
        Self {
            root: root.to_owned(),
            incoming: root.join(LocalBlobs::INCOMING),
            is_shared,
            writer: RandomState::new().hash_one(std::process::id()),
            next_number: AtomicU64::new(0),
        }
    }

    /// Returns a new path under `incoming`.
    pub(crate) fn next_incoming(&self, name: &str) -> PathBuf {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        self.incoming.join(format!("{name}.{:016x}-{number}", self.writer))
    }

    fn place(&self, key: &BlobKey) -> PathBuf {
        let (shard, rest) = key.split();
        self.root.join(shard).join(rest)
    }

    fn put(&self, blobs: &[(BlobKey, Bytes)]) -> Result<()> {
        let mut written = Vec::with_capacity(blobs.len());
        let outcome = self.write_all(blobs, &mut written);
        if outcome.is_err() {
            // The first error is returned; what can't be removed now is removed at the next open.
            written.iter().for_each(|path| drop(fs::remove_file(path)));
        }
        outcome
    }

    /// Writes blobs under `incoming` and moves them to their names. `written` gets the paths under `incoming`.
    fn write_all(&self, blobs: &[(BlobKey, Bytes)], written: &mut Vec<PathBuf>) -> Result<()> {
        for (key, bytes) in blobs {
            let path = self.next_incoming(key.as_ref());
            written.push(path.clone());
            write_new(&path, bytes).map_err(at(&path))?;
        }
        for (path, (key, _)) in written.iter().zip(blobs) {
            fs::rename(path, self.place(key)).map_err(at(path))?;
        }
        self.sync_shards(blobs.iter().map(|(key, _)| key))
    }

    /// Moves complete files under `incoming` to their places, as rows may refer to them: earlier versions of the store
    /// committed the rows first. Deletes other files.
    fn settle_incoming(&self) -> Result<()> {
        let mut completed = Vec::new();
        for entry in fs::read_dir(&self.incoming).map_err(at(&self.incoming))? {
            let entry = entry.map_err(at(&self.incoming))?;
            match self.settle(&entry) {
                Ok(key) => completed.extend(key),
                // Another process that starts has done it.
                Err(error) if self.is_shared && error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(at(entry.path())(error)),
            }
        }
        self.sync_shards(completed.iter())
    }

    /// Settles an entry of `incoming`; returns the key of a file that has got its place.
    fn settle(&self, entry: &DirEntry) -> std::io::Result<Option<BlobKey>> {
        let path = entry.path();
        if !entry.file_type()?.is_file() {
            tracing::warn!(path = %path.display(), "this is no picture of the store and is left alone");
            return Ok(None);
        }
        if self.is_shared && !is_abandoned(entry) {
            return Ok(None);
        }
        match path.file_stem().and_then(|name| BlobKey::parse(name.to_str()?)) {
            Some(key) if BlobKey::of(&fs::read(&path)?) == key => {
                fs::rename(&path, self.place(&key))?;
                Ok(Some(key))
            }
            _ => fs::remove_file(&path).map(|()| None),
        }
    }

    fn open(&self, key: &BlobKey) -> Result<(OpenFile, Bytes)> {
        let path = self.place(key);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Error::Missing { key: key.clone() }),
            Err(error) => return Err(at(path)(error)),
        };
        let mut file = OpenFile { file, path };
        let first = file.read_piece().map_err(at(&file.path))?;
        Ok((file, first))
    }

    fn delete(&self, keys: &[BlobKey]) -> Result<()> {
        let lock = File::open(&self.root).map_err(at(&self.root))?;
        lock.lock_shared().map_err(at(&self.root))?;
        for key in keys {
            let place = self.place(key);
            match fs::remove_file(&place) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(at(place)(error)),
                _ => {}
            }
        }
        self.sync_shards(keys.iter())
    }

    fn list(&self, shard: u8) -> Result<Vec<BlobKey>> {
        let folder = self.root.join(hex::encode([shard]));
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(at(&folder))? {
            let path = entry.map_err(at(&folder))?.path();
            found.extend(LocalBlobs::key_of(&path));
        }
        Ok(found)
    }

    /// Makes additions to and removals from the shards of some keys durable.
    fn sync_shards<'k>(&self, keys: impl Iterator<Item = &'k BlobKey>) -> Result<()> {
        let shards: BTreeSet<&str> = keys.map(|key| key.split().0).collect();
        shards.into_iter().try_for_each(|shard| sync_dir(&self.root.join(shard)))
    }
}

/// Returns whether a file was left long ago.
pub(crate) fn is_abandoned(entry: &DirEntry) -> bool {
    let changed = entry.metadata().and_then(|about| about.modified());
    changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > ABANDONED))
}

/// Creates a folder and its parents for this user only; existing ones are left unchanged.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(at(path))
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
