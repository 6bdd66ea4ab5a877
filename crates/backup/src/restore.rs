//! Reads snapshots: restores and verifies.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::at;
use crate::objects::{self, ObjectId};
use crate::repository::CONCURRENT;
use crate::snapshot::{FileEntry, Snapshot, SnapshotId};
use crate::{Error, Repository, Result};

/// What was restored.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Its moment.
    pub created: Timestamp,
    /// Number of files.
    pub files: u64,
    /// Number of pictures.
    pub pictures: u64,
    /// Size of all in bytes.
    pub bytes: u64,
    /// Number of pictures that were lost already when the snapshot was taken.
    pub missing: u64,
}

/// A part of a backup that is damaged.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// A snapshot that needs it.
    pub snapshot: SnapshotId,
    /// Description.
    pub fault: String,
}

/// What was verified.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// The snapshots, the oldest first.
    pub snapshots: Vec<SnapshotId>,
    /// Number of objects that were read.
    pub objects: u64,
    /// Size of their content in bytes.
    pub bytes: u64,
    /// Number of objects that no snapshot needs; the next backup deletes them.
    pub unused: u64,
    /// Everything damaged.
    pub faults: Vec<Fault>,
}

impl Repository {
    /// Restores a snapshot into a folder, which must be missing or empty. The folder gets its name when all is verified and
    /// durable; after an error nothing is left. `tick` is called for each picture.
    ///
    /// # Errors
    /// [`Error::Damaged`] names what is damaged; [`Error::TargetInUse`], [`Error::Space`], [`Error::Io`], [`Error::Place`].
    pub async fn restore(&self, id: &SnapshotId, target: &Path, tick: impl Fn()) -> Result<Restored> {
        if fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some()) || target.is_file() {
            return Err(Error::TargetInUse(target.to_owned()));
        }
        let snapshot = self.snapshot(id).await?;
        let pictures = self.pictures(&snapshot).await?;
        let sizes = snapshot.files.iter().map(|file| file.bytes).chain(pictures.iter().map(|(_, bytes)| *bytes));
        let restored = Restored {
            snapshot: id.clone(),
            created: snapshot.created,
            files: snapshot.files.len() as u64,
            pictures: pictures.len() as u64,
            bytes: sizes.fold(0, u64::saturating_add),
            missing: snapshot.missing.len() as u64,
        };
        let part = part_of(target)?;
        let written = self.write_all(&snapshot, &pictures, &part, &restored, &tick).await;
        let moved = written.and_then(|()| {
            // An empty folder gives way.
            fs::rename(&part, target).map_err(at(target))?;
            let parent = part.parent().unwrap_or(Path::new("."));
            File::open(parent).and_then(|folder| folder.sync_all()).map_err(at(parent))
        });
        if let Err(error) = moved {
            // The first error is returned.
            fs::remove_dir_all(&part).ok();
            return Err(error);
        }
        Ok(restored)
    }

    async fn write_all(
        &self,
        snapshot: &Snapshot,
        pictures: &[(ObjectId, u64)],
        folder: &Path,
        restored: &Restored,
        tick: &impl Fn(),
    ) -> Result<()> {
        create_folder(folder)?;
        let space = rustix::fs::statvfs(folder).map_err(|e| at(folder)(e.into()))?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        if free < restored.bytes {
            return Err(Error::Space { path: folder.to_owned(), free, needed: restored.bytes });
        }
        for file in &snapshot.files {
            self.write_file(file, folder).await?;
        }
        let root = folder.join(&snapshot.pictures_folder);
        create_folder(&root)?;
        for shard in 0..=u8::MAX {
            create_folder(&root.join(hex::encode([shard])))?;
        }
        let root = &root;
        let written = pictures.iter().map(|(id, _)| async move {
            let bytes = self.get(id, &format!("picture {id}")).await?;
            let digits = id.to_string();
            let (shard, rest) = digits.split_at(2);
            let path = root.join(shard).join(rest);
            create_file(&path, 0o600).and_then(|mut file| file.write_all(&bytes)).map_err(at(path))?;
            tick();
            Ok::<_, Error>(())
        });
        stream::iter(written).buffer_unordered(CONCURRENT).try_collect::<()>().await?;
        // One call for all files, as a call for each of a million pictures takes hours.
        let opened = File::open(folder).map_err(at(folder))?;
        rustix::fs::syncfs(&opened).map_err(|e| at(folder)(e.into()))
    }

    async fn write_file(&self, file: &FileEntry, folder: &Path) -> Result<()> {
        let path = folder.join(&file.path);
        create_folder(path.parent().unwrap_or(folder))?;
        let mut out = create_file(&path, file.mode & 0o777).map_err(at(&path))?;
        let mut whole = Sha256::new();
        let mut parts = stream::iter(&file.parts).map(|part| self.get(part, &file.path)).buffered(CONCURRENT);
        while let Some(part) = parts.try_next().await? {
            whole.update(&part);
            out.write_all(&part).map_err(at(&path))?;
        }
        if ObjectId::new(whole.finalize().into()) == file.sha256 {
            return Ok(());
        }
        Err(Error::Damaged(format!("{}: its parts are not those of the file", file.path)))
    }

    /// Reads and verifies everything that some snapshots refer to: the snapshot whose name begins like this, or all.
    /// `tick` is called for each object.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`], [`Error::Place`]. Damage is no error but in the result.
    pub async fn verify(&self, name: Option<&str>, tick: impl Fn()) -> Result<Verified> {
        let ids = match name {
            Some(_) => vec![self.find(name).await?],
            None => self.snapshots().await?,
        };
        if ids.is_empty() {
            return Err(Error::NoSnapshot(String::new()));
        }
        let mut verified = Verified { snapshots: ids.clone(), ..Verified::default() };
        let mut seen = HashSet::new();
        for id in ids {
            let (snapshot, mut wanted) = match self.wanted(&id).await {
                Ok(found) => found,
                Err(Error::Damaged(fault)) => {
                    verified.faults.push(Fault { snapshot: id, fault });
                    continue;
                }
                Err(error) => return Err(error),
            };
            wanted.retain(|(object, _)| seen.insert(*object));
            let read = wanted.iter().map(|(object, what)| async {
                let outcome = self.get(object, what).await;
                tick();
                match outcome {
                    Ok(bytes) => Ok(Ok(bytes.len() as u64)),
                    Err(Error::Damaged(fault)) => Ok(Err(fault)),
                    Err(error) => Err(error),
                }
            });
            let mut read = stream::iter(read).buffer_unordered(CONCURRENT);
            while let Some(outcome) = read.try_next().await? {
                verified.objects += 1;
                match outcome {
                    Ok(bytes) => verified.bytes += bytes,
                    Err(fault) => verified.faults.push(Fault { snapshot: id.clone(), fault }),
                }
            }
            for (picture, fault) in snapshot.missing {
                let fault = format!("picture {picture}: {fault} when the snapshot was taken");
                verified.faults.push(Fault { snapshot: id.clone(), fault });
            }
        }
        if name.is_none() && verified.faults.is_empty() {
            let used: HashSet<ObjectId> = seen.iter().map(|id| self.name(id)).collect();
            let listed = self.place.list(objects::FOLDER).await?;
            let unused = |path: &str| ObjectId::from_path(path).is_none_or(|name| !used.contains(&name));
            verified.unused = listed.iter().filter(|(path, _)| unused(path)).count() as u64;
        }
        Ok(verified)
    }

    /// Returns a snapshot with the objects that it refers to, each with what it is.
    async fn wanted(&self, id: &SnapshotId) -> Result<(Snapshot, Vec<(ObjectId, String)>)> {
        let snapshot = self.snapshot(id).await?;
        let pictures = self.pictures(&snapshot).await?;
        let parts = snapshot.parts().map(|(file, part)| (part, file.path.clone()));
        let wanted = parts.chain(pictures.into_iter().map(|(id, _)| (id, format!("picture {id}")))).collect();
        Ok((snapshot, wanted))
    }
}

/// Returns the folder beside `target` in which it is made.
fn part_of(target: &Path) -> Result<PathBuf> {
    let target = std::path::absolute(target).map_err(at(target))?;
    let mut name = target.file_name().map(ToOwned::to_owned).ok_or_else(|| Error::TargetInUse(target.clone()))?;
    name.push(format!(".restoring-{}", std::process::id()));
    let part = target.with_file_name(name);
    // An earlier process of this number was killed.
    if part.exists() {
        fs::remove_dir_all(&part).map_err(at(&part))?;
    }
    Ok(part)
}

fn create_folder(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

fn create_file(path: &Path, mode: u32) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}
