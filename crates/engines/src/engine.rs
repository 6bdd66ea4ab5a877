//! Interface of the vendors' engines.

use std::collections::HashSet;

use aicp_types::LibraryId;
use async_trait::async_trait;
use bytes::Bytes;

use aicp_vision::{Grade, SeenFace, Similarity};

use crate::{BoxError, Result};

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

/// A face that an engine stores.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteFace {
    /// The engine's id of the face, unique within a library.
    pub engine_ref: String,
    /// The face in the picture, if the engine reports it.
    pub seen: Option<SeenFace>,
}

/// A face of a library that may show the person in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Row id of the library here.
    pub library: LibraryId,
    /// The engine's id of the face, unique within a library.
    pub engine_ref: String,
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
    /// Feature, in a format of the engine; empty if there is none.
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
    /// [`RemoteEngine::add_face`].
    AddFace,
    /// [`RemoteEngine::remove_face`].
    RemoveFace,
    /// [`RemoteEngine::create_library`].
    CreateLibrary,
    /// [`RemoteEngine::delete_library`].
    DeleteLibrary,
}

/// A vendor's engine, which stores the faces of a library itself.
///
/// Every call that takes a picture may fail with [`Error::BadPicture`](crate::Error::BadPicture) or
/// [`Error::NoFace`](crate::Error::NoFace); an engine that cannot tell them apart returns `BadPicture`. Every call may
/// fail with `Busy`, `Unavailable`, `Refused`, `Rejected` and `Unsupported`. A picture is the bytes of the file.
#[async_trait]
pub trait RemoteEngine: Send + Sync {
    /// Returns the name that libraries store: `koala` or `cloudwalk`.
    fn name(&self) -> &str;

    /// Returns the engine's own match threshold, if configured: vendors' scores have scales of their own.
    fn threshold(&self) -> Option<Similarity>;

    /// Returns the destination of a write; `None` if nothing is sent, because the engine has no call for it and needs
    /// none.
    fn target(&self, write: Write) -> Option<Target>;

    /// Creates a library; succeeds if it exists already.
    async fn create_library(&self, library: &LibraryRef) -> Result<()>;

    /// Deletes a library with all its faces; succeeds if it does not exist.
    async fn delete_library(&self, library: &LibraryRef) -> Result<()>;

    /// Adds the largest face of a picture. `tag` is our person number, 32 hex digits. Never retried once the request
    /// may have reached the engine: see `in_doubt` of [`Error::Unavailable`](crate::Error::Unavailable).
    async fn add_face(&self, library: &LibraryRef, tag: &str, picture: Bytes) -> Result<RemoteFace>;

    /// Searches for a face that an earlier [`RemoteEngine::add_face`] with a lost answer may have left at the engine. Faces
    /// that `claimed` knows are excluded.
    ///
    /// At most one addition to the library may be in doubt; otherwise the face of another one could be returned.
    async fn find_added(
        &self,
        library: &LibraryRef,
        tag: &str,
        picture: Bytes,
        claimed: &dyn ClaimLookup,
    ) -> Result<Option<RemoteFace>>;

    /// Removes a face; succeeds if it does not exist.
    async fn remove_face(&self, library: &LibraryRef, engine_ref: &str) -> Result<()>;

    /// Returns the faces most like the largest face of a picture, at most `top_n`, best first over all libraries.
    async fn identify(&self, libraries: &[LibraryRef], picture: Bytes, top_n: usize) -> Result<Vec<Candidate>>;

    /// Returns every face of a picture, the largest first, each with at most `top_n` candidates over all libraries.
    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>>;

    /// Returns the similarity of the largest faces of two pictures, 0..1.
    async fn compare(&self, a: Bytes, b: Bytes) -> Result<Similarity>;

    /// Returns every face of a picture, the largest first. No face is not an error if the engine can tell.
    async fn detect(&self, picture: Bytes) -> Result<Vec<SeenFace>>;

    /// Returns the quality and the feature of the largest face of a picture.
    async fn assess(&self, picture: Bytes) -> Result<Assessment>;

    /// Checks that the picture can be decoded and shows a face.
    async fn require_face(&self, picture: Bytes) -> Result<()>;

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
