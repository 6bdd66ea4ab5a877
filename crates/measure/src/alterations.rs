//! Deliberate degradations of face pictures: rotation, darkness, blur, cropping, occlusion.

use std::fmt;

use image::{Rgb, RgbImage, imageops};

use aicp_vision::{DetectedFace, Picture, Point, Turn};

use crate::Random;

/// Alteration of a picture of a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Alteration {
    /// No alteration.
    None,
    /// Rotated by quarter turns.
    Turned(Turn),
    /// Rotated clockwise around the face by degrees; missing pixels are black.
    Tilted(f32),
    /// Brightness multiplied by a factor.
    Dark(f32),
    /// Levels compressed to the range from this one to 255.
    Bright(u8),
    /// This share of the pixels replaced by random ones.
    Noise(f32),
    /// Gaussian blur with this deviation, as a share of the height of the face.
    Blur(f32),
    /// Horizontal motion blur over this share of the height of the face.
    Motion(f32),
    /// Scaled down until the face has this height in pixels, then up again.
    Tiny(f32),
    /// Cropped above the chin, by this share of the height of the face.
    CutChin(f32),
    /// Cropped below the top of the face, by this share of its height.
    CutTop(f32),
    /// Cropped inside the left side of the face, by this share of its width.
    CutSide(f32),
    /// Rectangular mask of this colour over nose, mouth and chin.
    CoverMouth([u8; 3]),
    /// Mask of this colour, a polygon from the bridge of the nose to below the chin.
    Mask([u8; 3]),
    /// Bar of this colour over both eyes.
    CoverEyes([u8; 3]),
    /// Rectangle of this colour over the left half of the face.
    CoverHalf([u8; 3]),
    /// Rectangle of this colour over the right half of the face.
    CoverOtherHalf([u8; 3]),
    /// Ellipse of a random colour over nose and mouth.
    RoundOverMouth,
    /// Dark round sunglasses.
    Sunglasses,
    /// Compressed as JPEG with this quality.
    Jpeg(u8),
    /// Converted to grey.
    Grey,
}

impl fmt::Display for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => write!(f, "as they are"),
            Self::Turned(turn) => write!(f, "turned {}", turn.degrees()),
            Self::Tilted(degrees) => write!(f, "tilted {degrees}"),
            Self::Dark(factor) => write!(f, "dark x {factor}"),
            Self::Bright(from) => write!(f, "bright {from}-255"),
            Self::Noise(share) => write!(f, "noise {share}"),
            Self::Blur(share) => write!(f, "blur {share}"),
            Self::Motion(share) => write!(f, "motion {share}"),
            Self::Tiny(pixels) => write!(f, "tiny {pixels} px"),
            Self::CutChin(share) => write!(f, "cut above chin {share}"),
            Self::CutTop(share) => write!(f, "cut below top {share}"),
            Self::CutSide(share) => write!(f, "cut at a side {share}"),
            Self::CoverMouth(colour) => write!(f, "mouth covered {colour:?}"),
            Self::Mask(colour) => write!(f, "masked {colour:?}"),
            Self::CoverEyes(colour) => write!(f, "eyes covered {colour:?}"),
            Self::CoverHalf(colour) => write!(f, "half covered {colour:?}"),
            Self::CoverOtherHalf(colour) => write!(f, "other half covered {colour:?}"),
            Self::RoundOverMouth => write!(f, "something round over the mouth"),
            Self::Sunglasses => write!(f, "sunglasses"),
            Self::Jpeg(quality) => write!(f, "JPEG {quality}"),
            Self::Grey => write!(f, "grey"),
        }
    }
}

