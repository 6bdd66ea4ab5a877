//! Biometrics of pictures: faces, templates, quality, liveness and comparison, whatever computes them.

mod models;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::algorithm::Algorithm;
use crate::attributes::{HeadPose, Liveness};
use crate::detector::Effort;
use crate::embedder::{Embedding, Purpose};
use crate::geometry::{Point, Rect};
use crate::pool::{Load, Priority};
use crate::quality::Quality;
use crate::recognisability::{RECOGNISABLE, is_recognisable_enough};
use crate::similarity::{Similarity, similarity_of_cosine};
use crate::{Error, Result};

/// Maximum number of faces processed per picture, the largest first; keeps a crowd from occupying a worker for long.
pub const MAX_FACES: usize = 100;

/// Minimum detector confidence of an enrolled face, 0..1. Most false detections in pictures without people are below.
const MIN_ENROLMENT_CONFIDENCE: f32 = 0.6;

/// Similarity of two faces of which one is not recognisable, so that nothing is known.
pub const NOT_COMPARABLE: Similarity = 0.0;

/// Maximum number of pixels of a picture from a caller without credentials; allows photographs of 24 megapixels.
const UNKNOWN_MAX_PIXELS: u64 = 25_000_000;

/// A picture with the terms of its processing. Not `Debug`, because a picture must not be logged.
#[derive(Clone)]
pub struct Photo {
    /// Bytes of the file.
    pub bytes: Bytes,
    /// Terms of its processing.
    pub terms: Terms,
}

impl Photo {
    /// Returns another picture on the same terms.
    pub fn with(&self, bytes: Bytes) -> Self {
        Self { bytes, terms: self.terms }
    }
}

impl From<Bytes> for Photo {
    /// The picture on the default terms.
    fn from(bytes: Bytes) -> Self {
        Self { bytes, terms: Terms::default() }
    }
}

/// Terms of the processing of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Priority of the caller: also decides the maximum size of a picture, and the effort spent if no face is found at first.
    pub priority: Priority,
    /// Least recognisability: a face below is not enrolled and matches nobody; 0 accepts every face.
    pub least_recognisability: f32,
}

impl Default for Terms {
    fn default() -> Self {
        Self { priority: Priority::Known, least_recognisability: RECOGNISABLE }
    }
}

impl Terms {
    /// Returns the effort of face detection.
    pub fn effort(&self) -> Effort {
        if self.priority == Priority::Unknown { Effort::Limited } else { Effort::Full }
    }

    /// Returns whether a face of this recognisability, 0..1, is recognisable enough.
    pub fn accept(&self, recognisability: f32) -> bool {
        is_recognisable_enough(recognisability, self.least_recognisability)
    }

    /// Checks the declared size of a picture, in pixels.
    ///
    /// # Errors
    /// [`Error::TooManyPixels`] if it exceeds the limit for callers without credentials.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<()> {
        let is_allowed =
            self.priority != Priority::Unknown || u64::from(width) * u64::from(height) <= UNKNOWN_MAX_PIXELS;
        if is_allowed { Ok(()) } else { Err(Error::TooManyPixels { width, height, limit: UNKNOWN_MAX_PIXELS }) }
    }
}

/// Faces of a picture that are processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The largest face. It may be found by a coarser detector pass, unless it is enrolled.
    Largest,
    /// The largest faces, at most this many and [`MAX_FACES`].
    AtMost(usize),
}

/// Optional parts of the examination of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Examination {
    /// Examine the quality.
    pub quality: bool,
    /// Examine the liveness.
    pub liveness: bool,
}

impl Examination {
    /// Examination of the quality alone.
    pub const QUALITY: Self = Self { quality: true, liveness: false };
}

/// What [`Biometrics::look`] does with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Faces to process.
    pub scope: Scope,
    /// Purpose of their embeddings.
    pub purpose: Purpose,
    /// Examination of each face; `None`: only detect and embed.
    pub examination: Option<Examination>,
}

impl Request {
    /// A probe of the largest face.
    pub const PROBE: Self = Self { scope: Scope::Largest, purpose: Purpose::Probe, examination: None };
    /// An enrolment of the largest face.
    pub const ENROLMENT: Self = Self { scope: Scope::Largest, purpose: Purpose::Enrolment, examination: None };

    /// Returns probes of the largest faces, at most this many.
    pub const fn probes(at_most: usize) -> Self {
        Self { scope: Scope::AtMost(at_most), ..Self::PROBE }
    }

    /// Returns the same request with an examination of each face.
    #[must_use]
    pub const fn examined(self, examination: Examination) -> Self {
        Self { examination: Some(examination), ..self }
    }
}

/// A face seen in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SeenFace {
    /// Bounding box in pixels of the upright picture; empty if unknown.
    pub area: Rect,
    /// Confidence that it is a face, 0..1; 0 if unknown.
    pub confidence: f32,
    /// In-plane rotation in degrees clockwise, from the eyes; 0 if unknown.
    pub rotation: f32,
}

