//! The engine of a library, built in or remote.

use std::sync::Arc;

use aicp_engines::{LibraryRef, RemoteEngine};
use aicp_types::{FaceId, LibraryId};
use aicp_vision::{Grade, Photo, SeenFace, Similarity};

use crate::{Builtin, Result};

/// Name of the built-in engine, as libraries store it.
pub const BUILTIN: &str = "builtin";

/// Identifier of a candidate's face.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FaceKey {
    /// Row id of the face here.
    Row(FaceId),
    /// The engine's id of the face, unique within a library.
    Ref {
        /// Row id of the library here.
        library: LibraryId,
        /// The engine's id.
        engine_ref: String,
    },
}

/// A face of a library that may show the person in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Identifier of the face.
    pub face: FaceKey,
    /// Similarity, 0..1, on the engine's own scale.
    pub similarity: Similarity,
}

impl From<aicp_engines::Candidate> for Candidate {
    fn from(candidate: aicp_engines::Candidate) -> Self {
        let aicp_engines::Candidate { library, engine_ref, similarity } = candidate;
        Self { face: FaceKey::Ref { library, engine_ref }, similarity }
    }
}

/// A face of a picture with its candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceCandidates {
    /// The face in the picture.
    pub face: SeenFace,
    /// Candidates, most similar first.
    pub candidates: Vec<Candidate>,
}

impl From<aicp_engines::FaceCandidates> for FaceCandidates {
    fn from(found: aicp_engines::FaceCandidates) -> Self {
        Self { face: found.face, candidates: found.candidates.into_iter().map(Candidate::from).collect() }
    }
}

/// Quality of the largest face of a picture. Not `Debug`, because a feature must not be logged.
#[derive(Clone)]
pub struct Assessment {
    /// Quality score, 0..1.
    pub score: f32,
    /// Grades of occlusion, light, blur, completeness and confidence, if the engine reports them.
    pub grades: Option<[Grade; 5]>,
    /// Whether the face carries an identity, if the engine judges that.
    pub is_recognisable: Option<bool>,
    /// Feature: little-endian 32-bit floats for the built-in engine, opaque bytes for others; empty if there is none.
    pub feature: Vec<u8>,
}

/// The engine of a library. Clones share everything.
#[derive(Clone)]
pub enum Engine {
    /// This process: the caller stores the templates, and the index follows the store.
    Builtin(Builtin),
    /// A vendor's server, which stores the faces under refs of its own.
    Remote(Arc<dyn RemoteEngine>),
}

impl Engine {
    /// Returns the name that libraries store: [`BUILTIN`], `koala` or `cloudwalk`.
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(_) => BUILTIN,
            Self::Remote(remote) => remote.name(),
        }
    }

    /// Returns the engine's own match threshold, if configured: vendors' scores have scales of their own.
    pub fn threshold(&self) -> Option<Similarity> {
        match self {
            Self::Builtin(_) => None,
            Self::Remote(remote) => remote.threshold(),
        }
    }

    /// Returns the faces most like the largest face of a picture, at most `top_n`, best first over all libraries.
    ///
    /// # Errors
    /// Any [`Error`](crate::Error) but `NotRecognisable`; so for the other calls.
    pub async fn identify(&self, libraries: &[LibraryRef], picture: Photo, top_n: usize) -> Result<Vec<Candidate>> {
        match self {
            Self::Builtin(builtin) => builtin.identify(&rows(libraries), picture, top_n).await,
            Self::Remote(remote) => {
                let found = remote.identify(libraries, picture.bytes, top_n).await?;
                Ok(found.into_iter().map(Candidate::from).collect())
            }
        }
    }

    /// Returns every face of a picture, the largest first, each with at most `top_n` candidates over all libraries.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Photo,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        match self {
            Self::Builtin(builtin) => builtin.identify_many(&rows(libraries), picture, top_n).await,
            Self::Remote(remote) => {
                let found = remote.identify_many(libraries, picture.bytes, top_n).await?;
                Ok(found.into_iter().map(FaceCandidates::from).collect())
            }
        }
    }

    /// Returns the similarity of the largest faces of two pictures, 0..1.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn compare(&self, a: Photo, b: Photo) -> Result<Similarity> {
        match self {
            Self::Builtin(builtin) => builtin.compare(a, b).await,
            Self::Remote(remote) => Ok(remote.compare(a.bytes, b.bytes).await?),
        }
    }

    /// Returns every face of a picture, the largest first. No face is not an error if the engine can tell.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn detect(&self, picture: Photo) -> Result<Vec<SeenFace>> {
        match self {
            Self::Builtin(builtin) => builtin.detect(picture).await,
            Self::Remote(remote) => Ok(remote.detect(picture.bytes).await?),
        }
    }

    /// Returns the quality and the feature of the largest face of a picture.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn assess(&self, picture: Photo) -> Result<Assessment> {
        match self {
            Self::Builtin(builtin) => builtin.assess(picture).await,
            Self::Remote(remote) => {
                let aicp_engines::Assessment { score, grades, feature } = remote.assess(picture.bytes).await?;
                Ok(Assessment { score, grades, is_recognisable: None, feature })
            }
        }
    }

    /// Checks that the picture can be decoded and shows a face.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn require_face(&self, picture: Photo) -> Result<()> {
        match self {
            Self::Builtin(builtin) => builtin.require_face(picture).await,
            Self::Remote(remote) => Ok(remote.require_face(picture.bytes).await?),
        }
    }
}

fn rows(libraries: &[LibraryRef]) -> Vec<LibraryId> {
    libraries.iter().map(|library| library.row).collect()
}
