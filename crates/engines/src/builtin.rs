//! The engine that runs in this process.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};

use aicp_gallery::{Entry, Filter, Galleries, Hit, Scanner, Search};
use aicp_vision::{
    Algorithm, DetectedFace, Effort, Embedding, FaceModels, HeadPose, Judge, Liveness, Picture, Point, Purpose,
    Quality, Recognised, Rect, Vision,
};

use crate::engine::{
    Added, Assessed, Candidate, Claimed, Engine, FaceCandidates, FaceKey, Keeping, LibraryRef, Photo, SeenFace, Target,
    Terms, Write,
};
use crate::similarity::{Similarity, similarity_of_cosine};
use crate::{Error, Result, Unrecognisable};

/// Faces of one picture that are worked on, the largest first; a crowd can't hold a worker for ever.
pub const MAX_FACES: usize = 100;

/// A face that the detector is less certain of is not enrolled, 0..1: of what it takes for a face in pictures without
/// people, most is under this.
const LEAST_CONFIDENCE: f32 = 0.6;

/// The similarity of two faces of which one is not recognisable: nothing is known of it.
const NOT_COMPARABLE: Similarity = 0.0;

/// Calls whose faces are searched for at a time. They take turns in one pass over a library, so that more of them would each
/// wait longer; one more is refused.
const MAX_SEARCHES: usize = 256;

/// What to find out about each face of a picture, beside where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Examination {
    /// How fit it is.
    pub quality: bool,
    /// Whether it was live.
    pub liveness: bool,
}

/// What was found out about a face.
#[derive(Debug, Clone, PartialEq)]
pub struct ExaminedFace {
    /// The face in the picture.
    pub face: SeenFace,
    /// Right eye, left eye, nose tip, right and left corner of the mouth, as the person has them, in pixels.
    pub landmarks: [Point; 5],
    /// How fit it is, if asked for.
    pub quality: Option<Quality>,
    /// Which way the head is turned.
    pub pose: HeadPose,
    /// Whether it was live before the camera, if asked for.
    pub liveness: Option<Liveness>,
    /// Whether it carries an identity.
    pub is_recognisable: bool,
}

/// A face with its feature. Not `Debug`, as a feature belongs into no log.
#[derive(Clone)]
pub struct DescribedFace {
    /// Left, top, width and height of its box as fractions of the upright picture, inside of it.
    pub area: [f32; 4],
    /// How fit it is.
    pub quality: Quality,
    /// Whether it carries an identity.
    pub is_recognisable: bool,
    /// The feature, as a probe has it: a unit vector.
    pub feature: Vec<f32>,
}

/// Decides, by what there is about a face, whether it is worth more work.
pub type Accepts = fn(&ExaminedFace) -> bool;

/// A stored template, as it is loaded at start. Not `Debug`, as a template belongs into no log.
#[derive(Clone)]
pub struct TemplateRow {
    /// Row id of the library.
    pub library: i64,
    /// Row id of the person.
    pub person: i64,
    /// Row id of the face.
    pub face: i64,
    /// The unit vector.
    pub vector: Vec<f32>,
    /// Recognisability when it was enrolled, 0..1, if it was judged.
    pub recognisability: Option<f32>,
}

/// Detection, embedding and exact search in this process. Clones share everything.
#[derive(Clone)]
pub struct Builtin {
    vision: Vision,
    galleries: Arc<Galleries>,
    scanner: Arc<Scanner>,
    /// A permit for each call whose faces are searched for.
    searches: Arc<Semaphore>,
    /// Judges templates that were enrolled before faces were judged; none where the embedder is another model.
    judge: Arc<Option<Judge>>,
}

impl Builtin {
    /// Dimensions of an embedding.
    const DIMENSIONS: usize = 512;