/// Result of the examination of a face.
#[derive(Debug, Clone, PartialEq)]
pub struct ExaminedFace {
    /// The face in the picture.
    pub face: SeenFace,
    /// Right eye, left eye, nose tip, right and left corner of the mouth, from the person's own view, in pixels.
    pub landmarks: [Point; 5],
    /// Quality, if requested.
    pub quality: Option<Quality>,
    /// Head pose.
    pub pose: HeadPose,
    /// Liveness, if requested.
    pub liveness: Option<Liveness>,
    /// Whether the face is recognisable enough for the terms.
    pub is_recognisable: bool,
}

/// A face with its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedFace {
    /// The face in the picture.
    pub face: SeenFace,
    /// The embedding: a probe or a template, by the purpose.
    pub embedding: Embedding,
    /// Probability, 0..1, that the embedding carries an identity.
    pub recognisability: f32,
    /// Examination, if requested.
    pub examined: Option<ExaminedFace>,
}

impl EmbeddedFace {
    /// Checks that the face may be enrolled.
    ///
    /// # Errors
    /// The reason why it may not.
    pub fn check_enrolment(&self, terms: Terms) -> Result<(), Unrecognisable> {
        let confidence = self.face.confidence;
        if !terms.accept(self.recognisability) {
            return Err(Unrecognisable::Recognisability(self.recognisability));
        }
        if confidence < MIN_ENROLMENT_CONFIDENCE && terms.least_recognisability > 0.0 {
            return Err(Unrecognisable::Confidence(confidence));
        }
        Ok(())
    }
}

/// Reason why a face is not enrolled. The numbers are 0..1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unrecognisable {
    /// The recognisability is too low: the face is too dark, too bright, blurred, small, cut or covered.
    Recognisability(f32),
    /// The detector's confidence is too low.
    Confidence(f32),
}

impl fmt::Display for Unrecognisable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recognisability(value) => {
                write!(f, "recognisability {value:.2}; it may be dark, overexposed, blurred, small, cut or covered")
            }
            Self::Confidence(value) => write!(f, "confidence {value:.2} that it is a face"),
        }
    }
}

/// The faces of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Width of the upright picture in pixels.
    pub width: f32,
    /// Height of the upright picture in pixels.
    pub height: f32,
    /// The faces, the largest first; none if the picture shows no face.
    pub faces: Vec<EmbeddedFace>,
}

/// Comparison of two faces.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The faces, as probes.
    pub faces: [EmbeddedFace; 2],
    /// Similarity, 0..1; [`NOT_COMPARABLE`] if one of the faces is not recognisable enough for the terms.
    pub similarity: Similarity,
}

impl Comparison {
    /// Compares two faces.
    pub(crate) fn new(a: EmbeddedFace, b: EmbeddedFace, terms: Terms) -> Self {
        let is_comparable = terms.accept(a.recognisability) && terms.accept(b.recognisability);
        let similarity =
            if is_comparable { similarity_of_cosine(a.embedding.cosine(&b.embedding)) } else { NOT_COMPARABLE };
        Self { faces: [a, b], similarity }
    }
}

/// Biometrics of pictures.
///
/// A picture is the untrusted bytes of a file. Each call is one job: it is queued once and refused at once if the queue
/// is full. No face is not an error.
///
/// # Errors
/// Every call that takes a picture may fail with the variants of [`Error`] for which [`Error::is_bad_picture`] holds,
/// with [`Error::Busy`] or [`Error::Overdue`], and, if the fault is not the picture's, with the other variants.
#[async_trait]
pub trait Biometrics: Send + Sync {
    /// Returns the algorithm of the embeddings.
    fn algorithm(&self) -> &Algorithm;

    /// Returns the dimensions of an embedding.
    fn dimensions(&self) -> usize;

    /// Returns the numbers of workers and jobs at this moment.
    fn load(&self) -> Load;

    /// Returns the time since the last completed job, if jobs are running and it exceeds the limit of a job.
    fn stuck_for(&self) -> Option<Duration>;

    /// Detects the faces of a picture without embedding them, the largest first.
    async fn detect(&self, picture: Photo, scope: Scope) -> Result<Vec<SeenFace>>;

    /// Detects, embeds and, if requested, examines the faces of a picture.
    async fn look(&self, picture: Photo, request: Request) -> Result<Look>;

    /// Compares the largest faces of two pictures on the terms of the first. The faces are examined if requested.
    /// `None` if one of the pictures shows no face.
    async fn compare(&self, a: Photo, b: Photo, examination: Option<Examination>) -> Result<Option<Comparison>>;

    /// Cuts faces out of a picture: those in `areas`, or without areas the largest that is found. Each becomes a JPEG with a
    /// margin of half the face on each side, upright as the picture, and at most `max_side` pixels wide and high. Gives way
    /// to all callers.
    async fn crop(&self, picture: Bytes, areas: Option<Vec<Rect>>, max_side: u32) -> Result<Vec<Bytes>>;

    /// Returns a JPEG of the surroundings of a face, at most `side` pixels wide and high. `area` is in pixels of the upright
    /// picture.
    async fn thumbnail(&self, picture: Photo, area: Rect, side: u32) -> Result<Bytes>;

    /// Returns whether a stored template carries an identity, if nothing else is known of it.
    fn accepts_template(&self, template: &[f32]) -> bool;
}
