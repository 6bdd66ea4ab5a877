//! Snapshots: what a moment consisted of.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::objects::ObjectId;
use crate::{Error, Result};

/// Folder of the snapshots in a repository.
pub(crate) const FOLDER: &str = "snapshots";
/// Digits of the hash in the name of a snapshot.
const HASH_DIGITS: usize = 16;
/// Form of the moment in the name of a snapshot, in UTC.
const MOMENT: &str = "%Y%m%dT%H%M%S.%3fZ";

/// Content of a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// SHA-256 of the header of the repository, so that a damaged header is noticed.
    pub(crate) header: ObjectId,
    /// Moment of the snapshot.
    pub created: Timestamp,
    /// Facts that the program noted, such as its version; not needed to restore.
    pub about: BTreeMap<String, String>,
    /// The files.
    pub files: Vec<FileEntry>,
    /// Folder of the pictures.
    pub(crate) pictures_folder: String,
    /// List of the pictures: a line `SHA256 BYTES` for each, in ascending order.
    pub(crate) pictures: FileEntry,
    /// Pictures that could not be read when the snapshot was taken, with the fault of each.
    pub missing: BTreeMap<String, String>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileEntry {
    /// Path below the restored folder.
    pub path: String,
    /// Permissions.
    pub(crate) mode: u32,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file.
    pub(crate) sha256: ObjectId,
    /// The objects that it consists of, in order.
    pub(crate) parts: Vec<ObjectId>,
}

impl Snapshot {
    /// Parses what was read, and refuses paths that lead out of the restored folder.
    pub(crate) fn parse(id: &SnapshotId, bytes: &[u8]) -> Result<Self> {
        let damaged = |reason: &str| Error::Damaged(format!("snapshot {id}: {reason}"));
        let snapshot: Self = serde_json::from_slice(bytes).map_err(|e| damaged(&e.to_string()))?;
        let paths = snapshot.files.iter().map(|file| &file.path).chain([&snapshot.pictures_folder]);
        let is_inside = |path: &String| {
            !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
        };
        if let Some(outside) = paths.into_iter().find(|path| !is_inside(path)) {
            return Err(damaged(&format!("{outside:?} is not a path within the folder")));
        }
        Ok(snapshot)
    }

    /// Returns the objects of the files and of the list of pictures.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&FileEntry, ObjectId)> {
        self.files.iter().chain([&self.pictures]).flat_map(|file| file.parts.iter().map(move |part| (file, *part)))
    }
}

/// Name of a snapshot: its moment and the beginning of the hash of what is stored, such as
/// `20261129T201530.500Z-0123456789abcdef`. Names sort in the order of writing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SnapshotId(String);

impl SnapshotId {
    /// Names a snapshot of this moment that is stored as `bytes`, after `others`. If the clock was set back, or is too coarse,
    /// the name has the moment after the latest of the others.
    pub(crate) fn new(created: Timestamp, others: &[Self], bytes: &[u8]) -> Self {
        let next = |id: &Self| id.moment()?.checked_add(SignedDuration::from_millis(1)).ok();
        let moment = others.iter().filter_map(next).fold(created, Timestamp::max);
        Self(format!("{}-{}", moment.strftime(MOMENT), Self::digits(bytes)))
    }

    /// Returns the moment of a name, or `None` if the name is of another form.
    fn moment(&self) -> Option<Timestamp> {
        let (moment, _) = self.0.rsplit_once('-')?;
        jiff::civil::DateTime::strptime(MOMENT, moment)
            .ok()?
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|zoned| zoned.timestamp())
    }

    /// Returns the name that a path in a repository stands for.
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        let name = path.strip_prefix(FOLDER)?.strip_prefix('/')?;
        (!name.contains('/')).then(|| Self(name.to_owned()))
    }

    /// Whether the snapshot of this name is stored as `bytes`.
    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        self.0.rsplit_once('-').is_some_and(|(_, digits)| digits == Self::digits(bytes))
    }

    fn digits(bytes: &[u8]) -> String {
        let mut digits = ObjectId::of(bytes).to_string();
        digits.truncate(HASH_DIGITS);
        digits
    }

    /// Returns the path in a repository.
    pub(crate) fn path(&self) -> String {
        format!("{FOLDER}/{}", self.0)
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Formats the list of pictures.
pub(crate) fn format_pictures(pictures: &BTreeMap<ObjectId, u64>) -> Vec<u8> {
    pictures.iter().map(|(id, bytes)| format!("{id} {bytes}\n")).collect::<String>().into_bytes()
}

/// Parses the list of pictures; `None` if it is malformed.
pub(crate) fn parse_pictures(list: &[u8]) -> Option<Vec<(ObjectId, u64)>> {
    let line = |line: &str| {
        let (id, bytes) = line.split_once(' ')?;
        Some((id.parse().ok()?, bytes.parse().ok()?))
    };
    std::str::from_utf8(list).ok()?.lines().map(line).collect()
}
