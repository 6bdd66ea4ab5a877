//! Biometrics for tests: no models, no threads, microseconds per call.
//!
//! A picture is a text that names its faces, written by [`FakePicture`]:
//!
//! ```text
//! fake 640x480 1
//! alice area=100,100,200,200 confidence=0.99 recognisability=0.99 quality=0.9 yaw=0 live=0.99
//! ```
//!
//! Embeddings follow from the names: those of one identity have a cosine of about 0.98, varying by picture, those of
//! different identities about 0.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::algorithm::Algorithm;
use crate::attributes::{HeadPose, Liveness};
use crate::biometrics::{
    Biometrics, Comparison, EmbeddedFace, Examination, ExaminedFace, Look, MAX_FACES, Photo, Request, Scope, SeenFace,
    Terms,
};
use crate::embedder::{DIMENSIONS, Embedding, Purpose};
use crate::geometry::{Point, Rect};
use crate::pool::Load;
use crate::quality::{Components, Quality};
use crate::{Error, Result};

/// First word of a picture.
const MAGIC: &str = "fake";
/// Length of the part of an embedding that varies by picture, relative to the identity's part.
const VARIATION: f32 = 0.14;
/// Maximum cosine of a template to that of the identity [`SPOILT`] for it to carry an identity.
const SPOILT_COSINE: f32 = 0.5;
/// Identity whose templates carry no identity.
const SPOILT: &str = "spoilt";

/// A face of a [`FakePicture`].
#[derive(Debug, Clone, PartialEq)]
pub struct FakeFace {
    /// Name of the person: ASCII letters, digits and `-`.
    pub identity: String,
    /// Left, top, width and height of the bounding box in pixels.
    pub area: [f32; 4],
    /// Confidence of the detector, 0..1.
    pub confidence: f32,
    /// Recognisability, 0..1.
    pub recognisability: f32,
    /// Quality score, 0..1; every component of the quality is 100 times that.
    pub quality: f32,
    /// Rotation of the head to the side, in degrees.
    pub yaw: f32,
    /// Liveness, 0..1.
    pub live: f32,
}

impl FakeFace {
    /// Returns a good face of a person: large, recognisable, of high quality and live.
    pub fn of(identity: &str) -> Self {
        Self {
            identity: identity.to_owned(),
            area: [100.0, 100.0, 200.0, 200.0],
            confidence: 0.99,
            recognisability: 0.99,
            quality: 0.9,
            yaw: 0.0,
            live: 0.99,
        }
    }
}

impl fmt::Display for FakeFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { identity, area: [x, y, width, height], confidence, recognisability, quality, yaw, live } = self;
        write!(
            f,
            "{identity} area={x},{y},{width},{height} confidence={confidence} recognisability={recognisability} \
             quality={quality} yaw={yaw} live={live}"
        )
    }
}

impl FromStr for FakeFace {
    type Err = Error;

    /// Parses a face; what is not named is that of a good face.
    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.split_whitespace();
        let mut face = Self::of(words.next().ok_or(Error::Truncated)?);
        for word in words {
            let (key, value) = word.split_once('=').ok_or(Error::Damaged("a word without a value"))?;
            let numbers: Vec<f32> = value.split(',').map(number).collect::<Result<_>>()?;
            match (key, numbers.as_slice()) {
                ("area", [x, y, width, height]) => face.area = [*x, *y, *width, *height],
                ("confidence", [value]) => face.confidence = *value,
                ("recognisability", [value]) => face.recognisability = *value,
                ("quality", [value]) => face.quality = *value,
                ("yaw", [value]) => face.yaw = *value,
                ("live", [value]) => face.live = *value,
                _ => return Err(Error::Damaged("an unknown word")),
            }
        }
        Ok(face)
    }
}

/// A picture for [`FakeBiometrics`].
#[derive(Debug, Clone, PartialEq)]
pub struct FakePicture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Distinguishes pictures of the same faces.
    pub number: u32,
    /// The faces.
    pub faces: Vec<FakeFace>,
}

impl FakePicture {
    /// Returns a picture of 640x480 pixels.
    pub fn new(number: u32, faces: Vec<FakeFace>) -> Self {
        Self { width: 640, height: 480, number, faces }
    }

    /// Returns a picture of one good face.
    pub fn of(identity: &str, number: u32) -> Self {
        Self::new(number, vec![FakeFace::of(identity)])
    }

    /// Returns the bytes of the file.
    pub fn bytes(&self) -> Bytes {
        self.to_string().into()
    }

