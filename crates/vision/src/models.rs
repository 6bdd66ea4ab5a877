//! The five networks of one worker.

mod file;

pub use file::MIN_REDUCED_PIXELS;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::algorithm::Algorithm;
use crate::attributes::{Landmarker, Liveness, LivenessJudge, PoseEstimator, five_of, roll};
use crate::detector::{self, DetectedFace, Detector, Effort, TurnedView};
use crate::embedder::{Embedded, Embedder, Embedding, Purpose, misfit};
use crate::geometry::{Point, Turn};
use crate::manifest::{Manifest, Role, read_verified};
use crate::picture::Picture;
use crate::quality::{self, Quality};
use crate::recognisability::{Evidence, Judge, RECOGNISABLE};
use crate::runtime::{Inference, Runtime};
use crate::{Error, Result, embedder, onnx};

/// Locations of the model files and the runtime library.
#[derive(Debug, Clone)]
pub struct ModelPaths {
    /// The models folder.
    pub folder: PathBuf,
    /// The runtime library, if it is not in the models folder. It is not checked against the manifest.
    pub runtime: Option<PathBuf>,
}

/// The verified files of all networks, held in memory until every worker has loaded them.
#[derive(Clone)]
pub(crate) struct ModelFiles {
    pub runtime: Runtime,
    files: Vec<(Role, String, Arc<[u8]>)>,
    pub algorithm: Algorithm,
    pub judge: Arc<Option<Judge>>,
}

impl ModelFiles {
    /// Reads and verifies every file, and loads the runtime.
    pub fn read(paths: &ModelPaths, inference: Inference) -> Result<Self> {
        let manifest = Manifest::embedded()?;
        let runtime = Runtime::load(&manifest, paths, inference)?;
        let files = manifest
            .model
            .iter()
            .map(|entry| {
                let file = read_verified(&paths.folder, &entry.file, &entry.sha256)?;
                Ok((entry.role, entry.file.clone(), file.into()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { runtime, files, judge: Arc::new(Judge::embedded()?), algorithm: Algorithm::embedded()? })
    }

    fn file(&self, role: Role) -> Result<(&str, &Arc<[u8]>)> {
        let found = self.files.iter().find(|(r, ..)| *r == role);
        let (_, name, bytes) = found.ok_or_else(|| Error::Manifest(format!("no model has the role {role:?}")))?;
        Ok((name, bytes))
    }

    fn load<T>(&self, role: Role, load: impl FnOnce(&Runtime, &str, &Arc<[u8]>) -> Result<T>) -> Result<T> {
        let (name, bytes) = self.file(role)?;
        load(&self.runtime, name, bytes)
    }

    /// Returns the weights of the embedder's last layer; see [`onnx::last_layer`].
    pub fn embedder_weights(&self) -> Result<Option<Vec<f32>>> {
        let (_, bytes) = self.file(Role::Embedder)?;
        // A malformed file is refused when the network is loaded.
        Ok(onnx::last_layer(bytes, embedder::DIMENSIONS).ok().flatten())
    }
}

/// The networks of one worker thread, with all operations on pictures and faces.
pub struct FaceModels {
    detector: Detector,
    embedder: Embedder,
    landmarker: Landmarker,
    liveness: LivenessJudge,
    pose: PoseEstimator,
    judge: Arc<Option<Judge>>,
    deadline: Deadline,
}

/// The optional time limit of a job.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Checks that the deadline has not passed.
    ///
    /// # Errors
    /// [`Error::Overdue`] if it has passed.
    pub fn check(self) -> Result<()> {
        if self.0.is_some_and(|deadline| deadline <= Instant::now()) { Err(Error::Overdue) } else { Ok(()) }
    }
}

impl FaceModels {
    /// Loads all networks; must be called on the thread that uses them.
    pub(crate) fn load(files: &ModelFiles) -> Result<Self> {
        Ok(Self {
            detector: files.load(Role::Detector, Detector::load)?,
            embedder: files.load(Role::Embedder, Embedder::load)?,
            landmarker: files.load(Role::Landmarks, Landmarker::load)?,
            liveness: files.load(Role::Liveness, LivenessJudge::load)?,
            pose: files.load(Role::Pose, PoseEstimator::load)?,
            judge: Arc::clone(&files.judge),
            deadline: Deadline::default(),
        })
    }

    /// Sets or removes the time after which detection and embedding fail.
    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = Deadline(deadline);
        self.detector.set_deadline(self.deadline);
    }

    /// Detects all faces in the picture in any orientation, the largest first.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn detect(&mut self, picture: &Picture, effort: Effort) -> Result<Vec<DetectedFace>> {
        let faces = self.detector.detect(picture, usize::MAX, effort)?;
        let mut upright = Vec::with_capacity(faces.len());
        let mut doubtful = Vec::new();
        for (i, face) in faces.into_iter().enumerate() {
            if i < MAX_ORIENTATION_CHECKS && self.seems_turned(picture, &face)? {
                doubtful.push(self.embed(picture, &face, Purpose::Probe)?);
            } else {
                upright.push(face);
            }
        }
        if !doubtful.is_empty() || upright.is_empty() {
            self.search_turned(picture, &mut doubtful, &upright, effort)?;
            upright.extend(doubtful.into_iter().map(|recognised| recognised.face));
            detector::sort_by_area(&mut upright);
        }
        Ok(upright)
    }

