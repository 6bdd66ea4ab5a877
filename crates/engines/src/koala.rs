//! Koala (考拉悠然) over its REST interface.

use serde::{Deserialize, Serialize};

use async_trait::async_trait;
use bytes::Bytes;

use crate::engine::{
    Added, Assessed, Candidate, Claimed, Engine, FaceCandidates, Keeping, LibraryRef, SeenFace, Target, Write,
};
use crate::remote::RemoteSettings;
use crate::{Result, Similarity};

/// Paths of the calls whose paths the vendor has not published, without a leading `/`. An empty one: there is no such
/// call. Without the first two, libraries are made and deleted by hand at the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KoalaPaths {
    /// Makes a library.
    pub create_library: String,
    /// Deletes a library.
    pub delete_library: String,
    /// Removes a face.
    pub remove: String,
    /// Finds the largest face of a picture in a library.
    pub search: String,
    /// Finds every face of a picture in a library.
    pub search_many: String,
    /// Compares two pictures.
    pub compare: String,
    /// Finds the faces in a picture.
    pub detect: String,
    /// Judges the quality of a picture.
    pub quality: String,
    /// Answers if the engine is well.
    pub health: String,
}

/// How a Koala engine is reached and understood.
#[derive(Debug, Clone, PartialEq)]
pub struct KoalaSettings {
    /// Where it is.
    pub remote: RemoteSettings,
    /// Similarity, 0..1 on its own scale, above which two faces are one person; none: as everywhere.
    pub threshold: Option<Similarity>,
    /// Where its calls are.
    pub paths: KoalaPaths,
    /// Its codes for a picture that it can't decode or that shows no face.
    pub bad_picture_codes: Vec<i64>,
    /// Its codes for a library that it has not.
    pub library_missing_codes: Vec<i64>,
    /// Its codes for a library that it has already.
    pub library_exists_codes: Vec<i64>,
    /// Its codes for a person that it has not.
    pub face_missing_codes: Vec<i64>,
}

impl KoalaSettings {
    /// The defaults for an engine at this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            remote: RemoteSettings::new(url),
            threshold: None,
            paths: KoalaPaths::default(),
            bad_picture_codes: vec![80018],
            library_missing_codes: Vec::new(),
            library_exists_codes: Vec::new(),
            face_missing_codes: Vec::new(),
        }
    }
}

/// A Koala engine.
pub struct Koala {
    settings: KoalaSettings,
}

impl Koala {
    /// An engine with these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`](crate::Error::Settings) if they make no sense.
    pub fn new(settings: KoalaSettings) -> Result<Self> {
        Ok(Self { settings })
    }
}

#[async_trait]
impl Engine for Koala {
    fn name(&self) -> &str {
        "koala"
    }

    fn label(&self) -> &'static str {
        "考拉悠然"
    }

    fn keeping(&self) -> Keeping {
        Keeping::Faces
    }

    fn threshold(&self) -> Option<Similarity> {
        self.settings.threshold
    }

    fn target(&self, _write: Write) -> Option<Target> {
        todo!()
    }

    async fn create_library(&self, _library: &LibraryRef) -> Result<()> {
        todo!()
    }

    async fn delete_library(&self, _library: &LibraryRef) -> Result<()> {
        todo!()
    }

    async fn add_face(&self, _library: &LibraryRef, _tag: &str, _picture: Bytes) -> Result<Added> {
        todo!()
    }

    async fn find_added(
        &self,
        _library: &LibraryRef,
        _tag: &str,
        _picture: Bytes,
        _claimed: &dyn Claimed,
    ) -> Result<Option<Added>> {
        todo!()
    }

    async fn remove_face(&self, _library: &LibraryRef, _engine_ref: &str) -> Result<()> {
        todo!()
    }

    async fn identify(&self, _libraries: &[LibraryRef], _picture: Bytes, _top_n: usize) -> Result<Vec<Candidate>> {
        todo!()
    }

    async fn identify_many(
        &self,
        _libraries: &[LibraryRef],
        _picture: Bytes,
        _top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        todo!()
    }

    async fn compare(&self, _a: Bytes, _b: Bytes) -> Result<Similarity> {
        todo!()
    }

    async fn detect(&self, _picture: Bytes) -> Result<Vec<SeenFace>> {
        todo!()
    }

    async fn assess(&self, _picture: Bytes) -> Result<Assessed> {
        todo!()
    }

    async fn require_face(&self, _picture: Bytes) -> Result<()> {
        todo!()
    }

    async fn health(&self) -> Result<()> {
        todo!()
    }
}