    /// An engine on these workers, with empty galleries and a thread a core to search them.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system starts no thread.
    pub fn new(vision: Vision) -> Result<Self> {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            vision,
            galleries: Arc::new(Galleries::new(Self::DIMENSIONS)),
            scanner: Arc::new(Scanner::start(threads).map_err(Error::Threads)?),
            searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
            judge: Arc::new(Judge::embedded().map_err(Error::Failed)?),
        })
    }

    /// Which algorithm its templates are of.
    pub fn algorithm(&self) -> &Algorithm {
        self.vision.algorithm()
    }

    /// The faces of a picture, at most `max_faces` (and [`MAX_FACES`]), the largest first, with what was asked about
    /// each; none is no error.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn examine(&self, picture: Photo, max_faces: usize, wanted: Examination) -> Result<Vec<ExaminedFace>> {
        let Photo { bytes, terms } = picture;
        let all = self
            .vision
            .run(move |models| {
                let picture = Picture::decode(&bytes)?;
                let faces = recognise_some(models, &picture, max_faces, terms.effort)?;
                faces.iter().map(|face| examined(models, &picture, face, wanted, terms)).collect()
            })
            .await?;
        Ok(all)
    }

    /// As [`Engine::identify`] in one library (row id), with what there is about the face; nobody is looked for if
    /// `accepts` turns it down.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn identify_examined(
        &self,
        library: i64,
        picture: Photo,
        top_n: usize,
        wanted: Examination,
        accepts: Accepts,
    ) -> Result<(ExaminedFace, Vec<Candidate>)> {
        let terms = picture.terms;
        let (face, probe) = self
            .on_largest_face(picture, Purpose::Probe, move |models, picture, face| {
                let examined = examined(models, picture, &face, wanted, terms)?;
                let is_searched = accepts(&examined) && examined.is_recognisable;
                Ok((examined, is_searched.then_some(face.embedding)))
            })
            .await?;
        let Some(probe) = probe else { return Ok((face, Vec::new())) };
        Ok((face, self.search(&[library], probe, top_n, None).await?))
    }

    /// As [`Engine::add_face`], with what there is about the face; no template is made if `accepts` turns it down.
    ///
    /// # Errors
    /// As [`Engine::add_face`].
    pub async fn add_examined(
        &self,
        picture: Photo,
        wanted: Examination,
        accepts: Accepts,
    ) -> Result<(ExaminedFace, Option<Added>)> {
        let terms = picture.terms;
        let (examined, added) = self
            .on_largest_face(picture, Purpose::Enrolment, move |models, picture, face| {
                // An enrolled face keeps its quality, asked for or not.
                let mut examined = examined(models, picture, &face, Examination { quality: true, ..wanted }, terms)?;
                let quality = examined.quality.map(|quality| quality.score);
                if !wanted.quality {
                    examined.quality = None;
                }
                let added = accepts(&examined).then(|| added(face, quality, terms));
                Ok((examined, added))
            })
            .await?;
        Ok((examined, added.transpose()?))
    }

    /// As [`Engine::compare`], with what there is about both faces; they are not compared if `accepts` turns one down.
    ///
    /// # Errors
    /// As [`Engine::compare`].
    pub async fn compare_examined(
        &self,
        a: Photo,
        b: Photo,
        wanted: Examination,
        accepts: Accepts,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)> {
        let terms = a.terms;
        let compared = self
            .vision
            .run(move |models| {
                let (a, b) = (Picture::decode(&a.bytes)?, Picture::decode(&b.bytes)?);
                let face_a = models.recognise_largest(&a, Purpose::Probe, terms.effort)?;
                let face_b = models.recognise_largest(&b, Purpose::Probe, terms.effort)?;
                let (Some(face_a), Some(face_b)) = (face_a, face_b) else { return Ok(None) };
                let both =
                    [examined(models, &a, &face_a, wanted, terms)?, examined(models, &b, &face_b, wanted, terms)?];
                let similarity = both.iter().all(accepts).then(|| similarity(&face_a, &face_b, terms));
                Ok(Some((both, similarity)))
            })
            .await?;
        compared.ok_or(Error::NoFace)
    }

    /// The faces of a picture, at most [`MAX_FACES`], the largest first, each with its feature; none is no error.
    ///
    /// # Errors
    /// As [`Builtin::examine`].
    pub async fn describe(&self, picture: Photo) -> Result<Vec<DescribedFace>> {
        let Photo { bytes, terms } = picture;
        let described = self
            .vision
            .run(move |models| {
                let picture = Picture::decode(&bytes)?;
                let faces = recognise_some(models, &picture, MAX_FACES, terms.effort)?;
                let (width, height) = (picture.width() as f32, picture.height() as f32);
                let described = faces.into_iter().map(|face| {
                    let quality = models.quality(&picture, &face)?;
                    Ok(DescribedFace {
                        area: fractions(&face.face.area, width, height),
                        quality,
                        is_recognisable: terms.accepts(&face),
                        feature: face.embedding.into_vec(),
                    })
                });
                described.collect()
            })
            .await?;
        Ok(described)
    }

    /// Whether the largest face of a picture was live before the camera.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn liveness(&self, picture: Photo) -> Result<Liveness> {
        let Photo { bytes, terms } = picture;
        self.vision
            .run(move |models| {
                let picture = Picture::decode(&bytes)?;
                let face = models.detect_largest(&picture, terms.effort)?;
                face.map(|face| models.liveness(&picture, &face)).transpose()
            })
            .await?
            .ok_or(Error::NoFace)
    }

    /// How like the largest face of a picture some people of some libraries are (row ids), the most similar first, at
    /// most `top_n`. Of a face that is not recognisable the similarity to everybody is 0.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn identify_among(
        &self,
        libraries: Vec<i64>,
        people: HashSet<i64>,
        picture: Photo,
        top_n: usize,
    ) -> Result<Vec<Candidate>> {
        let terms = picture.terms;
        let probe = self.probe(picture).await?;
        let is_recognisable = terms.accepts(&probe);
        let is_one: Filter = Arc::new(move |entry| people.contains(&entry.person));
        let mut candidates = self.search(&libraries, probe.embedding, top_n, Some(is_one)).await?;
        if !is_recognisable {
            for candidate in &mut candidates {
                candidate.similarity = NOT_COMPARABLE;
            }
        }
        Ok(candidates)
    }

    /// Lets a face be found from now on.
    ///
    /// # Errors
    /// [`Error::Template`] if the template is of other dimensions.
    pub fn admit(&self, library: i64, person: i64, face: i64, template: &[f32]) -> Result<()> {
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

    /// How recognisable the largest face of a picture is as an enrolment, 0..1.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn recognisability(&self, picture: Bytes) -> Result<f32> {
        self.on_largest_face(picture.into(), Purpose::Enrolment, |_, _, face| Ok(face.recognisability)).await
    }

    /// Lets many faces be found, but for those of a lower recognisability; tells how many those are.
    ///
    /// # Errors
    /// [`Error::Template`] if a template is of other dimensions.
    pub fn admit_all(&self, templates: Vec<TemplateRow>, least_recognisability: f32) -> Result<usize> {
        let mut left_out = 0;
        let mut by_library: HashMap<i64, Vec<(Entry, Vec<f32>)>> = HashMap::new();
        for template in templates {
            if !self.may_be_found(&template, least_recognisability) {
                left_out += 1;
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
    pub fn forget(&self, library: i64, faces: &[i64]) {
        if let Some(gallery) = self.galleries.find(library) {
            gallery.remove(faces);
        }
    }

    /// Lets nobody of a library be found any more.
    pub fn forget_library(&self, library: i64) {
        self.galleries.close(library);
    }

    /// The probe of the largest face of a picture.
    async fn probe(&self, picture: Photo) -> Result<Recognised> {
        self.on_largest_face(picture, Purpose::Probe, |_, _, face| Ok(face)).await
    }

    /// The best people of all these libraries together, each with the best of their faces.
    async fn search(
        &self,
        libraries: &[i64],
        probe: Embedding,
        top_n: usize,
        filter: Option<Filter>,
    ) -> Result<Vec<Candidate>> {
        Ok(self.search_all(libraries, vec![probe], top_n, filter).await?.pop().unwrap_or_default())
    }

    /// As [`Builtin::search`] for several probes, all at once.
    async fn search_all(
        &self,
        libraries: &[i64],
        probes: Vec<Embedding>,
        top_n: usize,
        filter: Option<Filter>,
    ) -> Result<Vec<Vec<Candidate>>> {
        let _permit = self.searches.try_acquire().map_err(|_| Error::Busy)?;
        let galleries: Vec<_> = libraries.iter().filter_map(|&library| self.galleries.find(library)).collect();
        let mut under_way = Vec::with_capacity(probes.len());
        for probe in probes {
            let mut answers = Vec::with_capacity(galleries.len());
            for gallery in &galleries {
                let (answer, answered) = oneshot::channel();
                let probe = probe.as_slice().to_vec();
                let search = Search { probe, top_n, above: f32::NEG_INFINITY, filter: filter.clone() };
                self.scanner.search(gallery, search, |hits| drop(answer.send(hits)))?;
                answers.push(answered);
            }
            under_way.push(answers);
        }
        let mut found = Vec::with_capacity(under_way.len());
        for answers in under_way {
            let mut hits = Vec::new();
            for answered in answers {
                hits.extend(
                    answered.await.map_err(|_| aicp_vision::Error::Worker("a search gave no answer".to_owned()))?,
                );
            }
            hits.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.entry.face.cmp(&b.entry.face)));
            hits.truncate(top_n);
            found.push(hits.into_iter().map(candidate).collect());
        }
        Ok(found)
    }

    /// Decodes, finds and embeds the largest face and hands it to `job`, all on one worker. What is enrolled is placed as
    /// exactly as a listing of all faces places it; a probe may be found by a coarser look at the same face.
    async fn on_largest_face<T: Send + 'static>(
        &self,
        picture: Photo,
        purpose: Purpose,
        job: impl FnOnce(&mut FaceModels, &Picture, Recognised) -> aicp_vision::Result<T> + Send + 'static,
    ) -> Result<T> {
        let Photo { bytes, terms } = picture;
        self.vision
            .run(move |models| {
                let picture = Picture::decode(&bytes)?;
                let face = match purpose {
                    Purpose::Enrolment => models.recognise_all(&picture, 1, purpose, terms.effort)?.pop(),
                    Purpose::Probe => models.recognise_largest(&picture, purpose, terms.effort)?,
                };
                face.map(|face| job(models, &picture, face)).transpose()
            })
            .await?
            .ok_or(Error::NoFace)
    }
}