    /// Parses a file; the faces are sorted, the largest first.
    fn decode(bytes: &[u8], terms: Terms) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::EmptyPicture);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Error::UnknownFormat)?;
        let mut lines = text.lines();
        let mut head = lines.next().unwrap_or_default().split(' ');
        if head.next() != Some(MAGIC) {
            return Err(Error::UnknownFormat);
        }
        let (width, height) = head.next().and_then(|size| size.split_once('x')).ok_or(Error::Truncated)?;
        let number = head.next().ok_or(Error::Truncated)?;
        let mut picture = Self {
            width: number_of(width)?,
            height: number_of(height)?,
            number: number_of(number)?,
            faces: lines.map(str::parse).collect::<Result<_>>()?,
        };
        terms.check_size(picture.width, picture.height)?;
        let size = |face: &FakeFace| face.area[2] * face.area[3];
        picture.faces.sort_by(|a, b| size(b).total_cmp(&size(a)));
        Ok(picture)
    }

    /// Returns the first faces in a scope.
    fn in_scope(&self, scope: Scope) -> &[FakeFace] {
        let wanted = match scope {
            Scope::Largest => 1,
            Scope::AtMost(at_most) => at_most,
        };
        &self.faces[..wanted.min(self.faces.len())]
    }

    fn embedded(
        &self,
        face: &FakeFace,
        purpose: Purpose,
        examination: Option<Examination>,
        terms: Terms,
    ) -> Result<EmbeddedFace> {
        let FakeFace { identity, recognisability, yaw, live, .. } = face;
        // An enrolment varies less, as the mean of two embeddings does.
        let share = if purpose == Purpose::Enrolment { VARIATION / 2.0 } else { VARIATION };
        let own = direction(identity);
        let varied = direction(&format!("{identity} in {self}"));
        let sum = own.iter().zip(&varied).map(|(own, varied)| own + share * varied).collect();
        let embedding = Embedding::new(sum).ok_or(Error::Damaged("a face without an identity"))?;
        let examined = examination.map(|wanted| ExaminedFace {
            face: seen(face),
            landmarks: landmarks(face),
            quality: wanted.quality.then(|| quality_of(face)),
            pose: HeadPose { yaw: *yaw, ..HeadPose::default() },
            liveness: wanted.liveness.then_some(Liveness { probability: *live, is_too_tight: false }),
            is_recognisable: terms.accept(*recognisability),
        });
        Ok(EmbeddedFace { face: seen(face), embedding, recognisability: *recognisability, examined })
    }
}

impl fmt::Display for FakePicture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, number, faces } = self;
        write!(f, "{MAGIC} {width}x{height} {number}")?;
        faces.iter().try_for_each(|face| write!(f, "\n{face}"))
    }
}

fn number(text: &str) -> Result<f32> {
    text.parse().map_err(|_| Error::Damaged("not a number"))
}

fn number_of(text: &str) -> Result<u32> {
    text.parse().map_err(|_| Error::Damaged("not a number"))
}

fn seen(face: &FakeFace) -> SeenFace {
    let [x, y, width, height] = face.area;
    SeenFace { area: Rect { x, y, width, height }, confidence: face.confidence, rotation: 0.0 }
}

/// Returns landmarks at their usual places in the box.
fn landmarks(face: &FakeFace) -> [Point; 5] {
    let [x, y, width, height] = face.area;
    [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
        .map(|(right, down)| Point::new(x + right * width, y + down * height))
}

fn quality_of(face: &FakeFace) -> Quality {
    let all = (face.quality * 100.0).round() as u8;
    let frontal = (100.0 * face.yaw.to_radians().cos().powi(2)).round() as u8;
    Quality {
        score: face.quality,
        components: Components {
            inter_eye_distance: all,
            head_pose: all.min(frontal),
            sharpness: all,
            luminance: all,
            dynamic_range: all,
            over_exposure_prevention: all,
            under_exposure_prevention: all,
            illumination_uniformity: all,
            crop: all,
            confidence: all,
            landmark_agreement: all,
            uncovered: all,
            embedding_length: all,
            distinctness: all,
            recognisability: (face.recognisability * 100.0).round() as u8,
        },
        pose: HeadPose { yaw: face.yaw, ..HeadPose::default() },
        cover: None,
    }
}

/// Returns a unit vector that depends on the name alone; those of different names are nearly orthogonal.
fn direction(name: &str) -> Vec<f32> {
    let signs = (0u8..2).flat_map(|block| {
        let hash = Sha256::new().chain_update([block]).chain_update(name).finalize();
        hash.into_iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1)).collect::<Vec<u8>>()
    });
    let step = 1.0 / (DIMENSIONS as f32).sqrt();
    signs.map(|sign| if sign == 1 { step } else { -step }).collect()
}

