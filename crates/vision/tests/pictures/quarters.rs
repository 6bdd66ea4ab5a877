//! A picture of four flat quarters, in which every turn, flip and missing part is visible.

use std::io::Cursor;

use aicp_vision::Picture;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder};

pub const WIDTH: u32 = 48;
pub const HEIGHT: u32 = 32;

/// Red, green, blue and white quarters, from the top left.
pub fn quarters() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| match (x < WIDTH / 2, y < HEIGHT / 2) {
        (true, true) => Rgb([220, 30, 30]),
        (false, true) => Rgb([30, 220, 30]),
        (true, false) => Rgb([30, 30, 220]),
        (false, false) => Rgb([240, 240, 240]),
    })
}

pub fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.into().write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

pub fn jpeg_of(pixels: &[u8], (width, height): (u32, u32), colour: ColorType, progressive: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 95);
    encoder.set_progressive(progressive);
    encoder.encode(pixels, width as u16, height as u16, colour).expect("encodes");
    out
}

pub fn jpeg(pixels: &[u8], colour: ColorType, progressive: bool) -> Vec<u8> {
    jpeg_of(pixels, (WIDTH, HEIGHT), colour, progressive)
}

/// Asserts that the centres of the four quarters have the expected colours, within JPEG's losses.
#[track_caller]
pub fn assert_quarters(bytes: &[u8], what: &str) {
    let picture = Picture::decode(bytes).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!((picture.width(), picture.height()), (WIDTH, HEIGHT), "{what}");
    let expected = quarters();
    for (x, y) in [(12, 8), (36, 8), (12, 24), (36, 24)] {
        let (found, wanted) = (picture.rgb().get_pixel(x, y).0, expected.get_pixel(x, y).0);
        let apart = found.iter().zip(wanted).map(|(a, b)| a.abs_diff(b)).max().unwrap_or_default();
        assert!(apart <= 24, "{what}: {found:?} at {x},{y} instead of {wanted:?}");
    }
}

/// A marker segment of a JPEG.
pub fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    [&[0xff, marker], &((body.len() + 2) as u16).to_be_bytes()[..], body].concat()
}

/// Splits a JPEG into the segments before the scan (marker, whole segment) and the scan with everything after it.
pub fn parts(jpeg: &[u8]) -> (Vec<(u8, Vec<u8>)>, Vec<u8>) {
    let (mut at, mut segments) = (2, Vec::new());
    while jpeg[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        segments.push((jpeg[at + 1], jpeg[at..end].to_vec()));
        at = end;
    }
    (segments, jpeg[at..].to_vec())
}