impl Terms {
    /// Whether a face is recognisable enough.
    fn accepts(&self, face: &Recognised) -> bool {
        face.recognisability >= self.least_recognisability
    }
}

#[async_trait]
impl Engine for Builtin {
    fn name(&self) -> &str {
        "builtin"
    }

    fn label(&self) -> &'static str {
        "内置"
    }

    fn keeping(&self) -> Keeping {
        Keeping::Templates
    }

    fn threshold(&self) -> Option<Similarity> {
        None
    }

    fn target(&self, _: Write) -> Option<Target> {
        None
    }

    async fn create_library(&self, _: &LibraryRef) -> Result<()> {
        Ok(())
    }

    async fn delete_library(&self, _: &LibraryRef) -> Result<()> {
        Ok(())
    }

    async fn add_face(&self, _: &LibraryRef, _: &str, picture: Photo) -> Result<Added> {
        let terms = picture.terms;
        self.on_largest_face(picture, Purpose::Enrolment, move |models, picture, face| {
            let quality = models.quality(picture, &face)?.score;
            Ok(added(face, Some(quality), terms))
        })
        .await?
    }

    async fn find_added(&self, _: &LibraryRef, _: &str, _: Photo, _: &dyn Claimed) -> Result<Option<Added>> {
        Ok(None)
    }

    async fn remove_face(&self, _: &LibraryRef, _: &str) -> Result<()> {
        Ok(())
    }

    async fn identify(&self, libraries: &[LibraryRef], picture: Photo, top_n: usize) -> Result<Vec<Candidate>> {
        let terms = picture.terms;
        let probe = self.probe(picture).await?;
        if !terms.accepts(&probe) {
            return Ok(Vec::new());
        }
        self.search(&rows(libraries), probe.embedding, top_n, None).await
    }

    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Photo,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        let Photo { bytes, terms } = picture;
        let recognised = self
            .vision
            .run(move |models| recognise_some(models, &Picture::decode(&bytes)?, MAX_FACES, terms.effort))
            .await?;
        if recognised.is_empty() {
            return Err(Error::NoFace);
        }
        let mut faces = Vec::with_capacity(recognised.len());
        let mut probes = Vec::with_capacity(recognised.len());
        let mut searched = Vec::with_capacity(recognised.len());
        for (i, recognised) in recognised.into_iter().enumerate() {
            if terms.accepts(&recognised) {
                searched.push(i);
                probes.push(recognised.embedding);
            }
            faces.push(FaceCandidates { face: seen(&recognised.face), candidates: Vec::new() });
        }
        for (i, candidates) in searched.into_iter().zip(self.search_all(&rows(libraries), probes, top_n, None).await?) {
            faces[i].candidates = candidates;
        }
        Ok(faces)
    }

    async fn compare(&self, a: Photo, b: Photo) -> Result<Similarity> {
        let terms = a.terms;
        // One job, not two: half a comparison must not wait for, or be refused, a second place in the queue.
        let compared = self
            .vision
            .run(move |models| {
                let (Some(a), Some(b)) = (
                    recognise_bytes(models, &a.bytes, terms.effort)?,
                    recognise_bytes(models, &b.bytes, terms.effort)?,
                ) else {
                    return Ok(None);
                };
                Ok(Some(similarity(&a, &b, terms)))
            })
            .await?;
        compared.ok_or(Error::NoFace)
    }

    async fn detect(&self, picture: Photo) -> Result<Vec<SeenFace>> {
        let Photo { bytes, terms } = picture;
        let faces = self.vision.run(move |models| models.detect(&Picture::decode(&bytes)?, terms.effort)).await?;
        Ok(faces.iter().map(seen).collect())
    }

    async fn assess(&self, picture: Photo) -> Result<Assessed> {
        let terms = picture.terms;
        self.on_largest_face(picture, Purpose::Probe, move |models, picture, face| {
            let quality = models.quality(picture, &face)?;
            let is_recognisable = Some(terms.accepts(&face));
            let feature = face.embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
            Ok(Assessed { score: quality.score, grades: Some(quality.grades()), is_recognisable, feature })
        })
        .await
    }

    async fn require_face(&self, picture: Photo) -> Result<()> {
        let Photo { bytes, terms } = picture;
        let face =
            self.vision.run(move |models| models.detect_largest(&Picture::decode(&bytes)?, terms.effort)).await?;
        face.map(drop).ok_or(Error::NoFace)
    }

    async fn health(&self) -> Result<()> {
        Ok(())
    }
}

