//! Files of jobs: uploaded archives, and exports. Their names are made here.
//!
//! Where nodes share files, a node has the file of a job only while it runs the job.

use std::collections::{HashMap, HashSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aicp_store::{BlobStream, Blobs, JobRow, ListedFile, Store, at, open_file, run_blocking};
use aicp_types::JobId;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Task;
use crate::random::random_hex32;
use crate::{Caller, Error, Missing, Platform, Result};

/// Maximum number of archives that are received at a time.
const MAX_UPLOADS: usize = 4;
/// Maximum number of archives that are received of one app at a time.
const MAX_UPLOADS_PER_APP: usize = 2;
/// Extension of a file that is not complete.
const PART: &str = "part";
/// Extension of a complete archive.
const ARCHIVE: &str = "zip";
/// Begin of the names of exports.
const EXPORT: &str = "export-";
/// Bytes between two looks at the free space.
const SPACE_INTERVAL_BYTES: u64 = 16 << 20;

/// Folder of the files that nodes share.
const SHARED: &str = "jobs";

/// Folder of the files of jobs.
pub(crate) struct Folder {
    path: PathBuf,
    store: Store,
    turns: Arc<Semaphore>,
    /// Number of archives that are being received, by app.
    by_app: Arc<Mutex<HashMap<String, usize>>>,
}

/// Place of an app among those whose archives are being received.
struct AppTurn {
    app_id: String,
    by_app: Arc<Mutex<HashMap<String, usize>>>,
}

impl AppTurn {
    fn take(by_app: &Arc<Mutex<HashMap<String, usize>>>, app_id: &str) -> Result<Self> {
        let mut taken = by_app.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(app_id.to_owned()).or_default();
        if *count == MAX_UPLOADS_PER_APP {
            return Err(Error::Busy);
        }
        *count += 1;
        Ok(Self { app_id: app_id.to_owned(), by_app: Arc::clone(by_app) })
    }
}

impl Drop for AppTurn {
    fn drop(&mut self) {
        let mut taken = self.by_app.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.app_id) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.app_id);
            }
        }
    }
}

impl Folder {
    pub fn new(path: PathBuf, store: Store) -> Self {
        Self { path, store, turns: Arc::new(Semaphore::new(MAX_UPLOADS)), by_app: Arc::default() }
    }

    /// Returns the path of a file. `name` was made here.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns whether nodes share the files.
    pub fn is_shared(&self) -> bool {
        self.store.files().is_some()
    }

    /// Shares a complete file, where nodes share files; then this node has it no more.
    pub async fn share(&self, name: &str) -> aicp_store::Result<()> {
        let Some(shared) = self.store.files() else { return Ok(()) };
        shared.put_file(SHARED, name, &self.path_of(name)).await?;
        self.delete_own(name).await;
        Ok(())
    }

    /// Returns the path of a file, after a copy of the shared one where nodes share files.
    pub async fn fetch(&self, name: &str) -> aicp_store::Result<PathBuf> {
        let path = self.path_of(name);
        if let Some(shared) = self.store.files() {
            self.delete_own(name).await;
            let folder = self.path.clone();
            run_blocking(move || create_folder(&folder)).await?;
            if !shared.get_file(SHARED, name, &path).await? {
                return Err(aicp_store::Error::NotFound);
            }
        }
        Ok(path)
    }

    /// Reads a file from a position in bytes on; returns its size with the stream, or `None` if there is none.
    pub async fn read(&self, name: &str, from: u64) -> aicp_store::Result<Option<(u64, BlobStream)>> {
        if let Some(shared) = self.store.files() {
            return Ok(shared.read_file(SHARED, name, from).await?);
        }
        let path = self.path_of(name);
        let opened = run_blocking(move || Ok(open_file(&path, from)?)).await?;
        Ok(opened.map(|(size, file)| (size, file.stream())))
    }

    /// Deletes the file of a job.
    pub async fn discard(&self, job: &JobRow) {
        if let Some(name) = file_of(job) {
            self.discard_named(&name).await;
        }
    }

    /// Deletes this node's copy of a shared file.
    pub async fn leave(&self, name: &str) {
        if self.is_shared() {
            self.delete_own(name).await;
        }
    }

    /// Deletes a file.
    pub async fn discard_named(&self, name: &str) {
        self.delete_own(name).await;
        if let Some(shared) = self.store.files()
            && let Err(e) = shared.delete_file(SHARED, name).await
        {
            tracing::warn!(error = %e, name, "the shared file of a job can't be deleted; it is tried again");
        }
    }

