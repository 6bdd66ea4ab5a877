//! Files of galleries in their own layout, so that a start need not read every template.
//!
//! A file has the rows of one gallery of rotated heads, as they were at a moment. `docs/gallery-file.md` describes it byte by
//! byte. Every block has a SHA-256 in the footer, and the SHA-256 of the footer is the digest of the file, which whoever
//! keeps the file keeps beside the templates: what does not fit its digest is not read.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::form::{Form, RotatedForm};
use crate::gallery::{Gallery, Segment, Segments, form_of};
use crate::segment::{Rows, SEGMENT_ROWS};
use crate::{Error, Result, Rotation};

/// First bytes of a file.
const MAGIC: &[u8; 8] = b"AICPGAL1";
/// Bytes at the end: the length of the footer, and the magic again.
const TRAILER: u64 = 16;
/// Greatest length of a footer: that of two billion rows.
const MAX_FOOTER: u64 = 64 << 20;

/// SHA-256 of the footer of a file, which has those of all blocks.
pub type FileDigest = [u8; 32];

/// What the owner of a file states in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileLabel {
    /// Library of the gallery.
    pub library: i64,
    /// Number of the last change that the rows have.
    pub sequence: u64,
    /// What made the templates; another model makes others.
    pub algorithm: String,
    /// Least recognisability of a face in the gallery.
    pub least_recognisability: f32,
}

#[derive(Serialize, Deserialize)]
struct Footer {
    label: FileLabel,
    dimensions: usize,
    /// Coordinates in a head, without the length of the tail.
    head: usize,
    /// Coordinates in a head and a middle.
    kept: usize,
    axes: Block,
    segments: Vec<Block>,
}

/// A run of bytes of the file; blocks follow each other without gaps.
#[derive(Serialize, Deserialize)]
struct Block {
    /// Rows of a segment, including free ones; axes in the block of the axes.
    rows: usize,
    bytes: usize,
    /// SHA-256 of the bytes, in hex.
    sha256: String,
}

impl Block {
    fn of(rows: usize, bytes: &[u8]) -> Self {
        Self { rows, bytes: bytes.len(), sha256: hex::encode(Sha256::digest(bytes)) }
    }
}

/// A gallery of rotated heads as it was at a moment. While it exists, the gallery reuses no row that it has.
pub struct Snapshot {
    gallery: Arc<Gallery>,
    form: Arc<RotatedForm>,
    version: u64,
    segments: Segments,
}

impl Gallery {
    /// Returns the gallery as it is now, to be written to a file; `None` if it is no gallery of rotated heads.
    pub fn snapshot(self: &Arc<Self>) -> Option<Snapshot> {
        let (version, segments) = self.begin_with_segments();
        let Form::Rotated(form) = form_of(&segments) else {
            self.end(version);
            return None;
        };
        Some(Snapshot { gallery: Arc::clone(self), form, version, segments })
    }

    /// Reads a gallery from a file with this digest. It searches with the best kernel.
    ///
    /// # Errors
    /// [`Error::File`] if the file can't be read, is damaged or is another one.
    pub fn from_file(file: &File, digest: &FileDigest, rotation: &Rotation) -> Result<(FileLabel, Self)> {
        let footer = Footer::read(file, digest)?;
        let Footer { label, dimensions, head, kept, axes, segments } = footer;
        let mut offset = MAGIC.len() as u64;
        let bytes = read_block(file, offset, &axes)?;
        offset += axes.bytes as u64;
        let form = RotatedForm::of_axes(dimensions, [head, kept], &floats(&bytes), rotation);
        let form = Form::Rotated(Arc::new(form.ok_or_else(|| Error::File("axes of a wrong shape".to_owned()))?));
        let mut tasks = Vec::with_capacity(segments.len());
        for (number, block) in segments.iter().enumerate() {
            let is_full = block.rows == SEGMENT_ROWS || number + 1 == segments.len() && block.rows < SEGMENT_ROWS;
            if !is_full || block.rows == 0 {
                return Err(Error::File("segments of a wrong size".to_owned()));
            }
            tasks.push((offset, block));
            offset = offset.saturating_add(block.bytes as u64);
        }
        let read = in_parallel(&tasks, |(offset, block)| {
            let bytes = read_block(file, *offset, block)?;
            let rows = Rows::decode(&form, dimensions, block.rows, &bytes);
            rows.ok_or_else(|| Error::File("a segment that is none".to_owned()))
        })?;
        let segments = read.into_iter().map(|rows| Segment::new(&form, rows)).collect();
        let gallery = Self::of_segments(dimensions, rotation.clone(), form, segments);
        Ok((label, gallery.ok_or_else(|| Error::File("a face has two rows".to_owned()))?))
    }
}

