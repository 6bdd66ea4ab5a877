//! The engine that runs in this process.

mod probe;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aicp_index::{DamagedFace, Filter, Hit, Index, IndexChange, IndexedFace, Query};
use aicp_types::{LibraryId, PersonId, Sequence};
use aicp_vision::{
    Algorithm, Biometrics, EmbeddedFace, Examination, ExaminedFace, Load, Look, MAX_FACES, NOT_COMPARABLE, Photo,
    Priority, Quality, Rect, Request, Scope, SeenFace, Similarity, Terms, is_recognisable_enough, similarity_of_cosine,
};
use bytes::Bytes;

use crate::{Assessment, Candidate, CandidateKey, Error, FaceCandidates, Result};

/// Result of enrolling a face; the default is a face of which nothing is known yet. Not `Debug`, because a template
/// must not be logged.
#[derive(Clone, Default)]
pub struct EnrolledFace {
    /// Template (a unit vector), which the caller must store.
    pub template: Option<Vec<f32>>,
    /// The face in the picture.
    pub face: Option<SeenFace>,
    /// Quality score of the face, 0..1.
    pub quality: Option<f32>,
    /// Recognisability of the face, 0..1.
    pub recognisability: Option<f32>,
}

/// A face with its feature. Not `Debug`, because a feature must not be logged.
#[derive(Clone)]
pub struct DescribedFace {
    /// Left, top, width and height of the bounding box, clipped, as fractions of the upright picture.
    pub area: [f32; 4],
    /// Quality.
    pub quality: Quality,
    /// Whether the face is recognisable enough for the terms.
    pub is_recognisable: bool,
    /// Feature, as for a probe: a unit vector.
    pub feature: Vec<f32>,
}

/// Decides from the examination whether a face is processed further.
pub type FacePredicate = fn(&ExaminedFace) -> bool;

/// A stored template, as loaded at start. Not `Debug`, because a template must not be logged.
#[derive(Clone)]
pub struct TemplateRow {
    /// Row id of the library.
    pub library: LibraryId,
    /// The face with its template.
    pub face: IndexedFace,
    /// Recognisability at enrolment, 0..1, if it was judged.
    pub recognisability: Option<f32>,
}

/// Templates that were not loaded into the index.
#[derive(Debug, Default)]
pub struct SkippedTemplates {
    /// Number of faces that are not recognisable.
    pub not_recognisable: usize,
    /// Faces with damaged templates.
    pub damaged: Vec<DamagedFace>,
}

/// Biometrics and index in this process. Clones share everything.
#[derive(Clone)]
pub struct Builtin {
    biometrics: Arc<dyn Biometrics>,
    index: Arc<dyn Index>,
}

impl Builtin {
    /// Creates an engine of these parts.
    pub fn new(biometrics: Arc<dyn Biometrics>, index: Arc<dyn Index>) -> Self {
        Self { biometrics, index }
    }

    /// Returns how long no job of the biometrics was completed, if that is longer than a job may take.
    pub fn stuck_for(&self) -> Option<Duration> {
        self.biometrics.stuck_for()
    }

    /// Returns the algorithm of its templates.
    pub fn algorithm(&self) -> &Algorithm {
        self.biometrics.algorithm()
    }

    /// Returns the number of values in a template.
    pub fn dimensions(&self) -> usize {
        self.biometrics.dimensions()
    }

    /// Makes the template of the largest face of a picture.
    ///
    /// # Errors
    /// As [`Builtin::identify`]; [`Error::NotRecognisable`].
    pub async fn enrol(&self, picture: Photo) -> Result<EnrolledFace> {
        let terms = picture.terms;
        let (face, examined) = split(self.largest(picture, Request::ENROLMENT.examined(Examination::QUALITY)).await?)?;
        enrolled(face, examined.quality, terms)
    }

    /// Makes a template as [`Builtin::enrol`] does, and also returns the examination of the face. Makes none if
    /// `accepts` rejects the face.
    ///
    /// # Errors
    /// As [`Builtin::enrol`].
    pub async fn enrol_examined(
        &self,
        picture: Photo,
        wanted: Examination,
        accepts: FacePredicate,
    ) -> Result<(ExaminedFace, Option<EnrolledFace>)> {
        let terms = picture.terms;
        // An enrolled face always stores its quality.
        let request = Request::ENROLMENT.examined(Examination { quality: true, ..wanted });
        let (face, mut examined) = split(self.largest(picture, request).await?)?;
        let quality = examined.quality;
        if !wanted.quality {
            examined.quality = None;
        }
        let enrolled = accepts(&examined).then(|| enrolled(face, quality, terms)).transpose()?;
        Ok((examined, enrolled))
    }

