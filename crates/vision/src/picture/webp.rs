//! Chunks of WebP files (RFC 9649).

use image::metadata::Orientation;

use super::orientation;

/// The orientation from an `EXIF` chunk, with or without the prefix of JPEG's, or from XMP.
pub(super) fn orientation(webp: &[u8]) -> Option<Orientation> {
    const HEAD: usize = 12;
    let (mut at, mut by_xmp) = (HEAD, None);
    while let Some((name, rest)) = webp.get(at..).and_then(<[u8]>::split_first_chunk::<4>) {
        let Some((length, rest)) = rest.split_first_chunk::<4>() else { break };
        let length = u32::from_le_bytes(*length) as usize;
        let Some(data) = rest.get(..length) else { break };
        match name {
            b"EXIF" => {
                let by_exif = orientation::of_exif(data);
                if by_exif.is_some() {
                    return by_exif;
                }
            }
            b"XMP " => by_xmp = by_xmp.or_else(|| orientation::of_xmp(data)),
            _ => {}
        }
        // Chunks begin at even offsets.
        at += 8 + length + length % 2;
    }
    by_xmp
}