    /// Detects the first face of [`FaceModels::detect`], in less time if it is large.
    ///
    /// A coarse pass runs first. Its result is final only if the largest face is large enough to be located exactly,
    /// has a high confidence and is clearly larger than the next. Otherwise the passes of `detect` run.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn detect_largest(&mut self, picture: &Picture, effort: Effort) -> Result<Option<DetectedFace>> {
        let Some(face) = self.detector.detect_largest(picture, effort)? else {
            return Ok(self.best_turned(picture, None, effort)?.map(|recognised| recognised.face));
        };
        self.or_better_view(picture, face, effort).map(Some)
    }

    /// Returns the face, or what the turned picture shows there if the face seems to be turned.
    fn or_better_view(&mut self, picture: &Picture, face: DetectedFace, effort: Effort) -> Result<DetectedFace> {
        if !self.seems_turned(picture, &face)? {
            return Ok(face);
        }
        let first = self.embed(picture, &face, Purpose::Probe)?;
        Ok(self.or_turned(picture, first, effort)?.face)
    }

    /// Returns the largest face of the picture in any orientation, with its embedding.
    ///
    /// Turned passes run only if there is no face or the face is hardly recognisable.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn recognise_largest(
        &mut self,
        picture: &Picture,
        purpose: Purpose,
        effort: Effort,
    ) -> Result<Option<Recognised>> {
        let face = self.detector.detect_largest(picture, effort)?;
        self.recognise_one(picture, face, purpose, effort)
    }

    /// Returns the face of the upright picture, a better view of it, or a face of the turned picture.
    fn recognise_one(
        &mut self,
        picture: &Picture,
        face: Option<DetectedFace>,
        purpose: Purpose,
        effort: Effort,
    ) -> Result<Option<Recognised>> {
        let best = match face {
            None => self.best_turned(picture, None, effort)?,
            Some(face) => {
                let first = self.embed(picture, &face, purpose)?;
                if first.seems_turned() { Some(self.or_turned(picture, first, effort)?) } else { Some(first) }
            }
        };
        best.map(|best| self.for_purpose(picture, best, purpose)).transpose()
    }

    /// Returns the largest faces of the picture in any orientation, at most `max_faces`, with their embeddings, the
    /// largest first.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn recognise_all(
        &mut self,
        picture: &Picture,
        max_faces: usize,
        purpose: Purpose,
        effort: Effort,
    ) -> Result<Vec<Recognised>> {
        let mut faces = self.detector.detect(picture, max_faces, effort)?;
        if max_faces == 1 {
            return Ok(self.recognise_one(picture, faces.pop(), purpose, effort)?.into_iter().collect());
        }
        let mut upright = Vec::with_capacity(faces.len());
        let mut doubtful = Vec::new();
        for face in faces {
            let recognised = self.embed(picture, &face, purpose)?;
            if recognised.seems_turned() { doubtful.push(recognised) } else { upright.push(recognised) }
        }
        if !doubtful.is_empty() || upright.is_empty() {
            let others: Vec<DetectedFace> = upright.iter().map(|recognised| recognised.face.clone()).collect();
            self.search_turned(picture, &mut doubtful, &others, effort)?;
            for recognised in doubtful {
                upright.push(self.for_purpose(picture, recognised, purpose)?);
            }
            upright.sort_by(|a, b| b.face.area.area().total_cmp(&a.face.area.area()));
            upright.truncate(max_faces);
        }
        Ok(upright)
    }

    /// Returns and clears the recorded input sizes (width, height) of the detector passes, for measurements. Only the
    /// first passes since the last call are recorded.
    pub fn take_pass_sizes(&mut self) -> Vec<(u32, u32)> {
        self.detector.take_pass_sizes()
    }

    /// Computes the embedding of a face found in this picture, and whether it carries an identity.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn embed(&mut self, picture: &Picture, face: &DetectedFace, purpose: Purpose) -> Result<Recognised> {
        self.deadline.check()?;
        let (around, placed) = upright(picture, face);
        let points = self.landmarker.find_exactly(&around, &placed.frame())?;
        let five = five_of(&points);
        let Embedded { embedding, length } = self.embedder.embed(&around, &five, purpose)?;
        let evidence = Evidence {
            spoilt_likeness: self
                .judge
                .as_ref()
                .as_ref()
                .map_or(0.0, |judge| judge.spoilt_likeness(embedding.as_slice())),
            length,
            landmarks_apart: quality::landmarks_apart(&placed.landmarks, &five),
            misfit: misfit(&five),
            confidence: face.confidence,
            covers: self.judge.as_ref().as_ref().map_or([-1.0; 3], |judge| judge.cover_evidence(embedding.as_slice())),
        };
        let recognisability = self.judge.as_ref().as_ref().map_or(1.0, |judge| judge.recognisability(&evidence));
        let embedding = match self.judge.as_ref().as_ref().filter(|_| purpose == Purpose::Probe) {
            Some(judge) => judge.cleaned(embedding, recognisability),
            None => embedding,
        };
        Ok(Recognised { face: face.clone(), embedding, evidence, recognisability })
    }

    /// Computes the unprocessed embedding of a face, for measurements.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn embed_raw(&mut self, picture: &Picture, face: &DetectedFace) -> Result<Embedding> {
        let (around, placed) = upright(picture, face);
        let points = self.landmarker.find_exactly(&around, &placed.frame())?;
        Ok(self.embedder.embed(&around, &five_of(&points), Purpose::Probe)?.embedding)
    }

    /// Measures the quality of a face.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn quality(&mut self, picture: &Picture, recognised: &Recognised) -> Result<Quality> {
        let turn = recognised.face.turn;
        let (picture, face) = upright(picture, &recognised.face);
        let points = self.landmarker.find(&picture, &face.frame())?;
        let pose = self.pose.estimate(&picture, &face.area)?;
        let mut quality = quality::measure(&picture, &face, &points, pose, recognised)?;
        // The roll is reported relative to the original picture.
        quality.pose.roll = wrapped(quality.pose.roll - turn.degrees());
        Ok(quality)
    }

    /// Judges whether a face was live in front of the camera.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn liveness(&mut self, picture: &Picture, face: &DetectedFace) -> Result<Liveness> {
        let (picture, face) = upright(picture, face);
        self.liveness.judge(&picture, &face.area)
    }

    /// Embeds a turned face again if it is to be enrolled: turned views are embedded as probes.
    fn for_purpose(&mut self, picture: &Picture, found: Recognised, purpose: Purpose) -> Result<Recognised> {
        if purpose == Purpose::Probe || found.face.turn == Turn::None {
            return Ok(found);
        }
        self.embed(picture, &found.face, purpose)
    }

    /// [`Recognised::seems_turned`] from the landmarks alone, which cost less than an embedding.
    fn seems_turned(&mut self, picture: &Picture, face: &DetectedFace) -> Result<bool> {
        if lies_on_its_side(face) {
            return Ok(true);
        }
        let points = self.landmarker.find(picture, &face.frame())?;
        Ok(quality::landmarks_apart(&face.landmarks, &five_of(&points)) > MIN_TURNED_LANDMARK_DISTANCE)
    }

    /// Returns the most recognisable view in the turned pictures: of the face `of`, of a larger one if `of` is not
    /// recognisable, or of the largest one without `of`.
    fn best_turned(
        &mut self,
        picture: &Picture,
        of: Option<&Recognised>,
        effort: Effort,
    ) -> Result<Option<Recognised>> {
        let mut best: Option<Recognised> = None;
        for view in TurnedView::of(effort) {
            for turn in Turn::OTHERS {
                let faces = self.detector.detect_turned(picture, turn, *view)?;
                let is_wanted = |face: &&DetectedFace| {
                    of.is_none_or(|of| {
                        let is_larger = face.area.area() > of.face.area.area();
                        is_same(face, &of.face) || (of.recognisability < RECOGNISABLE && is_larger)
                    })
                };
                let Some(face) = faces.iter().find(is_wanted) else { continue };
                let found = self.embed(picture, face, Purpose::Probe)?;
                if best.as_ref().is_none_or(|best| found.recognisability > best.recognisability) {
                    best = Some(found);
                }
            }
            if best.as_ref().is_some_and(|best| !best.is_doubtful()) {
                break;
            }
        }
        Ok(best)
    }

    /// Returns this face, or its view in the turned picture if that is clearly more recognisable.
    fn or_turned(&mut self, picture: &Picture, first: Recognised, effort: Effort) -> Result<Recognised> {
        Ok(match self.best_turned(picture, Some(&first), effort)? {
            Some(turned) if is_same(&turned.face, &first.face) && turned.is_better_view_than(&first) => turned,
            // A different face is accepted only beyond doubt.
            Some(turned) if !is_same(&turned.face, &first.face) && !turned.is_doubtful() => turned,
            _ => first,
        })
    }

    /// Searches the turned picture for faces that are not among `others`: replaces doubtful faces by better views and
    /// adds new faces.
    fn search_turned(
        &mut self,
        picture: &Picture,
        doubtful: &mut Vec<Recognised>,
        others: &[DetectedFace],
        effort: Effort,
    ) -> Result<()> {
        let view = if effort == Effort::Full { TurnedView::Whole } else { TurnedView::LargeFaces };
        let none_known = doubtful.is_empty() && others.is_empty();
        for turn in Turn::OTHERS {
            let mut faces = self.detector.detect_turned(picture, turn, view)?;
            faces.retain(|face| !others.iter().any(|other| is_same(face, other)));
            faces.truncate(MAX_ORIENTATION_CHECKS);
            for face in faces {
                let found = self.embed(picture, &face, Purpose::Probe)?;
                match doubtful.iter_mut().find(|known| is_same(&found.face, &known.face)) {
                    Some(known) if found.is_better_view_than(known) => *known = found,
                    Some(_) => {}
                    // If there are faces already, a new one is added only beyond doubt.
                    None if none_known || !found.is_doubtful() => doubtful.push(found),
                    None => {}
                }
            }
        }
        Ok(())
    }
}

