//! Files of large galleries, which a start reads instead of every template.
//!
//! A file has the faces of a library up to a change; a start reads the changes since. The store keeps the digest of each
//! file, so that one of another database is not read. A file is biometric data like the templates themselves: it is deleted
//! as soon as a face of its library is removed, and written anew later.
//!
//! Nodes that share files of their pictures' place share these, too: one of them writes a file, and a node that joins copies it. A removal
//! deletes its row, so that nobody reads it any more, and the file itself soon after.

mod disk;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aicp_backends::{Builtin, FileLabel, IndexChange};
use aicp_store::{Algorithm, Change, ChangeKind, GalleryFile, NodeLock, Store, TemplateRow, at, run_blocking};
use aicp_types::{FaceId, LibraryId, Sequence};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use self::disk::{delete, restore, unfinished, write};
use crate::follower::Backlog;
use crate::loading::{template_row, warn_of_damage};
use crate::locks::key_of;
use crate::{Inner, Platform, Result};

/// Interval at which files are written.
const INTERVAL: Duration = Duration::from_mins(10);
/// Pause of a node that does not answer yet.
const NOT_YET: Duration = Duration::from_secs(1);
/// Changed faces of a library from which its file is written anew. A start reads fewer from the database in no time.
const MIN_CHANGES: usize = 1000;
/// Changes that are read at a time.
const BATCH: u64 = 10_000;
/// Templates that are read at a time.
const TEMPLATES: usize = 1024;
const EXTENSION: &str = "gallery";
/// Folder of the files that nodes share.
const SHARED: &str = "galleries";

/// The files of this process.
pub(crate) struct GalleryFiles {
    folder: PathBuf,
    /// Least recognisability of the faces in the galleries.
    least: f32,
    by_library: Mutex<HashMap<LibraryId, FileState>>,
    /// Files that could not be deleted.
    undeleted: Mutex<Vec<PathBuf>>,
    /// Names of shared files that have to be deleted.
    withdrawn: Mutex<BTreeSet<String>>,
    has_withdrawn: Notify,
    /// Held by who writes the unfinished file.
    unfinished: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct FileState {
    /// The file, if there is one that is of use. This node need not have it.
    file: Option<GalleryFile>,
    /// The file that is being written.
    writing: Option<GalleryFile>,
    /// Digest of a file that this node could not use.
    useless: Option<String>,
    /// Number of faces changed since.
    changes: usize,
    /// Number of removals so far. A file that is being written meanwhile may have what was removed.
    removals: u64,
}

impl GalleryFiles {
    /// Creates the files of a folder, for galleries of faces of at least this recognisability.
    pub fn new(folder: PathBuf, least: f32) -> Self {
        let (by_library, undeleted, withdrawn) = Default::default();
        Self {
            folder,
            least,
            by_library,
            undeleted,
            withdrawn,
            has_withdrawn: Notify::new(),
            unfinished: Arc::default(),
        }
    }

    fn states(&self) -> MutexGuard<'_, HashMap<LibraryId, FileState>> {
        self.by_library.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a committed change. If faces were removed, the file of their library is deleted. The caller holds the backlog,
    /// so that no snapshot is taken between this and the removal from the index.
    pub fn follow(&self, change: &Change) {
        let (library, changed, has_removed) = match change {
            Change::FaceAdded { library_id, .. } | Change::FaceJudged { library_id, .. } => (*library_id, 1, false),
            Change::FacesAdded { library_id, faces } => (*library_id, faces.len(), false),
            Change::FacesRemoved { library_id, face_ids } => (*library_id, face_ids.len(), true),
            Change::LibraryRemoved { library_id } => (*library_id, 0, true),
            _ => return,
        };
        let mut states = self.states();
        let state = states.entry(library).or_default();
        state.changes = state.changes.saturating_add(changed);
        if has_removed {
            state.removals += 1;
            for file in [state.file.take(), state.writing.take()].into_iter().flatten() {
                self.withdraw(&file);
            }
        }
    }

    /// Deletes a file, and has the shared one deleted.
    fn withdraw(&self, file: &GalleryFile) {
        let path = self.path_of(file);
        if !delete(&path) {
            self.undeleted.lock().unwrap_or_else(PoisonError::into_inner).push(path);
        }
        self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).insert(name_of(file));
        self.has_withdrawn.notify_one();
    }

