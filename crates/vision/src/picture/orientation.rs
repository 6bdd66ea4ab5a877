//! Which way up a picture is to be seen: the Orientation tag of Exif and TIFF (TIFF 6.0, tag 274), or of XMP.

use image::metadata::Orientation;

const ORIENTATION: u16 = 274;
/// Entries of a directory that are looked at; cameras write some dozens.
const MAX_ENTRIES: usize = 1024;

/// By an Exif block or a TIFF file, the first directory of it. A prefix `Exif\0\0` is passed over.
pub(super) fn of_exif(block: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::of(block.strip_prefix(b"Exif\0\0").unwrap_or(block))?;
    let directory = tiff.u32(4)? as usize;
    let entries = usize::from(tiff.u16(directory)?).min(MAX_ENTRIES);
    let entry = (0..entries).map(|i| directory + 2 + 12 * i).find(|&at| tiff.u16(at) == Some(ORIENTATION))?;
    tiff.first_value(entry).and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?))
}

/// By an XMP packet (ISO 16684-1): `tiff:Orientation`, as an attribute or an element.
pub(super) fn of_xmp(packet: &[u8]) -> Option<Orientation> {
    const NAME: &[u8] = b"tiff:Orientation";
    let at = memchr::memmem::find(packet, NAME)?;
    let value = packet[at + NAME.len()..].trim_ascii_start();
    let value = match value.split_first()? {
        (b'=', quoted) => quoted.trim_ascii_start().get(1..)?,
        (b'>', text) => text,
        _ => return None,
    };
    let digit = value.trim_ascii_start().first()?.checked_sub(b'0')?;
    Orientation::from_exif(digit)
}

struct Tiff<'a> {
    bytes: &'a [u8],
    is_little_endian: bool,
}

impl<'a> Tiff<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let is_little_endian = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { bytes, is_little_endian })
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
