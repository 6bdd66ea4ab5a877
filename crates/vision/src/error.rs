//! What can go wrong between picture bytes and faces.

use std::path::PathBuf;

/// Why a picture could not be worked on, or the models not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No bytes at all.
    #[error("the picture is empty")]
    EmptyPicture,
    /// Not one of the formats that are read, nor one that is known by name.
    #[error("the bytes are no JPEG, PNG, BMP, WebP, GIF or TIFF picture")]
    UnknownFormat,
    /// A format that is known and not read.
    #[error("{0} is not read: send a baseline JPEG or a PNG picture")]
    Unsupported(&'static str),
    /// The declared size is over the limit; nothing was decoded.
    #[error("the picture has {width}x{height} pixels, more than {limit} in all")]
    TooManyPixels {
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
        /// The largest number of pixels allowed.
        limit: u64,
    },
    /// More scans, or larger ones, than a JPEG encoder writes; nothing was decoded.
    #[error("the picture has {scans} scans or more of {width}x{height} pixels")]
    TooManyScans {
        /// Scans that were counted until it was too much.
        scans: usize,
        /// Declared width in pixels.
        width: u32,
        /// Declared height in pixels.
        height: u32,
    },
    /// The picture ends before its format says it does.
    #[error("the picture is cut off")]
    Truncated,
    /// A part of the picture is not what its format says it is, so that pixels would be missing or wrong.
    #[error("the picture is damaged: {0}")]
    Damaged(&'static str),
    /// The decoder refused the bytes.
    #[error("the picture can't be decoded: {0}")]
    Undecodable(#[from] image::ImageError),
    /// The picture could not be scaled.
    #[error("the picture can't be scaled: {0}")]
    Resize(#[from] fast_image_resize::ResizeError),
    /// Every worker is busy and the queue is full; try again later.
    #[error("every inference worker is busy and the queue is full")]
    Busy,
    /// A job was not done in the time that it may take.
    #[error("the picture takes too long")]
    Overdue,
    /// A worker broke off; the fault is in this program, not in the picture.
    #[error("an inference worker broke off: {0}")]
    Worker(String),
    /// The ONNX Runtime library, or the OpenVINO plugin that was asked for by name, could not be loaded.
    #[error("the runtime library {path} can't be loaded: {reason}")]
    Runtime {
        /// Where it was looked for.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// ONNX Runtime was asked for by name, and an arithmetic with it that it does not have.
    #[error("bf16 was asked for with ONNX Runtime, but only OpenVINO has it")]
    NoBf16,
    /// The runtime refused a model or a run.
    #[error("model {model}: {reason}")]
    Model {
        /// The model's file name.
        model: String,
        /// What the runtime said.
        reason: String,
    },
    /// A file of the manifest is absent.
    #[error("{path} is missing: run `make setup` to fetch it")]
    MissingFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file of the manifest differs from what the manifest says.
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
        /// The operating system's word.
        source: std::io::Error,
    },
    /// The manifest is not what this program expects.
    #[error("the model manifest is wrong: {0}")]
    Manifest(String),
}

impl Error {
    /// Whether the picture itself is at fault, so that trying again can't help.
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

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
