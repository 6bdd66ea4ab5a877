//! Reading of zip archives that nobody vouches for.
//!
//! The directory of an archive is read as a stream, so an archive of any size takes no memory by its number of entries.
//! Nothing of an archive becomes a path on disk.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use encoding_rs::GBK;
use flate2::Crc;
use flate2::read::DeflateDecoder;
use serde::{Deserialize, Serialize};

/// Longest end record: 22 bytes, and a comment of up to 64 KiB.
const MAX_END: u64 = 22 + 0xffff;
/// Length of the locator of the end record of zip64.
const LOCATOR: u64 = 20;
/// Maximum length of the directory per entry, in bytes.
const MAX_DIRECTORY_PER_ENTRY: u64 = 1024;
/// Maximum length of a path in an archive in bytes.
pub(crate) const MAX_PATH: usize = 1024;
/// Characters that are kept of a path that is too long.
const SHOWN_CHARS: usize = 100;
/// Flag of an encrypted entry.
const ENCRYPTED: u16 = 1;
/// Flag of an entry whose name is UTF-8.
const UTF8: u16 = 1 << 11;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Value of a field whose value is in the extra field of zip64.
const IN_ZIP64: u32 = u32::MAX;
/// Id of the extra field of zip64.
const ZIP64_EXTRA: u16 = 1;
/// System of Unix in the version of an entry.
const UNIX: u16 = 3;
/// Kind of a file in a mode of Unix, and that of a symbolic link.
const KIND: u32 = 0xf000;
const SYMLINK: u32 = 0xa000;
/// Unpacked size in bytes up to which an entry may be packed to any ratio.
const ALWAYS_UNPACKED: u64 = 1 << 20;
/// Maximum ratio of the unpacked size of an entry to its packed size. Deflate reaches about 1030; pictures reach 50.
const MAX_RATIO: u64 = 200;

/// Bounds of an archive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Maximum number of entries.
    pub entries: u64,
    /// Maximum size of all entries together, unpacked, in bytes.
    pub unpacked: u64,
    /// Maximum size of an entry, unpacked, in bytes.
    pub file: u64,
}

/// Why an archive is refused as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZipError {
    /// It is not a zip archive, or damaged.
    #[error("the archive is not readable: {0}")]
    NotReadable(&'static str),
    /// It has too many entries.
    #[error("the archive has more than {0} entries")]
    TooManyEntries(u64),
    /// It is too large when it is unpacked.
    #[error("the archive unpacks to more than {0} bytes")]
    TooLarge(u64),
    /// It can't be read.
    #[error("the archive can't be read: {0}")]
    Io(#[from] io::Error),
}

/// Why an entry is refused: a code for programs, and a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub code: &'static str,
    pub reason: String,
}

impl Refused {
    pub fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// Where the content of an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Offset of the local header in bytes.
    offset: u64,
    packed: u64,
    unpacked: u64,
    crc: u32,
    method: u16,
}

impl Place {
    /// Returns the unpacked size in bytes.
    pub fn size(&self) -> u64 {
        self.unpacked
    }
}

/// An entry of the directory.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Name; replacement characters stand for what can't be read.
    pub name: String,
    /// Where the content is, or why it is refused. `None` for a folder.
    pub place: Option<Result<Place, Refused>>,
}

/// An open archive.
pub(crate) struct Archive {
    file: BufReader<File>,
    limits: Limits,
    entries: u64,
    directory: u64,
    /// Length of the directory, as the archive states it.
    size: u64,
    length: u64,
}

