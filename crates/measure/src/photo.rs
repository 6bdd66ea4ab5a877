//! The photograph that is measured on.

use std::path::Path;

use aicp_vision::Picture;
use image::imageops::{FilterType, overlay, resize};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::{Error, Result};

/// Its width in pixels.
pub const WIDTH: u16 = 1280;
/// Its height in pixels.
pub const HEIGHT: u16 = 720;
/// Quality and chroma subsampling that most programs write.
const QUALITY: u8 = 90;
const SAMPLING: SamplingFactor = SamplingFactor::F_2_2;

/// A JPEG of [`WIDTH`] x [`HEIGHT`]: a picture as large as fits, before a blurred copy of itself.
///
/// # Errors
/// [`Error`] if the file is no picture that can be read.
pub fn of_usual_size(path: &Path) -> Result<Vec<u8>> {
    let file = std::fs::read(path).map_err(Error::file(path))?;
    let picture = Picture::decode(&file)?;
    let (width, height) = (u32::from(WIDTH), u32::from(HEIGHT));
    // Whichever side is too long for the other decides.
    let fitting_width = (picture.width() * height / picture.height().max(1)).clamp(1, width);
    let fitting_height = (picture.height() * fitting_width / picture.width().max(1)).clamp(1, height);
    let front = resize(picture.rgb(), fitting_width, fitting_height, FilterType::Triangle);
    let specks = resize(picture.rgb(), 16, 9, FilterType::Triangle);
    let mut canvas = resize(&specks, width, height, FilterType::CatmullRom);
    let margin = |outer: u32, inner: u32| i64::from((outer - inner) / 2);
    overlay(&mut canvas, &front, margin(width, fitting_width), margin(height, fitting_height));
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SAMPLING);
    encoder
        .encode(canvas.as_raw(), WIDTH, HEIGHT, ColorType::Rgb)
        .map_err(|e| Error::Request(format!("the picture can't be encoded: {e}")))?;
    Ok(jpeg)
}
