//! Face detection, embedding, quality and liveness of pictures.
//!
//! [`Biometrics`] is the interface: pictures in; faces, templates and similarities out. [`Vision`] implements it by a
//! bounded pool of worker threads, each with its own networks ([`FaceModels`]); all inference runs on these workers.
//! [`Picture::decode`] turns untrusted bytes into upright RGB pixels. This crate has models and pixels, but no people,
//! no sockets and no database.
//!
//! The feature `fake` adds `FakeBiometrics` for tests, which needs no models.

mod algorithm;
mod attributes;
mod biometrics;
mod detector;
mod embedder;
mod error;
#[cfg(any(test, feature = "fake"))]
mod fake;
mod geometry;
pub mod manifest;
mod models;
mod onnx;
mod picture;
mod pool;
mod quality;
mod recognisability;
mod runtime;
mod settings;
mod similarity;
mod single_model;

pub use algorithm::Algorithm;
pub use attributes::{HeadPose, Liveness};
pub use biometrics::{
    Biometrics, Comparison, EmbeddedFace, Examination, ExaminedFace, Look, MAX_FACES, NOT_COMPARABLE, Photo, Request,
    Scope, SeenFace, Terms, Unrecognisable,
};
pub use detector::{DetectedFace, Effort};
pub use embedder::{Embedding, Purpose};
pub use error::{Error, Result};
#[cfg(any(test, feature = "fake"))]
pub use fake::{FakeBiometrics, FakeFace, FakePicture, Hold};
pub use geometry::{Point, Rect, Turn};
pub use models::{FaceModels, MIN_REDUCED_PIXELS, ModelPaths, Recognised};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use picture::fuzzing;
pub use picture::{Dimensions, Format, MAX_PIXELS, Picture};
pub use pool::{Load, PoolSize, Priority, StartingPool, TimeLimits, Vision};
pub use quality::{Components, Grade, Quality};
pub use recognisability::{
    Cover, CoverDetector, CoverEvidence, Evidence, Judge, RECOGNISABLE, Weights, is_recognisable_enough,
};
pub use runtime::{Inference, Precision, PrecisionChoice, RuntimeChoice, RuntimeInfo};
pub use settings::Settings;
pub use similarity::{
    Similarity, false_match_rate_of_similarity, similarity_of_cosine, similarity_of_false_match_rate,
};
pub use single_model::SingleModel;
