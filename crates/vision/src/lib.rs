//! Face detection, embedding, quality and liveness on decoded pictures.
//!
//! [`Picture::decode`] turns untrusted bytes into upright RGB pixels. [`Vision`] is a bounded pool of worker threads,
//! each with its own networks ([`FaceModels`]); all inference runs on these workers. This crate has models and pixels,
//! but no people, no sockets and no database.

mod attributes;
mod detector;
mod embedder;
mod error;
mod geometry;
pub mod manifest;
mod models;
mod onnx;
mod picture;
mod pool;
mod quality;
mod recognisability;
mod runtime;
mod single_model;

pub use attributes::{HeadPose, Liveness};
pub use detector::{DetectedFace, Effort};
pub use embedder::{Embedding, Purpose};
pub use error::{Error, Result};
pub use geometry::{Point, Rect, Turn};
pub use models::{Algorithm, FaceModels, MIN_REDUCED_PIXELS, ModelPaths, Recognised};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use picture::fuzzing;
pub use picture::{Dimensions, Format, MAX_PIXELS, Picture};
pub use pool::{Caller, PoolSize, StartingPool, TimeLimits, Vision};
pub use quality::{Components, Grade, Quality};
pub use recognisability::{Cover, CoverDetector, CoverEvidence, Evidence, Judge, RECOGNISABLE, Weights};
pub use runtime::{Inference, Precision, PrecisionChoice, RuntimeChoice, RuntimeInfo};
pub use single_model::SingleModel;
