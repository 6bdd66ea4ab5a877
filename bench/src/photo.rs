//! The photograph that everything is measured on.

use std::path::Path;

use aicp_vision::{Picture, detector_input};
use image::imageops::{FilterType, overlay, resize};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::Outcome;

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
/// Quality and chroma subsampling that most programs write.
const QUALITY: u8 = 90;
const SAMPLING: SamplingFactor = SamplingFactor::F_2_2;

/// A JPEG of 1280x720 with one face.
pub struct Photo {
    /// The file.
    pub jpeg: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Width and height of what the detector network sees of it.
    pub detector_input: (u32, u32),
}

/// A portrait of full height before a blurred copy of itself.
pub fn make(samples: &Path) -> Outcome<Photo> {
    let path = samples.join("people/obama/obama.jpg");
    let file = std::fs::read(&path).map_err(|e| format!("{}: {e}: run `make setup` to fetch it", path.display()))?;
    let portrait = Picture::decode(&file)?;
    let width = portrait.width() * HEIGHT / portrait.height();
    let front = resize(portrait.rgb(), width, HEIGHT, FilterType::Triangle);
    let specks = resize(portrait.rgb(), 16, 9, FilterType::Triangle);
    let mut canvas = resize(&specks, WIDTH, HEIGHT, FilterType::CatmullRom);
    overlay(&mut canvas, &front, i64::from((WIDTH - width) / 2), 0);
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, QUALITY);
    encoder.set_sampling_factor(SAMPLING);
    encoder.encode(canvas.as_raw(), WIDTH as u16, HEIGHT as u16, ColorType::Rgb)?;
    Ok(Photo { jpeg, width: WIDTH, height: HEIGHT, detector_input: detector_input(WIDTH, HEIGHT) })
}
