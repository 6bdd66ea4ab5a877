//! Engine that runs in this process.

mod examination;
mod galleries;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use aicp_types::{LibraryId, PersonId};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use aicp_gallery::{Filter, Galleries, Scanner};
use aicp_vision::{
    Algorithm, Caller, DetectedFace, Dimensions, Effort, FaceModels, Judge, Picture, Purpose, Recognised, Vision,
};

use crate::engine::{
    Assessment, Candidate, ClaimLookup, Engine, EnrolledFace, FaceCandidates, FaceStorage, LibraryRef, Photo, SeenFace,
    Target, Terms, Write,
};
use crate::similarity::{Similarity, similarity_of_cosine};
use crate::{Error, Result, Unrecognisable};

pub use examination::{DescribedFace, Examination, ExaminedFace, FacePredicate};
pub use galleries::{SkippedTemplates, TemplateRow};

/// Maximum number of faces processed per picture, the largest first; keeps a crowd from occupying a worker for long.
pub const MAX_FACES: usize = 100;

/// Minimum detector confidence of an enrolled face, 0..1. Most false detections in pictures without people are below.
const MIN_ENROLMENT_CONFIDENCE: f32 = 0.6;

/// Similarity of two faces of which one is not recognisable, so that nothing is known.
const NOT_COMPARABLE: Similarity = 0.0;

/// Maximum number of pixels of a picture from a caller without credentials; allows photographs of 24 megapixels.
const UNKNOWN_MAX_PIXELS: u64 = 25_000_000;

/// Maximum number of concurrent searches. They share one pass over a library, so that more would make each wait longer;
/// the next one is refused.
const MAX_SEARCHES: usize = 256;

/// Detection, embedding and exact search in this process. Clones share everything.
#[derive(Clone)]
pub struct Builtin {
    vision: Vision,
    galleries: Arc<Galleries>,
    scanner: Arc<Scanner>,
    /// Permits for concurrent searches.
    searches: Arc<Semaphore>,
    /// Judge of templates that were enrolled before recognisability was stored; `None` for a different embedder.
    judge: Arc<Option<Judge>>,
}

impl Builtin {
    /// Dimensions of an embedding.
    const DIMENSIONS: usize = 512;

    /// Creates an engine on these workers, with empty galleries and one search thread per core.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system cannot start a thread.
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

    /// Returns how long no worker has finished a job, if that is longer than a job may take.
    pub fn stuck_for(&self) -> Option<Duration> {
        self.vision.stuck_for()
    }

    /// Returns the algorithm of its templates.
    pub fn algorithm(&self) -> &Algorithm {
        self.vision.algorithm()
    }

    /// Returns the similarity of the largest face of a picture to these people of these libraries (row ids), the most
    /// similar first, at most `top_n`. A face that is not recognisable has a similarity of 0 to everybody.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn identify_among(
        &self,
        libraries: Vec<LibraryId>,
        people: HashSet<PersonId>,
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

    /// Returns the recognisability of the largest face of a picture as an enrolment, 0..1.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn recognisability(&self, picture: Bytes) -> Result<f32> {
        let terms = Terms { caller: Caller::Own, ..Terms::default() };
        let picture = Photo { bytes: picture, terms };
        self.on_largest_face(picture, Purpose::Enrolment, |_, _, face| Ok(face.recognisability)).await
    }

    /// Runs a job on a worker. For a caller without credentials the pictures must not exceed the size limit.
    async fn run<T: Send + 'static>(
        &self,
        terms: Terms,
        pictures: impl IntoIterator<Item = &Bytes>,
        job: impl FnOnce(&mut FaceModels) -> aicp_vision::Result<T> + Send + 'static,
    ) -> Result<T> {
        if terms.caller == Caller::Unknown {
            pictures.into_iter().try_for_each(check_size)?;
        }
        Ok(self.vision.run_for(terms.caller, job).await?)
    }

    /// Makes the probe of the largest face of a picture.
    async fn probe(&self, picture: Photo) -> Result<Recognised> {
        self.on_largest_face(picture, Purpose::Probe, |_, _, face| Ok(face)).await
    }

    /// Decodes a picture, detects and embeds the largest face and passes it to `job`, all on one worker. An enrolment
    /// is located as exactly as in a listing of all faces; a probe may come from a coarser detector pass.
    async fn on_largest_face<T: Send + 'static>(
        &self,
        picture: Photo,
        purpose: Purpose,
        job: impl FnOnce(&mut FaceModels, &Picture, Recognised) -> aicp_vision::Result<T> + Send + 'static,
    ) -> Result<T> {
        let Photo { bytes, terms } = picture;
        self.run(terms, [&bytes.clone()], move |models| {
            let (picture, face) = match purpose {
                Purpose::Enrolment => {
                    let picture = Picture::decode(&bytes)?;
                    let face = models.recognise_all(&picture, 1, purpose, terms.effort())?.pop();
                    (picture, face)
                }
                Purpose::Probe => models.recognise_file(&bytes, terms.effort())?,
            };
            face.map(|face| job(models, &picture, face)).transpose()
        })
        .await?
        .ok_or(Error::NoFace)
    }
}