/// A face with its embedding and its recognisability.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// The face.
    pub face: DetectedFace,
    /// The embedding. From a probe that is not recognisable beyond doubt, the common part of spoilt faces is removed.
    pub embedding: Embedding,
    /// The evidence for the recognisability.
    pub evidence: Evidence,
    /// The probability, 0..1, that the embedding matches one of a good picture of the same face. 1 if the embedder is
    /// not the manifest's.
    pub recognisability: f32,
}

impl Recognised {
    /// Whether a turned picture may show the face better.
    fn is_doubtful(&self) -> bool {
        self.recognisability < CERTAIN_RECOGNISABILITY
    }

    /// Whether the face may be on its side or upside down.
    fn seems_turned(&self) -> bool {
        self.is_doubtful() || self.has_turned_landmarks()
    }

    fn has_turned_landmarks(&self) -> bool {
        self.evidence.landmarks_apart > MIN_TURNED_LANDMARK_DISTANCE || lies_on_its_side(&self.face)
    }

    /// Whether this view from the turned picture replaces the other one of the same face. If only the other one has the
    /// landmarks of a face on its side, they are less reliable than its embedding, and this view may be slightly less
    /// recognisable.
    fn is_better_view_than(&self, other: &Self) -> bool {
        let margin = if other.has_turned_landmarks() && !self.has_turned_landmarks() {
            -MIN_TURNED_GAIN
        } else {
            MIN_TURNED_GAIN
        };
        self.recognisability > other.recognisability + margin
    }
}

