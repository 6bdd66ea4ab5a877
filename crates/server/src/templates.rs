//! Full templates of large libraries, read from the database.

use std::collections::HashMap;
use std::sync::Arc;

use aicp_backends::{Axes, GalleryError, GalleryResult, LazyAxes, Rotation, TemplateSource};
use aicp_store::{Algorithm, Store};
use aicp_types::FaceId;
use aicp_vision::{Biometrics, Vision};
use tokio::runtime::Handle;

use crate::config::Search;

/// Templates in the database, for the search threads, which are no threads of the runtime.
struct StoredTemplates {
    store: Store,
    algorithm: Algorithm,
    runtime: Handle,
}

impl TemplateSource for StoredTemplates {
    fn read(&self, faces: &[FaceId]) -> GalleryResult<Vec<Option<Vec<f32>>>> {
        let read = async { self.store.rows().await?.vectors_of(faces, &self.algorithm).await };
        let read = match Handle::try_current() {
            Ok(_) => tokio::task::block_in_place(|| self.runtime.block_on(read)),
            Err(_) => self.runtime.block_on(read),
        };
        let mut found: HashMap<FaceId, Vec<f32>> =
            read.map_err(|e: aicp_store::Error| GalleryError::Source(e.to_string()))?.into_iter().collect();
        Ok(faces.iter().map(|face| found.remove(face)).collect())
    }
}

/// Returns what large libraries need; `None` if there are to be none. Must be called on the runtime.
pub(crate) fn rotation(search: &Search, vision: &Vision, store: &Store) -> Option<Rotation> {
    let min_rows = Some(search.large_library_faces).filter(|&faces| faces > 0)?;
    let weights = vision.embedder_weights()?;
    let dimensions = vision.dimensions();
    let axes = move || match Axes::of_weights(dimensions, &weights) {
        Ok(axes) => Some(axes),
        Err(error) => {
            tracing::warn!(%error, "large libraries are stored whole");
            None
        }
    };
    let aicp_vision::Algorithm { name, provider, version } = vision.algorithm().clone();
    let algorithm = Algorithm { name, provider, version };
    let source = Arc::new(StoredTemplates { store: store.clone(), algorithm, runtime: Handle::current() });
    Some(Rotation { axes: Arc::new(LazyAxes::new(Box::new(axes))), source, min_rows })
}
