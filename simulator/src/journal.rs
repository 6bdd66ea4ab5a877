//! Journal of writes: one JSON object per line, each on disk before it is acknowledged.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A write.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Op {
    /// A library was created.
    CreateLibrary { library: String, name: String },
    /// A library and its faces were deleted.
    DeleteLibrary { library: String },
    /// A face was added. `template` is base64 of 32-bit floats, little-endian.
    Add { library: String, face: String, tag: String, sha256: String, template: String },
    /// A face was removed.
    Remove { library: String, face: String },
}

/// An open, locked journal file.
pub(crate) struct Journal {
    file: File,
    length: u64,
}

impl Journal {
    /// Opens or creates the journal of a folder and reads its writes. Truncates an incomplete last line: that write was
    /// never acknowledged.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Op>)> {
        let path = folder.join("journal.jsonl");
        let failed = |e| Error::File(path.clone(), e);
        fs::create_dir_all(folder).map_err(|e| Error::File(folder.to_owned(), e))?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(path)),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (ops, length) = read(&bytes)?;
        if length < bytes.len() {
            file.set_len(length as u64).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Ok((Self { file, length: length as u64 }, ops))
    }

    /// Appends a write; it is on disk on return. A failed write leaves no trace.
    pub fn append(&mut self, op: &Op) -> io::Result<()> {
        let mut line = serde_json::to_vec(op)?;
        line.push(b'\n');
        match self.file.write_all(&line).and_then(|()| self.file.sync_data()) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(e) => {
                self.file.set_len(self.length)?;
                Err(e)
            }
        }
    }
}

/// Parses the complete lines. Returns their writes and their length in bytes.
fn read(bytes: &[u8]) -> Result<(Vec<Op>, usize)> {
    let mut ops = Vec::new();
    let mut length = 0;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let is_last = length + line.len() == bytes.len();
        let op = if line.ends_with(b"\n") {
            serde_json::from_slice(line).map_err(|e| e.to_string())
        } else {
            Err("torn".to_owned())
        };
        match op {
            Ok(op) => ops.push(op),
            Err(_) if is_last => break,
            Err(e) => return Err(Error::Journal(ops.len() + 1, e)),
        }
        length += line.len();
    }
    Ok((ops, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str) -> Op {
        Op::CreateLibrary { library: name.to_owned(), name: String::new() }
    }

    #[test]
    fn a_torn_last_line_goes_and_the_rest_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.jsonl");
        let (mut journal, ops) = Journal::open(folder.path()).expect("there");
        assert!(ops.is_empty());
        journal.append(&library("a")).expect("there");
        journal.append(&library("b")).expect("there");
        drop(journal);
        let whole = fs::read(&path).expect("a file");
        let first = whole.iter().position(|&b| b == b'\n').expect("there") + 1;
        for cut in first..whole.len() {
            fs::write(&path, &whole[..cut]).expect("a file");
            let (mut journal, ops) = Journal::open(folder.path()).expect("there");
            assert_eq!(ops.len(), 1, "cut at {cut}");
            journal.append(&library("b")).expect("there");
            drop(journal);
            assert_eq!(fs::read(&path).expect("a file"), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_broken_line_within_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = format!("x\n{}\n", serde_json::to_string(&library("a")).expect("there"));
        fs::write(folder.path().join("journal.jsonl"), whole).expect("a file");
        assert!(matches!(Journal::open(folder.path()), Err(Error::Journal(1, _))));
    }

    #[test]
    fn one_simulator_has_it_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let _open = Journal::open(folder.path()).expect("there");
        assert!(matches!(Journal::open(folder.path()), Err(Error::InUse(_))));
    }
}