/// Biometrics for tests. Clones share everything.
#[derive(Clone)]
pub struct FakeBiometrics {
    algorithm: Arc<Algorithm>,
    is_busy: Arc<AtomicBool>,
    /// Number of calls begun, and of holds.
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    begun: usize,
    holds: usize,
}

impl Default for FakeBiometrics {
    fn default() -> Self {
        let algorithm = Algorithm { name: "fake".to_owned(), provider: "tests".to_owned(), version: "1".to_owned() };
        Self {
            algorithm: Arc::new(algorithm),
            is_busy: Arc::default(),
            state: Arc::new(watch::Sender::new(State::default())),
        }
    }
}

impl FakeBiometrics {
    /// Makes all later calls fail with [`Error::Busy`], or succeed again.
    pub fn set_busy(&self, is_busy: bool) {
        self.is_busy.store(is_busy, Ordering::SeqCst);
    }

    /// Makes calls wait until the returned value is dropped.
    pub fn hold(&self) -> Hold {
        self.state.send_modify(|state| state.holds += 1);
        Hold { state: Arc::clone(&self.state) }
    }

    /// Returns the number of calls begun with a picture.
    pub fn calls(&self) -> usize {
        self.state.borrow().begun
    }

    /// Waits until this many calls with a picture have begun.
    pub async fn wait_for_calls(&self, calls: usize) {
        // The sender lives as long as this value.
        let _ = self.state.subscribe().wait_for(|state| state.begun >= calls).await;
    }

    async fn begin(&self) -> Result<()> {
        self.state.send_modify(|state| state.begun += 1);
        if self.is_busy.load(Ordering::SeqCst) {
            return Err(Error::Busy);
        }
        let _ = self.state.subscribe().wait_for(|state| state.holds == 0).await;
        Ok(())
    }
}

/// Makes the calls of a [`FakeBiometrics`] wait until it is dropped.
pub struct Hold {
    state: Arc<watch::Sender<State>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.state.send_modify(|state| state.holds -= 1);
    }
}

#[async_trait]
impl Biometrics for FakeBiometrics {
    fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn load(&self) -> Load {
        Load::default()
    }

    fn stuck_for(&self) -> Option<Duration> {
        None
    }

    async fn detect(&self, picture: Photo, scope: Scope) -> Result<Vec<SeenFace>> {
        self.begin().await?;
        let picture = FakePicture::decode(&picture.bytes, picture.terms)?;
        Ok(picture.in_scope(scope).iter().map(seen).collect())
    }

    async fn look(&self, picture: Photo, request: Request) -> Result<Look> {
        self.begin().await?;
        let terms = picture.terms;
        let picture = FakePicture::decode(&picture.bytes, terms)?;
        let Request { scope, purpose, examination } = request;
        let faces = picture.in_scope(scope).iter().take(MAX_FACES);
        let faces = faces.map(|face| picture.embedded(face, purpose, examination, terms)).collect::<Result<_>>()?;
        Ok(Look { width: picture.width as f32, height: picture.height as f32, faces })
    }

    async fn compare(&self, a: Photo, b: Photo, examination: Option<Examination>) -> Result<Option<Comparison>> {
        self.begin().await?;
        let terms = a.terms;
        let (a, b) = (FakePicture::decode(&a.bytes, terms)?, FakePicture::decode(&b.bytes, terms)?);
        let (Some(face_a), Some(face_b)) = (a.faces.first(), b.faces.first()) else { return Ok(None) };
        let face_a = a.embedded(face_a, Purpose::Probe, examination, terms)?;
        let face_b = b.embedded(face_b, Purpose::Probe, examination, terms)?;
        Ok(Some(Comparison::new(face_a, face_b, terms)))
    }

    async fn crop(&self, picture: Bytes, areas: Option<Vec<Rect>>, _: u32) -> Result<Vec<Bytes>> {
        self.begin().await?;
        let found = FakePicture::decode(&picture, Terms::default())?;
        let faces = areas.map_or(found.faces.len().min(1), |areas| areas.len());
        Ok(vec![picture; faces])
    }

    /// Returns the picture as it is.
    async fn thumbnail(&self, picture: Photo, _: Rect, _: u32) -> Result<Bytes> {
        self.begin().await?;
        FakePicture::decode(&picture.bytes, picture.terms)?;
        Ok(picture.bytes)
    }

    fn accepts_template(&self, template: &[f32]) -> bool {
        template.iter().zip(direction(SPOILT)).map(|(a, b)| a * b).sum::<f32>() <= SPOILT_COSINE
    }
}

#[cfg(test)]
mod tests;
