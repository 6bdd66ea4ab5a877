//! Orientation of a picture: the Orientation tag of Exif and TIFF (TIFF 6.0, tag 274), or of XMP.

use image::metadata::Orientation;

use super::tiff::Tiff;

const ORIENTATION: u16 = 274;

/// Reads the first directory of an Exif block or a TIFF file. A prefix `Exif\0\0` is skipped.
pub(super) fn of_exif(block: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::of(block.strip_prefix(b"Exif\0\0").unwrap_or(block))?;
    Orientation::from_exif(u8::try_from(tiff.value(ORIENTATION)?).ok()?)
}

/// Reads `tiff:Orientation`, an attribute or an element, of an XMP packet (ISO 16684-1).
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