impl Archive {
    /// Opens an archive and finds its directory.
    ///
    /// # Errors
    /// [`ZipError`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self, ZipError> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let (entries, directory, size) = find_directory(&mut file, length)?;
        if entries > limits.entries {
            return Err(ZipError::TooManyEntries(limits.entries));
        }
        if size > entries.saturating_mul(MAX_DIRECTORY_PER_ENTRY) {
            return Err(ZipError::NotReadable("its directory is too long"));
        }
        Ok(Self { file: BufReader::new(file), limits, entries, directory, size, length })
    }

    /// Passes each entry to `see`, in order.
    ///
    /// # Errors
    /// [`ZipError`], and those of `see`.
    pub fn each<E: From<ZipError>>(&mut self, mut see: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        self.file.seek(SeekFrom::Start(self.directory)).map_err(ZipError::from)?;
        let mut unpacked = 0u64;
        for _ in 0..self.entries {
            let (entry, size) = self.next_entry()?;
            if self.file.stream_position().map_err(ZipError::from)? > self.directory.saturating_add(self.size) {
                return Err(ZipError::NotReadable("its directory is longer than it says").into());
            }
            unpacked = unpacked.saturating_add(size);
            if unpacked > self.limits.unpacked {
                return Err(ZipError::TooLarge(self.limits.unpacked).into());
            }
            see(entry)?;
        }
        Ok(())
    }

    fn next_entry(&mut self) -> Result<(Entry, u64), ZipError> {
        const HEAD: usize = 46;
        let mut head = [0; HEAD];
        self.file.read_exact(&mut head).map_err(cut_short)?;
        if head[..4] != *b"PK\x01\x02" {
            return Err(ZipError::NotReadable("its directory is damaged"));
        }
        let (made_by, flags, method) = (u16_at(&head, 4), u16_at(&head, 8), u16_at(&head, 10));
        let mut place = Place {
            offset: u32_at(&head, 42).into(),
            packed: u32_at(&head, 20).into(),
            unpacked: u32_at(&head, 24).into(),
            crc: u32_at(&head, 16),
            method,
        };
        let name = self.take(u16_at(&head, 28).into())?;
        let extra = self.take(u16_at(&head, 30).into())?;
        self.take(u16_at(&head, 32).into())?;
        complete(&mut place, &extra);
        let name = decode(&name, flags & UTF8 != 0);
        let text = name.clone().unwrap_or_else(|lossy| lossy);
        if text.len() > MAX_PATH {
            let name = text.chars().take(SHOWN_CHARS).collect();
            return Ok((Entry { name, place: Some(Err(Refused::new("pathRefused", "the path is too long"))) }, 0));
        }
        if text.ends_with(['/', '\\']) && place.unpacked == 0 {
            return Ok((Entry { name: text, place: None }, 0));
        }
        let mode = if made_by >> 8 == UNIX { u32_at(&head, 38) >> 16 } else { 0 };
        let checked =
            name.map_err(|_| Refused::new("nameRefused", "the name is neither UTF-8 nor GBK")).and_then(|_| {
                let is_link = mode & KIND == SYMLINK;
                self.check(&place, flags, is_link)
            });
        Ok((Entry { name: text, place: Some(checked.map(|()| place)) }, place.unpacked))
    }

    fn check(&self, place: &Place, flags: u16, is_link: bool) -> Result<(), Refused> {
        if is_link {
            return Err(Refused::new("symbolicLink", "a symbolic link"));
        }
        if flags & ENCRYPTED != 0 {
            return Err(Refused::new("encrypted", "encrypted"));
        }
        if !matches!(place.method, STORED | DEFLATED) {
            return Err(Refused::new("methodNotSupported", format!("packed by method {}", place.method)));
        }
        if place.unpacked > self.limits.file {
            return Err(too_large(self.limits.file));
        }
        let is_stored = place.method == STORED;
        if is_stored && place.packed != place.unpacked {
            return Err(Refused::new("damaged", "its sizes don't agree"));
        }
        if place.unpacked > ALWAYS_UNPACKED && place.unpacked / place.packed.max(1) > MAX_RATIO {
            return Err(Refused::new("ratioTooHigh", format!("packed to less than 1/{MAX_RATIO}")));
        }
        if place.offset.saturating_add(place.packed) > self.length {
            return Err(Refused::new("damaged", "it lies outside the archive"));
        }
        Ok(())
    }

    /// Reads bytes of the directory, at most 64 KiB.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, ZipError> {
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes).map_err(cut_short)?;
        Ok(bytes)
    }
}

/// Reads the content of an entry. `head` sees its first bytes, and ends the reading with false.
///
/// # Errors
/// Outer: the file can't be read. Inner: the entry is damaged, or larger than its directory says.
pub(crate) fn read_entry(
    path: &Path,
    place: Place,
    head: impl FnOnce(&[u8]) -> bool,
) -> io::Result<Result<Vec<u8>, Refused>> {
    /// Length of the first bytes.
    const PREFIX: u64 = 4096;
    let damaged = |reason: &str| Ok(Err(Refused::new("damaged", reason)));
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(place.offset))?;
    let mut local = [0; 30];
    match file.read_exact(&mut local) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return damaged("it is cut short"),
        read => read?,
    }
    if local[..4] != *b"PK\x03\x04" {
        return damaged("it does not begin where the directory says");
    }
    let skipped = i64::from(u16_at(&local, 26)) + i64::from(u16_at(&local, 28));
    file.seek(SeekFrom::Current(skipped))?;
    let packed = BufReader::new(file.take(place.packed));
    let mut unpacked: Box<dyn Read> =
        if place.method == DEFLATED { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
    let mut bytes = Vec::new();
    let read = (&mut unpacked).take(PREFIX).read_to_end(&mut bytes);
    let read = match read {
        Ok(_) if !head(&bytes) => return Ok(Ok(bytes)),
        // One byte more than there should be shows that there is more.
        Ok(_) => (&mut unpacked).take((place.unpacked + 1).saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes),
        failed => failed,
    };
    match read {
        // The decoder's errors are those of the content; of the file, reading itself fails again.
        Err(e) if e.kind() == io::ErrorKind::Other => return Err(e),
        Err(_) => return damaged("it can't be unpacked"),
        Ok(_) => {}
    }
    if bytes.len() as u64 != place.unpacked {
        return damaged("its size is not the one of the directory");
    }
    let mut crc = Crc::new();
    crc.update(&bytes);
    if crc.sum() != place.crc { damaged("its checksum is wrong") } else { Ok(Ok(bytes)) }
}

