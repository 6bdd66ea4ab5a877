//! Lines of the people of an export.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Lines that are read at a time.
const BATCH: usize = 64;
/// Maximum length of a line in bytes: a person has a few kilobytes for each face.
const MAX_LINE: u64 = 16 << 20;

/// Lines of a file, without empty ones.
pub(super) struct Lines(BufReader<File>);

impl Lines {
    /// Opens a file behind its first lines.
    pub fn open(path: &Path, skipped: u64) -> io::Result<Self> {
        let mut lines = Self(BufReader::new(File::open(path)?));
        for _ in 0..skipped {
            lines.next()?;
        }
        Ok(lines)
    }

    /// Returns the next line; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let mut line = Vec::new();
            let read = Read::take(&mut self.0, MAX_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == MAX_LINE {
                return Err(io::Error::other("a line is too long"));
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// Returns the next lines; none at the end.
    pub fn batch(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut batch = Vec::new();
        while batch.len() < BATCH
            && let Some(line) = self.next()?
        {
            batch.push(line);
        }
        Ok(batch)
    }
}

/// Counts the lines of a file.
pub(super) fn count_lines(path: &Path) -> io::Result<u64> {
    let mut lines = Lines::open(path, 0)?;
    let mut count = 0;
    while lines.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}