    /// Deletes the shared files of libraries from which faces were removed.
    async fn delete_withdrawn(&self, store: &Store) {
        let withdrawn = std::mem::take(&mut *self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(shared) = store.files() else { return };
        for name in withdrawn {
            if let Err(error) = shared.delete_file(SHARED, &name).await {
                tracing::error!(%error, name, "the shared file of a large library can't be deleted; it is tried again");
                self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
            }
        }
    }

    /// Tries again to delete the files that could not be deleted when a face was removed.
    fn delete_again(&self) {
        self.undeleted.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| !delete(path));
    }

    /// Restores the galleries that have a file, deletes all other files, and returns the restored libraries. Nothing may be
    /// written meanwhile.
    ///
    /// # Errors
    /// Those of the store. A file that can't be used is no error.
    pub async fn restore(&self, store: &Store, engine: &Builtin, algorithm: &Algorithm) -> Result<Vec<LibraryId>> {
        let mut restored: HashMap<LibraryId, Sequence> = HashMap::new();
        for file in store.rows().await?.gallery_files().await? {
            let path = self.path_of(&file);
            let (library, sequence) = (file.library_id, file.sequence);
            let is_there = self.has(&file, store).await;
            let is_sound = if store.rows().await?.keeps_changes_after(sequence).await? {
                let (label, path, engine) = (self.label(library, sequence, algorithm), path.clone(), engine.clone());
                let digest = file.digest.clone();
                run_blocking(move || Ok(restore(&engine, &label, &path, &digest))).await?
            } else {
                Err("too much has changed since it was written".to_owned())
            };
            let mut states = self.states();
            let state = states.entry(library).or_default();
            match is_sound {
                Ok(()) => {
                    state.file = Some(file);
                    restored.insert(library, sequence);
                }
                Err(reason) => {
                    state.useless = Some(file.digest);
                    if is_there {
                        tracing::warn!(library = library.get(), reason, "the file of a large library can't be used");
                    }
                }
            }
        }
        self.sweep();
        self.catch_up(store, engine, algorithm, &restored).await?;
        Ok(restored.into_keys().collect())
    }

    /// Brings restored galleries up to date with what has changed since.
    async fn catch_up(
        &self,
        store: &Store,
        engine: &Builtin,
        algorithm: &Algorithm,
        restored: &HashMap<LibraryId, Sequence>,
    ) -> Result<()> {
        let mut after = restored.values().min().copied().unwrap_or_default();
        let mut changed: HashMap<LibraryId, BTreeSet<FaceId>> = HashMap::new();
        while !restored.is_empty() {
            let changes = store.rows().await?.changes_after(after, BATCH).await?;
            let Some(last) = changes.last() else { break };
            after = last.sequence;
            for change in changes {
                let is_of_faces =
                    matches!(change.kind, ChangeKind::FacesAdded | ChangeKind::FacesRemoved | ChangeKind::FaceJudged);
                let Some((library, faces)) = change.ids.split_first().filter(|_| is_of_faces) else { continue };
                let library = LibraryId::new(*library);
                if restored.get(&library).is_some_and(|written| change.sequence > *written) {
                    changed.entry(library).or_default().extend(faces.iter().map(|&face| FaceId::new(face)));
                }
            }
        }
        for (library, faces) in changed {
            let faces: Vec<FaceId> = faces.into_iter().collect();
            let mut is_any_gone = false;
            for some in faces.chunks(TEMPLATES) {
                let removed = IndexChange::FacesRemoved { library, faces: some.to_vec() };
                engine.apply(Sequence::default(), &[removed]).await?;
                let found = store.rows().await?.templates_of(some, algorithm).await?;
                let found: Vec<TemplateRow> = found.into_iter().filter(|row| row.library_id == library).collect();
                is_any_gone |= found.len() < some.len();
                let skipped = engine.load(found.into_iter().map(template_row).collect(), self.least).await?;
                skipped.damaged.iter().for_each(|face| warn_of_damage(*face));
            }
            tracing::info!(library = library.get(), faces = faces.len(), "a restored library is brought up to date");
            let mut states = self.states();
            let state = states.entry(library).or_default();
            state.changes = faces.len();
            // The process ended after a removal and before the file was deleted.
            if let Some(file) = state.file.take_if(|_| is_any_gone) {
                delete(&self.path_of(&file));
                state.useless = Some(file.digest);
            }
        }
        Ok(())
    }

