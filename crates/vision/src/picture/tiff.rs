//! Properties of a TIFF directory (TIFF 6.0) that decoders ignore.

use std::io::Cursor;

use image::error::{DecodingError, ImageFormatHint};
use image::{ImageError, ImageFormat};
use tiff::TiffError;
use tiff::decoder::{ChunkType, Decoder};
use tiff::tags::{CompressionMethod, Tag};

use crate::{Error, Result};

/// Maximum entries of a directory that are read; cameras write a few dozen.
const MAX_ENTRIES: usize = 1024;

const EXTRA_SAMPLES: u16 = 338;
/// Maximum strips or tiles of a decoded file. Each has a fixed cost; writers make strips of 8 KiB and more.
const MAX_CHUNKS: usize = 65_536;

/// Refuses a text that is longer than the file. Beyond some length the decoder prints a line to standard error about
/// such a text, so that a client could flood the log.
///
/// # Errors
/// [`Error::Damaged`].
pub(super) fn check_texts(bytes: &[u8]) -> Result<()> {
    const ASCII: u16 = 2;
    let Some(tiff) = Tiff::of(bytes) else { return Ok(()) };
    let is_too_long = |entry| {
        tiff.u16(entry + 2) == Some(ASCII) && tiff.u32(entry + 4).is_some_and(|length| length as usize > bytes.len())
    };
    let mut entries = tiff.entries().into_iter().flatten();
    if entries.any(is_too_long) { Err(Error::Damaged("a text in it is longer than the file")) } else { Ok(()) }
}

/// Refuses files that the decoder misinterprets, and files that cost far more than their pixels. The tags are read by
/// the decoder itself: a second reader may resolve duplicate entries differently.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    const REVERSED: u16 = 2;
    const PLANAR: u16 = 2;
    check_texts(bytes)?;
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(undecodable)?;
    let mut value = |tag| decoder.find_tag_unsigned::<u16>(tag).map_err(undecodable);
    if value(Tag::FillOrder)? == Some(REVERSED) {
        return Err(Error::Unsupported("TIFF with the bits of each byte in reverse order"));
    }
    // Each strip is a whole JPEG with unbounded size and scans: 832 bytes took 20 seconds.
    if value(Tag::Compression)?.and_then(CompressionMethod::from_u16).is_some_and(is_jpeg) {
        return Err(Error::Unsupported("TIFF with JPEG data"));
    }
    let is_planar = value(Tag::PlanarConfiguration)? == Some(PLANAR);
    let chunks = match decoder.get_chunk_type() {
        ChunkType::Tile if is_planar => return Err(Error::Unsupported("TIFF in tiles of separate planes")),
        ChunkType::Tile => decoder.tile_count(),
        ChunkType::Strip => decoder.strip_count(),
    };
    if chunks.map_err(undecodable)? as usize > MAX_CHUNKS {
        return Err(Error::Unsupported("TIFF in more than 65,536 strips or tiles"));
    }
    Ok(())
}

fn is_jpeg(method: CompressionMethod) -> bool {
    matches!(method, CompressionMethod::JPEG | CompressionMethod::ModernJPEG)
}

fn undecodable(e: TiffError) -> Error {
    let hint = ImageFormatHint::Exact(ImageFormat::Tiff);
    Error::Undecodable(ImageError::Decoding(DecodingError::new(hint, e)))
}

/// Whether colours are premultiplied by their alpha ("associated", TIFF 6.0 section 18).
pub(super) fn is_premultiplied(bytes: &[u8]) -> bool {
    Tiff::of(bytes).and_then(|tiff| tiff.value(EXTRA_SAMPLES)) == Some(1)
}

/// Reader of the first directory of a TIFF file or an Exif block.
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

    /// The first number of the entry with this tag in the first directory.
    pub(super) fn value(&self, tag: u16) -> Option<u32> {
        let entry = self.entries()?.take(MAX_ENTRIES).find(|&at| self.u16(at) == Some(tag))?;
        self.first_value(entry)
    }

    /// The offsets of the entries of the first directory.
    fn entries(&self) -> Option<impl Iterator<Item = usize>> {
        let directory = self.u32(4)? as usize;
        let count = usize::from(self.u16(directory)?);
        Some((0..count).map(move |i| directory + 2 + 12 * i))
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// The first number of an entry of any integer type (TIFF 6.0 section 2). Up to four bytes of values are stored in
    /// the entry, more elsewhere.
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
