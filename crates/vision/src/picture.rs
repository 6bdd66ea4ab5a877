//! Untrusted bytes to upright RGB pixels.

use std::borrow::Cow;
use std::io::Cursor;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

use crate::geometry::{Point, Rect, Similarity, Turn};
use crate::{Error, Result};

/// The largest number of pixels that is decoded.
pub const MAX_PIXELS: u64 = 40_000_000;
/// The longest side that is decoded: what JPEG itself can hold. Scaling needs memory for each pixel of a side.
const MAX_SIDE: u32 = 65_535;

/// Canvas pixels for a picture's pixel from which on bilinear sampling does not alias visibly.
const SHRINKS_LITTLE: f32 = 0.6;

/// A picture file format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG, baseline or progressive; grey, YCbCr, CMYK.
    Jpeg,
    /// PNG of any colour type and depth.
    Png,
    /// Windows bitmap.
    Bmp,
    /// WebP, lossy or lossless; of an animation the first picture.
    WebP,
}

impl Format {
    /// Recognises a format by the bytes it begins with.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::Bmp => Some(Self::Bmp),
            ImageFormat::WebP => Some(Self::WebP),
            _ => None,
        }
    }

    /// The media type (RFC 2046).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Bmp => "image/bmp",
            Self::WebP => "image/webp",
        }
    }

    fn decoder_format(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Bmp => ImageFormat::Bmp,
            Self::WebP => ImageFormat::WebP,
        }
    }
}

/// What the head of a picture file says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// Its format.
    pub format: Format,
    /// Width in pixels, before any turning upright.
    pub width: u32,
    /// Height in pixels, before any turning upright.
    pub height: u32,
}

impl Dimensions {
    /// Reads the head of a picture file; no pixel is decoded, so this is quick wherever it runs. The rest of the file may
    /// be broken all the same.
    ///
    /// # Errors
    /// The variants of [`Error`] for which [`Error::is_bad_picture`] holds.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let (format, bytes) = recognised(bytes)?;
        let (width, height) = opened(format, &bytes)?.dimensions();
        Ok(Self { format, width, height })
    }
}

/// A decoded picture: upright, 8-bit RGB, rows from the top, no padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    pixels: RgbImage,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{})", self.width(), self.height())
    }
}

