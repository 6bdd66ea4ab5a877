//! What engines return, whether built in or remote.

use aicp_types::{FaceId, LibraryId};
use aicp_vision::{Grade, SeenFace, Similarity};

/// Name of the built-in engine, as libraries store it.
pub const BUILTIN: &str = "builtin";

/// By what the face of a candidate is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CandidateKey {
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
    /// The face.
    pub face: CandidateKey,
    /// Similarity, 0..1, on the engine's own scale.
    pub similarity: Similarity,
}

impl From<aicp_engines::Candidate> for Candidate {
    fn from(candidate: aicp_engines::Candidate) -> Self {
        let aicp_engines::Candidate { library, engine_ref, similarity } = candidate;
        Self { face: CandidateKey::Ref { library, engine_ref }, similarity }
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
