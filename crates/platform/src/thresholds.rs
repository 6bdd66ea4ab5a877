//! How similar somebody must be to count as found, and how that depends on the number of faces that are searched.

use aicp_store::Page;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use aicp_engines::{Engine, FaceStorage, LibraryRef, Similarity, similarity_of_false_match_rate};
use aicp_types::LibraryId;

use crate::engines::library_ref;
use crate::recognition::MAX_LIBRARIES;
use crate::{Error, Library, Platform, Result, Threshold};

/// Share of strangers that a search should name at most, where nothing is set.
const USUAL_FPIR: f64 = 0.01;

/// Libraries, by row id, of which the log says that the threshold is low for their size.
#[derive(Debug, Default)]
pub(crate) struct ToldOf(Mutex<HashSet<LibraryId>>);

impl ToldOf {
    /// Whether this library was not told of yet; it is from now on.
    fn insert(&self, library: LibraryId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(library)
    }
}

/// The threshold of a library beside the one that its size asks for.
#[derive(Debug, Clone)]
pub struct LibraryThreshold {
    /// The library.
    pub library: Library,
    /// Faces of it that may be found; `None` if its engine does not tell.
    pub faces: Option<usize>,
    /// The threshold of a search in it that names none, 0..1.
    pub threshold: Similarity,
    /// The lowest threshold at which a search names at most the wanted share of strangers, 0..1; `None` for an engine
    /// whose similarities are its own.
    pub recommended: Option<Similarity>,
}

/// The threshold at which a search of so many faces names at most this share of strangers (ISO/IEC 19795-1: FPIR is about
/// the number of faces times the false-match rate, while that is small).
pub fn threshold_for(faces: usize, fpir: f64) -> Similarity {
    similarity_of_false_match_rate(fpir / faces.max(1) as f64)
}

impl Platform {
    /// The share of strangers that a search is meant to name at most (FPIR).
    pub fn wanted_fpir(&self) -> f64 {
        self.inner.settings.fpir.unwrap_or(USUAL_FPIR)
    }

    /// The thresholds of an app's libraries, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::NoApp`], [`Error::NoEngine`].
    pub async fn thresholds(&self, app_id: &str) -> Result<Vec<LibraryThreshold>> {
        let store = &self.inner.store;
        let libraries = store.libraries(app_id, Page::first(MAX_LIBRARIES)).await?;
        if libraries.is_empty() && !store.app_ids().await?.iter().any(|id| id == app_id) {
            return Err(Error::NoApp);
        }
        libraries.into_iter().map(|library| self.threshold_of_library(library)).collect()
    }

    fn threshold_of_library(&self, library: Library) -> Result<LibraryThreshold> {
        let engine = self.inner.engines.named(&library.engine)?;
        let usual = self.inner.settings.threshold;
        if engine.face_storage() == FaceStorage::Faces {
            let threshold = engine.threshold().unwrap_or(usual);
            return Ok(LibraryThreshold { library, faces: None, threshold, recommended: None });
        }
        let faces = self.inner.engines.builtin().faces(&[library_ref(&library)]);
        let threshold = self.threshold_by_size(faces).unwrap_or(usual);
        let recommended = Some(threshold_for(faces, self.wanted_fpir()));
        Ok(LibraryThreshold { library, faces: Some(faces), threshold, recommended })
    }

    /// The threshold of a search of so many faces, if it follows their number.
    fn threshold_by_size(&self, faces: usize) -> Option<Similarity> {
        let settings = &self.inner.settings;
        settings.fpir.map(|fpir| threshold_for(faces, fpir).max(settings.threshold))
    }

    /// The threshold of a search that leaves it to the engine, if that is not the one of the settings: a vendor's engine has
    /// one of its own, ours may have one that follows the number of faces searched. A caller who names none and searches
    /// more faces than the threshold is meant for is told so in the log, once for a library.
    pub(crate) fn threshold_of(
        &self,
        engine: &Arc<dyn Engine>,
        libraries: &[LibraryRef],
        threshold: Threshold,
    ) -> Option<Similarity> {
        if engine.face_storage() == FaceStorage::Faces || threshold != Threshold::Default {
            return engine.threshold();
        }
        let faces = self.inner.engines.builtin().faces(libraries);
        let by_size = self.threshold_by_size(faces);
        let usual = self.inner.settings.threshold;
        let recommended = threshold_for(faces, USUAL_FPIR);
        if by_size.is_none()
            && recommended > usual
            && let [library] = libraries
            && self.inner.told_of_threshold.insert(library.row)
        {
            tracing::warn!(
                library = library.name,
                faces,
                threshold = usual,
                recommended,
                "the threshold is low for a library of this size: more than 1 stranger in 100 may be named"
            );
        }
        by_size
    }
}
