//! What an import is made of: its pictures, whom each shows, and what is refused from the start.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::export::{ABOUT, PEOPLE};
use super::manifest::{self, MANIFEST, Row};
use super::zip::{Archive, Entry, Limits, MAX_PATH, Place, Refused, ZipError, read_entry};
use crate::Tags;

/// Maximum depth of a path in an archive.
const MAX_DEPTH: usize = 16;
/// Maximum length of an external id in characters.
const MAX_ID: usize = 128;
/// Maximum length of other texts of a person in characters.
const MAX_TEXT: usize = 256;
/// Maximum length of free texts in characters.
const MAX_FREE_TEXT: usize = 4096;

/// Data of a person, as an import states it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PersonRow {
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub customer_number: Option<String>,
    pub document_number: Option<String>,
    pub company: Option<String>,
    pub duty: Option<String>,
    pub province: Option<String>,
    pub remark: Option<String>,
    pub info: Option<String>,
    pub tags: Vec<String>,
}

impl PersonRow {
    /// Returns the person that a folder stands for.
    pub fn of_folder(name: &str) -> Result<Self, Refused> {
        let name = name.to_owned();
        Self { external_id: Some(name.clone()), name: Some(name), ..Self::default() }.checked()
    }

    /// Completes the external id by the name, and checks the texts.
    pub fn checked(mut self) -> Result<Self, Refused> {
        let wrong = |reason: String| Refused::new("personRefused", reason);
        self.external_id = self.external_id.or_else(|| self.name.clone());
        if self.external_id.is_none() {
            return Err(wrong("the row has neither a name nor an external id".to_owned()));
        }
        for (what, text, most) in [
            ("external id", &self.external_id, MAX_ID),
            ("name", &self.name, MAX_TEXT),
            ("customer number", &self.customer_number, MAX_TEXT),
            ("document number", &self.document_number, MAX_TEXT),
            ("company", &self.company, MAX_TEXT),
            ("duty", &self.duty, MAX_TEXT),
            ("province", &self.province, MAX_TEXT),
            ("remark", &self.remark, MAX_FREE_TEXT),
            ("info", &self.info, MAX_FREE_TEXT),
        ] {
            let Some(text) = text else { continue };
            if text.chars().count() > most {
                return Err(wrong(format!("the {what} has more than {most} characters")));
            }
            if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
                return Err(wrong(format!("the {what} has control characters")));
            }
        }
        let tags = Tags::new(&self.tags).map_err(|e| wrong(format!("tags {e}")))?;
        self.tags = tags.into_vec();
        Ok(self)
    }
}

/// Where a picture is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// In the archive of the job.
    Entry(Place),
    /// A file; the bytes of its path in hex, which need not be UTF-8.
    File(String),
}

/// A picture to enrol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Picture {
    pub person: PersonRow,
    pub source: Source,
}

/// An item of an import: what it is about, and what to do or why it is refused.
pub(crate) type Listed = (String, Result<Picture, Refused>);

/// Why a listing ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error(transparent)]
    Zip(#[from] ZipError),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("the folder has more than {0} files")]
    TooManyFiles(u64),
    #[error("{MANIFEST}: {0}")]
    Manifest(String),
    /// Nobody wants the rest.
    #[error("stopped")]
    Stopped,
}

impl ListError {
    /// Whether the fault is one of what is imported, and not of this machine.
    pub fn is_of_input(&self) -> bool {
        match self {
            Self::Zip(ZipError::Io(_)) | Self::Io { .. } | Self::Stopped => false,
            Self::Zip(_) | Self::TooManyFiles(_) | Self::Manifest(_) => true,
        }
    }
}

