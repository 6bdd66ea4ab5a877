//! An engine whose client can be replaced while it is used.

use std::sync::Arc;

use aicp_vision::{SeenFace, Similarity};
use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;

use crate::{Assessment, Candidate, ClaimLookup, FaceCandidates, LibraryRef, RemoteEngine, RemoteFace, Result};
use crate::{Target, Write};

/// An engine that passes each call to the client of the moment. A call that is under way when the client is replaced ends
/// with the former one.
pub struct ReplaceableEngine {
    name: String,
    current: ArcSwap<Arc<dyn RemoteEngine>>,
}

impl ReplaceableEngine {
    /// Creates the engine with its first client.
    pub fn new(client: Arc<dyn RemoteEngine>) -> Self {
        Self { name: client.name().to_owned(), current: ArcSwap::from_pointee(client) }
    }

    /// Replaces the client. One of another name is not taken: the name stands for the engine in the rows.
    pub fn replace(&self, client: Arc<dyn RemoteEngine>) {
        if client.name() == self.name {
            self.current.store(Arc::new(client));
        }
    }

    fn client(&self) -> Arc<dyn RemoteEngine> {
        Arc::clone(&self.current.load())
    }
}

#[async_trait]
impl RemoteEngine for ReplaceableEngine {
    fn name(&self) -> &str {
        &self.name
    }

    fn threshold(&self) -> Option<Similarity> {
        self.client().threshold()
    }

    fn target(&self, write: Write) -> Option<Target> {
        self.client().target(write)
    }

    async fn create_library(&self, library: &LibraryRef) -> Result<()> {
        self.client().create_library(library).await
    }

    async fn delete_library(&self, library: &LibraryRef) -> Result<()> {
        self.client().delete_library(library).await
    }

    async fn add_face(&self, library: &LibraryRef, tag: &str, picture: Bytes) -> Result<RemoteFace> {
        self.client().add_face(library, tag, picture).await
    }

    async fn find_added(
        &self,
        library: &LibraryRef,
        tag: &str,
        picture: Bytes,
        claimed: &dyn ClaimLookup,
    ) -> Result<Option<RemoteFace>> {
        self.client().find_added(library, tag, picture, claimed).await
    }

    async fn remove_face(&self, library: &LibraryRef, engine_ref: &str) -> Result<()> {
        self.client().remove_face(library, engine_ref).await
    }

    async fn identify(&self, libraries: &[LibraryRef], picture: Bytes, top_n: usize) -> Result<Vec<Candidate>> {
        self.client().identify(libraries, picture, top_n).await
    }

    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        self.client().identify_many(libraries, picture, top_n).await
    }

    async fn compare(&self, a: Bytes, b: Bytes) -> Result<Similarity> {
        self.client().compare(a, b).await
    }

    async fn detect(&self, picture: Bytes) -> Result<Vec<SeenFace>> {
        self.client().detect(picture).await
    }

    async fn assess(&self, picture: Bytes) -> Result<Assessment> {
        self.client().assess(picture).await
    }

    async fn require_face(&self, picture: Bytes) -> Result<()> {
        self.client().require_face(picture).await
    }

    async fn health(&self) -> Result<()> {
        self.client().health().await
    }
}