    /// Returns the faces of these libraries most like the largest face of a picture: of each person the best, at most
    /// `top_n`, best first over all libraries. None if the face in the picture is not recognisable.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`], [`Error::Failed`] or [`Error::Index`].
    pub async fn identify(&self, libraries: &[LibraryId], picture: Photo, top_n: usize) -> Result<Vec<Candidate>> {
        let terms = picture.terms;
        let probe = self.largest(picture, Request::PROBE).await?;
        if !terms.accept(probe.recognisability) {
            return Ok(Vec::new());
        }
        self.search(libraries, probe, top_n, Filter::All).await
    }

    /// Searches one library as [`Builtin::identify`] does, and also returns the examination of the face. Does not
    /// search if `accepts` rejects the face.
    ///
    /// # Errors
    /// As [`Builtin::identify`].
    pub async fn identify_examined(
        &self,
        library: LibraryId,
        picture: Photo,
        top_n: usize,
        wanted: Examination,
        accepts: FacePredicate,
    ) -> Result<(ExaminedFace, Vec<Candidate>)> {
        let (probe, examined) = split(self.largest(picture, Request::PROBE.examined(wanted)).await?)?;
        if !accepts(&examined) || !examined.is_recognisable {
            return Ok((examined, Vec::new()));
        }
        Ok((examined, self.search(&[library], probe, top_n, Filter::All).await?))
    }

    /// Returns the similarity of the largest face of a picture to these people of these libraries, the most similar
    /// first, at most `top_n`. A face that is not recognisable has a similarity of 0 to everybody.
    ///
    /// # Errors
    /// As [`Builtin::identify`].
    pub async fn identify_among(
        &self,
        libraries: &[LibraryId],
        people: HashSet<PersonId>,
        picture: Photo,
        top_n: usize,
    ) -> Result<Vec<Candidate>> {
        let terms = picture.terms;
        let probe = self.largest(picture, Request::PROBE).await?;
        let is_recognisable = terms.accept(probe.recognisability);
        let mut candidates = self.search(libraries, probe, top_n, Filter::People(people)).await?;
        if !is_recognisable {
            for candidate in &mut candidates {
                candidate.similarity = NOT_COMPARABLE;
            }
        }
        Ok(candidates)
    }

    /// Returns every face of a picture, the largest first, each with at most `top_n` candidates over all libraries, or
    /// those among some people of them.
    ///
    /// # Errors
    /// As [`Builtin::identify`].
    pub async fn identify_many(
        &self,
        libraries: &[LibraryId],
        people: Option<HashSet<PersonId>>,
        picture: Photo,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        // Nobody is in no library; a search would look at each row in vain.
        let libraries = if people.as_ref().is_some_and(HashSet::is_empty) { &[] } else { libraries };
        let filter = people.map_or(Filter::All, Filter::People);
        let terms = picture.terms;
        let look = self.biometrics.look(picture, Request::probes(MAX_FACES)).await?;
        if look.faces.is_empty() {
            return Err(Error::NoFace);
        }
        let mut faces = Vec::with_capacity(look.faces.len());
        let mut probes = Vec::with_capacity(look.faces.len());
        let mut searched = Vec::with_capacity(look.faces.len());
        for (i, found) in look.faces.into_iter().enumerate() {
            if terms.accept(found.recognisability) {
                searched.push(i);
                probes.push(found.embedding.into_vec());
            }
            faces.push(FaceCandidates { face: found.face, candidates: Vec::new() });
        }
        for (i, candidates) in searched.into_iter().zip(self.search_all(libraries, probes, top_n, filter).await?) {
            faces[i].candidates = candidates;
        }
        Ok(faces)
    }

    /// Returns the similarity of the largest faces of two pictures, 0..1; 0 if one of them is not recognisable.
    ///
    /// # Errors
    /// As [`Builtin::identify`].
    pub async fn compare(&self, a: Photo, b: Photo) -> Result<Similarity> {
        let compared = self.biometrics.compare(a, b, None).await?;
        Ok(compared.ok_or(Error::NoFace)?.similarity)
    }

    /// Compares as [`Builtin::compare`] does, and also returns the examination of both faces. No similarity if
    /// `accepts` rejects one of them.
    ///
    /// # Errors
    /// As [`Builtin::compare`].
    pub async fn compare_examined(
        &self,
        a: Photo,
        b: Photo,
        wanted: Examination,
        accepts: FacePredicate,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)> {
        let compared = self.biometrics.compare(a, b, Some(wanted)).await?.ok_or(Error::NoFace)?;
        let [a, b] = compared.faces;
        let both = [split(a)?.1, split(b)?.1];
        let similarity = both.iter().all(accepts).then_some(compared.similarity);
        Ok((both, similarity))
    }