impl Picture {
    /// Decodes a picture, turns it upright by its EXIF orientation and lays transparent parts on white.
    ///
    /// The number of pixels is checked before anything is decoded, at most [`MAX_PIXELS`].
    ///
    /// # Errors
    /// The variants of [`Error`] for which [`Error::is_bad_picture`] holds.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let (format, bytes) = recognised(bytes)?;
        if format == Format::Jpeg && !jpeg_has_an_end(&bytes) {
            return Err(Error::Truncated);
        }
        let mut decoder = opened(format, &bytes)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > MAX_PIXELS || width.max(height) > MAX_SIDE {
            return Err(Error::TooManyPixels { width, height, limit: MAX_PIXELS });
        }
        // 16-bit RGBA is the widest layout there is; decoders get as much again for their own tables.
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(u64::from(width) * u64::from(height) * 16 + (64 << 20));
        decoder.set_limits(limits)?;
        let orientation = decoder.orientation()?;
        // Flattened first: what is turned is then a quarter of the widest layout.
        let mut upright = DynamicImage::ImageRgb8(flatten(DynamicImage::from_decoder(decoder)?));
        upright.apply_orientation(orientation);
        Ok(Self { pixels: upright.into_rgb8() })
    }

    /// Wraps pixels that are already RGB.
    pub fn from_rgb(pixels: RgbImage) -> Self {
        Self { pixels }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }

    /// The pixels.
    pub fn rgb(&self) -> &RgbImage {
        &self.pixels
    }

    /// Scales a part of the picture to the given size (triangle filter, so that shrinking does not alias). Of a part
    /// that reaches outside only the inside counts, at least one pixel of it.
    pub(crate) fn scaled(&self, part: Rect, width: u32, height: u32) -> Result<RgbImage> {
        let (left, part_width) = span_inside(part.x, part.width, self.width());
        let (top, part_height) = span_inside(part.y, part.height, self.height());
        let mut out = RgbImage::new(width, height);
        let source = ImageRef::new(self.width(), self.height(), self.pixels.as_raw(), PixelType::U8x3)
            .map_err(|e| Error::Worker(e.to_string()))?;
        let mut target = Image::from_slice_u8(width, height, out.as_flat_samples_mut().samples, PixelType::U8x3)
            .map_err(|e| Error::Worker(e.to_string()))?;
        Resizer::new().resize(
            &source,
            &mut target,
            &ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
                left,
                top,
                part_width,
                part_height,
            ),
        )?;
        Ok(out)
    }

    /// The picture, turned.
    pub fn turned(&self, turn: Turn) -> Self {
        Self { pixels: turned(&self.pixels, turn) }
    }

    /// A part of the picture, rounded outwards to whole pixels and cut to the picture, turned; with it the part.
    pub(crate) fn turned_part(&self, part: Rect, turn: Turn) -> (Self, Rect) {
        let part = part.clamped(self.width(), self.height());
        let left = (part.x.floor() as u32).min(self.width().saturating_sub(1));
        let top = (part.y.floor() as u32).min(self.height().saturating_sub(1));
        let width = ((part.x + part.width).ceil() as u32).min(self.width()).saturating_sub(left).max(1);
        let height = ((part.y + part.height).ceil() as u32).min(self.height()).saturating_sub(top).max(1);
        let pixels = image::imageops::crop_imm(&self.pixels, left, top, width, height).to_image();
        let part = Rect { x: left as f32, y: top as f32, width: width as f32, height: height as f32 };
        (Self { pixels: turned(&pixels, turn) }, part)
    }

    /// Lays the picture onto a canvas through `place` (picture to canvas), black outside the picture.
    ///
    /// A picture that shrinks much is first scaled to about twice the canvas's resolution, so that it does not alias.
    pub(crate) fn laid(&self, place: &Similarity, width: u32, height: u32) -> Result<RgbImage> {
        let scale = place.scale();
        if scale >= SHRINKS_LITTLE {
            return Ok(self.warped(place, width, height));
        }
        let back = place.inverse();
        let (right, bottom) = (width as f32, height as f32);
        let corners =
            [(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)].map(|(x, y)| back.apply(Point::new(x, y)));
        let part = Rect::around(&corners).grown(1.1).clamped(self.width(), self.height());
        let (part_width, part_height) = (part.width.max(1.0), part.height.max(1.0));
        let between = (2.0 * scale).min(1.0);
        let scaled_side = |side: f32| ((side * between).ceil() as u32).max(1);
        let (w, h) = (scaled_side(part_width), scaled_side(part_height));
        let smaller = Self { pixels: self.scaled(Rect { width: part_width, height: part_height, ..part }, w, h)? };
        // From the smaller picture's pixels to the canvas; a pixel's place is that of its centre.
        let grow = part_width / w as f32;
        let origin = place.apply(Point::new(part.x + 0.5 * grow - 0.5, part.y + 0.5 * grow - 0.5));
        let place = Similarity { a: place.a * grow, b: place.b * grow, tx: origin.x, ty: origin.y };
        Ok(smaller.warped(&place, width, height))
    }

    /// As [`Picture::laid`], bilinear from the picture as it is.
    pub(crate) fn warped(&self, place: &Similarity, width: u32, height: u32) -> RgbImage {
        let back = place.inverse();
        let (w, h) = (self.width() as i64, self.height() as i64);
        let raw = self.pixels.as_raw();
        let at = |x: i64, y: i64| -> [f32; 3] {
            if x < 0 || y < 0 || x >= w || y >= h {
                return [0.0; 3];
            }
            let start = (y * w + x) as usize * 3;
            [raw[start], raw[start + 1], raw[start + 2]].map(f32::from)
        };
        let mut out = RgbImage::new(width, height);
        for (u, v, pixel) in out.enumerate_pixels_mut() {
            let p = back.apply(Point::new(u as f32, v as f32));
            let (x, y) = (p.x.floor(), p.y.floor());
            let (fx, fy) = (p.x - x, p.y - y);
            let (x, y) = (x as i64, y as i64);
            let corners = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
            let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
            pixel.0 = std::array::from_fn(|channel| {
                let sum: f32 = corners.iter().zip(weights).map(|(corner, weight)| corner[channel] * weight).sum();
                (sum + 0.5) as u8
            });
        }
        out
    }
}

