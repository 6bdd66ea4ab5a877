//! The five networks together, as one worker holds them.

use std::path::{Path, PathBuf};

use crate::attributes::{Landmarker, LivenessJudge, PoseEstimator, five_of};
use crate::detector::{DetectedFace, Detector};
use crate::embedder::{Embedder, Embedding, Purpose};
use crate::manifest::{Manifest, Role, read_verified};
use crate::picture::Picture;
use crate::quality::{self, Quality};
use crate::runtime::Runtime;
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
pub(crate) struct ModelFiles {
    runtime: Runtime,
    files: Vec<(Role, String, Vec<u8>)>,
    pub algorithm: Algorithm,
}

impl ModelFiles {
    /// Reads and verifies every file, and loads the runtime.
    pub fn read(paths: &ModelPaths) -> Result<Self> {
        let manifest = Manifest::embedded()?;
        let runtime = Runtime::load(&runtime_library(&manifest, paths)?)?;
        let files = manifest
            .model
            .iter()
            .map(|entry| {
                Ok((entry.role, entry.file.clone(), read_verified(&paths.folder, &entry.file, &entry.sha256)?))
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

    fn load<T>(&self, role: Role, load: impl FnOnce(&Runtime, &str, &[u8]) -> Result<T>) -> Result<T> {
        let (_, name, bytes) = self
            .files
            .iter()
            .find(|(r, ..)| *r == role)
            .ok_or_else(|| Error::Manifest(format!("no model has the role {role:?}")))?;
        load(&self.runtime, name, bytes)
    }
}

/// The runtime library, verified if it is the one of the manifest.
pub(crate) fn runtime_library(manifest: &Manifest, paths: &ModelPaths) -> Result<PathBuf> {
    if let Some(path) = &paths.runtime {
        return Ok(path.clone());
    }
    let entry = manifest.runtime().ok_or_else(|| {
        Error::Manifest(format!("no ONNX Runtime library is listed for {}: set AICP_ORT_LIB", std::env::consts::ARCH))
    })?;
    read_verified(&paths.folder, &entry.file, &entry.sha256)?;
    let path: &Path = &paths.folder;
    Ok(path.join(&entry.file))
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

    /// The embedding of a face. Its landmarks are refined first.
    ///
    /// # Errors
    /// [`Error::Model`] if the runtime fails.
    pub fn embed(&mut self, picture: &Picture, face: &DetectedFace, purpose: Purpose) -> Result<Embedding> {
        let points = self.landmarker.find(picture, &face.area)?;
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
