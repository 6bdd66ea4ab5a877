//! Similarity thresholds, and their dependence on the number of faces searched.

use aicp_store::Page;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use aicp_backends::{LibraryRef, Similarity, false_match_rate_of_similarity, similarity_of_false_match_rate};
use aicp_types::LibraryId;

use crate::backend::{LibraryBackend, Scale};
use crate::recognition::MAX_LIBRARIES;
use crate::settings::MAX_TOP_N;
use crate::{Caller, Error, Library, Missing, Platform, Result};

/// Default target of the false-positive identification rate: the share of strangers that a search may name.
const DEFAULT_FPIR: f64 = 0.01;

/// Libraries for which the log already warned that the threshold is low for their size.
#[derive(Debug, Default)]
pub(crate) struct WarnedLibraries(Mutex<HashSet<LibraryId>>);

impl WarnedLibraries {
    /// Adds a library. Returns whether it is new.
    fn insert(&self, library: LibraryId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(library)
    }
}

/// Minimum similarity of a match.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// Above the threshold of the library, else of its engine, else of the settings.
    Default,
    /// At least this similarity.
    AtLeast(Similarity),
    /// As [`Threshold::Default`] in a library with a threshold of its own, at least this similarity in others.
    OwnOr(Similarity),
}

/// The libraries of a search, with the thresholds of their own.
#[derive(Debug)]
pub(crate) struct Searched(HashMap<LibraryId, Option<Similarity>>);

impl Searched {
    pub fn of(libraries: &[Library]) -> Self {
        Self(libraries.iter().map(|library| (library.id, library.threshold)).collect())
    }

    /// Whether the library is searched.
    pub fn contains(&self, library: LibraryId) -> bool {
        self.0.contains_key(&library)
    }

    /// Returns the threshold of a library, if it has one of its own.
    pub fn threshold(&self, library: LibraryId) -> Option<Similarity> {
        self.0.get(&library).copied().flatten()
    }

    /// Returns the least of the thresholds.
    pub fn least(&self) -> Option<Similarity> {
        self.0.values().copied().flatten().min_by(f32::total_cmp)
    }
}

/// The threshold of a library and the one recommended for its size.
#[derive(Debug, Clone)]
pub struct LibraryThreshold {
    /// The library.
    pub library: Library,
    /// Number of searchable faces; `None` if the engine does not report it.
    pub faces: Option<usize>,
    /// Threshold of a search without an explicit one, 0..1.
    pub threshold: Similarity,
    /// Rate at which two strangers reach the threshold, 0..1; `None` for an engine with its own scale.
    pub false_match_rate: Option<f64>,
    /// Lowest threshold at which a search names at most the target share of strangers, 0..1. `None` for an engine with
    /// its own scale of similarities.
    pub recommended: Option<Similarity>,
}

/// Returns the threshold at which a search of `faces` faces names at most the share `fpir` of strangers. By ISO/IEC
/// 19795-1, FPIR is about the number of faces times the false-match rate, while that is small.
pub fn threshold_for(faces: usize, fpir: f64) -> Similarity {
    similarity_of_false_match_rate(fpir / faces.max(1) as f64)
}

impl Platform {
    /// Returns the target share of strangers that a search may name (FPIR).
    pub fn target_fpir(&self) -> f64 {
        self.inner.settings.load().recognition.fpir.unwrap_or(DEFAULT_FPIR)
    }

    /// Returns the thresholds of an app's libraries, in order of creation.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`Missing::App`], [`Missing::Engine`].
    pub async fn thresholds(&self, caller: &Caller, app_id: &str) -> Result<Vec<LibraryThreshold>> {
        caller.require_administration()?;
        let mut rows = self.inner.store.rows().await?;
        let libraries = rows.libraries(app_id, Page::first(MAX_LIBRARIES)).await?;
        if libraries.is_empty() && !rows.app_ids().await?.iter().any(|id| id == app_id) {
            return Err(Error::Missing(Missing::App));
        }
        libraries.into_iter().map(|library| self.library_threshold(library)).collect()
    }

    /// Returns the thresholds of a library.
    ///
    /// # Errors
    /// [`Missing::Engine`].
    pub fn library_threshold(&self, library: Library) -> Result<LibraryThreshold> {
        let usual = self.inner.settings.load().recognition.threshold;
        let faces = match self.inner.backends.named(&library.engine)?.scale(&[library.id]) {
            Scale::Ours { faces } => faces,
            Scale::Vendor { threshold } => {
                let threshold = library.threshold.or(threshold).unwrap_or(usual);
                return Ok(LibraryThreshold {
                    library,
                    faces: None,
                    threshold,
                    false_match_rate: None,
                    recommended: None,
                });
            }
        };
        let threshold = library.threshold.or(self.threshold_by_size(faces)).unwrap_or(usual);
        let recommended = Some(threshold_for(faces, self.target_fpir()));
        let false_match_rate = Some(false_match_rate_of_similarity(threshold));
        Ok(LibraryThreshold { library, faces: Some(faces), threshold, false_match_rate, recommended })
    }

    /// Returns the threshold of a search of this number of faces, if thresholds follow the size.
    fn threshold_by_size(&self, faces: usize) -> Option<Similarity> {
        let settings = self.inner.settings.load();
        settings.recognition.fpir.map(|fpir| threshold_for(faces, fpir).max(settings.recognition.threshold))
    }

