//! The archive that is imported, and the same files without it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::pictures::{Portraits, Reject, in_parallel};
use crate::Outcome;

/// Largest number of files; more would need the zip64 format.
pub const MAX_FILES: u64 = 65_000;
/// Files that are made at a time.
const BATCH: usize = 512;
/// Each person of four has two pictures.
const PICTURES_OF_FOUR: u64 = 5;

/// A file of the archive.
pub struct Entry {
    /// Path in the archive.
    pub name: String,
    /// External id of the person of its folder.
    pub person: String,
    /// Whether the archive has a wrong checksum of it, while the file itself is good.
    pub has_wrong_checksum: bool,
    /// Code with which it must be refused; `None` if it must be enrolled.
    pub refused: Option<&'static str>,
    at: u64,
    length: usize,
}

/// A zip archive, and its files one after the other.
pub struct Archive {
    /// The archive.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its files in their order.
    pub entries: Vec<Entry>,
    content: File,
}

impl Archive {
    /// Makes an archive of this many files in a folder. One of `reject_every` can't be enrolled.
    pub fn make(
        folder: &Path,
        portraits: &Portraits,
        files: u64,
        reject_every: u64,
        workers: NonZeroUsize,
    ) -> Outcome<Self> {
        let path = folder.join("people.zip");
        let mut zip = Zip { out: BufWriter::new(File::create(&path)?), at: 0, directory: Vec::new(), entries: 0 };
        let content = File::options().read(true).write(true).create_new(true).open(folder.join("pictures"))?;
        let (mut entries, mut at) = (Vec::new(), 0);
        let numbers: Vec<u64> = (0..files).collect();
        for numbers in numbers.chunks(BATCH) {
            let made = in_parallel(numbers, workers, |number| {
                let person = person_of(number);
                let reject = reject_of(number, reject_every);
                let bytes = match reject {
                    Some(kind) => portraits.reject(kind, number)?,
                    None => portraits.picture(usize::try_from(person)?, number)?,
                };
                let packed = Packed::new(&bytes, reject == Some(Reject::BadChecksum))?;
                Ok((number, person, reject, bytes, packed))
            })?;
            for (number, person, reject, bytes, packed) in made {
                let person = format!("person-{person:05}");
                let name = format!("{person}/{number:05}.jpg");
                zip.add(&name, &packed)?;
                content.write_all_at(&bytes, at)?;
                let (has_wrong_checksum, refused) = (reject == Some(Reject::BadChecksum), reject.map(Reject::code));
                entries.push(Entry { name, person, has_wrong_checksum, refused, at, length: bytes.len() });
                at += bytes.len() as u64;
            }
        }
        let bytes = zip.finish()?;
        Ok(Self { path, bytes, entries, content })
    }

    /// Reads a file.
    pub fn read(&self, entry: &Entry) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; entry.length];
        self.content.read_exact_at(&mut bytes, entry.at)?;
        Ok(bytes)
    }

    /// Returns the external ids of the people of whom a picture can be enrolled.
    pub fn people(&self) -> HashSet<&str> {
        self.entries.iter().filter(|entry| entry.refused.is_none()).map(|entry| entry.person.as_str()).collect()
    }

    /// Returns the number of files that must be refused.
    pub fn rejects(&self) -> usize {
        self.entries.iter().filter(|entry| entry.refused.is_some()).count()
    }
}

fn person_of(number: u64) -> u64 {
    number / PICTURES_OF_FOUR * 4 + (number % PICTURES_OF_FOUR).min(3)
}

fn reject_of(number: u64, every: u64) -> Option<Reject> {
    let is_one = number % every == every / 2;
    is_one.then(|| Reject::ALL[(number / every) as usize % Reject::ALL.len()])
}

/// A file as it is in an archive.
struct Packed {
    checksum: u32,
    length: u32,
    packed: Vec<u8>,
}

impl Packed {
    fn new(bytes: &[u8], has_wrong_checksum: bool) -> Outcome<Self> {
        let mut crc = Crc::new();
        crc.update(bytes);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes)?;
        let checksum = crc.sum() ^ u32::from(has_wrong_checksum);
        Ok(Self { checksum, length: bytes.len().try_into()?, packed: encoder.finish()? })
    }
}

struct Zip<W> {
    out: W,
    at: u64,
    directory: Vec<u8>,
    entries: u16,
}

impl<W: Write> Zip<W> {
    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.out.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn add(&mut self, name: &str, file: &Packed) -> Outcome<()> {
        let offset = u32::try_from(self.at).map_err(|_| "the archive is larger than 4 GiB: ask for fewer pictures")?;
        let mut common = Vec::new();
        // Version 2.0, no flags, packed by deflate, no time.
        common.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]);
        common.extend(file.checksum.to_le_bytes());
        common.extend(u32::try_from(file.packed.len())?.to_le_bytes());
        common.extend(file.length.to_le_bytes());
        common.extend(u16::try_from(name.len())?.to_le_bytes());
        common.extend([0; 2]);
        self.write(&[b"PK\x03\x04", &common[..], name.as_bytes()].concat())?;
        self.write(&file.packed)?;
        self.directory.extend(b"PK\x01\x02\x14\0");
        self.directory.extend(common);
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries += 1;
        Ok(())
    }

    /// Writes the directory. Returns the size of the archive.
    fn finish(mut self) -> Outcome<u64> {
        let offset = u32::try_from(self.at).map_err(|_| "the archive is larger than 4 GiB: ask for fewer pictures")?;
        let directory = std::mem::take(&mut self.directory);
        self.write(&directory)?;
        let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
        end.extend(self.entries.to_le_bytes());
        end.extend(self.entries.to_le_bytes());
        end.extend(u32::try_from(directory.len())?.to_le_bytes());
        end.extend(offset.to_le_bytes());
        end.extend([0; 2]);
        self.write(&end)?;
        self.out.flush()?;
        Ok(self.at)
    }
}
