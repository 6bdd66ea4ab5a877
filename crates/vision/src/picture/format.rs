//! Picture file formats: supported ones, and unsupported ones that errors name.

use image::ImageFormat;

use crate::{Error, Result};

/// A supported picture file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG, baseline, extended or progressive; grey, YCbCr, RGB, CMYK; 8 bits per sample.
    Jpeg,
    /// PNG of any colour type and depth.
    Png,
    /// Windows or OS/2 bitmap.
    Bmp,
    /// WebP, lossy or lossless; the first picture of an animation.
    WebP,
    /// GIF; the first picture of an animation.
    Gif,
    /// TIFF; the first of several pictures.
    Tiff,
}

impl Format {
    /// Recognises a supported format by its first bytes.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::Bmp => Some(Self::Bmp),
            ImageFormat::WebP => Some(Self::WebP),
            ImageFormat::Gif => Some(Self::Gif),
            ImageFormat::Tiff => Some(Self::Tiff),
            _ => None,
        }
    }

    /// Recognises a format as [`Format::of`] does; the error names an unsupported format.
    ///
    /// # Errors
    /// [`Error::EmptyPicture`], [`Error::Unsupported`] or [`Error::UnknownFormat`].
    pub(super) fn required(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::EmptyPicture);
        }
        Self::of(bytes).ok_or_else(|| unread(bytes).map_or(Error::UnknownFormat, Error::Unsupported))
    }

    /// The media type (RFC 2046).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Bmp => "image/bmp",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
        }
    }

    /// The usual extension of a file, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Bmp => "bmp",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Tiff => "tif",
        }
    }

    pub(super) fn decoder_format(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Bmp => ImageFormat::Bmp,
            Self::WebP => ImageFormat::WebP,
            Self::Gif => ImageFormat::Gif,
            Self::Tiff => ImageFormat::Tiff,
        }
    }
}

/// The name of an unsupported format, by its first bytes.
fn unread(bytes: &[u8]) -> Option<&'static str> {
    const BY_FIRST_BYTES: [(&[u8], &str); 14] = [
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\xff\xd8", "JPEG without segments"),
        (b"8BPS", "Photoshop"),
        (b"%PDF", "PDF"),
        (b"<svg", "SVG"),
        (b"<?xml", "SVG"),
        (b"\0\0\x01\0", "icon"),
        (b"II+\0", "BigTIFF"),
        (b"MM\0+", "BigTIFF"),
        (b"\x1aE\xdf\xa3", "WebM or Matroska video"),
        (b"FLV", "Flash video"),
    ];
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(match bytes.get(8..12)? {
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "HEIC",
            b"avif" | b"avis" => "AVIF",
            b"crx " => "Canon raw",
            _ => "MP4 video",
        });
    }
    if let Some([b'P', b'1'..=b'7', after]) = bytes.first_chunk::<3>()
        && after.is_ascii_whitespace()
    {
        return Some("PNM");
    }
    BY_FIRST_BYTES.iter().find(|(first, _)| bytes.starts_with(first)).map(|(_, name)| *name)
}
