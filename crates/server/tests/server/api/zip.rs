//! Zip archives, good ones and others.

use std::io::Write;

use flate2::Crc;
use flate2::write::DeflateEncoder;

/// An entry of an archive. What it says of itself need not be true.
pub struct Entry {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    pub packs: bool,
    pub flags: u16,
    pub method: Option<u16>,
    /// Size that the directory tells.
    pub told_size: Option<u32>,
    pub told_crc: Option<u32>,
    /// Mode of Unix.
    pub mode: u32,
}

impl Entry {
    pub fn new(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            content: content.to_vec(),
            packs: false,
            flags: 0,
            method: None,
            told_size: None,
            told_crc: None,
            mode: 0o100_644,
        }
    }
}

/// Writes an archive.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let mut crc = Crc::new();
        crc.update(&entry.content);
        let packed = if entry.packs {
            let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(&entry.content).expect("in memory");
            encoder.finish().expect("in memory")
        } else {
            entry.content.clone()
        };
        let length = |length: usize| u32::try_from(length).expect("small");
        let offset = length(archive.len());
        let mut common = Vec::new();
        common.extend(20u16.to_le_bytes());
        common.extend(entry.flags.to_le_bytes());
        common.extend(entry.method.unwrap_or(if entry.packs { 8 } else { 0 }).to_le_bytes());
        common.extend([0; 4]);
        common.extend(entry.told_crc.unwrap_or_else(|| crc.sum()).to_le_bytes());
        common.extend(length(packed.len()).to_le_bytes());
        common.extend(entry.told_size.unwrap_or(length(entry.content.len())).to_le_bytes());
        common.extend(u16::try_from(entry.name.len()).expect("short").to_le_bytes());
        common.extend([0; 2]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(&entry.name);
        archive.extend(&packed);
        directory.extend(b"PK\x01\x02");
        directory.extend((3u16 << 8 | 20).to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(&entry.name);
    }
    let (at, count) = (archive.len(), u16::try_from(entries.len()).expect("few"));
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(u32::try_from(directory.len()).expect("small").to_le_bytes());
    archive.extend(u32::try_from(at).expect("small").to_le_bytes());
    archive.extend([0; 2]);
    archive
}

/// Writes an archive of files.
pub fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    zip(&files.iter().map(|(name, content)| Entry::new(name, content)).collect::<Vec<_>>())
}