pub(crate) fn too_large(most: u64) -> Refused {
    Refused::new("tooLarge", format!("larger than {} MiB", most >> 20))
}

/// Finds the directory: number of entries, offset and length in bytes.
fn find_directory(file: &mut File, length: u64) -> Result<(u64, u64, u64), ZipError> {
    let start = length.saturating_sub(MAX_END);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    (&mut *file).take(MAX_END).read_to_end(&mut tail)?;
    let is_end = |at: &usize| {
        let record = &tail[*at..];
        record.starts_with(b"PK\x05\x06") && record.len() == 22 + usize::from(u16_at(record, 20))
    };
    let last = tail.len().checked_sub(22).ok_or(ZipError::NotReadable("it is too short"))?;
    let at = (0..=last).rev().find(is_end).ok_or(ZipError::NotReadable("it does not end as a zip archive does"))?;
    let end = &tail[at..];
    let position = start + at as u64;
    let (mut entries, mut size, mut offset) =
        (u64::from(u16_at(end, 10)), u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16)));
    let mut limit = position;
    let has_disks = u16_at(end, 4) != 0 || u16_at(end, 6) != 0;
    if entries == 0xffff || size == u64::from(IN_ZIP64) || offset == u64::from(IN_ZIP64) {
        let locator = read_at(file, position.checked_sub(LOCATOR), LOCATOR)?;
        if !locator.starts_with(b"PK\x06\x07") {
            return Err(ZipError::NotReadable("the end record of zip64 is missing"));
        }
        let record_at = u64_at(&locator, 8);
        let record = read_at(file, Some(record_at), 56)?;
        if !record.starts_with(b"PK\x06\x06") {
            return Err(ZipError::NotReadable("the end record of zip64 is damaged"));
        }
        (entries, size, offset) = (u64_at(&record, 32), u64_at(&record, 40), u64_at(&record, 48));
        limit = record_at;
    } else if has_disks {
        return Err(ZipError::NotReadable("it is a part of an archive"));
    }
    if offset.checked_add(size).is_none_or(|end| end > limit) {
        return Err(ZipError::NotReadable("its directory is not where the end record says"));
    }
    Ok((entries, offset, size))
}

fn read_at(file: &mut File, offset: Option<u64>, length: u64) -> Result<Vec<u8>, ZipError> {
    let offset = offset.ok_or(ZipError::NotReadable("it is too short"))?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(ZipError::NotReadable("it is cut short")) }
}

/// Takes the sizes and the offset that did not fit from the extra field of zip64.
fn complete(place: &mut Place, mut extra: &[u8]) {
    while let [i0, i1, l0, l1, rest @ ..] = extra {
        let (id, length) = (u16::from_le_bytes([*i0, *i1]), usize::from(u16::from_le_bytes([*l0, *l1])));
        let Some((mut data, next)) = rest.split_at_checked(length) else { return };
        extra = next;
        if id != ZIP64_EXTRA {
            continue;
        }
        for field in [&mut place.unpacked, &mut place.packed, &mut place.offset] {
            if *field == u64::from(IN_ZIP64)
                && let Some((number, others)) = data.split_first_chunk::<8>()
            {
                *field = u64::from_le_bytes(*number);
                data = others;
            }
        }
    }
}

/// Reads a name as UTF-8 or, unless the archive says that it is that, as GBK: archives made on Chinese Windows have such
/// names. An error has the name with replacement characters.
fn decode(bytes: &[u8], is_utf8: bool) -> Result<String, String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let decoded = if is_utf8 { None } else { GBK.decode_without_bom_handling_and_without_replacement(bytes) };
    decoded.map(|text| text.into_owned()).ok_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}

fn cut_short(e: io::Error) -> ZipError {
    if e.kind() == io::ErrorKind::UnexpectedEof {
        ZipError::NotReadable("its directory is cut short")
    } else {
        e.into()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