    /// Copies a shared file, unless this node has it; returns whether it has.
    async fn has(&self, file: &GalleryFile, store: &Store) -> bool {
        let path = self.path_of(file);
        let Some(shared) = store.files().filter(|_| !path.exists()) else { return path.exists() };
        let unfinished = unfinished(&self.folder);
        let copied = async {
            run_blocking({
                let (folder, unfinished) = (self.folder.clone(), unfinished.clone());
                move || {
                    delete(&unfinished);
                    fs::create_dir_all(&folder).map_err(at(folder))
                }
            })
            .await?;
            let is_there = shared.get_file(SHARED, &name_of(file), &unfinished).await?;
            if is_there {
                fs::rename(&unfinished, &path).map_err(at(&path))?;
            }
            Ok::<_, aicp_store::Error>(is_there)
        };
        copied.await.unwrap_or_else(|error| {
            delete(&unfinished);
            tracing::warn!(%error, library = file.library_id.get(), "the shared file of a large library can't be copied");
            false
        })
    }

    /// Deletes all files but those in use.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let used: BTreeSet<PathBuf> =
            self.states().values().filter_map(|state| state.file.as_ref()).map(|file| self.path_of(file)).collect();
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !used.contains(path)) {
            delete(&path);
        }
    }

    fn label(&self, library: LibraryId, sequence: Sequence, algorithm: &Algorithm) -> FileLabel {
        FileLabel {
            library: library.get(),
            sequence: sequence.get(),
            algorithm: [&*algorithm.name, &*algorithm.provider, &*algorithm.version].join("/"),
            least_recognisability: self.least,
        }
    }

    fn path_of(&self, file: &GalleryFile) -> PathBuf {
        self.folder.join(name_of(file))
    }

    /// Returns whether a library needs a file, or another one than what the store knows.
    fn is_wanted(&self, library: LibraryId, known: Option<&GalleryFile>) -> bool {
        let mut states = self.states();
        let state = states.entry(library).or_default();
        let Some(known) = known else { return true };
        if state.useless.as_ref() == Some(&known.digest) {
            return true;
        }
        // Another node has written one.
        if state.file.as_ref() != Some(known) {
            if let Some(old) = state.file.replace(known.clone()) {
                delete(&self.path_of(&old));
            }
            state.changes = 0;
        }
        state.changes >= MIN_CHANGES
    }

    /// Waits for no other node: one that writes files writes all.
    async fn turn(store: &Store) -> aicp_store::Result<Option<NodeLock>> {
        match store.nodes() {
            Some(nodes) => nodes.try_lock(key_of(&"files of galleries")).await,
            None => Ok(Some(NodeLock::default())),
        }
    }

    /// Writes the files of the galleries that have none, and of those of which at least so many faces have changed.
    pub async fn write(
        &self,
        store: &Store,
        engine: &Builtin,
        algorithm: &Algorithm,
        backlog: &Arc<tokio::sync::Mutex<Backlog>>,
    ) {
        let known = async {
            let Some(turn) = Self::turn(store).await? else { return Ok(None) };
            let known = store.rows().await?.gallery_files().await?;
            self.sweep_shared(store, &known).await;
            Ok::<_, aicp_store::Error>(Some((turn, known)))
        };
        let (_turn, known) = match known.await {
            Ok(Some(known)) => known,
            Ok(None) => return,
            Err(error) => return tracing::warn!(%error, "the files of large libraries can't be written"),
        };
        let known: HashMap<LibraryId, GalleryFile> = known.into_iter().map(|file| (file.library_id, file)).collect();
        for library in engine.index().large_libraries() {
            if !self.is_wanted(library, known.get(&library)) {
                continue;
            }
            let written = self.write_one(library, store, engine, algorithm, backlog).await;
            if let Err(error) = written {
                // It may have faces that are removed later, and fills the disk.
                delete(&unfinished(&self.folder));
                tracing::warn!(library = library.get(), %error, "the file of a large library can't be written");
            }
        }
    }

    /// Deletes the shared files that the store does not know. Only the node that has the turn may.
    async fn sweep_shared(&self, store: &Store, known: &[GalleryFile]) {
        let Some(shared) = store.files() else { return };
        let used: BTreeSet<String> = known.iter().map(name_of).collect();
        let swept = async {
            for file in shared.list_files(SHARED).await?.into_iter().filter(|file| !used.contains(&file.name)) {
                shared.delete_file(SHARED, &file.name).await?;
            }
            Ok::<_, aicp_store::Error>(())
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "shared files of large libraries can't be looked through");
        }
    }

    async fn write_one(
        &self,
        library: LibraryId,
        store: &Store,
        engine: &Builtin,
        algorithm: &Algorithm,
        backlog: &Arc<tokio::sync::Mutex<Backlog>>,
    ) -> aicp_store::Result<()> {
        store.require_space()?;
        self.delete_again();
        let (sequence, snapshot, removals) = {
            let backlog = backlog.lock().await;
            if backlog.is_behind() {
                return Ok(());
            }
            let mut states = self.states();
            let state = states.entry(library).or_default();
            if let Some(left) = state.writing.take() {
                self.withdraw(&left);
            }
            state.changes = 0;
            (backlog.progress().applied(), engine.index().snapshot(library), state.removals)
        };
        let Some(snapshot) = snapshot else { return Ok(()) };
        let (label, folder) = (self.label(library, sequence, algorithm), self.folder.clone());
        // One that was given up may still be writing.
        let alone = Arc::clone(&self.unfinished).lock_owned().await;
        let written = run_blocking(move || {
            let _alone = alone;
            write(&snapshot, label, &folder).map_err(at(&folder))
        });
        let digest = written.await?;
        let file = GalleryFile { library_id: library, sequence, digest: hex::encode(digest) };
        let path = self.path_of(&file);
        {
            let mut states = self.states();
            let state = states.entry(library).or_default();
            if state.removals != removals {
                delete(&unfinished(&self.folder));
                return Ok(());
            }
            // A removal from now on deletes it.
            state.writing = Some(file.clone());
        }
        let published = async {
            fs::rename(unfinished(&self.folder), &path).map_err(at(&path))?;
            if let Some(shared) = store.files() {
                shared.put_file(SHARED, &name_of(&file), &path).await?;
            }
            let row = file.clone();
            store.write(move |tx| Box::pin(async move { tx.set_gallery_file(&row).await })).await
        };
        let known = published.await;
        let mut states = self.states();
        let state = states.entry(library).or_default();
        state.writing = None;
        if !matches!(known, Ok(true)) || state.removals != removals {
            // If it is in doubt whether the store knows it, another is written.
            state.useless = Some(file.digest.clone());
            self.withdraw(&file);
        } else {
            state.useless = None;
            // An earlier attempt may have made the same file.
            self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).remove(&name_of(&file));
            if let Some(old) = state.file.replace(file.clone()).filter(|old| *old != file) {
                self.withdraw(&old);
            }
        }
        known.map(drop)
    }

    /// Leaves nothing of a file that was being written.
    async fn give_up(&self) {
        for state in self.states().values_mut() {
            if let Some(file) = state.writing.take() {
                state.useless = Some(file.digest.clone());
                self.withdraw(&file);
            }
        }
        let _alone = self.unfinished.lock().await;
        delete(&unfinished(&self.folder));
    }
}