/// Splits the path of an entry. No path of an archive is used on disk; one that would lead out of a folder is refused,
/// because nothing good has such a path.
fn components(name: &str) -> Result<Vec<String>, Refused> {
    let refused = |reason: &str| Err(Refused::new("pathRefused", reason));
    if name.len() > MAX_PATH {
        return refused("the path is too long");
    }
    if name.chars().any(char::is_control) {
        return refused("the path has control characters");
    }
    // Some programs for Windows write its separator.
    let is_separator = |c: char| matches!(c, '/' | '\\');
    if name.starts_with(is_separator) || name.as_bytes().get(1) == Some(&b':') {
        return refused("the path is absolute");
    }
    let parts: Vec<String> = name.split(is_separator).filter(|part| !matches!(*part, "" | ".")).map(nfc).collect();
    if parts.iter().any(|part| part == "..") {
        return refused("the path leads out of the archive");
    }
    if parts.is_empty() {
        return refused("the path is empty");
    }
    if parts.len() > MAX_DEPTH { refused("the path is nested too deeply") } else { Ok(parts) }
}

/// Some systems decompose accents; NFC makes names equal.
fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// Whether a file is made by a system for itself.
fn is_hidden(parts: &[String]) -> bool {
    parts.iter().any(|part| part.starts_with('.') || part == "__MACOSX" || part == "Thumbs.db")
}

/// Layout of an archive.
#[derive(Debug, Default)]
struct Layout {
    /// Folder that everything is in.
    wrapper: Option<String>,
    manifest: Option<Place>,
}

impl Layout {
    /// Finds the layout. A folder around everything does not count.
    fn of(archive: &mut Archive) -> Result<Self, ZipError> {
        let (mut first, mut is_wrapped, mut is_deep) = (None::<String>, true, true);
        let (mut outer_manifest, mut inner_manifest) = (None, None);
        archive.each(|entry| {
            let Some(place) = entry.place else { return Ok(()) };
            let Ok(parts) = components(&entry.name) else { return Ok(()) };
            if is_hidden(&parts) {
                return Ok(());
            }
            let is_manifest = parts.last().is_some_and(|name| name.eq_ignore_ascii_case(MANIFEST));
            match &parts[..] {
                [_] => {
                    is_wrapped = false;
                    if is_manifest {
                        outer_manifest = place.ok();
                    }
                }
                [folder, .., _] => {
                    is_wrapped &= first.get_or_insert_with(|| folder.clone()) == folder;
                    is_deep &= parts.len() > 2 || is_manifest;
                    if parts.len() == 2 && is_manifest {
                        inner_manifest = place.ok();
                    }
                }
                [] => {}
            }
            Ok::<_, ZipError>(())
        })?;
        if outer_manifest.is_some() {
            return Ok(Self { wrapper: None, manifest: outer_manifest });
        }
        Ok(match first {
            Some(folder) if is_wrapped && (inner_manifest.is_some() || is_deep) => {
                Self { wrapper: Some(folder), manifest: inner_manifest }
            }
            _ => Self::default(),
        })
    }

    /// Returns the path of an entry below the wrapper.
    fn within(&self, mut parts: Vec<String>) -> Vec<String> {
        if self.wrapper.is_some() && parts.len() > 1 {
            parts.remove(0);
        }
        parts
    }
}

/// Checks that an archive can be imported.
///
/// # Errors
/// [`ListError`]
pub(crate) fn check_archive(path: &Path, limits: Limits) -> Result<(), ListError> {
    Archive::open(path, limits)?.each(|_| Ok::<_, ListError>(()))
}

