//! Faces in the galleries, and the search among them.

use std::collections::HashMap;
use std::sync::Arc;

use aicp_gallery::{Entry, Filter, Hit, SearchAll};
use aicp_types::{FaceId, LibraryId, PersonId};
use aicp_vision::Embedding;
use tokio::sync::oneshot;

use super::Builtin;
use crate::engine::{Candidate, FaceKey, LibraryRef};
use crate::similarity::similarity_of_cosine;
use crate::{Error, Result};

/// Maximum deviation of a template's length from 1.
const LENGTH_TOLERANCE: f32 = 1e-3;

/// A stored template, as loaded at start. Not `Debug`, because a template must not be logged.
#[derive(Clone)]
pub struct TemplateRow {
    /// Row id of the library.
    pub library: LibraryId,
    /// Row id of the person.
    pub person: PersonId,
    /// Row id of the face.
    pub face: FaceId,
    /// Template, a unit vector.
    pub vector: Vec<f32>,
    /// Recognisability at enrolment, 0..1, if it was judged.
    pub recognisability: Option<f32>,
}

/// Templates that were not admitted to the galleries.
#[derive(Debug, Default)]
pub struct SkippedTemplates {
    /// Number of faces that are not recognisable.
    pub not_recognisable: usize,
    /// Library and face (row ids) of damaged templates.
    pub damaged: Vec<(LibraryId, FaceId)>,
}

/// Returns whether a vector can be a template: those stored have a length of 1.
fn is_unit_vector(vector: &[f32]) -> bool {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.len() == Builtin::DIMENSIONS && (length - 1.0).abs() <= LENGTH_TOLERANCE
}

impl Builtin {
    /// Adds a face to the gallery of its library; searches find it from now on.
    ///
    /// # Errors
    /// [`Error::Template`] if the template has different dimensions.
    pub fn admit(&self, library: LibraryId, person: PersonId, face: FaceId, template: &[f32]) -> Result<()> {
        Ok(self.galleries.open(library).insert(Entry { person, face }, template)?)
    }

    /// Returns whether searches may find a template: by the recognisability of its picture or, if unknown, by the
    /// template alone.
    fn may_be_found(&self, template: &TemplateRow, least_recognisability: f32) -> bool {
        match template.recognisability {
            Some(recognisability) => recognisability >= least_recognisability,
            None if least_recognisability == 0.0 => true,
            None => self.judge.as_ref().as_ref().is_none_or(|judge| judge.accepts_template(&template.vector)),
        }
    }

    /// Adds many faces to the galleries, except damaged templates and faces of lower recognisability.
    ///
    /// # Errors
    /// [`Error::Template`] if a template that is not damaged does not fit.
    pub fn admit_all(&self, templates: Vec<TemplateRow>, least_recognisability: f32) -> Result<SkippedTemplates> {
        let mut left_out = SkippedTemplates::default();
        let mut by_library: HashMap<LibraryId, Vec<(Entry, Vec<f32>)>> = HashMap::new();
        for template in templates {
            if !is_unit_vector(&template.vector) {
                left_out.damaged.push((template.library, template.face));
                continue;
            }
            if !self.may_be_found(&template, least_recognisability) {
                left_out.not_recognisable += 1;
                continue;
            }
            let TemplateRow { library, person, face, vector, .. } = template;
            by_library.entry(library).or_default().push((Entry { person, face }, vector));
        }
        for (library, templates) in by_library {
            self.galleries.open(library).extend(templates)?;
        }
        Ok(left_out)
    }

    /// Returns the number of faces in the galleries of these libraries.
    pub fn faces(&self, libraries: &[LibraryRef]) -> usize {
        libraries.iter().filter_map(|library| self.galleries.find(library.row)).map(|gallery| gallery.len()).sum()
    }

    /// Removes faces from the gallery of a library.
    pub fn forget(&self, library: LibraryId, faces: &[FaceId]) {
        if let Some(gallery) = self.galleries.find(library) {
            gallery.remove(faces);
        }
    }

    /// Removes the gallery of a library.
    pub fn forget_library(&self, library: LibraryId) {
        self.galleries.close(library);
    }

    /// Returns the best people of all these libraries together, each with the best of their faces.
    pub(super) async fn search(
        &self,
        libraries: &[LibraryId],
        probe: Embedding,
        top_n: usize,
        filter: Option<Filter>,
    ) -> Result<Vec<Candidate>> {
        Ok(self.search_all(libraries, vec![probe], top_n, filter).await?.pop().unwrap_or_default())
    }

    /// Searches as [`Builtin::search`] for several probes at once.
    pub(super) async fn search_all(
        &self,
        libraries: &[LibraryId],
        probes: Vec<Embedding>,
        top_n: usize,
        filter: Option<Filter>,
    ) -> Result<Vec<Vec<Candidate>>> {
        let permit = Arc::clone(&self.searches).try_acquire_owned().map_err(|_| Error::Busy)?;
        let galleries = libraries.iter().filter_map(|&library| self.galleries.find(library)).collect();
        let probes = probes.into_iter().map(Embedding::into_vec).collect();
        let (answer, answered) = oneshot::channel();
        let search = SearchAll { probes, top_n, above: f32::NEG_INFINITY, filter };
        self.scanner.search_all(galleries, search, move |found| {
            // Held until here, even if the caller no longer waits for the answer.
            drop(permit);
            drop(answer.send(found));
        })?;
        let found = answered.await.map_err(|_| aicp_vision::Error::Worker("a search gave no answer".to_owned()))?;
        Ok(found.into_iter().map(|hits| hits.into_iter().map(candidate).collect()).collect())
    }
}

fn candidate(hit: Hit) -> Candidate {
    Candidate { face: FaceKey::Row(hit.entry.face), similarity: similarity_of_cosine(hit.cosine) }
}
