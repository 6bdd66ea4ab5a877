//! Untrusted bytes to upright RGB pixels.

mod bmp;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jpeg;
mod orientation;
mod png;
mod tiff;
mod webp;

use std::borrow::Cow;
use std::io::Cursor;
use std::panic::catch_unwind;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage};

use crate::geometry::{Point, Rect, Similarity, Turn};
use crate::{Error, Result};
pub use format::Format;

/// The largest number of pixels that is decoded.
pub const MAX_PIXELS: u64 = 40_000_000;
/// Bytes of pixels that are decoded: the largest number of pixels in 8-bit RGBA.
const MAX_BYTES: u64 = 4 * MAX_PIXELS;
/// The longest side that is decoded: what JPEG itself can hold. Scaling needs memory for each pixel of a side.
const MAX_SIDE: u32 = 65_535;

/// Canvas pixels for a picture's pixel from which on bilinear sampling does not alias visibly.
const SHRINKS_LITTLE: f32 = 0.6;

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
        let format = Format::required(bytes)?;
        let (width, height) = match format {
            Format::Jpeg => jpeg::dimensions(bytes)?,
            _ => opened(format, &readable(format, bytes))?.dimensions(),
        };
        Ok(Self { format, width, height })
    }

    /// How much smaller the file can be decoded with at least so many pixels.
    pub(crate) fn shrunk_to(self, pixels: u64) -> Shrink {
        let area = u64::from(self.width) * u64::from(self.height);
        let fits = |shrink: &Shrink| area >= pixels * u64::from(shrink.factor()).pow(2);
        match self.format {
            Format::Jpeg => Shrink::ALL.into_iter().find(fits).unwrap_or(Shrink::None),
            _ => Shrink::None,
        }
    }
}

/// How much smaller than it is stored a picture is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shrink {
    /// As it is.
    None,
    /// Each side to a half.
    Half,
    /// Each side to a quarter.
    Quarter,
    /// Each side to an eighth.
    Eighth,
}

impl Shrink {
    /// From the strongest on.
    pub const ALL: [Self; 4] = [Self::Eighth, Self::Quarter, Self::Half, Self::None];

    /// Stored pixels for a decoded one, along a side.
    pub fn factor(self) -> u32 {
        match self {
            Self::None => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }
}

/// A decoded picture: upright, 8-bit RGB, rows from the top, no padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    pixels: RgbImage,
    shrink: Shrink,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}x{}, 1/{})", self.width(), self.height(), self.stored_per_pixel())
    }
}