fn rows(libraries: &[LibraryRef]) -> Vec<i64> {
    libraries.iter().map(|library| library.row).collect()
}

/// The part of a box that is inside a picture of this size, as fractions of it: left, top, width, height.
fn fractions(area: &Rect, width: f32, height: f32) -> [f32; 4] {
    let share = |at: f32, of: f32| (at / of).clamp(0.0, 1.0);
    let (left, top) = (share(area.x, width), share(area.y, height));
    [left, top, share(area.x + area.width, width) - left, share(area.y + area.height, height) - top]
}

/// A detected face as engines speak of it.
fn seen(face: &DetectedFace) -> SeenFace {
    SeenFace { area: face.area, confidence: face.confidence, rotation: face.rotation() }
}

/// What there is about a face.
fn examined(
    models: &mut FaceModels,
    picture: &Picture,
    recognised: &Recognised,
    wanted: Examination,
    terms: Terms,
) -> aicp_vision::Result<ExaminedFace> {
    let face = &recognised.face;
    // The pose comes with the quality alone.
    let quality = models.quality(picture, recognised)?;
    let (pose, quality) = (quality.pose, wanted.quality.then_some(quality));
    let liveness = if wanted.liveness { Some(models.liveness(picture, face)?) } else { None };
    let is_recognisable = terms.accepts(recognised);
    Ok(ExaminedFace { face: seen(face), landmarks: face.landmarks, quality, pose, liveness, is_recognisable })
}

