//! Sample pictures, and pictures made from them.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder};

use crate::fixture::workspace;

/// Reads a picture of the `samples` folder.
pub fn sample(name: &str) -> Vec<u8> {
    let path = workspace().join("samples").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("the sample {} must be there: {e}", path.display()))
}

pub fn obama() -> Vec<u8> {
    sample("people/obama/obama.jpg")
}

pub fn obama2() -> Vec<u8> {
    sample("people/obama/obama2.jpg")
}

pub fn biden() -> Vec<u8> {
    sample("people/biden/biden.jpg")
}

/// Base64 as clients send it.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn decode(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).expect("a picture").to_rgb8()
}

/// Small portrait of the same person as [`obama`], fast to process in all formats.
pub fn portrait() -> RgbImage {
    DynamicImage::from(decode(&obama())).resize(400, 400, image::imageops::FilterType::Triangle).to_rgb8()
}

/// Small portrait of the same person as [`biden`].
pub fn other_portrait() -> RgbImage {
    DynamicImage::from(decode(&biden())).resize(400, 400, image::imageops::FilterType::Triangle).to_rgb8()
}

/// Encodes a baseline JPEG.
pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    jpeg_of(picture.as_raw(), picture.width(), picture.height(), ColorType::Rgb, false)
}

/// Encodes pixels of any layout as JPEG.
pub fn jpeg_of(pixels: &[u8], width: u32, height: u32, layout: ColorType, progressive: bool) -> Vec<u8> {
    let side = |side: u32| u16::try_from(side).expect("a side that JPEG can say");
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 92);
    encoder.set_progressive(progressive);
    encoder.encode(pixels, side(width), side(height), layout).expect("it encodes");
    bytes
}

/// Inserts a segment at the start of a JPEG.
pub fn with_segment(jpeg: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).expect("a short segment");
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, marker]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
    bytes.extend(&jpeg[2..]);
    bytes
}

/// Adds a comment to a JPEG, which makes a different file of the same picture.
pub fn with_comment(jpeg: &[u8], comment: &str) -> Vec<u8> {
    with_segment(jpeg, 0xfe, comment.as_bytes())
}

/// Puts a picture on a grey canvas, with its upper left corner at `x`, `y`.
pub fn on_canvas(picture: &RgbImage, width: u32, height: u32, x: i64, y: i64) -> RgbImage {
    let mut canvas = RgbImage::from_pixel(width, height, Rgb([128, 128, 128]));
    image::imageops::replace(&mut canvas, picture, x, y);
    canvas
}

/// A picture without a face.
pub fn no_face() -> Vec<u8> {
    jpeg(&RgbImage::from_fn(320, 240, |x, y| Rgb([(x / 2) as u8, y as u8, 90])))
}
