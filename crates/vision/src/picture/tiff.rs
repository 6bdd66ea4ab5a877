//! What a directory of TIFF (TIFF 6.0) says that decoders pass over.

use crate::{Error, Result};

/// Entries of a directory that are looked at; cameras write some dozens.
const MAX_ENTRIES: usize = 1024;

const FILL_ORDER: u16 = 266;
const PLANAR_CONFIGURATION: u16 = 284;
const TILE_WIDTH: u16 = 322;
const EXTRA_SAMPLES: u16 = 338;

/// Refuses what the decoder takes for something else.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    let Some(tiff) = Tiff::of(bytes) else { return Ok(()) };
    if tiff.value(FILL_ORDER) == Some(2) {
        return Err(Error::Unsupported("TIFF with the bits of each byte in reverse order"));
    }
    if tiff.value(PLANAR_CONFIGURATION) == Some(2) && tiff.value(TILE_WIDTH).is_some() {
        return Err(Error::Unsupported("TIFF in tiles of separate planes"));
    }
    Ok(())
}

/// Whether colours are stored multiplied by their alpha ("associated", TIFF 6.0 section 18).
pub(super) fn is_premultiplied(bytes: &[u8]) -> bool {
    Tiff::of(bytes).and_then(|tiff| tiff.value(EXTRA_SAMPLES)) == Some(1)
}

/// A TIFF file or an Exif block, read as far as its first directory.
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    is_little_endian: bool,
}

impl<'a> Tiff<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let is_little_endian = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { bytes, is_little_endian })
    }

    /// The first number of an entry of the first directory.
    pub(super) fn value(&self, tag: u16) -> Option<u32> {
        let directory = self.u32(4)? as usize;
        let entries = usize::from(self.u16(directory)?).min(MAX_ENTRIES);
        let entry = (0..entries).map(|i| directory + 2 + 12 * i).find(|&at| self.u16(at) == Some(tag))?;
        self.first_value(entry)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// The first number of an entry, of any integer type (TIFF 6.0 section 2). Four bytes are kept in the entry, more
    /// elsewhere.
    fn first_value(&self, entry: usize) -> Option<u32> {
        let size = match self.u16(entry + 2)? {
            1 | 6 => 1,
            3 | 8 => 2,
            4 | 9 => 4,
            _ => return None,
        };
        let count = self.u32(entry + 4)?;
        let inline = entry + 8;
        let at = if u64::from(count) * size <= 4 { inline } else { self.u32(inline)? as usize };
        match size {
            1 => self.bytes.get(at).copied().map(u32::from),
            2 => self.u16(at).map(u32::from),
            _ => self.u32(at),
        }
    }
}