/// Lists the items of an archive, in an order that depends on the archive alone.
///
/// # Errors
/// [`ListError`], and those of `sink`.
pub(crate) fn list_archive(
    path: &Path,
    limits: Limits,
    mut sink: impl FnMut(Listed) -> Result<(), ListError>,
) -> Result<(), ListError> {
    let mut archive = Archive::open(path, limits)?;
    let layout = Layout::of(&mut archive)?;
    let Some(manifest) = layout.manifest else {
        return archive.each(|entry| match in_folder(&layout, entry) {
            Some(listed) => sink(listed),
            None => Ok(()),
        });
    };
    let text = read_entry(path, manifest, |_| true).map_err(ZipError::from)?;
    let text = text.map_err(|refused| ListError::Manifest(refused.reason))?;
    let mut places: HashMap<String, (Result<Place, Refused>, bool)> = HashMap::new();
    let mut refused = Vec::new();
    archive.each(|Entry { name, place }| {
        let Some(place) = place else { return Ok(()) };
        match components(&name) {
            Ok(parts) if is_hidden(&parts) => {}
            Ok(parts) => drop(places.insert(layout.within(parts).join("/"), (place, false))),
            Err(reason) => refused.push((name, reason)),
        }
        Ok::<_, ListError>(())
    })?;
    // An export says more than an import reads.
    places.retain(|name, _| !name.eq_ignore_ascii_case(MANIFEST) && !matches!(name.as_str(), ABOUT | PEOPLE));
    // Rows may name one entry many times.
    let mut unpacked = 0u64;
    manifest::read(&text, limits.entries, |row| {
        let Row { file, person } = row;
        let found = components(&file).ok().and_then(|parts| places.get_mut(&parts.join("/")));
        let listed = match (person, found) {
            (person, Some((place, is_named))) => {
                *is_named = true;
                let place = place.clone();
                unpacked = unpacked.saturating_add(place.as_ref().map_or(0, Place::size));
                if unpacked > limits.unpacked {
                    return Err(ZipError::TooLarge(limits.unpacked).into());
                }
                person.and_then(|person| Ok(Picture { person, source: Source::Entry(place?) }))
            }
            (_, None) => Err(Refused::new("fileMissing", "the archive has no such file")),
        };
        sink((file, listed))
    })?;
    let mut unnamed: Vec<&String> = places.iter().filter(|(_, (_, named))| !named).map(|(name, _)| name).collect();
    unnamed.sort();
    for name in unnamed {
        sink((name.clone(), Err(Refused::new("notInManifest", format!("{MANIFEST} does not name it")))))?;
    }
    for (name, reason) in refused {
        sink((name, Err(reason)))?;
    }
    Ok(())
}

/// Returns the item of a file that shows the person of its folder; `None` for what is no picture of anybody.
fn in_folder(layout: &Layout, Entry { name, place }: Entry) -> Option<Listed> {
    let place = place?;
    let parts = match components(&name) {
        Ok(parts) if is_hidden(&parts) => return None,
        Ok(parts) => layout.within(parts),
        Err(refused) => return Some((name, Err(refused))),
    };
    let listed = match &parts[..] {
        [folder, _] => {
            PersonRow::of_folder(folder).and_then(|person| Ok(Picture { person, source: Source::Entry(place?) }))
        }
        [_] => Err(not_in_a_folder()),
        _ => Err(in_a_folder_of_a_folder()),
    };
    Some((name, listed))
}

fn not_in_a_folder() -> Refused {
    Refused::new("notInFolder", "not in a person's folder")
}

fn in_a_folder_of_a_folder() -> Refused {
    Refused::new("folderInFolder", "a folder within a person's folder")
}

/// What to do with symbolic links in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Links {
    /// Follow them: whoever runs the command can read the files anyway.
    Follow,
    /// Refuse them: they may lead out of the folder.
    Refuse,
}