impl Picture {
    /// Decodes a picture, turns it upright by its Exif or XMP orientation and lays transparent parts on white.
    ///
    /// The number of pixels is checked before anything is decoded, at most [`MAX_PIXELS`].
    ///
    /// # Errors
    /// The variants of [`Error`] for which [`Error::is_bad_picture`] holds.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::decode_shrunk(bytes, Shrink::None)
    }

    /// As [`Picture::decode`], but a JPEG as small as it can be decoded with at least `pixels` pixels.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn decode_at_least(bytes: &[u8], pixels: u64) -> Result<Self> {
        Self::decode_shrunk(bytes, Dimensions::of(bytes)?.shrunk_to(pixels))
    }

    /// As [`Picture::decode`], smaller than it is stored; only a JPEG can be.
    pub(crate) fn decode_shrunk(bytes: &[u8], shrink: Shrink) -> Result<Self> {
        let format = Format::required(bytes)?;
        let pixels = match format {
            Format::Jpeg => jpeg::decode(bytes, shrink)?,
            // A decoder may take itself to be wrong about a hostile file.
            _ => catch_unwind(|| decoded(format, bytes)).unwrap_or(Err(Error::Damaged("its decoder broke off")))?,
        };
        let mut upright = DynamicImage::ImageRgb8(pixels);
        upright.apply_orientation(orientation_of(format, bytes));
        let shrink = if format == Format::Jpeg { shrink } else { Shrink::None };
        Ok(Self { pixels: upright.into_rgb8(), shrink })
    }

    /// Wraps pixels that are already RGB.
    pub fn from_rgb(pixels: RgbImage) -> Self {
        Self { pixels, shrink: Shrink::None }
    }

    /// Pixels of the file for a pixel of this, along a side: more than 1 where it was decoded smaller.
    pub fn stored_per_pixel(&self) -> f32 {
        self.shrink.factor() as f32
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
        Self { pixels: turned(&self.pixels, turn), shrink: self.shrink }
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
        (Self { pixels: turned(&pixels, turn), shrink: self.shrink }, part)
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
        let smaller = Self::from_rgb(self.scaled(Rect { width: part_width, height: part_height, ..part }, w, h)?);
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

/// The bytes of a picture file as its decoder is to see them.
fn readable(format: Format, bytes: &[u8]) -> Cow<'_, [u8]> {
    match format {
        Format::Png => png::without_compressed_metadata(bytes),
        Format::Bmp => bmp::readable(bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// A decoder that has read the head of the file, which has pixels: a GIF without any is no error to its decoder.
fn opened(format: Format, bytes: &[u8]) -> Result<impl ImageDecoder> {
    if format == Format::Tiff {
        tiff::check_texts(bytes)?;
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.decoder_format());
    reader.no_limits();
    let decoder = reader.into_decoder()?;
    if matches!(decoder.dimensions(), (0, _) | (_, 0)) {
        return Err(Error::Damaged("it has no pixels"));
    }
    Ok(decoder)
}

/// The pixels of a picture that is no JPEG, as they are stored.
fn decoded(format: Format, bytes: &[u8]) -> Result<RgbImage> {
    let bytes = readable(format, bytes);
    if format == Format::Tiff {
        tiff::check(&bytes)?;
    }
    let mut decoder = opened(format, &bytes)?;
    let (width, height) = decoder.dimensions();
    // Samples of 16 and 32 bits take as much longer as they are wider.
    let limit = MAX_PIXELS.min(MAX_BYTES / u64::from(decoder.color_type().bytes_per_pixel()));
    if u64::from(width) * u64::from(height) > limit || width.max(height) > MAX_SIDE {
        return Err(Error::TooManyPixels { width, height, limit });
    }
    // 16-bit RGBA is the widest layout there is; decoders get as much again for their own tables.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(u64::from(width) * u64::from(height) * 16 + (64 << 20));
    decoder.set_limits(limits)?;
    let decoded = DynamicImage::from_decoder(decoder)?;
    let alpha = match format {
        Format::Bmp => Alpha::UnlessZeroAllOver,
        Format::Tiff if tiff::is_premultiplied(&bytes) => Alpha::Multiplied,
        _ => Alpha::Apart,
    };
    Ok(flatten(decoded, alpha))
}

fn orientation_of(format: Format, bytes: &[u8]) -> Orientation {
    let told = match format {
        Format::Jpeg => jpeg::orientation(bytes),
        Format::Png => png::orientation(bytes),
        Format::WebP => webp::orientation(bytes),
        Format::Tiff => orientation::of_exif(bytes),
        Format::Bmp | Format::Gif => None,
    };
    told.unwrap_or(Orientation::NoTransforms)
}

/// The part of a side that starts at `from` and is `length` long, cut to a side of `end` pixels. In `f64`, since the sum
/// of the two must not pass `end` by a rounding.
fn span_inside(from: f32, length: f32, end: u32) -> (f64, f64) {
    let end = f64::from(end);
    let from = f64::from(from).clamp(0.0, (end - 1.0).max(0.0));
    (from, f64::from(length).clamp(1.0, (end - from).max(1.0)))
}

/// How a file stores transparency.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alpha {
    /// Beside the colours.
    Apart,
    /// The same, but what is transparent all over has no transparency at all: its writer left those bits at zero.
    UnlessZeroAllOver,
    /// Multiplied into the colours.
    Multiplied,
}

/// Any decoded layout to 8-bit RGB, transparency laid on white.
fn flatten(decoded: DynamicImage, stored: Alpha) -> RgbImage {
    if !decoded.color().has_alpha() {
        return decoded.into_rgb8();
    }
    let rgba = decoded.into_rgba8();
    let is_opaque = stored == Alpha::UnlessZeroAllOver && rgba.pixels().all(|pixel| pixel.0[3] == 0);
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0;
        let alpha = if is_opaque { 255 } else { u32::from(alpha) };
        let white = 255 - alpha;
        Rgb([r, g, b].map(|c| match stored {
            Alpha::Multiplied => (u32::from(c) + white).min(255) as u8,
            _ => ((u32::from(c) * alpha + 255 * white + 127) / 255) as u8,
        }))
    })
}
