//! Links: files under which pictures of the outbox have a second name.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use crate::Result;
use crate::error::at;

/// Extension of a file that is being written.
const PART: &str = "part";
/// Age from which nobody is writing a part any more.
const ABANDONED: Duration = Duration::from_hours(1);

/// Folder of the links. All functions block.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    folder: PathBuf,
}

impl Links {
    /// Uses this folder, which is created with the first link, and removes its empty subfolders.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder).map_err(at(folder))?;
        remove_empty_dirs(&folder)?;
        Ok(Self { folder })
    }

    /// Returns the path of a link that exists.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(name)).filter(|link| link.exists())
    }

    /// Links a file under `name`, a relative path. Returns `None` if the file system has no hard links.
    pub(crate) fn link(&self, file: &Path, name: &str) -> Result<Option<PathBuf>> {
        let link = self.place(name)?;
        match fs::hard_link(file, &link) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Ok(None),
            _ => Ok(Some(link)),
        }
    }

    /// Writes a picture under `name`, a relative path.
    pub(crate) fn write(&self, bytes: &Bytes, name: &str) -> Result<PathBuf> {
        let link = self.place(name)?;
        let part = link.with_extension(PART);
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&part);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
            .and_then(|()| fs::rename(&part, &link))
            .map_err(at(&link))?;
        Ok(link)
    }

    /// Removes a link; a missing one is ignored.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let link = self.folder.join(name);
        match fs::remove_file(&link) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(at(link)(error)),
            _ => Ok(()),
        }
    }

    /// Lists the names of all links: a link is in the folder itself, or in a folder of it.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for path in files_in(&self.folder)? {
            let of_folder = if path.is_dir() { files_in(&path)? } else { vec![path] };
            let name = |path: &PathBuf| path.strip_prefix(&self.folder).ok()?.to_str().map(str::to_owned);
            let is_link = |path: &&PathBuf| path.is_file() && !is_being_written(path);
            names.extend(of_folder.iter().filter(is_link).filter_map(name));
        }
        Ok(names)
    }

    fn place(&self, name: &str) -> Result<PathBuf> {
        let link = self.folder.join(name);
        let parent = link.parent().unwrap_or(&self.folder);
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(at(parent))?;
        Ok(link)
    }
}

/// Returns whether a file is a part that may be written still.
fn is_being_written(path: &Path) -> bool {
    let written = || path.metadata().and_then(|about| about.modified()).ok()?.elapsed().ok();
    path.extension().is_some_and(|extension| extension == PART) && written().is_none_or(|age| age < ABANDONED)
}

/// Returns the paths of what is in a folder; none if it is missing.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        entries => {
            let paths = entries.map_err(at(folder))?.map(|entry| entry.map(|entry| entry.path()).map_err(at(folder)));
            paths.collect()
        }
    }
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