impl Terms {
    /// Returns whether a face is recognisable enough.
    fn accepts(&self, face: &Recognised) -> bool {
        face.recognisability >= self.least_recognisability
    }
}

#[async_trait]
impl Engine for Builtin {
    fn name(&self) -> &str {
        "builtin"
    }

    fn face_storage(&self) -> FaceStorage {
        FaceStorage::Templates
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

    async fn add_face(&self, _: &LibraryRef, _: &str, picture: Photo) -> Result<EnrolledFace> {
        let terms = picture.terms;
        self.on_largest_face(picture, Purpose::Enrolment, move |models, picture, face| {
            let quality = models.quality(picture, &face)?.score;
            Ok(added(face, Some(quality), terms))
        })
        .await?
    }

    async fn find_added(&self, _: &LibraryRef, _: &str, _: Photo, _: &dyn ClaimLookup) -> Result<Option<EnrolledFace>> {
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
            .run(terms, [&bytes.clone()], move |models| {
                recognise_some(models, &Picture::decode(&bytes)?, MAX_FACES, terms.effort())
            })
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
        // One job, not two: the second half of a comparison must neither wait in the queue again nor be refused.
        let compared = self
            .run(terms, [&a.bytes.clone(), &b.bytes.clone()], move |models| {
                let (Some(a), Some(b)) = (
                    recognise_bytes(models, &a.bytes, terms.effort())?,
                    recognise_bytes(models, &b.bytes, terms.effort())?,
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
        let faces = self
            .run(terms, [&bytes.clone()], move |models| models.detect(&Picture::decode(&bytes)?, terms.effort()))
            .await?;
        Ok(faces.iter().map(seen).collect())
    }

    async fn assess(&self, picture: Photo) -> Result<Assessment> {
        let terms = picture.terms;
        self.on_largest_face(picture, Purpose::Probe, move |models, picture, face| {
            let quality = models.quality(picture, &face)?;
            let is_recognisable = Some(terms.accepts(&face));
            let feature = face.embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
            Ok(Assessment { score: quality.score, grades: Some(quality.grades()), is_recognisable, feature })
        })
        .await
    }

    async fn require_face(&self, picture: Photo) -> Result<()> {
        let Photo { bytes, terms } = picture;
        let (_, face) =
            self.run(terms, [&bytes.clone()], move |models| models.detect_in_file(&bytes, terms.effort())).await?;
        face.map(drop).ok_or(Error::NoFace)
    }

    async fn health(&self) -> Result<()> {
        Ok(())
    }
}

/// Refuses a picture that exceeds the pixel limit for callers without credentials.
fn check_size(bytes: &Bytes) -> Result<()> {
    let Dimensions { width, height, .. } = Dimensions::of(bytes)?;
    if u64::from(width) * u64::from(height) > UNKNOWN_MAX_PIXELS {
        return Err(aicp_vision::Error::TooManyPixels { width, height, limit: UNKNOWN_MAX_PIXELS }.into());
    }
    Ok(())
}

fn rows(libraries: &[LibraryRef]) -> Vec<LibraryId> {
    libraries.iter().map(|library| library.row).collect()
}

/// Converts a detected face.
fn seen(face: &DetectedFace) -> SeenFace {
    SeenFace { area: face.area, confidence: face.confidence, rotation: face.rotation() }
}

/// Makes the result of adding a face; refuses one that is not recognisable.
fn added(face: Recognised, quality: Option<f32>, terms: Terms) -> Result<EnrolledFace> {
    let confidence = face.face.confidence;
    if !terms.accepts(&face) {
        return Err(Error::NotRecognisable(Unrecognisable::Recognisability(face.recognisability)));
    }
    if confidence < MIN_ENROLMENT_CONFIDENCE && terms.least_recognisability > 0.0 {
        return Err(Error::NotRecognisable(Unrecognisable::Confidence(confidence)));
    }
    Ok(EnrolledFace {
        engine_ref: None,
        face: Some(seen(&face.face)),
        quality,
        recognisability: Some(face.recognisability),
        template: Some(face.embedding.into_vec()),
    })
}

/// Returns the similarity of two faces; [`NOT_COMPARABLE`] if one is not recognisable.
fn similarity(a: &Recognised, b: &Recognised, terms: Terms) -> Similarity {
    if !terms.accepts(a) || !terms.accepts(b) {
        return NOT_COMPARABLE;
    }
    similarity_of_cosine(a.embedding.cosine(&b.embedding))
}

/// Embeds the largest faces of a picture as probes, at most `max_faces` and [`MAX_FACES`].
fn recognise_some(
    models: &mut FaceModels,
    picture: &Picture,
    max_faces: usize,
    effort: Effort,
) -> aicp_vision::Result<Vec<Recognised>> {
    models.recognise_all(picture, max_faces.min(MAX_FACES), Purpose::Probe, effort)
}

/// Embeds the largest face of a picture as a probe, if it shows any.
fn recognise_bytes(models: &mut FaceModels, picture: &[u8], effort: Effort) -> aicp_vision::Result<Option<Recognised>> {
    Ok(models.recognise_file(picture, effort)?.1)
}
