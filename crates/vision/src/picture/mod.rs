//! Decoding of untrusted bytes to upright RGB pixels.

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
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage};

use crate::geometry::{Point, Rect, SimilarityTransform, Turn};
use crate::{Error, Result};
pub use format::Format;

/// Maximum number of pixels of a decoded picture.
pub const MAX_PIXELS: u64 = 40_000_000;
/// Maximum bytes of decoded pixels: [`MAX_PIXELS`] in 8-bit RGBA.
const MAX_BYTES: u64 = 4 * MAX_PIXELS;
/// Maximum side of a decoded picture, the limit of JPEG itself. Scaling needs memory for each pixel of a side.
const MAX_SIDE: u32 = 65_535;

/// Side of a thumbnail, in sides of the face.
const THUMBNAIL_SIDE: f32 = 1.6;
/// JPEG quality of thumbnails, 1..100.
const THUMBNAIL_QUALITY: u8 = 85;

/// Minimum scale (canvas pixels per picture pixel) at which bilinear sampling does not alias visibly.
const MIN_BILINEAR_SCALE: f32 = 0.6;

/// Format and size from the header of a picture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions {
    /// The file's format.
    pub format: Format,
    /// Width in pixels, before the orientation is applied.
    pub width: u32,
    /// Height in pixels, before the orientation is applied.
    pub height: u32,
}

impl Dimensions {
    /// Reads the header of a picture file. It decodes no pixels and is fast; the rest of the file may still be broken.
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

    /// The strongest reduction at which the decoded file has at least this many pixels.
    pub(crate) fn shrunk_to(self, pixels: u64) -> Shrink {
        let area = u64::from(self.width) * u64::from(self.height);
        let fits = |shrink: &Shrink| area >= pixels * u64::from(shrink.factor()).pow(2);
        match self.format {
            Format::Jpeg => Shrink::ALL.into_iter().find(fits).unwrap_or(Shrink::None),
            _ => Shrink::None,
        }
    }
}

/// Reduction of a picture during decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shrink {
    /// No reduction.
    None,
    /// Each side reduced to a half.
    Half,
    /// Each side reduced to a quarter.
    Quarter,
    /// Each side reduced to an eighth.
    Eighth,
}

impl Shrink {
    /// All reductions, the strongest first.
    pub const ALL: [Self; 4] = [Self::Eighth, Self::Quarter, Self::Half, Self::None];

