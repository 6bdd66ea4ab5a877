//! Repositories.

use std::collections::HashSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::objects::{self, ObjectId};
use crate::seal::{Cipher, OVERHEAD, PassPhrase, SealedKey};
use crate::snapshot::{self, FileEntry, Snapshot, SnapshotId};
use crate::{Error, Place, Result};

/// Name of the header.
const HEADER: &str = "aicp-backup.json";
/// Name of the lock.
const LOCK: &str = "lock";
/// Version of the format.
const VERSION: u32 = 1;
/// Concurrent reads and writes of objects.
pub(crate) const CONCURRENT: usize = 8;

/// An open repository.
pub struct Repository {
    pub(crate) place: Place,
    pub(crate) header: ObjectId,
    id: String,
    cipher: Option<Cipher>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What all snapshots of a repository have in common.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    version: u32,
    id: String,
    encryption: Option<SealedKey>,
}

impl Repository {
    /// Opens the repository of a place.
    ///
    /// # Errors
    /// [`Error::NoBackup`], [`Error::Newer`], [`Error::Damaged`]; [`Error::PassPhraseNeeded`], [`Error::WrongPassPhrase`],
    /// [`Error::NotEncrypted`].
    pub async fn open(place: Place, phrase: Option<&PassPhrase>) -> Result<Self> {
        let bytes = place.get(HEADER).await?.ok_or(Error::NoBackup)?;
        Self::of_header(place, &bytes, phrase)
    }

    /// Opens the repository of a place, or makes one where nothing is; with a pass phrase, it is encrypted.
    ///
    /// # Errors
    /// As [`Repository::open`]; [`Error::Occupied`] if there is something else.
    pub async fn open_or_create(place: Place, phrase: Option<&PassPhrase>) -> Result<Self> {
        if let Some(bytes) = place.get(HEADER).await? {
            return Self::of_header(place, &bytes, phrase);
        }
        if !place.is_empty().await? {
            return Err(Error::Occupied);
        }
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        let id = hex::encode(id);
        let sealed = phrase.map(|phrase| SealedKey::generate(&id, phrase)).transpose()?;
        let (encryption, cipher) = sealed.unzip();
        let header = Header { version: VERSION, id, encryption };
        let bytes = serde_json::to_vec_pretty(&header).map_err(|e| Error::Damaged(e.to_string()))?;
        place.create_folders(&[objects::FOLDER, snapshot::FOLDER])?;
        if place.create(HEADER, bytes.clone().into()).await? {
            return Ok(Self { place, header: ObjectId::of(&bytes), id: header.id, cipher });
        }
        // Another backup was faster.
        Self::open(place, phrase).await
    }

    fn of_header(place: Place, bytes: &[u8], phrase: Option<&PassPhrase>) -> Result<Self> {
        // What a newer program wrote may have other fields.
        let version = serde_json::from_slice::<serde_json::Value>(bytes)
            .ok()
            .and_then(|header| u32::try_from(header.get("version")?.as_u64()?).ok());
        if let Some(found) = version.filter(|found| *found > VERSION) {
            return Err(Error::Newer { found, known: VERSION });
        }
        let header: Header = serde_json::from_slice(bytes).map_err(|e| Error::Damaged(format!("{HEADER}: {e}")))?;
        let cipher = match (&header.encryption, phrase) {
            (Some(sealed), Some(phrase)) => Some(sealed.open(&header.id, phrase)?),
            (Some(_), None) => return Err(Error::PassPhraseNeeded),
            (None, Some(_)) => return Err(Error::NotEncrypted),
            (None, None) => None,
        };
        Ok(Self { place, header: ObjectId::of(bytes), id: header.id, cipher })
    }

