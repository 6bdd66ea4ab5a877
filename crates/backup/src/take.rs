//! Takes a snapshot.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::at;
use crate::objects::{self, ObjectId};
use crate::repository::CONCURRENT;
use crate::snapshot::{self, FileEntry, Snapshot, SnapshotId};
use crate::{Repository, Result};

/// Size of the parts of a file. A database changes in places: small parts are written again less often, large ones are
/// fewer.
const PART_BYTES: u64 = 1 << 20;

/// A snapshot that is being taken. [`Run::finish`] writes it; [`Run::abandon`] gives it up.
#[derive(Debug)]
pub struct Run<'r> {
    repository: &'r Repository,
    /// Names and sizes of the objects in the repository.
    stored: HashMap<ObjectId, u64>,
    /// Objects that this run wrote: content and what it is.
    written: HashMap<ObjectId, String>,
    written_bytes: u64,
    snapshot: Snapshot,
    pictures: BTreeMap<ObjectId, u64>,
}

/// What a run did.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Number of pictures in it.
    pub pictures: u64,
    /// Number of files in it.
    pub files: u64,
    /// Size of all it refers to, in bytes.
    pub bytes: u64,
    /// Objects that were not there yet. Each was read again and verified.
    pub new_objects: u64,
    /// Their size in bytes.
    pub new_bytes: u64,
    /// Objects that no snapshot needs any more, which were deleted.
    pub deleted_objects: u64,
    /// Older snapshots that were deleted.
    pub deleted_snapshots: Vec<SnapshotId>,
    /// Snapshots that can't be read. As long as there is one, no object is deleted.
    pub damaged_snapshots: Vec<SnapshotId>,
    /// Pictures that could not be read, with the fault of each.
    pub missing: BTreeMap<String, String>,
}

impl Repository {
    /// Begins a snapshot of this moment, whose pictures are restored to a folder of this name.
    /// Locks the repository until the run ends.
    ///
    /// # Errors
    /// [`Error::Locked`](crate::Error::Locked), [`Error::Place`](crate::Error::Place).
    pub async fn begin(&self, created: Timestamp, pictures_folder: &str) -> Result<Run<'_>> {
        self.lock(&created.to_string()).await?;
        let listed = match self.place.list(objects::FOLDER).await {
            Ok(listed) => listed,
            Err(error) => {
                // The first error is returned.
                self.unlock().await.ok();
                return Err(error);
            }
        };
        let stored = listed.into_iter().filter_map(|(path, bytes)| Some((ObjectId::from_path(&path)?, bytes)));
        let nothing = FileEntry {
            path: "list of pictures".to_owned(),
            mode: 0,
            bytes: 0,
            sha256: ObjectId::of(b""),
            parts: Vec::new(),
        };
        Ok(Run {
            repository: self,
            stored: stored.collect(),
            written: HashMap::new(),
            written_bytes: 0,
            snapshot: Snapshot {
                header: self.header,
                created,
                about: BTreeMap::new(),
                files: Vec::new(),
                pictures_folder: pictures_folder.to_owned(),
                pictures: nothing,
                missing: BTreeMap::new(),
            },
            pictures: BTreeMap::new(),
        })
    }
}

