//! What a library's engine can do, whoever it is.

use std::collections::HashSet;

use aicp_types::{FaceId, LibraryId};
use async_trait::async_trait;
use bytes::Bytes;

use aicp_vision::{Caller, Effort, Grade, RECOGNISABLE, Rect};

use crate::{BoxError, Result, Similarity};

/// A library as an engine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryRef {
    /// Its row id here.
    pub row: LibraryId,
    /// Its id at the engine: 32 lower-case hex digits, chosen by us.
    pub engine_id: String,
    /// What people call it.
    pub name: String,
    /// More about it.
    pub description: Option<String>,
}

/// Who keeps the faces of a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// We do: [`Engine::add_face`] only makes a template; the caller keeps it and admits it to the galleries.
    Templates,
    /// The engine does, under refs of its own.
    Faces,
}

/// A picture that an engine is given, and on which terms.
#[derive(Clone)]
pub struct Photo {
    /// The bytes of the file.
    pub bytes: Bytes,
    /// The terms.
    pub terms: Terms,
}

impl Photo {
    /// Another picture on the same terms.
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

/// For whom the built-in engine looks at a picture, and what it asks of a face. Another engine has terms of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Decides whose turn it is, how large a picture may be, and how hard one is looked at in which no face is seen at first.
    pub caller: Caller,
    /// A face of a lower recognisability is not enrolled and matches nobody; 0 lets every face pass.
    pub least_recognisability: f32,
}

impl Default for Terms {
    fn default() -> Self {
        Self { caller: Caller::Known, least_recognisability: RECOGNISABLE }
    }
}

impl Terms {
    /// How hard a picture is looked at.
    pub fn effort(&self) -> Effort {
        if self.caller == Caller::Unknown { Effort::Limited } else { Effort::Full }
    }
}

/// A face that an engine saw in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SeenFace {
    /// Its box in pixels of the upright picture; empty where the engine does not say.
    pub area: Rect,
    /// How sure the engine is, 0..1; 0 where it does not say.
    pub confidence: f32,
    /// How far it is turned in the plane, in degrees clockwise, from the eyes; 0 where the engine does not say.
    pub rotation: f32,
}

/// What an engine made of a face. Not `Debug`, as a template belongs into no log.
#[derive(Clone, Default)]
pub struct Added {
    /// The engine's own id of the face, if it keeps it.
    pub engine_ref: Option<String>,
    /// The template (a unit vector), if the caller is to keep it.
    pub template: Option<Vec<f32>>,
    /// The face in the picture, if the engine says.
    pub face: Option<SeenFace>,
    /// Quality score of the face, 0..1, if the engine says.
    pub quality: Option<f32>,
    /// Recognisability of the face, 0..1, if the engine judges it.
    pub recognisability: Option<f32>,
}

/// Which face a candidate is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FaceKey {
    /// Row id of the face here.
    Row(FaceId),
    /// The engine's own id of the face, unique within a library.
    Ref {
        /// Row id of the library here.
        library: LibraryId,
        /// The engine's id.
        engine_ref: String,
    },
}

impl FaceKey {
    /// The engine's id, if it keeps the face.
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
    /// Which face.
    pub face: FaceKey,
    /// How alike they are, 0..1, on the engine's own scale.
    pub similarity: Similarity,
}

/// A face of a picture and who it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct FaceCandidates {
    /// The face in the picture.
    pub face: SeenFace,
    /// Who it may be, most similar first.
    pub candidates: Vec<Candidate>,
}

/// The quality of the largest face of a picture. Not `Debug`, as a feature belongs into no log.
#[derive(Clone)]
pub struct Assessed {
    /// Quality score, 0..1.
    pub score: f32,
    /// Grades of occlusion, light, blur, completeness and confidence, if the engine gives any.
    pub grades: Option<[Grade; 5]>,
    /// Whether the face carries an identity, if the engine judges that.
    pub is_recognisable: Option<bool>,
    /// The feature: little-endian 32-bit floats of the built-in engine, opaque bytes of another; empty if it gives
    /// none.
    pub feature: Vec<u8>,
}

