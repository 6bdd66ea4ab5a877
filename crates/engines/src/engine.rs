//! Interface of all engines.

use std::collections::HashSet;

use aicp_types::{FaceId, LibraryId};
use async_trait::async_trait;
use bytes::Bytes;

use aicp_vision::{Caller, Effort, Grade, RECOGNISABLE, Rect};

use crate::{BoxError, Result, Similarity};

/// A library as an engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryRef {
    /// Row id of the library here.
    pub row: LibraryId,
    /// Engine key: id of the library at the engine, 32 lower-case hex digits, chosen by us.
    pub engine_id: String,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
}

/// Where the faces of a library are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaceStorage {
    /// Here: [`Engine::add_face`] only makes a template; the caller stores it and admits it to the galleries.
    Templates,
    /// At the engine, under refs of its own.
    Faces,
}

/// A picture for an engine, with the terms of its processing.
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

impl AsRef<[u8]> for Photo {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Bytes> for Photo {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, terms: Terms::default() }
    }
}

/// Terms on which the built-in engine processes a picture. Other engines ignore them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Caller: decides the priority, the maximum size of a picture, and the effort spent if no face is found at first.
    pub caller: Caller,
    /// Least recognisability: a face below is not enrolled and matches nobody; 0 accepts every face.
    pub least_recognisability: f32,
}

impl Default for Terms {
    fn default() -> Self {
        Self { caller: Caller::Known, least_recognisability: RECOGNISABLE }
    }
}

impl Terms {
    /// Returns the effort of face detection.
    pub fn effort(&self) -> Effort {
        if self.caller == Caller::Unknown { Effort::Limited } else { Effort::Full }
    }
}

/// A face that an engine detected in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SeenFace {
    /// Bounding box in pixels of the upright picture; empty if the engine does not report it.
    pub area: Rect,
    /// Confidence of the engine, 0..1; 0 if it does not report any.
    pub confidence: f32,
    /// In-plane rotation in degrees clockwise, from the eyes; 0 if the engine does not report it.
    pub rotation: f32,
}

/// Result of adding a face. Not `Debug`, because a template must not be logged.
#[derive(Clone, Default)]
pub struct EnrolledFace {
    /// The engine's id of the face, if the engine stores it.
    pub engine_ref: Option<String>,
    /// Template (a unit vector), if the caller must store it.
    pub template: Option<Vec<f32>>,
    /// The face in the picture, if the engine reports it.
    pub face: Option<SeenFace>,
    /// Quality score of the face, 0..1, if the engine reports it.
    pub quality: Option<f32>,
    /// Recognisability of the face, 0..1, if the engine judges it.
    pub recognisability: Option<f32>,
}

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

impl FaceKey {
    /// Returns the engine's id, if the engine stores the face.
    pub fn engine_ref(&self) -> Option<&str> {
        match self {
            Self::Row(_) => None,
            Self::Ref { engine_ref, .. } => Some(engine_ref),
        }
    }
}

/// A face of a library that may show the person in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Identifier of the face.
    pub face: FaceKey,
    /// Similarity, 0..1, on the engine's own scale.
    pub similarity: Similarity,
}

/// A face of a picture with its candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceCandidates {
    /// The face in the picture.
    pub face: SeenFace,
    /// Candidates, most similar first.
    pub candidates: Vec<Candidate>,
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

/// Destination of a write, for the listing of pending writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Base address of the engine, with a trailing `/`.
    pub url: String,
    /// Path under it, without a leading `/`.
    pub operation: String,
}

/// Kind of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// [`Engine::add_face`].
    AddFace,
    /// [`Engine::remove_face`].
    RemoveFace,
    /// [`Engine::create_library`].
    CreateLibrary,
    /// [`Engine::delete_library`].
    DeleteLibrary,
}

/// Biometric engine of a library.
///
/// Every call that takes a picture may fail with [`Error::BadPicture`](crate::Error::BadPicture) or
/// [`Error::NoFace`](crate::Error::NoFace); an engine that cannot tell them apart returns `BadPicture`. Every call may
/// fail with `Busy` or `Failed`; calls to a remote engine also with `Unavailable`, `Refused`, `Rejected` and
/// `Unsupported`. A picture is the bytes of the file.
///
/// A face that the built-in engine judges not recognisable is refused with
/// [`Error::NotRecognisable`](crate::Error::NotRecognisable) when it is added, gets no candidates in a search, and has
/// a similarity of 0 in a comparison.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Returns the name that libraries store: `builtin`, `koala` or `cloudwalk`.
    fn name(&self) -> &str;

    /// Returns where the faces are stored.
    fn face_storage(&self) -> FaceStorage;

    /// Returns the engine's own match threshold, if configured: vendors' scores have scales of their own.
    fn threshold(&self) -> Option<Similarity>;

    /// Returns the destination of a write; `None` if nothing is sent, because the engine is in this process, or has no
    /// call for it and needs none.
    fn target(&self, write: Write) -> Option<Target>;

    /// Creates a library; succeeds if it exists already.
    async fn create_library(&self, library: &LibraryRef) -> Result<()>;

    /// Deletes a library with all its faces; succeeds if it does not exist.
    async fn delete_library(&self, library: &LibraryRef) -> Result<()>;

    /// Adds the largest face of a picture. `tag` is our person number, 32 hex digits. Never retried once the request
    /// may have reached the engine: see `in_doubt` of [`Error::Unavailable`](crate::Error::Unavailable).
    async fn add_face(&self, library: &LibraryRef, tag: &str, picture: Photo) -> Result<EnrolledFace>;

    /// Searches for a face that an earlier [`Engine::add_face`] with a lost answer may have left at the engine. Faces
    /// that `claimed` knows are excluded.
    ///
    /// At most one addition to the library may be in doubt; otherwise the face of another one could be returned.
    async fn find_added(
        &self,
        library: &LibraryRef,
        tag: &str,
        picture: Photo,
        claimed: &dyn ClaimLookup,
    ) -> Result<Option<EnrolledFace>>;

    /// Removes a face; succeeds if it does not exist.
    async fn remove_face(&self, library: &LibraryRef, engine_ref: &str) -> Result<()>;

    /// Returns the faces most like the largest face of a picture, at most `top_n`, best first over all libraries.
    async fn identify(&self, libraries: &[LibraryRef], picture: Photo, top_n: usize) -> Result<Vec<Candidate>>;

    /// Returns every face of a picture, the largest first, each with at most `top_n` candidates over all libraries.
    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Photo,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>>;

    /// Returns the similarity of the largest faces of two pictures, 0..1.
    async fn compare(&self, a: Photo, b: Photo) -> Result<Similarity>;

    /// Returns every face of a picture, the largest first. No face is not an error if the engine can tell.
    async fn detect(&self, picture: Photo) -> Result<Vec<SeenFace>>;

    /// Returns the quality and the feature of the largest face of a picture.
    async fn assess(&self, picture: Photo) -> Result<Assessment>;

    /// Checks that the picture can be decoded and shows a face.
    async fn require_face(&self, picture: Photo) -> Result<()>;

    /// Checks that the engine answers.
    async fn health(&self) -> Result<()>;
}

/// Lookup of the engine's faces that belong to faces here.
#[async_trait]
pub trait ClaimLookup: Send + Sync {
    /// Returns those of these refs, all of one library, that belong to a face known here.
    ///
    /// # Errors
    /// Any error of the lookup.
    async fn claimed(&self, engine_refs: &[String]) -> Result<HashSet<String>, BoxError>;
}
