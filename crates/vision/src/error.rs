//! Errors between picture bytes and faces.

use std::path::PathBuf;

/// Failure to process a picture or to load the models.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input has no bytes.
    #[error("the picture is empty")]
    EmptyPicture,
    /// The format is neither supported nor recognised by name.
    #[error("the bytes are no JPEG, PNG, BMP, WebP, GIF or TIFF picture")]
    UnknownFormat,
    /// The format is recognised, but not supported.
    #[error("{0} is not read: send a baseline JPEG or a PNG picture")]
    Unsupported(&'static str),
    /// The declared size exceeds the limit; nothing was decoded.
    #[error("the picture has {width}x{height} pixels, more than {limit} in all")]
    TooManyPixels {
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
        /// The largest number of pixels allowed.
        limit: u64,
    },
    /// The JPEG has more scans, or larger ones, than an encoder writes; nothing was decoded.
    #[error("the picture has {scans} scans or more of {width}x{height} pixels")]
    TooManyScans {
        /// Scans counted up to the point where the limit was exceeded.
        scans: usize,
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
    },
    /// The picture ends before its format says it does.
    #[error("the picture is cut off")]
    Truncated,
    /// A part of the picture violates its format, so that pixels would be missing or wrong.
    #[error("the picture is damaged: {0}")]
    Damaged(&'static str),
    /// The decoder refused the bytes.
    #[error("the picture can't be decoded: {0}")]
    Undecodable(#[from] image::ImageError),
    /// The picture could not be scaled.
    #[error("the picture can't be scaled: {0}")]
    Resize(#[from] fast_image_resize::ResizeError),
    /// Every worker is busy and the queue is full; a later retry may succeed.
    #[error("every inference worker is busy and the queue is full")]
    Busy,
    /// The job exceeded its time limit.
    #[error("the picture takes too long")]
    Overdue,
    /// A worker failed; the fault is in this program, not in the picture.
    #[error("an inference worker broke off: {0}")]
    Worker(String),
    /// The ONNX Runtime library, or an explicitly requested OpenVINO plugin, could not be loaded.
    #[error("the runtime library {path} can't be loaded: {reason}")]
    Runtime {
        /// The path that was tried.
        path: PathBuf,
        /// The loader's message.
        reason: String,
    },
    /// The requested runtime is ONNX Runtime, which does not support the requested bf16.
    #[error("bf16 was asked for with ONNX Runtime, but only OpenVINO has it")]
    NoBf16,
    /// The runtime rejected a model or an inference.
    #[error("model {model}: {reason}")]
    Model {
        /// The model's file name.
        model: String,
        /// The runtime's message.
        reason: String,
    },
    /// A file of the manifest does not exist.
    #[error("{path} is missing: run `make setup` to fetch it")]
    MissingFile {
        /// The expected path.
        path: PathBuf,
    },
    /// A file's checksum differs from the manifest's.
    #[error("{path}: SHA-256 is {found}, the manifest says {expected}")]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Its SHA-256, lower-case hex.
        found: String,
        /// The manifest's SHA-256, lower-case hex.
        expected: String,
    },
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The manifest is malformed or incomplete.
    #[error("the model manifest is wrong: {0}")]
    Manifest(String),
}

impl Error {
    /// Whether the picture itself is at fault, so that a retry cannot succeed.
    pub fn is_bad_picture(&self) -> bool {
        matches!(
            self,
            Self::EmptyPicture
                | Self::UnknownFormat
                | Self::TooManyPixels { .. }
                | Self::TooManyScans { .. }
                | Self::Truncated
                | Self::Damaged(_)
                | Self::Unsupported(_)
                | Self::Undecodable(_)
        )
    }
}

/// The result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