/// What a listing of writes to be repeated shows of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Base address of the engine; ends in `/`.
    pub url: String,
    /// Path under it, without a leading `/`.
    pub operation: String,
}

/// A kind of write.
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

/// Does the biometrics of a library.
///
/// Every call that takes a picture may fail with [`Error::BadPicture`](crate::Error::BadPicture) or
/// [`Error::NoFace`](crate::Error::NoFace); an engine that can't tell them apart says `BadPicture`. Every call may
/// fail with `Busy`, `Failed`, and for an engine elsewhere with `Unavailable`, `Refused`, `Rejected` and `Unsupported`. A
/// picture is the bytes of the file.
///
/// A face that the built-in engine judges not recognisable is refused with
/// [`Error::NotRecognisable`](crate::Error::NotRecognisable) where it would be added, has no candidates where it is
/// searched for, and a similarity of 0 where it is compared.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Its name as a library stores it: `builtin`, `koala` or `cloudwalk`.
    fn name(&self) -> &str;

    /// Its name for people.
    fn label(&self) -> &'static str;

    /// Who keeps the faces.
    fn keeping(&self) -> Keeping;

    /// Its own match threshold, if one is configured: the scores of vendors have scales of their own.
    fn threshold(&self) -> Option<Similarity>;

    /// Where a write goes to; none if it goes nowhere: the engine is in this process, or has no call for it and
    /// needs none.
    fn target(&self, write: Write) -> Option<Target>;

    /// Makes a library. One that exists is fine.
    async fn create_library(&self, library: &LibraryRef) -> Result<()>;

    /// Deletes a library with all its faces. One that is gone is fine.
    async fn delete_library(&self, library: &LibraryRef) -> Result<()>;

    /// Adds the largest face of a picture. `tag` is our person number, 32 hex digits. Not repeated once it may have
    /// reached the engine: see `in_doubt` of [`Error::Unavailable`](crate::Error::Unavailable).
    async fn add_face(&self, library: &LibraryRef, tag: &str, picture: Photo) -> Result<Added>;

    /// Looks for a face that an earlier [`Engine::add_face`], whose answer was lost, may have left at the engine.
    /// A face that `claimed` knows is not it.
    ///
    /// At most one addition to the library may be in doubt, or the face of another one could be taken for it.
    async fn find_added(
        &self,
        library: &LibraryRef,
        tag: &str,
        picture: Photo,
        claimed: &dyn Claimed,
    ) -> Result<Option<Added>>;

    /// Removes a face. One that is gone is fine.
    async fn remove_face(&self, library: &LibraryRef, engine_ref: &str) -> Result<()>;

    /// The faces most like the largest face of a picture, at most `top_n`, best first over all libraries.
    async fn identify(&self, libraries: &[LibraryRef], picture: Photo, top_n: usize) -> Result<Vec<Candidate>>;

    /// Every face of a picture, the largest first, each with at most `top_n` candidates over all libraries.
    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Photo,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>>;

    /// How alike the largest faces of two pictures are, 0..1.
    async fn compare(&self, a: Photo, b: Photo) -> Result<Similarity>;

    /// Every face of a picture, the largest first; none is no error where the engine can tell.
    async fn detect(&self, picture: Photo) -> Result<Vec<SeenFace>>;

    /// The quality and the feature of the largest face of a picture.
    async fn assess(&self, picture: Photo) -> Result<Assessed>;

    /// Nothing, if the picture can be decoded and shows a face.
    async fn require_face(&self, picture: Photo) -> Result<()>;

    /// Nothing, if the engine answers.
    async fn health(&self) -> Result<()>;
}

/// Knows which faces of an engine belong to faces here.
#[async_trait]
pub trait Claimed: Send + Sync {
    /// Those of some refs, all of one library, that belong to a face known here.
    ///
    /// # Errors
    /// Whatever kept the asked from answering.
    async fn claimed(&self, engine_refs: &[String]) -> Result<HashSet<String>, BoxError>;
}