impl Run<'_> {
    /// Writes those of some pictures that the repository lacks; `read` returns the bytes of one, or why it can't be read.
    /// The snapshot has only what [`Run::keep_pictures`] names. `tick` is called for each.
    ///
    /// # Errors
    /// [`Error::Place`](crate::Error::Place).
    pub async fn add_pictures<F: Future<Output = Result<Bytes, String>>>(
        &mut self,
        ids: Vec<ObjectId>,
        read: impl Fn(ObjectId) -> F,
        tick: impl Fn(),
    ) -> Result<()> {
        let repository = self.repository;
        let mut unknown = Vec::new();
        for id in ids {
            if self.pictures.contains_key(&id) {
                tick();
            } else if let Some(stored) = self.stored.get(&repository.name(&id)) {
                self.pictures.insert(id, repository.content_bytes(*stored));
                tick();
            } else {
                unknown.push(id);
            }
        }
        let (read, tick) = (&read, &tick);
        let mut written = stream::iter(unknown)
            .map(|id| async move {
                let outcome = match read(id).await {
                    Ok(bytes) => {
                        let size = bytes.len() as u64;
                        repository.put(&id, bytes).await?;
                        Ok(size)
                    }
                    Err(fault) => Err(fault),
                };
                tick();
                Ok::<_, crate::Error>((id, outcome))
            })
            .buffer_unordered(CONCURRENT);
        while let Some((id, outcome)) = written.try_next().await? {
            match outcome {
                Ok(bytes) => {
                    self.written.insert(id, format!("picture {id}"));
                    self.written_bytes += bytes;
                    self.pictures.insert(id, bytes);
                    // It may have been gone for a while.
                    self.snapshot.missing.remove(&id.to_string());
                }
                Err(fault) => drop(self.snapshot.missing.insert(id.to_string(), fault)),
            }
        }
        Ok(())
    }

    /// Returns those of some pictures that are not in the repository.
    pub fn lacking(&self, ids: &[ObjectId]) -> Vec<ObjectId> {
        let is_known =
            |id: &ObjectId| self.pictures.contains_key(id) || self.stored.contains_key(&self.repository.name(id));
        ids.iter().filter(|id| !is_known(id)).copied().collect()
    }

    /// Names the pictures of the snapshot; others that were added are deleted at the end, unless an older snapshot has them.
    pub fn keep_pictures(&mut self, ids: &[ObjectId]) {
        let kept: HashSet<&ObjectId> = ids.iter().collect();
        self.pictures.retain(|id, _| kept.contains(id));
        self.snapshot.missing.retain(|id, _| id.parse().is_ok_and(|id: ObjectId| kept.contains(&id)));
    }

    /// Adds a file, which nothing may change meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), [`Error::Place`](crate::Error::Place).
    pub async fn add_file(&mut self, name: &str, path: &Path) -> Result<()> {
        let mut file = File::open(path).map_err(at(path))?;
        let mode = file.metadata().map_err(at(path))?.permissions().mode() & 0o777;
        let entry =
            self.add(name, mode, |piece| (&mut file).take(PART_BYTES).read_to_end(piece).map_err(at(path))).await?;
        self.snapshot.files.push(entry);
        Ok(())
    }

    /// Notes a fact.
    pub fn note(&mut self, name: &str, fact: impl ToString) {
        self.snapshot.about.insert(name.to_owned(), fact.to_string());
    }

    /// Writes what `read` returns in pieces, until it returns none.
    async fn add(
        &mut self,
        name: &str,
        mode: u32,
        mut read: impl FnMut(&mut Vec<u8>) -> Result<usize>,
    ) -> Result<FileEntry> {
        let mut entry =
            FileEntry { path: name.to_owned(), mode, bytes: 0, sha256: ObjectId::of(b""), parts: Vec::new() };
        let mut whole = Sha256::new();
        let repository = self.repository;
        let mut is_end = false;
        while !is_end {
            let mut pieces = Vec::new();
            for _ in 0..CONCURRENT {
                let mut piece = Vec::new();
                if read(&mut piece)? == 0 {
                    is_end = true;
                    break;
                }
                whole.update(&piece);
                entry.bytes += piece.len() as u64;
                let id = ObjectId::of(&piece);
                entry.parts.push(id);
                let name = repository.name(&id);
                let stored = repository.stored_bytes(piece.len() as u64);
                // One of another size is damaged.
                if self.stored.get(&name) != Some(&stored) {
                    self.stored.insert(name, stored);
                    self.written_bytes += piece.len() as u64;
                    self.written.insert(id, entry.path.clone());
                    pieces.push((id, Bytes::from(piece)));
                }
            }
            let put = pieces.into_iter().map(|(id, piece)| async move { repository.put(&id, piece).await });
            stream::iter(put).buffer_unordered(CONCURRENT).try_collect::<()>().await?;
        }
        entry.sha256 = ObjectId::new(whole.finalize().into());
        Ok(entry)
    }

    /// Reads again and verifies what was written, then writes the snapshot, deletes all but the latest `keep` snapshots (if
    /// given), and what no snapshot needs. `tick` is called for each verified object.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged) if something can't be read as it was written.
    pub async fn finish(mut self, keep: Option<usize>, tick: impl Fn()) -> Result<Report> {
        let outcome = self.complete(keep, &tick).await;
        let unlocked = self.repository.unlock().await;
        let report = outcome?;
        unlocked.map(|()| report)
    }

    /// Gives the snapshot up. What was written is used, or deleted, by the next one.
    pub async fn abandon(self) {
        // Whoever gives up has an error to tell already.
        self.repository.unlock().await.ok();
    }

    async fn complete(&mut self, keep: Option<usize>, tick: &impl Fn()) -> Result<Report> {
        let list = snapshot::format_pictures(&self.pictures);
        let mut rest = list.as_slice();
        let name = self.snapshot.pictures.path.clone();
        let entry = self.add(&name, 0, |piece| Ok((&mut rest).take(PART_BYTES).read_to_end(piece).unwrap_or_default()));
        self.snapshot.pictures = entry.await?;
        self.verify_written(tick).await?;
        let repository = self.repository;
        let id = repository.put_snapshot(&self.snapshot).await?;
        repository.snapshot(&id).await?;
        let mut report = Report {
            snapshot: id,
            pictures: self.pictures.len() as u64,
            files: self.snapshot.files.len() as u64,
            bytes: self.snapshot.files.iter().map(|file| file.bytes).chain(self.pictures.values().copied()).sum(),
            new_objects: self.written.len() as u64,
            new_bytes: self.written_bytes,
            deleted_objects: 0,
            deleted_snapshots: Vec::new(),
            damaged_snapshots: Vec::new(),
            missing: self.snapshot.missing.clone(),
        };
        self.delete_unused(keep, &mut report).await?;
        Ok(report)
    }

    async fn verify_written(&self, tick: &impl Fn()) -> Result<()> {
        let read = self.written.iter().map(|(id, what)| async move {
            self.repository.get(id, what).await?;
            tick();
            Ok(())
        });
        stream::iter(read).buffer_unordered(CONCURRENT).try_collect().await
    }

    async fn delete_unused(&self, keep: Option<usize>, report: &mut Report) -> Result<()> {
        let repository = self.repository;
        let mut ids = repository.snapshots().await?;
        if let Some(keep) = keep {
            let old = ids.len().saturating_sub(keep.max(1));
            report.deleted_snapshots = ids.drain(..old).collect();
            let paths = report.deleted_snapshots.iter().map(SnapshotId::path).collect();
            repository.place.delete(paths).await?;
        }
        let mut used = HashSet::new();
        for id in ids {
            match repository.used(&id).await {
                Ok(objects) => used.extend(objects),
                Err(crate::Error::Damaged(_)) => report.damaged_snapshots.push(id),
                Err(error) => return Err(error),
            }
        }
        if !report.damaged_snapshots.is_empty() {
            return Ok(());
        }
        let written = self.written.keys().map(|id| repository.name(id));
        let all: HashSet<ObjectId> = self.stored.keys().copied().chain(written).collect();
        let unused: Vec<String> = all.difference(&used).map(ObjectId::path).collect();
        report.deleted_objects = unused.len() as u64;
        repository.place.delete(unused).await
    }
}