/// Lists the items of a folder that has a folder per person. Names are paths below it.
///
/// # Errors
/// [`ListError`], and those of `sink`.
pub(crate) fn list_folder(
    dir: &Path,
    links: Links,
    most: u64,
    mut sink: impl FnMut(Listed) -> Result<(), ListError>,
) -> Result<(), ListError> {
    let mut count = 0;
    let mut put = |path: &Path, listed: Result<Picture, Refused>| {
        count += 1;
        if count > most {
            return Err(ListError::TooManyFiles(most));
        }
        let name = path.strip_prefix(dir).unwrap_or(path);
        sink((name.to_string_lossy().into_owned(), listed))
    };
    let is_link = |path: &Path| {
        links == Links::Refuse && path.symlink_metadata().is_ok_and(|found| found.file_type().is_symlink())
    };
    let a_link = || Err(Refused::new("symbolicLink", "a symbolic link"));
    for folder in entries(dir)? {
        if is_link(&folder) {
            put(&folder, a_link())?;
            continue;
        }
        if !folder.is_dir() {
            put(&folder, Err(not_in_a_folder()))?;
            continue;
        }
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else {
            put(&folder, Err(Refused::new("nameRefused", "the folder's name is not UTF-8")))?;
            continue;
        };
        let person = PersonRow::of_folder(&nfc(name));
        for path in entries(&folder)? {
            let listed = if is_link(&path) {
                a_link()
            } else if path.is_dir() {
                Err(in_a_folder_of_a_folder())
            } else {
                let source = Source::File(hex::encode(path.as_os_str().as_encoded_bytes()));
                person.clone().map(|person| Picture { person, source })
            };
            put(&path, listed)?;
        }
    }
    Ok(())
}

/// Lists the entries of a folder, sorted by name, without hidden ones.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, ListError> {
    let mut paths = std::fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>())
        .map_err(|source| ListError::Io { path: dir.to_owned(), source })?;
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
    paths.retain(|path| !is_hidden(path));
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { entries: 10, unpacked: 1 << 20, file: 1 << 16 };

    /// Returns an archive of two stored entries without checksums.
    fn archive() -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for name in [b"Ada/1.jpg", b"Joe/2.jpg"] {
            let offset = u32::try_from(bytes.len()).expect("small").to_le_bytes();
            let common =
                [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0][..]].concat();
            bytes.extend([b"PK\x03\x04", &common[..], name, b"abc"].concat());
            directory.extend([b"PK\x01\x02\x14\x03", &common[..], &[0; 10], &offset[..], name].concat());
        }
        let (at, size) = (bytes.len() as u32, directory.len() as u32);
        bytes.extend(directory);
        bytes.extend(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
        bytes.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
        bytes.extend([0; 2]);
        bytes
    }

    fn list(bytes: &[u8]) -> Result<Vec<Listed>, ListError> {
        let file = tempfile::NamedTempFile::new().expect("a temp file");
        std::fs::write(file.path(), bytes).expect("written");
        let mut all = Vec::new();
        list_archive(file.path(), LIMITS, |listed| {
            if let Ok(Picture { source: Source::Entry(place), .. }) = &listed.1 {
                // Whatever the directory says, reading ends.
                drop(read_entry(file.path(), *place, |_| true));
            }
            all.push(listed);
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn an_archive_with_any_byte_changed_or_its_end_cut_off_is_read_or_refused() {
        let whole = archive();
        let names: Vec<String> = list(&whole).expect("it is good").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Ada/1.jpg", "Joe/2.jpg"]);
        for at in 0..whole.len() {
            assert!(list(&whole[..at]).is_err(), "cut at {at}");
            for value in [0, 1, 0x7f, 0xff, whole[at] ^ 0x20] {
                let mut changed = whole.clone();
                changed[at] = value;
                if let Ok(listed) = list(&changed) {
                    assert!(listed.len() <= 2, "{at} {value}");
                }
            }
        }
    }

    #[test]
    fn a_path_is_split_at_both_separators_and_never_leads_out() {
        assert_eq!(components("./a//b\\c.jpg").expect("good"), ["a", "b", "c.jpg"]);
        for path in ["", "/", "/a/b", "\\a", "a/../../b", "..", "C:/a", "a/\0b", &"a/".repeat(17), &"a".repeat(1025)] {
            assert_eq!(components(path).expect_err("refused").code, "pathRefused", "{path:?}");
        }
    }
}