    /// Returns the threshold of a search, if it is not that of the settings. A vendor's engine may have its own; that
    /// of the built-in engine may follow the number of faces searched. If a search without an explicit threshold covers
    /// more faces than the threshold suits, logs a warning once per library.
    pub(crate) fn threshold_of(
        &self,
        backend: &dyn LibraryBackend,
        libraries: &[LibraryRef],
        threshold: Threshold,
        searched: &Searched,
    ) -> Option<Similarity> {
        let rows: Vec<LibraryId> = libraries.iter().map(|library| library.row).collect();
        let faces = match backend.scale(&rows) {
            Scale::Vendor { threshold } => return threshold,
            Scale::Ours { .. } if threshold != Threshold::Default => return None,
            Scale::Ours { faces } => faces,
        };
        let by_size = self.threshold_by_size(faces);
        let usual = self.inner.settings.load().recognition.threshold;
        let recommended = threshold_for(faces, DEFAULT_FPIR);
        if by_size.is_none()
            && recommended > usual
            && let [library] = libraries
            && searched.threshold(library.row).is_none()
            && self.inner.warned_libraries.insert(library.row)
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

    /// Whether a similarity from [`Platform::compare`] is a match.
    pub fn is_match(&self, similarity: Similarity) -> bool {
        self.meets_threshold(similarity, Threshold::Default, None, self.threshold_of_default_engine())
    }

    fn threshold_of_default_engine(&self) -> Option<Similarity> {
        match self.inner.backends.default().scale(&[]) {
            Scale::Ours { .. } => None,
            Scale::Vendor { threshold } => threshold,
        }
    }

    /// Returns the similarity that decides a comparison of two pictures.
    pub fn threshold_of_comparison(&self, threshold: Threshold) -> Similarity {
        self.threshold_in_force(threshold, None, self.threshold_of_default_engine())
    }

    /// Returns the similarity that decides a comparison with a person of a library.
    ///
    /// # Errors
    /// [`Missing::Engine`].
    pub fn threshold_of_verification(&self, library: &Library, threshold: Threshold) -> Result<Similarity> {
        let engine = match self.inner.backends.named(&library.engine)?.scale(&[]) {
            Scale::Ours { .. } => None,
            Scale::Vendor { threshold } => threshold,
        };
        Ok(self.threshold_in_force(threshold, library.threshold, engine))
    }

    /// Returns the similarity that decides a search, for each of the libraries.
    ///
    /// # Errors
    /// [`Missing::Engine`].
    pub fn thresholds_of_search(
        &self,
        caller: &Caller,
        libraries: &[Library],
        threshold: Threshold,
    ) -> Result<Vec<(LibraryId, Similarity)>> {
        let searched = Searched::of(libraries);
        let mut thresholds = HashMap::new();
        for (backend, libraries) in self.group_by_backend(caller, libraries)? {
            let engine = self.threshold_of(backend, &libraries, threshold, &searched);
            for library in libraries {
                let own = searched.threshold(library.row);
                thresholds.insert(library.row, self.threshold_in_force(threshold, own, engine));
            }
        }
        let of = |library: &Library| Some((library.id, *thresholds.get(&library.id)?));
        Ok(libraries.iter().filter_map(of).collect())
    }

    /// Returns what [`meets_threshold`](Self::meets_threshold) compares with.
    fn threshold_in_force(
        &self,
        threshold: Threshold,
        own: Option<Similarity>,
        engine: Option<Similarity>,
    ) -> Similarity {
        match (threshold, own) {
            (Threshold::Default, own) => {
                own.or(engine).unwrap_or_else(|| self.inner.settings.load().recognition.threshold)
            }
            (Threshold::OwnOr(_), Some(own)) => own,
            (Threshold::AtLeast(least), _) | (Threshold::OwnOr(least), None) => least,
        }
    }

    /// Whether a similarity to a person of a library is a match.
    ///
    /// # Errors
    /// [`Missing::Engine`].
    pub fn is_match_in(&self, library: &Library, similarity: Similarity, threshold: Threshold) -> Result<bool> {
        let engine = match self.inner.backends.named(&library.engine)?.scale(&[]) {
            Scale::Ours { .. } => None,
            Scale::Vendor { threshold } => threshold,
        };
        Ok(self.meets_threshold(similarity, threshold, library.threshold, engine))
    }

    /// Whether a similarity reaches a threshold; `own` is that of the library, `engine` that of its engine, from
    /// [`threshold_of`](Self::threshold_of).
    pub(crate) fn meets_threshold(
        &self,
        similarity: Similarity,
        threshold: Threshold,
        own: Option<Similarity>,
        engine: Option<Similarity>,
    ) -> bool {
        let least = self.threshold_in_force(threshold, own, engine);
        match (threshold, own) {
            (Threshold::Default, _) | (Threshold::OwnOr(_), Some(_)) => similarity > least,
            (Threshold::AtLeast(_), _) | (Threshold::OwnOr(_), None) => similarity >= least,
        }
    }

    /// Returns the maximum number of people that a search in these libraries finds, if the request names none and a library
    /// has a number of its own; of several the greatest.
    pub fn own_top_n(&self, libraries: &[Library]) -> Option<usize> {
        let own = libraries.iter().filter_map(|library| usize::try_from(library.top_n?).ok());
        own.max().map(|top_n| top_n.clamp(1, MAX_TOP_N))
    }
}
