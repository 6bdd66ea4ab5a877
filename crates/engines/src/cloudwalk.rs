//! Cloudwalk (云从) over the REST interface of its private server.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::engine::{
    Added, Assessed, Candidate, Claimed, Engine, FaceCandidates, Keeping, LibraryRef, SeenFace, Target, Write,
};
use crate::remote::RemoteSettings;
use crate::{Result, Similarity};

/// How a Cloudwalk engine is reached and understood.
#[derive(Clone, PartialEq)]
pub struct CloudwalkSettings {
    /// Where it is.
    pub remote: RemoteSettings,
    /// Similarity, 0..1 on its own scale, above which two faces are one person; none: as everywhere.
    pub threshold: Option<Similarity>,
    /// `app_id` of every call, if the engine wants one.
    pub app_id: Option<String>,
    /// `app_secret` of every call, if the engine wants one.
    pub app_secret: Option<String>,
    /// Key of the quality score, 0..1, in the answer of `/face/tool/quality`.
    pub quality_key: String,
    /// Its codes for a picture that it can't decode or that shows no face.
    pub bad_picture_codes: Vec<i64>,
    /// Its codes for a group that it has not.
    pub library_missing_codes: Vec<i64>,
    /// Its codes for a group that it has already.
    pub library_exists_codes: Vec<i64>,
    /// Its codes for a face that it has not.
    pub face_missing_codes: Vec<i64>,
}

impl CloudwalkSettings {
    /// The defaults for an engine at this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            remote: RemoteSettings::new(url),
            threshold: None,
            app_id: None,
            app_secret: None,
            quality_key: "score".to_owned(),
            bad_picture_codes: vec![80018],
            library_missing_codes: Vec::new(),
            library_exists_codes: Vec::new(),
            face_missing_codes: Vec::new(),
        }
    }
}

impl fmt::Debug for CloudwalkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudwalkSettings")
            .field("remote", &self.remote)
            .field("threshold", &self.threshold)
            .field("app_id", &self.app_id)
            .field("app_secret", &self.app_secret.as_ref().map(|_| "***"))
            .field("quality_key", &self.quality_key)
            .field("bad_picture_codes", &self.bad_picture_codes)
            .field("library_missing_codes", &self.library_missing_codes)
            .field("library_exists_codes", &self.library_exists_codes)
            .field("face_missing_codes", &self.face_missing_codes)
            .finish()
    }
}

/// A Cloudwalk engine.
pub struct Cloudwalk {
    settings: CloudwalkSettings,
}

impl Cloudwalk {
    /// An engine with these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Settings`](crate::Error::Settings) if they make no sense.
    pub fn new(settings: CloudwalkSettings) -> Result<Self> {
        Ok(Self { settings })
    }
}

#[async_trait]
impl Engine for Cloudwalk {
    fn name(&self) -> &str {
        "cloudwalk"
    }

    fn label(&self) -> &'static str {
        "云从"
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