    /// Stored pixels per decoded pixel, along a side.
    pub fn factor(self) -> u32 {
        match self {
            Self::None => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }
}

/// A decoded picture: upright, 8-bit RGB, rows from the top, without padding.
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
    /// Decodes a picture, applies its Exif or XMP orientation and blends transparent parts with white.
    ///
    /// The number of pixels, at most [`MAX_PIXELS`], is checked before anything is decoded.
    ///
    /// # Errors
    /// The variants of [`Error`] for which [`Error::is_bad_picture`] holds.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::decode_shrunk(bytes, Shrink::None)
    }

    /// Decodes a picture as [`Picture::decode`] does, but a JPEG at the smallest size with at least `pixels` pixels.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn decode_at_least(bytes: &[u8], pixels: u64) -> Result<Self> {
        Self::decode_shrunk(bytes, Dimensions::of(bytes)?.shrunk_to(pixels))
    }

    /// Decodes a picture as [`Picture::decode`] does, at a reduced size; other formats than JPEG are not reduced.
    pub(crate) fn decode_shrunk(bytes: &[u8], shrink: Shrink) -> Result<Self> {
        let format = Format::required(bytes)?;
        let pixels = match format {
            Format::Jpeg => jpeg::decode(bytes, shrink)?,
            // A decoder may panic on a hostile file.
            _ => catch_unwind(|| decoded(format, bytes)).unwrap_or(Err(Error::Damaged("its decoder broke off")))?,
        };
        let mut upright = DynamicImage::ImageRgb8(pixels);
        upright.apply_orientation(orientation_of(format, bytes));
        let shrink = if format == Format::Jpeg { shrink } else { Shrink::None };
        Ok(Self { pixels: upright.into_rgb8(), shrink })
    }

    /// Wraps decoded RGB pixels.
    pub fn from_rgb(pixels: RgbImage) -> Self {
        Self { pixels, shrink: Shrink::None }
    }

    /// Pixels of the file per pixel of this picture, along a side; more than 1 after a reduced decode.
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

    /// Scales a part of the picture to the given size (triangle filter, so that shrinking does not alias). The part is
    /// clipped to the picture, to at least one pixel.
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

    /// Encodes the surroundings of a face as JPEG: a square around `area`, in pixels of the stored picture, clipped to the
    /// picture, and reduced to at most `side` pixels. Without an area, the whole picture.
    ///
    /// # Errors
    /// [`Error::Worker`].
    pub fn thumbnail(&self, area: Rect, side: u32) -> Result<Vec<u8>> {
        let (width, height) = (self.width() as f32, self.height() as f32);
        let per_pixel = self.stored_per_pixel();
        let half = THUMBNAIL_SIDE / 2.0 * area.width.max(area.height) / per_pixel;
        let is_area = half.is_finite() && half >= 0.5 && area.x.is_finite() && area.y.is_finite();
        let part = if is_area {
            let (x, y) = (area.x + area.width / 2.0, area.y + area.height / 2.0);
            let (x, y) = ((x / per_pixel).clamp(0.0, width), (y / per_pixel).clamp(0.0, height));
            let (left, top) = ((x - half).max(0.0), (y - half).max(0.0));
            Rect { x: left, y: top, width: (x + half).min(width) - left, height: (y + half).min(height) - top }
        } else {
            Rect { x: 0.0, y: 0.0, width, height }
        };
        let scale = (side as f32 / part.width.max(part.height)).min(1.0);
        let reduced = |length: f32| ((length * scale).round() as u32).clamp(1, side.max(1));
        let pixels = self.scaled(part, reduced(part.width), reduced(part.height))?;
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, THUMBNAIL_QUALITY)
            .encode_image(&pixels)
            .map_err(|e| Error::Worker(e.to_string()))?;
        Ok(file)
    }

    /// The picture after a quarter turn.
    pub fn turned(&self, turn: Turn) -> Self {
        Self { pixels: turned(&self.pixels, turn), shrink: self.shrink }
    }

    /// Turns a part of the picture; the part is rounded outwards to whole pixels, clipped to the picture, and returned
    /// too.
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

    /// Draws the picture onto a canvas through `place` (picture to canvas), with black outside the picture.
    ///
    /// A picture that shrinks much is first scaled to about twice the canvas's resolution, to avoid aliasing.
    pub(crate) fn draw_transformed(&self, place: &SimilarityTransform, width: u32, height: u32) -> Result<RgbImage> {
        let scale = place.scale();
        if scale >= MIN_BILINEAR_SCALE {
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
        // From the smaller picture's pixels to the canvas; a pixel's position is its centre.
        let grow = part_width / w as f32;
        let origin = place.apply(Point::new(part.x + 0.5 * grow - 0.5, part.y + 0.5 * grow - 0.5));
        let place = SimilarityTransform { a: place.a * grow, b: place.b * grow, tx: origin.x, ty: origin.y };
        Ok(smaller.warped(&place, width, height))
    }

    /// Draws the picture as [`Picture::draw_transformed`] does, with bilinear sampling at full resolution.
    pub(crate) fn warped(&self, place: &SimilarityTransform, width: u32, height: u32) -> RgbImage {
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

/// Rotates pixels by quarter turns.
pub(crate) fn turned(pixels: &RgbImage, turn: Turn) -> RgbImage {
    match turn {
        Turn::None => pixels.clone(),
        Turn::Clockwise => image::imageops::rotate90(pixels),
        Turn::Half => image::imageops::rotate180(pixels),
        Turn::Counterclockwise => image::imageops::rotate270(pixels),
    }
}

/// The bytes of a picture file in the form that its decoder accepts.
fn readable(format: Format, bytes: &[u8]) -> Cow<'_, [u8]> {
    match format {
        Format::Png => png::without_compressed_metadata(bytes),
        Format::Bmp => bmp::readable(bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// Opens a decoder, which reads the header, and refuses pictures without pixels: the GIF decoder accepts them.
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

/// Decodes a picture of any format but JPEG, in its stored orientation.
fn decoded(format: Format, bytes: &[u8]) -> Result<RgbImage> {
    let bytes = readable(format, bytes);
    if format == Format::Tiff {
        tiff::check(&bytes)?;
    }
    let mut decoder = opened(format, &bytes)?;
    let (width, height) = decoder.dimensions();
    // Samples of 16 and 32 bits take proportionally longer.
    let limit = MAX_PIXELS.min(MAX_BYTES / u64::from(decoder.color_type().bytes_per_pixel()));
    if u64::from(width) * u64::from(height) > limit || width.max(height) > MAX_SIDE {
        return Err(Error::TooManyPixels { width, height, limit });
    }
    // 16 bytes cover the widest layout, RGBA of 32 bits; decoders get 64 MiB more for their tables.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(u64::from(width) * u64::from(height) * 16 + (64 << 20));
    decoder.set_limits(limits)?;
    let decoded = DynamicImage::from_decoder(decoder)?;
    let alpha = match format {
        Format::Bmp => Alpha::StraightUnlessAllZero,
        Format::Tiff if tiff::is_premultiplied(&bytes) => Alpha::Premultiplied,
        _ => Alpha::Straight,
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

/// Clips the span from `from` of `length` to a side of `end` pixels. In `f64`, since the sum of the two must not exceed
/// `end` by rounding.
fn span_inside(from: f32, length: f32, end: u32) -> (f64, f64) {
    let end = f64::from(end);
    let from = f64::from(from).clamp(0.0, (end - 1.0).max(0.0));
    (from, f64::from(length).clamp(1.0, (end - from).max(1.0)))
}

/// Storage of transparency in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alpha {
    /// Separate from the colours.
    Straight,
    /// Separate, but alpha that is zero in all pixels means opaque: the writer left those bits unset.
    StraightUnlessAllZero,
    /// Premultiplied: the colours are multiplied by alpha.
    Premultiplied,
}

/// Converts any decoded layout to 8-bit RGB, blending transparency with white.
fn flatten(decoded: DynamicImage, stored: Alpha) -> RgbImage {
    if !decoded.color().has_alpha() {
        return decoded.into_rgb8();
    }
    let rgba = decoded.into_rgba8();
    let is_opaque = stored == Alpha::StraightUnlessAllZero && rgba.pixels().all(|pixel| pixel.0[3] == 0);
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, alpha] = rgba.get_pixel(x, y).0;
        let alpha = if is_opaque { 255 } else { u32::from(alpha) };
        let white = 255 - alpha;
        Rgb([r, g, b].map(|c| match stored {
            Alpha::Premultiplied => (u32::from(c) + white).min(255) as u8,
            _ => ((u32::from(c) * alpha + 255 * white + 127) / 255) as u8,
        }))
    })
}
