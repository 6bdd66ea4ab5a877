//! Base64 pictures, checked for file size and dimensions before any pixel is decoded.

use aicp_platform::{Dimensions, Format};
use bytes::Bytes;

use super::params::Params;
use super::routes::Family;
use aicp_requests::base64_text;

/// Minimum side of a picture in pixels.
const MIN_SIDE: u32 = 48;
/// Exclusive upper bound in bytes of a picture file, and of the base64 text in `V1` calls.
const SIZE_LIMIT: usize = 2 << 20;

/// Reasons to reject a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PictureError {
    Missing,
    NoBase64,
    TooLong,
    NoPicture,
    TooSmall,
    TooLarge,
}

/// Returns the picture in a parameter, within the size limits of the family.
///
/// # Errors
/// [`PictureError`].
pub(super) fn picture(params: &Params<'_>, name: &str, family: Family) -> Result<Bytes, PictureError> {
    let text = params.long_text(name).map_err(|_| PictureError::NoBase64)?.ok_or(PictureError::Missing)?;
    let bytes = decode(&text, family)?;
    let (longest, is_file_too_large) = match family {
        Family::V1 => (2048, false),
        Family::Search | Family::Plain => (4096, bytes.len() >= SIZE_LIMIT),
    };
    let Dimensions { format, width, height } = Dimensions::of(&bytes).map_err(|_| PictureError::NoPicture)?;
    if is_file_too_large || width.max(height) > longest {
        return Err(PictureError::TooLarge);
    }
    if width.min(height) < MIN_SIDE {
        return Err(PictureError::TooSmall);
    }
    match format {
        Format::Jpeg | Format::Png | Format::Bmp => Ok(bytes),
        Format::WebP | Format::Gif | Format::Tiff => Err(PictureError::NoPicture),
    }
}

/// Decodes a base64 text.
fn decode(text: &str, family: Family) -> Result<Bytes, PictureError> {
    let data = base64_text::cleaned(text);
    if data.is_empty() {
        return Err(PictureError::NoBase64);
    }
    let (limit, refusal) = match family {
        Family::V1 => (SIZE_LIMIT, PictureError::TooLong),
        // A longer text decodes to a file over the limit, so decoding is skipped.
        Family::Search | Family::Plain => (SIZE_LIMIT / 3 * 4 + 8, PictureError::TooLarge),
    };
    if data.len() >= limit {
        return Err(refusal);
    }
    base64_text::decode(&data).ok_or(PictureError::NoBase64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jdcloud::params::{RawQuery, unquoted};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as PLAIN;

    /// Builds a bitmap header: 54 bytes, for an image with 4 bytes per pixel (so without row padding). The pixels are
    /// cut off.
    fn bitmap(width: u32, height: u32) -> Vec<u8> {
        let size = 54 + width * height * 4;
        let mut bytes = b"BM".to_vec();
        for word in [size, 0, 54, 40, width, height] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([1, 0, 32, 0]);
        for word in [0, width * height * 4, 2835, 2835, 0, 0] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes
    }

    fn read(text: &str, family: Family) -> Result<usize, PictureError> {
        let body = format!("image={text}");
        let body = unquoted(body.as_bytes());
        picture(&Params::of(RawQuery::of(""), body.as_deref()), "image", family).map(|bytes| bytes.len())
    }

    #[test]
    fn sides_have_bounds() {
        let cases = [
            (48, 48, None, None),
            (47, 48, Some(PictureError::TooSmall), Some(PictureError::TooSmall)),
            (48, 47, Some(PictureError::TooSmall), Some(PictureError::TooSmall)),
            (2048, 48, None, None),
            (48, 2049, None, Some(PictureError::TooLarge)),
            (4096, 4096, None, Some(PictureError::TooLarge)),
            (4097, 48, Some(PictureError::TooLarge), Some(PictureError::TooLarge)),
            (65535, 1, Some(PictureError::TooLarge), Some(PictureError::TooLarge)),
        ];
        for (width, height, usual, v1) in cases {
            let text = PLAIN.encode(bitmap(width, height));
            for (family, expected) in [(Family::Search, usual), (Family::Plain, usual), (Family::V1, v1)] {
                assert_eq!(read(&text, family).err(), expected, "{width}x{height} {family:?}");
            }
        }
    }

    #[test]
    fn files_have_bounds() {
        let padded = |length: usize| {
            let mut bytes = bitmap(64, 64);
            bytes.resize(length, 0);
            PLAIN.encode(bytes)
        };
        for (length, expected) in [(SIZE_LIMIT - 1, None), (SIZE_LIMIT, Some(PictureError::TooLarge))] {
            assert_eq!(read(&padded(length), Family::Search).err(), expected, "{length}");
        }
        assert_eq!(read(&"A".repeat(10 << 20), Family::Plain), Err(PictureError::TooLarge));
        let at_limit = SIZE_LIMIT / 4 * 3;
        for (length, expected) in [(at_limit - 3, None), (at_limit, Some(PictureError::TooLong))] {
            assert_eq!(read(&padded(length), Family::V1).err(), expected, "{length}");
        }
    }

    #[test]
    fn what_is_no_picture_is_told_from_what_is_no_base64() {
        for family in [Family::Search, Family::Plain, Family::V1] {
            for (text, expected) in [
                ("", PictureError::Missing),
                ("data:image/png;base64,", PictureError::NoBase64),
                ("%20%0A", PictureError::NoBase64),
                ("***", PictureError::NoBase64),
                ("AAAA", PictureError::NoPicture),
                ("R0lGODlhAQABAAAAACw=", PictureError::NoPicture),
            ] {
                assert_eq!(read(text, family), Err(expected), "{text}");
            }
        }
        let text = PLAIN.encode(bitmap(64, 64));
        let wrapped: Vec<&str> = text.as_bytes().chunks(19).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        for text in [
            format!("data:image/bmp;base64,{text}"),
            text.trim_end_matches('=').to_owned(),
            wrapped.join("\r\n"),
            text.replace('+', "%2B").replace('=', "%3D"),
        ] {
            assert!(read(&text, Family::Search).is_ok(), "{text}");
        }
    }
}
