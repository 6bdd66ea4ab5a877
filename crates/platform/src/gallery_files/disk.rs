//! The files on the disk of this node.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aicp_backends::{Builtin, FileDigest, FileLabel, Snapshot};

/// Restores the gallery of a label from its file; the error is the reason why not.
pub(super) fn restore(engine: &Builtin, label: &FileLabel, path: &Path, digest: &str) -> Result<(), String> {
    let mut expected = FileDigest::default();
    hex::decode_to_slice(digest, &mut expected).map_err(|e| e.to_string())?;
    let file = File::open(path).map_err(|e| e.to_string())?;
    engine.index().restore(label, &file, &expected).map_err(|e| e.to_string())
}

/// Returns the path of a file that is being written.
pub(super) fn unfinished(folder: &Path) -> PathBuf {
    folder.join("unfinished")
}

/// Writes an unfinished file, durably; nobody else may read it.
pub(super) fn write(snapshot: &Snapshot, label: FileLabel, folder: &Path) -> io::Result<FileDigest> {
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(unfinished(folder))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let digest = snapshot.write(label, &mut out)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    Ok(digest)
}

/// Deletes a file; returns whether it is gone.
pub(super) fn delete(path: &Path) -> bool {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(path = %path.display(), %error, "the file of a large library can't be deleted");
            false
        }
        _ => true,
    }
}