/// What is kept of an enrolled face.
fn added(face: Recognised, quality: Option<f32>, terms: Terms) -> Result<Added> {
    let confidence = face.face.confidence;
    if !terms.accepts(&face) {
        return Err(Error::NotRecognisable(Unrecognisable::Recognisability(face.recognisability)));
    }
    if confidence < LEAST_CONFIDENCE && terms.least_recognisability > 0.0 {
        return Err(Error::NotRecognisable(Unrecognisable::Confidence(confidence)));
    }
    Ok(Added {
        engine_ref: None,
        face: Some(seen(&face.face)),
        quality,
        recognisability: Some(face.recognisability),
        template: Some(face.embedding.into_vec()),
    })
}

/// How alike two faces are; not at all if one is not recognisable.
fn similarity(a: &Recognised, b: &Recognised, terms: Terms) -> Similarity {
    if !terms.accepts(a) || !terms.accepts(b) {
        return NOT_COMPARABLE;
    }
    similarity_of_cosine(a.embedding.cosine(&b.embedding))
}

/// The largest faces of a picture as probes, at most `max_faces` and [`MAX_FACES`].
fn recognise_some(
    models: &mut FaceModels,
    picture: &Picture,
    max_faces: usize,
    effort: Effort,
) -> aicp_vision::Result<Vec<Recognised>> {
    models.recognise_all(picture, max_faces.min(MAX_FACES), Purpose::Probe, effort)
}

/// The largest face of a picture as a probe, if it shows any.
fn recognise_bytes(models: &mut FaceModels, picture: &[u8], effort: Effort) -> aicp_vision::Result<Option<Recognised>> {
    models.recognise_largest(&Picture::decode(picture)?, Purpose::Probe, effort)
}

fn candidate(hit: Hit) -> Candidate {
    Candidate { face: FaceKey::Row(hit.entry.face), similarity: similarity_of_cosine(hit.cosine) }
}
