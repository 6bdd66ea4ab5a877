//! Rewriting of bitmap headers that the decoder does not accept.

use std::borrow::Cow;

/// Bytes of the file header, which precedes the rewritten header.
const FILE_HEADER: usize = 14;
/// Offset of the field with the position of the pixels.
const PIXELS: usize = 10;
const OS2_HEADER: usize = 64;
const WINDOWS_HEADER: usize = 40;

/// Rewrites a bitmap for the decoder. The 64-byte header of OS/2 2.x becomes the 40-byte header of Windows, which
/// begins alike. A pixel offset inside the palette becomes one behind it.
pub(super) fn readable(bmp: &[u8]) -> Cow<'_, [u8]> {
    let bmp = with_short_header(bmp).map_or(Cow::Borrowed(bmp), Cow::Owned);
    match with_pixels_behind_palette(&bmp) {
        Some(rewritten) => Cow::Owned(rewritten),
        None => bmp,
    }
}

fn u32_at(bmp: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bmp.get(at..)?.first_chunk()?))
}

/// Bitmaps with a kind of compression that has another meaning in Windows are left for the decoder to refuse.
fn with_short_header(bmp: &[u8]) -> Option<Vec<u8>> {
    const DROPPED: u32 = (OS2_HEADER - WINDOWS_HEADER) as u32;
    const RUN_LENGTH_4: u32 = 2;
    if u32_at(bmp, FILE_HEADER)? as usize != OS2_HEADER || u32_at(bmp, FILE_HEADER + 16)? > RUN_LENGTH_4 {
        return None;
    }
    let pixels = u32_at(bmp, PIXELS)?.checked_sub(DROPPED)?;
    let mut out = bmp.get(..PIXELS)?.to_vec();
    out.extend_from_slice(&pixels.to_le_bytes());
    out.extend_from_slice(&(WINDOWS_HEADER as u32).to_le_bytes());
    out.extend_from_slice(bmp.get(FILE_HEADER + 4..FILE_HEADER + WINDOWS_HEADER)?);
    out.extend_from_slice(bmp.get(FILE_HEADER + OS2_HEADER..)?);
    Some(out)
}

fn with_pixels_behind_palette(bmp: &[u8]) -> Option<Vec<u8>> {
    const MAX_COLOURS: u32 = 256;
    let header = u32_at(bmp, FILE_HEADER)?;
    let bits = u16::from_le_bytes(*bmp.get(FILE_HEADER + 14..)?.first_chunk()?);
    if header as usize != WINDOWS_HEADER || !matches!(bits, 1 | 4 | 8) {
        return None;
    }
    let colours = match u32_at(bmp, FILE_HEADER + 32)? {
        0 => 1 << bits,
        colours => colours.min(MAX_COLOURS),
    };
    let behind = FILE_HEADER as u32 + header + 4 * colours;
    if u32_at(bmp, PIXELS)? >= behind {
        return None;
    }
    let mut out = bmp.to_vec();
    out.get_mut(PIXELS..FILE_HEADER)?.copy_from_slice(&behind.to_le_bytes());
    Some(out)
}