impl Alteration {
    /// Returns the altered picture. `face` is the face in it, upright.
    pub fn apply(&self, picture: &RgbImage, face: &DetectedFace, random: &mut Random) -> RgbImage {
        let area = face.area;
        let (width, height) = picture.dimensions();
        match *self {
            Self::None => picture.clone(),
            Self::Turned(turn) => Picture::from_rgb(picture.clone()).turned(turn).rgb().clone(),
            Self::Tilted(degrees) => tilted(picture, area.centre(), degrees),
            Self::Dark(factor) => levels(picture, |v| v * factor),
            Self::Bright(from) => levels(picture, |v| f32::from(from) + v * f32::from(255 - from) / 255.0),
            Self::Noise(share) => {
                let mut out = picture.clone();
                for pixel in out.pixels_mut() {
                    if random.number().abs() < share {
                        let bits = random.bits();
                        *pixel = Rgb([bits as u8, (bits >> 8) as u8, (bits >> 16) as u8]);
                    }
                }
                out
            }
            Self::Blur(share) => imageops::blur(picture, (share * area.height).max(0.1)),
            Self::Motion(share) => motion(picture, (share * area.height).round().max(1.0) as u32),
            Self::Tiny(pixels) => {
                let scale = pixels / area.height;
                let side = |s: u32| ((s as f32 * scale).round() as u32).max(1);
                let tiny = imageops::resize(picture, side(width), side(height), imageops::FilterType::Triangle);
                imageops::resize(&tiny, width, height, imageops::FilterType::CatmullRom)
            }
            Self::CutChin(share) => {
                let end = (area.y + area.height * (1.0 - share)).clamp(1.0, height as f32) as u32;
                imageops::crop_imm(picture, 0, 0, width, end).to_image()
            }
            Self::CutTop(share) => {
                let from = (area.y + area.height * share).clamp(0.0, height as f32 - 1.0) as u32;
                imageops::crop_imm(picture, 0, from, width, height - from).to_image()
            }
            Self::CutSide(share) => {
                let from = (area.x + area.width * share).clamp(0.0, width as f32 - 1.0) as u32;
                imageops::crop_imm(picture, from, 0, width - from, height).to_image()
            }
            Self::CoverMouth(colour) => {
                let [right_eye, left_eye, nose, ..] = face.landmarks;
                let eyes = (right_eye.y + left_eye.y) / 2.0;
                let top = eyes + 0.55 * (nose.y - eyes);
                fill(picture, colour, [area.x, top, area.x + area.width, area.y + 1.05 * area.height])
            }
            Self::Mask(colour) => {
                let [right_eye, left_eye, nose, ..] = face.landmarks;
                let eyes = (right_eye.y + left_eye.y) / 2.0;
                let top = eyes + 0.3 * (nose.y - eyes);
                let (left, right, chin) =
                    (area.x - 0.02 * area.width, area.x + 1.02 * area.width, area.y + area.height);
                let outline = [
                    Point::new(left, top),
                    Point::new(nose.x, top - 0.03 * area.height),
                    Point::new(right, top),
                    Point::new(right - 0.05 * area.width, chin - 0.12 * area.height),
                    Point::new(nose.x, chin + 0.05 * area.height),
                    Point::new(left + 0.05 * area.width, chin - 0.12 * area.height),
                ];
                fill_inside(picture, colour, &outline)
            }
            Self::CoverEyes(colour) => {
                let [right_eye, left_eye, ..] = face.landmarks;
                let apart = right_eye.distance(left_eye);
                let middle = (right_eye.y + left_eye.y) / 2.0;
                let (top, bottom) = (middle - 0.35 * apart, middle + 0.35 * apart);
                fill(picture, colour, [area.x - 0.1 * area.width, top, area.x + 1.1 * area.width, bottom])
            }
            Self::CoverHalf(colour) => {
                let middle = face.landmarks[2].x;
                let (top, bottom) = (area.y - 0.2 * area.height, area.y + 1.2 * area.height);
                fill(picture, colour, [area.x - 0.2 * area.width, top, middle, bottom])
            }
            Self::CoverOtherHalf(colour) => {
                let middle = face.landmarks[2].x;
                let (top, bottom) = (area.y - 0.2 * area.height, area.y + 1.2 * area.height);
                fill(picture, colour, [middle, top, area.x + 1.2 * area.width, bottom])
            }
            Self::RoundOverMouth => {
                let [_, _, nose, right_mouth, left_mouth] = face.landmarks;
                let centre = nose.midpoint(right_mouth.midpoint(left_mouth));
                let colour = random.bits().to_le_bytes();
                let (across, down) = (0.42 * area.width, 0.3 * area.height);
                fill_inside(picture, [colour[0], colour[1], colour[2]], &ellipse(centre, across, down))
            }
            Self::Sunglasses => {
                let [right_eye, left_eye, ..] = face.landmarks;
                let apart = right_eye.distance(left_eye);
                let one = fill_inside(picture, [20, 20, 25], &ellipse(right_eye, 0.42 * apart, 0.34 * apart));
                let both = fill_inside(&one, [20, 20, 25], &ellipse(left_eye, 0.42 * apart, 0.34 * apart));
                let (y, width) = (right_eye.y.midpoint(left_eye.y), 0.06 * apart);
                fill(&both, [20, 20, 25], [right_eye.x, y - width, left_eye.x, y + width])
            }
            Self::Jpeg(quality) => {
                let mut bytes = Vec::new();
                let encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
                let (w, h) = (width.min(65_535) as u16, height.min(65_535) as u16);
                match encoder.encode(picture.as_raw(), w, h, jpeg_encoder::ColorType::Rgb) {
                    Ok(()) => Picture::decode(&bytes).map_or_else(|_| picture.clone(), |p| p.rgb().clone()),
                    Err(_) => picture.clone(),
                }
            }
            Self::Grey => image::DynamicImage::ImageRgb8(picture.clone()).grayscale().into_rgb8(),
        }
    }
}