    /// Returns every face of a picture, the largest first. No face is not an error.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn detect(&self, picture: Photo) -> Result<Vec<SeenFace>> {
        Ok(self.biometrics.detect(picture, Scope::AtMost(usize::MAX)).await?)
    }

    /// Checks that the picture can be decoded and shows a face.
    ///
    /// # Errors
    /// As [`Builtin::detect`]; [`Error::NoFace`].
    pub async fn require_face(&self, picture: Photo) -> Result<()> {
        let faces = self.biometrics.detect(picture, Scope::Largest).await?;
        if faces.is_empty() { Err(Error::NoFace) } else { Ok(()) }
    }

    /// Examines the faces of a picture, the largest first, at most `max_faces` and [`MAX_FACES`]. No face is not an
    /// error.
    ///
    /// # Errors
    /// As [`Builtin::detect`].
    pub async fn examine(&self, picture: Photo, max_faces: usize, wanted: Examination) -> Result<Vec<ExaminedFace>> {
        let look = self.biometrics.look(picture, Request::probes(max_faces).examined(wanted)).await?;
        look.faces.into_iter().map(|face| Ok(split(face)?.1)).collect()
    }

    /// As [`Builtin::examine`], each face with its template as a probe: a unit vector.
    ///
    /// # Errors
    /// As [`Builtin::detect`].
    pub async fn examine_with_templates(
        &self,
        picture: Photo,
        max_faces: usize,
        wanted: Examination,
    ) -> Result<Vec<(ExaminedFace, Vec<f32>)>> {
        let look = self.biometrics.look(picture, Request::probes(max_faces).examined(wanted)).await?;
        let faces = look.faces.into_iter().map(|face| {
            let (face, examined) = split(face)?;
            Ok((examined, face.embedding.into_vec()))
        });
        faces.collect()
    }

    /// Returns a JPEG of the surroundings of a face, at most `side` pixels wide and high. `area` is in pixels of the upright
    /// picture.
    ///
    /// # Errors
    /// As [`Builtin::detect`].
    pub async fn thumbnail(&self, picture: Photo, area: Rect, side: u32) -> Result<Bytes> {
        Ok(self.biometrics.thumbnail(picture, area, side).await?)
    }

    /// Returns the faces of a picture with their features, the largest first, at most [`MAX_FACES`]. No face is not an
    /// error.
    ///
    /// # Errors
    /// As [`Builtin::detect`].
    pub async fn describe(&self, picture: Photo) -> Result<Vec<DescribedFace>> {
        let look = self.biometrics.look(picture, Request::probes(MAX_FACES).examined(Examination::QUALITY)).await?;
        let Look { width, height, faces } = look;
        let described = faces.into_iter().map(|face| {
            let (face, examined) = split(face)?;
            Ok(DescribedFace {
                area: fractions(&face.face.area, width, height),
                quality: examined.quality.ok_or_else(not_examined)?,
                is_recognisable: examined.is_recognisable,
                feature: face.embedding.into_vec(),
            })
        });
        described.collect()
    }

    /// Returns the quality and the feature of the largest face of a picture.
    ///
    /// # Errors
    /// As [`Builtin::require_face`].
    pub async fn assess(&self, picture: Photo) -> Result<Assessment> {
        let (face, examined) = split(self.largest(picture, Request::PROBE.examined(Examination::QUALITY)).await?)?;
        let quality = examined.quality.ok_or_else(not_examined)?;
        let feature = face.embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok(Assessment {
            score: quality.score,
            grades: Some(quality.grades()),
            is_recognisable: Some(examined.is_recognisable),
            feature,
        })
    }

    /// Returns the recognisability of the largest face of a picture as an enrolment, 0..1. Gives way to all callers.
    ///
    /// # Errors
    /// As [`Builtin::require_face`].
    pub async fn recognisability(&self, picture: Bytes) -> Result<f32> {
        let terms = Terms { priority: Priority::Own, ..Terms::default() };
        let face = self.largest(Photo { bytes: picture, terms }, Request::ENROLMENT).await?;
        Ok(face.recognisability)
    }

    /// Cuts faces out of a picture: those in `areas`, or without areas the largest that is found, each as a JPEG of at most
    /// `max_side` pixels. Gives way to all callers.
    ///
    /// # Errors
    /// As [`Builtin::detect`].
    pub async fn crop(&self, picture: Bytes, areas: Option<Vec<Rect>>, max_side: u32) -> Result<Vec<Bytes>> {
        Ok(self.biometrics.crop(picture, areas, max_side).await?)
    }

    /// Loads stored templates into the index, except damaged ones and those of lower recognisability.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub async fn load(&self, templates: Vec<TemplateRow>, least_recognisability: f32) -> Result<SkippedTemplates> {
        let mut skipped = SkippedTemplates::default();
        let mut by_library: HashMap<LibraryId, Vec<IndexedFace>> = HashMap::new();
        for row in templates {
            if self.may_be_found(&row, least_recognisability) {
                by_library.entry(row.library).or_default().push(row.face);
            } else {
                skipped.not_recognisable += 1;
            }
        }
        for (library, faces) in by_library {
            skipped.damaged.append(&mut self.index.load(library, faces).await?);
        }
        Ok(skipped)
    }

    /// Applies the changes of a committed write to the index; searches see them from now on. Returns the faces that were
    /// left out because their templates are damaged.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub async fn apply(&self, sequence: Sequence, changes: &[IndexChange]) -> Result<Vec<DamagedFace>> {
        Ok(self.index.apply(sequence, changes).await?)
    }

    /// Returns the people of a library most like stored templates, at most `top_n` for each, each with the best of their
    /// faces.
    ///
    /// # Errors
    /// [`Error::Index`], [`Error::Busy`].
    pub async fn search_templates(
        &self,
        library: LibraryId,
        templates: Vec<Vec<f32>>,
        top_n: usize,
    ) -> Result<Vec<Vec<Candidate>>> {
        self.search_all(&[library], templates, top_n, Filter::All).await
    }

    /// Returns the index, for its files.
    pub fn index(&self) -> &dyn Index {
        &*self.index
    }

    /// Returns the number of searchable faces of these libraries.
    pub fn faces(&self, libraries: &[LibraryId]) -> usize {
        self.index.faces(libraries)
    }

    /// Returns the number of searchable faces of all libraries.
    pub fn all_faces(&self) -> usize {
        self.index.all_faces()
    }

    /// Returns the numbers of workers and jobs of the biometrics at this moment.
    pub fn recognition_load(&self) -> Load {
        self.biometrics.load()
    }

    /// Returns whether searches may find a template: by the recognisability of its picture or, if unknown, by the
    /// template alone.
    fn may_be_found(&self, row: &TemplateRow, least_recognisability: f32) -> bool {
        match row.recognisability {
            Some(recognisability) => is_recognisable_enough(recognisability, least_recognisability),
            None => least_recognisability == 0.0 || self.biometrics.accepts_template(&row.face.template),
        }
    }

    /// Returns the largest face of a picture.
    async fn largest(&self, picture: Photo, request: Request) -> Result<EmbeddedFace> {
        let look = self.biometrics.look(picture, request).await?;
        look.faces.into_iter().next().ok_or(Error::NoFace)
    }

    /// Returns the best people of all these libraries together, each with the best of their faces.
    async fn search(
        &self,
        libraries: &[LibraryId],
        probe: EmbeddedFace,
        top_n: usize,
        filter: Filter,
    ) -> Result<Vec<Candidate>> {
        let probes = vec![probe.embedding.into_vec()];
        Ok(self.search_all(libraries, probes, top_n, filter).await?.pop().unwrap_or_default())
    }

    /// Searches as [`Builtin::search`] for several probes at once.
    async fn search_all(
        &self,
        libraries: &[LibraryId],
        probes: Vec<Vec<f32>>,
        top_n: usize,
        filter: Filter,
    ) -> Result<Vec<Vec<Candidate>>> {
        let query = Query { top_n, floor: f32::NEG_INFINITY, filter };
        let found = self.index.search(libraries, probes, query).await?;
        Ok(found.into_iter().map(|hits| hits.into_iter().map(candidate).collect()).collect())
    }
}