    async fn delete_own(&self, name: &str) {
        let path = self.path.join(name);
        let removed = run_blocking(move || match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(path)(e)),
            _ => Ok(()),
        });
        if let Err(e) = removed.await {
            tracing::warn!(error = %e, "the file of a job can't be deleted; the next start tries again");
        }
    }

    /// Lists the shared files.
    pub async fn shared_files(&self) -> aicp_store::Result<Vec<ListedFile>> {
        match self.store.files() {
            Some(shared) => Ok(shared.list_files(SHARED).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Deletes every file of this node but these; all of them where nodes share files.
    pub async fn sweep(&self, mut kept: HashSet<String>) -> aicp_store::Result<()> {
        if self.is_shared() {
            kept.clear();
        }
        let folder = self.path.clone();
        run_blocking(move || {
            let entries = match std::fs::read_dir(&folder) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries.map_err(at(&folder))?,
            };
            for entry in entries {
                let entry = entry.map_err(at(&folder))?;
                if entry.file_name().to_str().is_none_or(|name| !kept.contains(name)) {
                    std::fs::remove_file(entry.path()).map_err(at(entry.path()))?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// Creates the folder, for its owner alone.
pub(super) fn create_folder(folder: &Path) -> aicp_store::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))
}

/// Makes a complete file durable under another name.
pub(super) fn publish(file: &File, from: &Path, to: &Path) -> aicp_store::Result<()> {
    file.sync_all().map_err(at(from))?;
    std::fs::rename(from, to).map_err(at(to))?;
    let folder = to.parent().unwrap_or(to);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// Returns the name of the file of a job.
pub(super) fn file_of(job: &JobRow) -> Option<String> {
    let task: Task = serde_json::from_str(&job.input).ok()?;
    match task {
        Task::Import(source) => source.archive().map(str::to_owned),
        Task::Export(_) => Some(export_name(job.id)),
        Task::Deletion
        | Task::ScheduledDeletion(_)
        | Task::Duplicates { .. }
        | Task::Grouping { .. }
        | Task::Copy { .. }
        | Task::Reseal { .. } => None,
    }
}

/// Returns the name of the file of an export.
pub(super) fn export_name(job: JobId) -> String {
    format!("{EXPORT}{job}.{ARCHIVE}")
}

/// Returns the export that a file is of; `None` if it is another file.
pub(super) fn export_of(name: &str) -> Option<JobId> {
    JobId::parse(name.strip_prefix(EXPORT)?.strip_suffix(ARCHIVE)?.strip_suffix('.')?)
}

/// Returns the folder of the jobs below a data folder.
pub fn folder_of_jobs(data_dir: &Path) -> PathBuf {
    data_dir.join("jobs")
}

/// Returns the path of the archive of an export in a data folder.
pub fn archive_of_export(data_dir: &Path, job: JobId) -> PathBuf {
    folder_of_jobs(data_dir).join(export_name(job))
}

/// Copies the archive of an export from where nodes share files to a new local path.
///
/// # Errors
/// [`Missing::File`] if it is not there; the store's error.
pub async fn fetch_shared_export(blobs: &dyn Blobs, job: JobId, to: &Path) -> Result<()> {
    let is_there = match blobs.files() {
        Some(shared) => shared.get_file(SHARED, &export_name(job), to).await.map_err(aicp_store::Error::from)?,
        None => false,
    };
    if is_there { Ok(()) } else { Err(Missing::File.into()) }
}

/// An archive that is being received. Dropping it deletes the file.
pub struct Upload {
    path: PathBuf,
    file: Option<File>,
    length: u64,
    /// Length at which the free space was last looked at.
    looked_at: u64,
    most: u64,
    digest: Sha256,
    platform: Platform,
    _turn: OwnedSemaphorePermit,
    _app_turn: AppTurn,
}

impl Platform {
    /// Begins to receive an archive.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many are being received; the store's error if the disk is full.
    pub async fn begin_upload(&self, caller: &Caller) -> Result<Upload> {
        let folder = &self.inner.jobs.folder;
        // A few slow clients of one app must not keep the others out.
        let app_turn = AppTurn::take(&folder.by_app, caller.app_id())?;
        let turn = Arc::clone(&folder.turns).try_acquire_owned().map_err(|_| Error::Busy)?;
        self.inner.store.require_space()?;
        let path = folder.path.join(format!("{}.{PART}", random_hex32()?));
        let file = {
            let (folder, path) = (folder.path.clone(), path.clone());
            run_blocking(move || {
                create_folder(&folder)?;
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(at(path))
            })
            .await?
        };
        let most = (self.inner.settings.load().jobs.max_upload_mib as u64) << 20;
        let digest = Sha256::new();
        Ok(Upload {
            path,
            file: Some(file),
            length: 0,
            looked_at: 0,
            most,
            digest,
            platform: self.clone(),
            _turn: turn,
            _app_turn: app_turn,
        })
    }
}

impl Upload {
    /// Returns the number of bytes that it may still take.
    pub fn room(&self) -> u64 {
        self.most - self.length
    }

    /// Appends bytes, at most as many as there is [room](Self::room) for.
    ///
    /// # Errors
    /// The store's error if the disk is full or can't be written.
    pub async fn append(&mut self, bytes: Bytes) -> Result<()> {
        let Some(mut file) = self.file.take() else { return Err(Error::Busy) };
        self.length += bytes.len() as u64;
        if self.length - self.looked_at > SPACE_INTERVAL_BYTES {
            self.looked_at = self.length;
            self.platform.inner.store.require_space()?;
        }
        self.digest.update(&bytes);
        let path = self.path.clone();
        self.file = Some(
            run_blocking(move || {
                file.write_all(&bytes).map_err(at(path))?;
                Ok(file)
            })
            .await?,
        );
        Ok(())
    }

    /// Returns the SHA-256 of what was received.
    pub fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file durable and keeps it. Returns its name.
    pub(crate) async fn keep(mut self) -> Result<String> {
        let Some(file) = self.file.take() else { return Err(Error::Busy) };
        let (from, to) = (self.path.clone(), self.path.with_extension(ARCHIVE));
        let name = to.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        run_blocking(move || publish(&file, &from, &to)).await?;
        let folder = &self.platform.inner.jobs.folder;
        if let Err(e) = folder.share(&name).await {
            folder.discard_named(&name).await;
            return Err(e.into());
        }
        // Nothing is left under the old name.
        Ok(name)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