    /// Returns whether the repository is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
    }

    /// Lists the snapshots, the oldest first.
    ///
    /// # Errors
    /// [`Error::Place`].
    pub async fn snapshots(&self) -> Result<Vec<SnapshotId>> {
        let listed = self.place.list(snapshot::FOLDER).await?;
        let mut ids: Vec<_> = listed.iter().filter_map(|(path, _)| SnapshotId::from_path(path)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Finds the snapshot whose name begins like this, or the latest one.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`]; [`Error::Place`].
    pub async fn find(&self, name: Option<&str>) -> Result<SnapshotId> {
        let ids = self.snapshots().await?;
        let found = match name {
            Some(name) => ids.into_iter().rfind(|id| id.as_str().starts_with(name)),
            None => ids.into_iter().next_back(),
        };
        found.ok_or_else(|| Error::NoSnapshot(name.map_or_else(String::new, |name| format!(" {name}"))))
    }

    /// Reads and verifies a snapshot.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Place`].
    pub async fn snapshot(&self, id: &SnapshotId) -> Result<Snapshot> {
        let damaged = |reason: &str| Error::Damaged(format!("snapshot {id}: {reason}"));
        let stored = self.place.get(&id.path()).await?.ok_or_else(|| damaged("it is missing"))?;
        if !id.is_of(&stored) {
            return Err(damaged("its bytes changed"));
        }
        let bytes = match &self.cipher {
            Some(cipher) => cipher.open(&self.id, &stored).ok_or_else(|| damaged("it is of another backup"))?,
            None => stored,
        };
        let snapshot = Snapshot::parse(id, &bytes)?;
        if snapshot.header != self.header {
            return Err(Error::Damaged(format!("{HEADER}: its bytes changed, or it is that of another backup")));
        }
        Ok(snapshot)
    }

    /// Writes a snapshot. Its name comes after those of all others.
    pub(crate) async fn put_snapshot(&self, snapshot: &Snapshot) -> Result<SnapshotId> {
        let bytes = serde_json::to_vec(snapshot).map_err(|e| Error::Damaged(e.to_string()))?;
        let stored = match &self.cipher {
            Some(cipher) => cipher.seal(&self.id, &bytes)?,
            None => bytes.into(),
        };
        let id = SnapshotId::new(snapshot.created, &self.snapshots().await?, &stored);
        self.place.put(&id.path(), stored).await?;
        Ok(id)
    }

    /// Returns the name under which an object is stored.
    pub(crate) fn name(&self, id: &ObjectId) -> ObjectId {
        self.cipher.as_ref().map_or(*id, |cipher| cipher.name(id))
    }

    /// Returns the size of an object in the repository from that of its content.
    pub(crate) fn stored_bytes(&self, bytes: u64) -> u64 {
        bytes + if self.is_encrypted() { OVERHEAD } else { 0 }
    }

    /// Returns the size of the content of an object from that in the repository.
    pub(crate) fn content_bytes(&self, stored: u64) -> u64 {
        stored.saturating_sub(if self.is_encrypted() { OVERHEAD } else { 0 })
    }

    /// Writes an object.
    pub(crate) async fn put(&self, id: &ObjectId, bytes: Bytes) -> Result<()> {
        let path = self.name(id).path();
        let stored = match &self.cipher {
            Some(cipher) => cipher.seal(&path, &bytes)?,
            None => bytes,
        };
        self.place.put(&path, stored).await
    }

    /// Reads and verifies an object; `what` describes it in errors.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Place`].
    pub(crate) async fn get(&self, id: &ObjectId, what: &str) -> Result<Bytes> {
        let path = self.name(id).path();
        let damaged = |reason: &str| Error::Damaged(format!("{what}: {path} {reason}"));
        let stored = self.place.get(&path).await?.ok_or_else(|| damaged("is missing"))?;
        let bytes = match &self.cipher {
            Some(cipher) => cipher.open(&path, &stored).ok_or_else(|| damaged("has changed"))?,
            None => stored,
        };
        if ObjectId::of(&bytes) == *id { Ok(bytes) } else { Err(damaged("has changed")) }
    }

    /// Reads and verifies a small file of a snapshot.
    pub(crate) async fn read_file(&self, file: &FileEntry) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for part in &file.parts {
            bytes.extend_from_slice(&self.get(part, &file.path).await?);
        }
        if ObjectId::of(&bytes) == file.sha256 {
            return Ok(bytes);
        }
        Err(Error::Damaged(format!("{}: its parts are not those of the file", file.path)))
    }

    /// Reads and verifies a picture, whichever snapshot has it.
    ///
    /// # Errors
    /// [`Error::Damaged`] also if no snapshot has it; [`Error::Place`].
    pub async fn picture(&self, id: &ObjectId) -> Result<Bytes> {
        self.get(id, "picture").await
    }

    /// Reads the list of pictures of a snapshot: their hashes and sizes.
    pub(crate) async fn pictures(&self, snapshot: &Snapshot) -> Result<Vec<(ObjectId, u64)>> {
        let list = self.read_file(&snapshot.pictures).await?;
        snapshot::parse_pictures(&list).ok_or_else(|| Error::Damaged("the list of pictures is malformed".to_owned()))
    }

    /// Returns the names of all objects that a snapshot refers to.
    pub(crate) async fn used(&self, id: &SnapshotId) -> Result<HashSet<ObjectId>> {
        let snapshot = self.snapshot(id).await?;
        let pictures = self.pictures(&snapshot).await?;
        let ids = snapshot.parts().map(|(_, id)| id).chain(pictures.into_iter().map(|(id, _)| id));
        Ok(ids.map(|id| self.name(&id)).collect())
    }
}

/// Who writes to a repository.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Holder {
    host: String,
    process: u32,
    /// Start of the process, in the unit of `/proc/PID/stat`: process numbers are used again.
    started: u64,
    since: String,
}

impl Holder {
    /// Describes this process.
    fn this(since: &str) -> Self {
        let process = std::process::id();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { host, process, started: started(process).unwrap_or_default(), since: since.to_owned() }
    }

    /// Whether it runs no more: known for processes of this machine only.
    fn is_gone(&self) -> bool {
        self.host == Self::this("").host && started(self.process) != Some(self.started)
    }
}

/// Returns when a process started; `None` if there is no such process.
fn started(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything. The start is field 22; field 3 follows the name.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

impl Repository {
    /// Takes the lock, also from a process of this machine that was killed.
    ///
    /// # Errors
    /// [`Error::Locked`].
    pub(crate) async fn lock(&self, since: &str) -> Result<()> {
        let mine = serde_json::to_vec(&Holder::this(since)).map_err(|e| Error::Damaged(e.to_string()))?;
        for _ in 0..2 {
            if self.place.create(LOCK, mine.clone().into()).await? {
                return Ok(());
            }
            let Some(held) = self.place.get(LOCK).await? else { continue };
            match serde_json::from_slice::<Holder>(&held) {
                Ok(holder) if holder.is_gone() => self.unlock().await?,
                Ok(Holder { host, process, since, .. }) => {
                    return Err(Error::Locked { holder: format!("process {process} of {host}"), since });
                }
                Err(_) => return Err(Error::Locked { holder: "unknown".to_owned(), since: "unknown".to_owned() }),
            }
        }
        Err(Error::Locked { holder: "another process".to_owned(), since: "just now".to_owned() })
    }

    /// Gives the lock back.
    pub(crate) async fn unlock(&self) -> Result<()> {
        self.place.delete(vec![LOCK.to_owned()]).await
    }
}
