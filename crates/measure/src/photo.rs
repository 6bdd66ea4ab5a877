//! Photograph for measurements.

use std::path::Path;

use aicp_vision::Picture;
use image::RgbImage;
use image::imageops::{FilterType, overlay, resize};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::random::Random;
use crate::{Error, Result};

/// Width in pixels of the photograph for service measurements.
pub const WIDTH: u16 = 1280;
/// Height in pixels of the photograph for service measurements.
pub const HEIGHT: u16 = 720;
/// Amplitude of the simulated sensor grain, in levels of 255.
const GRAIN: f32 = 6.0;
/// JPEG quality that most programs use.
const QUALITY: u8 = 90;
/// Chroma subsampling that most programs use.
const SAMPLING: SamplingFactor = SamplingFactor::F_2_2;

/// Makes a JPEG of [`WIDTH`] x [`HEIGHT`]; see [`of_size`].
///
/// # Errors
/// As [`of_size`].
pub fn of_default_size(path: &Path) -> Result<Vec<u8>> {
    of_size(path, WIDTH, HEIGHT)
}

/// Makes a JPEG of this size in pixels: the picture, scaled to fit, in front of a blurred copy of itself. An enlarged
/// picture gets the grain of a sensor; without it there would be little to decode.
///
/// # Errors
/// [`Error`] if the file cannot be read as a picture.
pub fn of_size(path: &Path, width: u16, height: u16) -> Result<Vec<u8>> {
    let file = std::fs::read(path).map_err(Error::file(path))?;
    let picture = Picture::decode(&file)?;
    let (width, height) = (u32::from(width), u32::from(height));
    // The side that is too long for the other determines the scale.
    let fitting_width = (picture.width() * height / picture.height().max(1)).clamp(1, width);
    let fitting_height = (picture.height() * fitting_width / picture.width().max(1)).clamp(1, height);
    let front = resize(picture.rgb(), fitting_width, fitting_height, FilterType::Triangle);
    let specks = resize(picture.rgb(), 16, 9, FilterType::Triangle);
    let mut canvas = resize(&specks, width, height, FilterType::CatmullRom);
    let margin = |outer: u32, inner: u32| i64::from((outer - inner) / 2);
    overlay(&mut canvas, &front, margin(width, fitting_width), margin(height, fitting_height));
    if fitting_width > picture.width() {
        let mut random = Random(1);
        for pixel in canvas.pixels_mut() {
            let grain = random.number() * GRAIN;
            pixel.0 = pixel.0.map(|sample| (f32::from(sample) + grain).round() as u8);
        }
    }
    encode(&canvas, QUALITY)
}

/// Encodes a picture as JPEG, with the chroma subsampling that most programs use.
///
/// # Errors
/// [`Error::Request`] if it is empty or a side has more than 65,535 pixels.
pub fn encode(picture: &RgbImage, quality: u8) -> Result<Vec<u8>> {
    let refused = |reason: &dyn std::fmt::Display| Error::Request(format!("the picture can't be encoded: {reason}"));
    let side = |side: u32| u16::try_from(side).map_err(|e| refused(&e));
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(SAMPLING);
    encoder
        .encode(picture.as_raw(), side(picture.width())?, side(picture.height())?, ColorType::Rgb)
        .map_err(|e| refused(&e))?;
    Ok(jpeg)
}