/// Makes the result of an enrolment; refuses a face that is not recognisable.
fn enrolled(face: EmbeddedFace, quality: Option<Quality>, terms: Terms) -> Result<EnrolledFace> {
    face.check_enrolment(terms).map_err(Error::NotRecognisable)?;
    Ok(EnrolledFace {
        face: Some(face.face),
        quality: quality.map(|quality| quality.score),
        recognisability: Some(face.recognisability),
        template: Some(face.embedding.into_vec()),
    })
}

/// The error of biometrics that leave out a requested examination.
fn not_examined() -> Error {
    Error::Failed(aicp_vision::Error::Worker("an examination is missing".to_owned()))
}

/// Separates a face from its requested examination.
fn split(mut face: EmbeddedFace) -> Result<(EmbeddedFace, ExaminedFace)> {
    let examined = face.examined.take().ok_or_else(not_examined)?;
    Ok((face, examined))
}

fn candidate(hit: Hit) -> Candidate {
    Candidate { face: CandidateKey::Row(hit.face), similarity: similarity_of_cosine(hit.cosine) }
}

/// Clips a box to a picture of this size and returns left, top, width and height as fractions of the picture.
fn fractions(area: &Rect, width: f32, height: f32) -> [f32; 4] {
    let share = |at: f32, of: f32| (at / of).clamp(0.0, 1.0);
    let (left, top) = (share(area.x, width), share(area.y, height));
    [left, top, share(area.x + area.width, width) - left, share(area.y + area.height, height) - top]
}

#[cfg(test)]
mod tests;