/// Recognisability from which no turned pass runs.
const CERTAIN_RECOGNISABILITY: f32 = 0.8;
/// Minimum gain in recognisability for a turned view to be preferred.
const MIN_TURNED_GAIN: f32 = 0.1;
/// Minimum distance between the two networks' landmarks, in eye distances, that indicates a face on its side.
const MIN_TURNED_LANDMARK_DISTANCE: f32 = 0.3;
/// Minimum tilt, in degrees, of a face that counts as on its side.
const MIN_SIDE_TILT_DEGREES: f32 = 50.0;
/// Minimum overlap of two boxes (intersection over union) of the same face.
const SAME_FACE: f32 = 0.3;
/// Maximum number of faces of a picture that are checked for being turned, the largest first.
const MAX_ORIENTATION_CHECKS: usize = 16;

/// Whether two boxes belong to the same face.
fn is_same(a: &DetectedFace, b: &DetectedFace) -> bool {
    a.area.overlap(&b.area) > SAME_FACE || a.area.share_in(&b.area) > 2.0 * SAME_FACE
}

/// Whether the detector's landmarks show the face on its side.
fn lies_on_its_side(face: &DetectedFace) -> bool {
    wrapped(roll(&face.landmarks) + face.turn.degrees()).abs() > MIN_SIDE_TILT_DEGREES
}

/// Normalises an angle in degrees to -180..180.
fn wrapped(degrees: f32) -> f32 {
    (degrees + 180.0).rem_euclid(360.0) - 180.0
}

/// Size of the part of the picture that is turned upright with a turned face, in sides of its box: more than any
/// network or quality component uses.
const SURROUNDINGS: f32 = 5.0;

/// Returns the face in a picture in which it is nearly upright: the picture itself, or the turned part around the face.
fn upright<'a>(picture: &'a Picture, face: &DetectedFace) -> (Cow<'a, Picture>, DetectedFace) {
    if face.turn == Turn::None {
        return (Cow::Borrowed(picture), face.clone());
    }
    let (turned, part) = picture.turned_part(face.frame.grown(SURROUNDINGS), face.turn);
    let place = |p: Point| face.turn.apply(Point::new(p.x - part.x, p.y - part.y), part.width, part.height);
    let frame = face.frame.mapped(place);
    let face = DetectedFace {
        area: frame.clamped(turned.width(), turned.height()),
        frame,
        turn: Turn::None,
        landmarks: face.landmarks.map(place),
        confidence: face.confidence,
    };
    (Cow::Owned(turned), face)
}