impl Snapshot {
    /// Writes the gallery; returns the digest of the file.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, label: FileLabel, out: &mut impl Write) -> io::Result<FileDigest> {
        out.write_all(MAGIC)?;
        let mut bytes: Vec<u8> = self.form.axis_rows().iter().flat_map(|number| number.to_le_bytes()).collect();
        out.write_all(&bytes)?;
        let (head, middle) = self.form.numbers();
        let (head, kept) = (head - 1, head - 1 + middle);
        let dimensions = self.gallery.dimensions();
        let axes = Block::of(kept, &bytes);
        let mut footer = Footer { label, dimensions, head, kept, axes, segments: Vec::new() };
        for segment in self.segments.iter() {
            bytes.clear();
            let rows = segment.read().encode(self.version, &mut bytes);
            if rows == 0 {
                break;
            }
            out.write_all(&bytes)?;
            footer.segments.push(Block::of(rows, &bytes));
        }
        let footer = serde_json::to_vec(&footer)?;
        out.write_all(&footer)?;
        out.write_all(&(footer.len() as u64).to_le_bytes())?;
        out.write_all(MAGIC)?;
        Ok(Sha256::digest(&footer).into())
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.gallery.end(self.version);
    }
}

impl Footer {
    fn read(file: &File, digest: &FileDigest) -> Result<Self> {
        let length = file.metadata().map_err(unreadable)?.len();
        let mut trailer = [0; TRAILER as usize];
        let trailer_at = length.checked_sub(TRAILER).ok_or_else(|| Error::File("too short".to_owned()))?;
        file.read_exact_at(&mut trailer, trailer_at).map_err(unreadable)?;
        let ([footer_length, magic], []) = trailer.as_chunks::<8>() else {
            return Err(Error::File("no trailer".to_owned()));
        };
        let footer_length = u64::from_le_bytes(*footer_length);
        let footer_at = trailer_at.checked_sub(footer_length).filter(|_| footer_length <= MAX_FOOTER);
        let Some(footer_at) = footer_at.filter(|_| magic == MAGIC) else {
            return Err(Error::File("no gallery of this version".to_owned()));
        };
        let mut footer = vec![0; footer_length as usize];
        file.read_exact_at(&mut footer, footer_at).map_err(unreadable)?;
        if Sha256::digest(&footer)[..] != digest[..] {
            return Err(Error::File("another file than was written".to_owned()));
        }
        serde_json::from_slice(&footer).map_err(damaged)
    }
}

fn read_block(file: &File, offset: u64, block: &Block) -> Result<Vec<u8>> {
    let mut bytes = vec![0; block.bytes];
    file.read_exact_at(&mut bytes, offset).map_err(unreadable)?;
    if hex::encode(Sha256::digest(&bytes)) == block.sha256 {
        Ok(bytes)
    } else {
        Err(Error::File("a damaged block".to_owned()))
    }
}

/// Runs the tasks on one thread per core; returns the results in the order of the tasks.
fn in_parallel<T: Sync, R: Send>(tasks: &[T], run: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<R>>>> = tasks.iter().map(|_| Mutex::new(None)).collect();
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(tasks.len().max(1));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(task) = tasks.get(number) else { return };
                    *done[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(run(task));
                }
            });
        }
    });
    let done = done.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner));
    done.map(|result| result.unwrap_or_else(|| Err(Error::File("a thread ended early".to_owned())))).collect()
}

/// Returns the numbers of little-endian bytes.
pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

fn unreadable(error: io::Error) -> Error {
    Error::File(error.to_string())
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::File(error.to_string())
}
