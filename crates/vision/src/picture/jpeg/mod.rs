//! JPEG decoding (ITU-T T.81) with libjpeg-turbo, through the raw libjpeg interface of `mozjpeg-sys`.
//!
//! The raw interface reports the kind of damage. A picture is refused if a scan's data ends early, is left over or
//! contains an invalid code: the decoder would fill the missing part with grey, and half a face must not be enrolled.

mod structure;

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use image::RgbImage;
use image::metadata::Orientation;
use mozjpeg_sys as ffi;

use super::{Shrink, orientation};
use crate::{Error, Result};

/// The orientation of a JPEG, from its first Exif segment, otherwise from XMP.
pub(super) fn orientation(bytes: &[u8]) -> Option<Orientation> {
    let (exif, xmp) = structure::metadata(bytes);
    exif.and_then(orientation::of_exif).or_else(|| xmp.and_then(orientation::of_xmp))
}

/// Width and height as stored, from the header alone.
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Damaged`].
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32)> {
    structure::frame(bytes).map(|frame| (frame.width, frame.height))
}

/// Runs the checks that precede decoding.
///
/// # Errors
/// As [`decode`].
#[cfg(fuzzing)]
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    structure::check(bytes)
}

/// Decodes a JPEG in its stored orientation, reduced by the inverse transform.
///
/// # Errors
/// The variants of [`Error`] for which [`Error::is_bad_picture`] holds.
pub(super) fn decode(bytes: &[u8], shrink: Shrink) -> Result<RgbImage> {
    structure::check(bytes)?;
    // The decoder aborts by unwinding; dropping it frees its allocations.
    let decoded = catch_unwind(AssertUnwindSafe(|| Decoder::new(bytes).decode(shrink)));
    decoded.unwrap_or_else(|broken_off| match broken_off.downcast::<Refusal>() {
        Ok(refusal) => Err(refusal.0),
        Err(panic) => resume_unwind(panic),
    })
}

/// The payload of an unwind through the decoder.
struct Refusal(Error);

/// The decoder's position: the same warning means damage in one place and not in another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Head,
    Scans,
}

/// A decompression and the data of its callbacks. The parts are boxed separately, as C keeps their addresses.
struct Decoder<'a> {
    info: Box<ffi::jpeg_decompress_struct>,
    _errors: Box<ffi::jpeg_error_mgr>,
    place: Box<Phase>,
    bytes: &'a [u8],
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: `info` was made by `jpeg_CreateDecompress` or is zeroed, and is not used afterwards.
        #[allow(unsafe_code, reason = "libjpeg is C")]
        unsafe {
            ffi::jpeg_destroy_decompress(&mut self.info);
        }
    }
}

impl<'a> Decoder<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        // SAFETY: both are plain C structures that libjpeg requires to be zeroed before it fills them. The pointers
        // stored in them point to boxes that live as long as the decoder.
        #[allow(unsafe_code, reason = "libjpeg is C")]
        unsafe {
            let mut errors: Box<ffi::jpeg_error_mgr> = Box::new(std::mem::zeroed());
            ffi::jpeg_std_error(&mut errors);
            errors.error_exit = Some(on_error);
            errors.emit_message = Some(on_message);
            let info: Box<ffi::jpeg_decompress_struct> = Box::new(std::mem::zeroed());
            let mut decoder = Self { info, _errors: errors, place: Box::new(Phase::Head), bytes };
            decoder.info.common.err = &mut *decoder._errors;
            ffi::jpeg_create_decompress(&mut *decoder.info);
            decoder.info.common.client_data = (&raw mut *decoder.place).cast::<c_void>();
            decoder
        }
    }

    fn decode(&mut self, shrink: Shrink) -> Result<RgbImage> {
        // SAFETY: the calls are in the order that libjpeg.txt prescribes; `bytes` outlives them; `rows` point into
        // `pixels`, which has room for each of them.
        #[allow(unsafe_code, reason = "libjpeg is C")]
        unsafe {
            let info = &mut *self.info;
            ffi::jpeg_mem_src(info, self.bytes.as_ptr(), self.bytes.len() as _);
            ffi::jpeg_read_header(info, 1);
            let is_ink = info.num_components == 4;
            info.out_color_space = if is_ink { ffi::J_COLOR_SPACE::JCS_CMYK } else { ffi::J_COLOR_SPACE::JCS_RGB };
            info.scale_num = 1;
            info.scale_denom = shrink.factor();
            *self.place = Phase::Scans;
            ffi::jpeg_start_decompress(info);
            let (width, height) = (info.output_width, info.output_height);
            let channels = if is_ink { 4 } else { 3 };
            let stride = width as usize * channels;
            if info.output_components as usize != channels {
                return Err(Error::Unsupported("JPEG of two components"));
            }
            let mut pixels = vec![0u8; stride * height as usize];
            while info.output_scanline < height {
                let at = info.output_scanline as usize;
                let mut rows: [*mut u8; ROWS] = [ptr::null_mut(); ROWS];
                let left = pixels[at * stride..].chunks_exact_mut(stride);
                let count = rows.iter_mut().zip(left).map(|(row, pixels)| *row = pixels.as_mut_ptr()).count();
                ffi::jpeg_read_scanlines(info, rows.as_mut_ptr(), count as u32);
            }
            // Reads to the end of the picture: left-over data of the last scan is detected here.
            ffi::jpeg_finish_decompress(info);
            let pixels = if is_ink { cmyk_to_rgb(&pixels) } else { pixels };
            RgbImage::from_raw(width, height, pixels).ok_or(Error::Damaged("its rows do not fit its size"))
        }
    }
}

/// Maximum rows per read.
const ROWS: usize = 16;

/// Converts cyan, magenta, yellow and black, inverted as Adobe stores them, to RGB.
fn cmyk_to_rgb(pixels: &[u8]) -> Vec<u8> {
    let rgb = pixels
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|&[c, m, y, k]| [c, m, y].map(|ink| ((u32::from(ink) * u32::from(k) + 127) / 255) as u8));
    rgb.collect()
}

/// Callback for fatal errors: unwinds with the refusal.
#[allow(unsafe_code, reason = "libjpeg is C")]
unsafe extern "C-unwind" fn on_error(info: &mut ffi::jpeg_common_struct) {
    // SAFETY: libjpeg passes the structure whose error manager this is.
    let code = unsafe { (*info.err).msg_code };
    resume_unwind(Box::new(Refusal(match code as ffi::J_MESSAGE_CODE {
        ffi::JERR_NO_HUFF_TABLE => Error::Damaged("it lacks a table of codes"),
        ffi::JERR_NO_QUANT_TABLE => Error::Damaged("it lacks a table of steps"),
        ffi::JERR_BAD_PRECISION => Error::Unsupported("JPEG of more than 8 bits a sample"),
        ffi::JERR_FRACT_SAMPLE_NOTIMPL => {
            Error::Unsupported("JPEG with sampling factors that do not divide each other")
        }
        ffi::JERR_CONVERSION_NOTIMPL => Error::Unsupported("JPEG of two components"),
        _ => Error::Damaged("its structure is broken"),
    })));
}

/// Callback for warnings and traces: unwinds with a refusal if the warning means damage.
#[allow(unsafe_code, reason = "libjpeg is C")]
unsafe extern "C-unwind" fn on_message(info: &mut ffi::jpeg_common_struct, level: c_int) {
    const WARNING: c_int = -1;
    if level != WARNING {
        return;
    }
    // SAFETY: as in `on_error`; `client_data` points to the place for as long as the decoder lives.
    let (code, place) = unsafe { ((*info.err).msg_code, *info.client_data.cast::<Phase>()) };
    let damage = match code as ffi::J_MESSAGE_CODE {
        ffi::JWRN_ADOBE_XFORM | ffi::JWRN_JFIF_MAJOR | ffi::JWRN_BOGUS_ICC => return,
        ffi::JWRN_EXTRANEOUS_DATA if place == Phase::Head => return,
        ffi::JWRN_EXTRANEOUS_DATA => Error::Damaged("data is left over behind a scan"),
        ffi::JWRN_HIT_MARKER | ffi::JWRN_JPEG_EOF => Error::Truncated,
        ffi::JWRN_BOGUS_PROGRESSION => Error::Damaged("its scans do not follow on each other"),
        _ => Error::Damaged("its data is corrupt"),
    };
    resume_unwind(Box::new(Refusal(damage)));
}
