//! Named files beside the blobs, which nodes share.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::error::at;
use crate::local::{Folder, OpenFile, create_dir, is_abandoned, sync_dir};
use crate::{BlobStream, Error, LocalBlobs, Result};

/// Subfolder of named files.
const FILES: &str = "files";
/// Begin of the names of files that are being written.
const INCOMING_FILE: &str = "file";

/// Named files of any size, in folders, which are read and written whole. Every operation may fail with [`Error::Io`] or
/// [`Error::Unavailable`]. Names of folders and files are one component of a path, made by the caller.
///
/// [`Error::Io`]: crate::Error::Io
/// [`Error::Unavailable`]: crate::Error::Unavailable
#[async_trait]
pub trait Files: Send + Sync {
    /// Stores a copy of a local file, in place of one of the same name. On return it is durable and readable.
    async fn put_file(&self, folder: &str, name: &str, from: &Path) -> Result<()>;

    /// Reads a file from a position in bytes on; returns the size of the whole file with the stream, `None` if there is no such file.
    async fn read_file(&self, folder: &str, name: &str, from: u64) -> Result<Option<(u64, BlobStream)>>;

    /// Copies a file to a new local path, for this user only; returns whether there is such a file.
    async fn get_file(&self, folder: &str, name: &str, to: &Path) -> Result<bool> {
        let Some((_, mut pieces)) = self.read_file(folder, name, 0).await? else { return Ok(false) };
        let mut copy = Copy::create(to).await?;
        while let Some(piece) = pieces.try_next().await? {
            copy.append(piece).await?;
        }
        copy.keep().await?;
        Ok(true)
    }

    /// Deletes a file; a missing one is ignored.
    async fn delete_file(&self, folder: &str, name: &str) -> Result<()>;

    /// Lists the files of a folder, in any order.
    async fn list_files(&self, folder: &str) -> Result<Vec<ListedFile>>;
}

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Its name.
    pub name: String,
    /// When it was written, by the clock of the place.
    pub written: SystemTime,
}

#[async_trait]
impl Files for LocalBlobs {
    async fn put_file(&self, folder: &str, name: &str, from: &Path) -> Result<()> {
        let (place, from) = (Path::new(FILES).join(folder), from.to_owned());
        let name = name.to_owned();
        let wanted = Wanted::default();
        let is_wanted = Arc::clone(&wanted.0);
        self.run(move |root| root.put_file(&place, &name, &from, &is_wanted)).await
    }

    async fn read_file(&self, folder: &str, name: &str, from: u64) -> Result<Option<(u64, BlobStream)>> {
        let place = Path::new(FILES).join(folder).join(name);
        let opened = self.run(move |root| open_file(&root.root.join(place), from)).await?;
        Ok(opened.map(|(size, file)| (size, file.stream())))
    }

    async fn delete_file(&self, folder: &str, name: &str) -> Result<()> {
        let folder = Path::new(FILES).join(folder);
        let name = name.to_owned();
        self.run(move |root| {
            let folder = root.root.join(folder);
            match fs::remove_file(folder.join(name)) {
                Ok(()) => sync_dir(&folder),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(at(folder)(error)),
            }
        })
        .await
    }

    async fn list_files(&self, folder: &str) -> Result<Vec<ListedFile>> {
        let folder = Path::new(FILES).join(folder);
        self.run(move |root| {
            let folder = root.root.join(folder);
            match fs::read_dir(&folder) {
                Ok(entries) => {
                    let found: io::Result<Vec<_>> =
                        entries.map(|entry| entry.and_then(|entry| listed(&entry))).collect();
                    Ok(found.map_err(at(&folder))?.into_iter().flatten().collect())
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(at(folder)(error)),
            }
        })
        .await
    }
}

impl Folder {
    /// Removes what others were writing long ago.
    fn remove_abandoned_files(&self) -> Result<()> {
        let incoming = self.root.join(LocalBlobs::INCOMING);
        for entry in fs::read_dir(&incoming).map_err(at(&incoming))? {
            let entry = entry.map_err(at(&incoming))?;
            let is_file = entry.file_name().to_str().is_some_and(|name| name.starts_with(INCOMING_FILE));
            if is_file && is_abandoned(&entry) {
                // Another process may be as quick.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn put_file(&self, folder: &Path, name: &str, from: &Path, is_wanted: &AtomicBool) -> Result<()> {
        let folder = self.root.join(folder);
        create_dir(&folder)?;
        self.remove_abandoned_files()?;
        let part = self.next_incoming(INCOMING_FILE);
        let written = File::open(from).and_then(|mut file| {
            let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            io::copy(&mut file, &mut copy)?;
            copy.sync_all()?;
            match is_wanted.load(Ordering::Acquire) {
                true => Ok(()),
                false => Err(io::Error::other("nobody waits for it any more")),
            }
        });
        if let Err(error) = written.and_then(|()| fs::rename(&part, folder.join(name))) {
            // What can't be removed now is removed at a later open.
            let _ = fs::remove_file(&part);
            return Err(at(folder)(error));
        }
        sync_dir(&folder)
    }
}

/// Whether somebody waits for a file to be put: until dropped. A thread that copies does not end with its caller.
struct Wanted(Arc<AtomicBool>);

impl Default for Wanted {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Returns what is told of a file; `None` if it has gone meanwhile, or its name is no text.
fn listed(entry: &fs::DirEntry) -> io::Result<Option<ListedFile>> {
    let Ok(name) = entry.file_name().into_string() else { return Ok(None) };
    match entry.metadata().and_then(|about| about.modified()) {
        Ok(written) => Ok(Some(ListedFile { name, written })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a local file at a position in bytes; returns its size, too, or `None` if there is no such file. Blocks.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io).
pub fn open_file(path: &Path, from: u64) -> Result<Option<(u64, OpenFile)>> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => {
            let mut file = opened.map_err(at(path))?;
            let size = file.metadata().map_err(at(path))?.len();
            file.seek(SeekFrom::Start(from.min(size))).map_err(at(path))?;
            Ok(Some((size, OpenFile { file, path: path.to_owned() })))
        }
    }
}

/// A local file that is being written. Dropping it deletes the file.
struct Copy {
    path: PathBuf,
    file: Option<File>,
}

impl Copy {
    async fn create(path: &Path) -> Result<Self> {
        let path = path.to_owned();
        blocking(move || {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(at(&path))?;
            Ok(Self { path, file: Some(file) })
        })
        .await
    }

    async fn append(&mut self, piece: Bytes) -> Result<()> {
        let Some(mut file) = self.file.take() else { return Err(Error::Unavailable) };
        let path = self.path.clone();
        let file = blocking(move || file.write_all(&piece).map_err(at(path)).map(|()| file)).await?;
        self.file = Some(file);
        Ok(())
    }

    /// Makes the file durable.
    async fn keep(mut self) -> Result<()> {
        let Some(file) = self.file.take() else { return Err(Error::Unavailable) };
        let path = self.path.clone();
        blocking(move || file.sync_all().map_err(at(path))).await?;
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if self.path != Path::new("") {
            let _ = fs::remove_file(&self.path);
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // Joining fails only if the runtime is shutting down.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::Unavailable))
}