/// Returns the name of a file. Its digest is part of it, so that no file is overwritten that the store still refers to.
fn name_of(file: &GalleryFile) -> String {
    let digest: String = file.digest.chars().take(16).collect();
    format!("{}-{digest}.{EXTENSION}", file.library_id.get())
}

impl Inner {
    /// Writes the files of large galleries, unless these have other faces than a start would load.
    async fn write_gallery_files(&self) {
        let least = self.settings.load().recognition.loosest_gate().least();
        if least != self.gallery_files.least {
            return;
        }
        let mut losses = self.store.nodes().map(|nodes| nodes.losses());
        let lost = async {
            match &mut losses {
                Some(losses) => drop(losses.changed().await),
                None => std::future::pending().await,
            }
        };
        // The turn to write keeps this node from a new lease.
        tokio::select! {
            () = self.gallery_files.write(&self.store, &self.builtin, &self.shared.algorithm, &self.backlog) => {}
            () = lost => {
                tracing::warn!("the files of large libraries are written later: this node has lost its lease");
                self.gallery_files.give_up().await;
            }
        }
    }
}

impl Platform {
    /// Starts to keep files of large galleries; runs until the returned task is closed, which writes them a last time.
    pub fn start_gallery_files(&self) -> crate::Background {
        let inner = Arc::downgrade(&self.inner);
        crate::Background::start(|mut stop: watch::Receiver<bool>| async move {
            let (mut is_last, mut next) = (false, Instant::now());
            while !is_last {
                let Some(inner) = inner.upgrade() else { return };
                is_last = *stop.borrow();
                if is_last || next <= Instant::now() {
                    // Before this node answers, it may not know all removals.
                    let answers = inner.store.nodes().is_none_or(|nodes| nodes.admission().is_some());
                    if answers {
                        inner.write_gallery_files().await;
                    }
                    next = Instant::now() + if answers { INTERVAL } else { NOT_YET };
                }
                inner.gallery_files.delete_withdrawn(&inner.store).await;
                let files = Arc::clone(&inner.gallery_files);
                drop(inner);
                if !is_last {
                    tokio::select! {
                        _ = stop.wait_for(|stop| *stop) => {}
                        () = tokio::time::sleep_until(next) => {}
                        () = files.has_withdrawn.notified() => {}
                    }
                }
            }
        })
    }
}