/// Pixels turned by quarter turns.
pub(crate) fn turned(pixels: &RgbImage, turn: Turn) -> RgbImage {
    match turn {
        Turn::None => pixels.clone(),
        Turn::Clockwise => image::imageops::rotate90(pixels),
        Turn::Half => image::imageops::rotate180(pixels),
        Turn::Counterclockwise => image::imageops::rotate270(pixels),
    }
}

/// The format of a picture file, and its bytes as far as decoders may see them.
fn recognised(bytes: &[u8]) -> Result<(Format, Cow<'_, [u8]>)> {
    if bytes.is_empty() {
        return Err(Error::EmptyPicture);
    }
    let format = Format::of(bytes).ok_or(Error::UnknownFormat)?;
    let bytes = if format == Format::Png { without_compressed_metadata(bytes) } else { Cow::Borrowed(bytes) };
    Ok((format, bytes))
}

/// A decoder that has read the head of the file.
fn opened(format: Format, bytes: &[u8]) -> Result<impl ImageDecoder> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.decoder_format());
    reader.no_limits();
    Ok(reader.into_decoder()?)
}

/// The part of a side that starts at `from` and is `length` long, cut to a side of `end` pixels. In `f64`, since the sum
/// of the two must not pass `end` by a rounding.
fn span_inside(from: f32, length: f32, end: u32) -> (f64, f64) {
    let end = f64::from(end);
    let from = f64::from(from).clamp(0.0, (end - 1.0).max(0.0));
    (from, f64::from(length).clamp(1.0, (end - from).max(1.0)))
}

/// Any decoded layout to 8-bit RGB, transparency laid on white.
fn flatten(decoded: DynamicImage) -> RgbImage {
    if !decoded.color().has_alpha() {
        return decoded.into_rgb8();
    }
    let rgba = decoded.into_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0;
        let alpha = u32::from(alpha);
        Rgb([r, g, b].map(|c| ((u32::from(c) * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}

/// A PNG without its compressed metadata. Decoders unpack a colour profile before they can be given a limit, and a
/// few KB of it may hold gigabytes; pixels do not depend on it here. What is no well-formed chunk is left to the
/// decoder.
fn without_compressed_metadata(png: &[u8]) -> Cow<'_, [u8]> {
    const SIGNATURE: usize = 8;
    const BESIDES_DATA: usize = 12;
    const COMPRESSED: [&[u8]; 3] = [b"iCCP", b"zTXt", b"iTXt"];
    let mut kept: Vec<u8> = Vec::new();
    let mut copied = 0;
    let mut at = SIGNATURE;
    while let Some((length, name)) = png.get(at..at + 8).and_then(|head| head.split_first_chunk::<4>()) {
        let Some(end) = (u32::from_be_bytes(*length) as usize).checked_add(at + BESIDES_DATA) else { break };
        if end > png.len() {
            break;
        }
        if COMPRESSED.contains(&name) {
            kept.extend_from_slice(&png[copied..at]);
            copied = end;
        }
        at = end;
    }
    if copied == 0 {
        return Cow::Borrowed(png);
    }
    kept.extend_from_slice(&png[copied..]);
    Cow::Owned(kept)
}

/// Whether a JPEG has an end-of-image marker after its first scan begins (ITU-T T.81 B.1). Decoders fill in what a
/// cut file lacks, and a half grey face must not be enrolled. Thumbnails before the scan have ends of their own.
fn jpeg_has_an_end(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: u8 = 0xd9;
    let mut at = 2;
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2) {
        match marker {
            START_OF_SCAN => {
                return bytes[at..].windows(2).rev().any(|w| w == [0xff, END_OF_IMAGE]);
            }
            // Fill bytes and markers without a length.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 2..at + 4) else {
                    return false;
                };
                at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
    false
}
