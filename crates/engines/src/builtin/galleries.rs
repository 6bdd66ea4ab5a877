//! Faces that may be found, and the search for them.

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

/// How far the length of a template is from 1 at most.
const LENGTH_TOLERANCE: f32 = 1e-3;

/// A stored template, as it is loaded at start. Not `Debug`, as a template belongs into no log.
#[derive(Clone)]
pub struct TemplateRow {
    /// Row id of the library.
    pub library: LibraryId,
    /// Row id of the person.
    pub person: PersonId,
    /// Row id of the face.
    pub face: FaceId,
    /// The unit vector.
    pub vector: Vec<f32>,
    /// Recognisability when it was enrolled, 0..1, if it was judged.
    pub recognisability: Option<f32>,
}

/// Templates that match nobody.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// Faces that are not recognisable.
    pub not_recognisable: usize,
    /// Library and face (row ids) of templates that are not as any was stored.
    pub damaged: Vec<(LibraryId, FaceId)>,
}

/// Whether this can be a template: every one that is stored has a length of 1.
fn is_unit_vector(vector: &[f32]) -> bool {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.len() == Builtin::DIMENSIONS && (length - 1.0).abs() <= LENGTH_TOLERANCE
}

impl Builtin {
    /// Lets a face be found from now on.
    ///
    /// # Errors
    /// [`Error::Template`] if the template is of other dimensions.
    pub fn admit(&self, library: LibraryId, person: PersonId, face: FaceId, template: &[f32]) -> Result<()> {
        Ok(self.galleries.open(library).insert(Entry { person, face }, template)?)
    }

    /// Whether a template may be found by a search: by the judgement of its picture or, without one, by the template alone.
    fn may_be_found(&self, template: &TemplateRow, least_recognisability: f32) -> bool {
        match template.recognisability {
            Some(recognisability) => recognisability >= least_recognisability,
            None if least_recognisability == 0.0 => true,
            None => self.judge.as_ref().as_ref().is_none_or(|judge| judge.accepts_template(&template.vector)),
        }
    }

    /// Lets many faces be found, but for those of a lower recognisability and those whose templates are damaged.
    ///
    /// # Errors
    /// [`Error::Template`] if a template does not fit although it is not damaged.
    pub fn admit_all(&self, templates: Vec<TemplateRow>, least_recognisability: f32) -> Result<LeftOut> {
        let mut left_out = LeftOut::default();
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

    /// Faces of some libraries (row ids) that may be found.
    pub fn faces(&self, libraries: &[LibraryRef]) -> usize {
        libraries.iter().filter_map(|library| self.galleries.find(library.row)).map(|gallery| gallery.len()).sum()
    }

    /// Lets faces of a library be found no more.
    pub fn forget(&self, library: LibraryId, faces: &[FaceId]) {
        if let Some(gallery) = self.galleries.find(library) {
            gallery.remove(faces);
        }
    }

    /// Lets nobody of a library be found any more.
    pub fn forget_library(&self, library: LibraryId) {
        self.galleries.close(library);
    }

    /// The best people of all these libraries together, each with the best of their faces.
    pub(super) async fn search(
        &self,
        libraries: &[LibraryId],
        probe: Embedding,
        top_n: usize,
        filter: Option<Filter>,
    ) -> Result<Vec<Candidate>> {
        Ok(self.search_all(libraries, vec![probe], top_n, filter).await?.pop().unwrap_or_default())
    }

    /// As [`Builtin::search`] for several probes, all at once.
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
            // Held until here, also if nobody waits for the answer any more.
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
