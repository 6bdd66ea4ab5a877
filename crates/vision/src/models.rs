//! The five networks together, as one worker holds them.

use std::path::PathBuf;
use std::sync::Arc;

use crate::attributes::{Landmarker, LivenessJudge, PoseEstimator, five_of};
use crate::detector::{DetectedFace, Detector};
use crate::embedder::{Embedder, Embedding, Purpose};
use crate::manifest::{Manifest, Role, read_verified};
use crate::picture::Picture;
use crate::quality::{self, Quality};
use crate::runtime::{Inference, Runtime};
use crate::{Error, Result};

/// Which model made a template; templates of different algorithms can't be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Algorithm {
    /// Name of the model.
    pub name: String,
    /// Who provides it.
    pub provider: String,
    /// Its version.
    pub version: String,
}

/// Where the model files and the runtime library are.
#[derive(Debug, Clone)]
pub struct ModelPaths {
    /// The models folder.
    pub folder: PathBuf,
    /// The runtime library, if not the one in the models folder. It is not checked against the manifest.
    pub runtime: Option<PathBuf>,
}

/// The files of all networks, verified and held in memory until every worker has loaded them.
#[derive(Clone)]
pub(crate) struct ModelFiles {
    pub runtime: Runtime,
    files: Vec<(Role, String, Arc<[u8]>)>,
    pub algorithm: Algorithm,
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
        let embedder = manifest.model(Role::Embedder)?;
        Ok(Self {
            runtime,
            files,
            algorithm: Algorithm {
                name: embedder.algorithm.clone(),
                provider: embedder.provider.clone(),
                version: embedder.version.clone(),
            },
        })
    }

    fn load<T>(&self, role: Role, load: impl FnOnce(&Runtime, &str, &Arc<[u8]>) -> Result<T>) -> Result<T> {
        let (_, name, bytes) = self
            .files
            .iter()
            .find(|(r, ..)| *r == role)
            .ok_or_else(|| Error::Manifest(format!("no model has the role {role:?}")))?;
        load(&self.runtime, name, bytes)
    }
}

/// The networks of one worker thread: everything that can be asked about a picture and the faces in it.
pub struct FaceModels {
    detector: Detector,
    embedder: Embedder,
    landmarker: Landmarker,
    liveness: LivenessJudge,
    pose: PoseEstimator,
}

impl FaceModels {
    /// Loads all networks, for the calling thread.
    pub(crate) fn load(files: &ModelFiles) -> Result<Self> {
        Ok(Self {
            detector: files.load(Role::Detector, Detector::load)?,
            embedder: files.load(Role::Embedder, Embedder::load)?,
            landmarker: files.load(Role::Landmarks, Landmarker::load)?,
            liveness: files.load(Role::Liveness, LivenessJudge::load)?,
            pose: files.load(Role::Pose, PoseEstimator::load)?,
        })
    }

    /// All faces in the picture, the largest first.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn detect(&mut self, picture: &Picture) -> Result<Vec<DetectedFace>> {
        self.detector.detect(picture)
    }

    /// The face that is the first of [`FaceModels::detect`], found in less time if it is large.
    ///
    /// The picture is looked at in few pixels first. That settles it only if the largest face seen so is large enough
    /// to be placed exactly, seen for certain, and clearly larger than the next; else the picture is looked at as
    /// `detect` does.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn detect_largest(&mut self, picture: &Picture) -> Result<Option<DetectedFace>> {
        self.detector.detect_largest(picture)
    }

    /// Width and height of what the detector's network was given, run after run, since this was asked last; of many runs the
    /// first ones. For measuring.
    pub fn take_looks(&mut self) -> Vec<(u32, u32)> {
        self.detector.take_looks()
    }

    /// The embedding of a face. Its landmarks are refined first.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn embed(&mut self, picture: &Picture, face: &DetectedFace, purpose: Purpose) -> Result<Embedding> {
        let points = self.landmarker.find_exactly(picture, &face.area)?;
        self.embedder.embed(picture, &five_of(&points), purpose)
    }

    /// The quality of a face.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn quality(&mut self, picture: &Picture, face: &DetectedFace) -> Result<Quality> {
        let points = self.landmarker.find(picture, &face.area)?;
        let pose = self.pose.estimate(picture, &face.area)?;
        quality::measure(picture, face, &points, pose)
    }

    /// The probability, 0..1, that the face was live before the camera.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn liveness(&mut self, picture: &Picture, face: &DetectedFace) -> Result<f32> {
        self.liveness.judge(picture, &face.area)
    }
}