fn levels(picture: &RgbImage, change: impl Fn(f32) -> f32) -> RgbImage {
    let mut out = picture.clone();
    for value in out.iter_mut() {
        *value = change(f32::from(*value)).round().clamp(0.0, 255.0) as u8;
    }
    out
}

fn fill(picture: &RgbImage, colour: [u8; 3], [left, top, right, bottom]: [f32; 4]) -> RgbImage {
    let mut out = picture.clone();
    for (x, y, pixel) in out.enumerate_pixels_mut() {
        let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
        if (left..right).contains(&x) && (top..bottom).contains(&y) {
            *pixel = Rgb(colour);
        }
    }
    out
}

fn fill_inside(picture: &RgbImage, colour: [u8; 3], outline: &[Point]) -> RgbImage {
    let mut out = picture.clone();
    for (x, y, pixel) in out.enumerate_pixels_mut() {
        let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
        // A ray to the right crosses the outline an odd number of times.
        let sides = outline.iter().zip(outline.iter().cycle().skip(1));
        let crossed = sides.filter(|(a, b)| (a.y > y) != (b.y > y) && x < (b.x - a.x) * (y - a.y) / (b.y - a.y) + a.x);
        if crossed.count() % 2 == 1 {
            *pixel = Rgb(colour);
        }
    }
    out
}

fn ellipse(centre: Point, across: f32, down: f32) -> Vec<Point> {
    let corner = |i: i32| {
        let (sin, cos) = (i as f32 * std::f32::consts::TAU / 24.0).sin_cos();
        Point::new(centre.x + across * cos, centre.y + down * sin)
    };
    (0..24).map(corner).collect()
}

fn motion(picture: &RgbImage, length: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let from = -(i64::from(length) / 2);
    RgbImage::from_fn(width, height, |x, y| {
        let mut sums = [0u32; 3];
        for step in 0..i64::from(length) {
            let at = (i64::from(x) + from + step).clamp(0, i64::from(width) - 1) as u32;
            for (sum, value) in sums.iter_mut().zip(picture.get_pixel(at, y).0) {
                *sum += u32::from(value);
            }
        }
        Rgb(sums.map(|sum| (sum / length) as u8))
    })
}

fn tilted(picture: &RgbImage, centre: Point, degrees: f32) -> RgbImage {
    let (sin, cos) = (-degrees).to_radians().sin_cos();
    let (width, height) = picture.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let (dx, dy) = (x as f32 - centre.x, y as f32 - centre.y);
        let (u, v) = (centre.x + cos * dx - sin * dy, centre.y + sin * dx + cos * dy);
        imageops::interpolate_bilinear(picture, u, v).unwrap_or(Rgb([0; 3]))
    })
}
