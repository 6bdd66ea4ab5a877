//! Access to private functions for the fuzz targets.

use super::{Format, jpeg, orientation_of, readable, tiff};
use crate::Result;

/// The Exif orientation of a file; `None` if it is not a picture.
pub fn orientation(bytes: &[u8]) -> Option<u8> {
    Format::of(bytes).map(|format| orientation_of(format, bytes).to_exif())
}

/// Runs the checks that precede decoding.
///
/// # Errors
/// The variants of [`crate::Error`] for which [`crate::Error::is_bad_picture`] holds.
pub fn check(bytes: &[u8]) -> Result<()> {
    let format = Format::required(bytes)?;
    let bytes = readable(format, bytes);
    match format {
        Format::Jpeg => jpeg::check(&bytes),
        Format::Tiff => tiff::check(&bytes),
        Format::Png | Format::Bmp | Format::WebP | Format::Gif => Ok(()),
    }
}
