//! The engine that runs in this process.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};

use aicp_gallery::{Entry, Filter, Galleries, Hit, Scanner, Search};
use aicp_vision::{
    Algorithm, DetectedFace, Embedding, FaceModels, HeadPose, Picture, Point, Purpose, Quality, Rect, Vision,
};

use crate::engine::{
    Added, Assessed, Candidate, Claimed, Engine, FaceCandidates, FaceKey, Keeping, LibraryRef, SeenFace, Target, Write,
};
use crate::similarity::{Similarity, similarity_of_cosine};
use crate::{Error, Result};

/// Faces of one picture that are worked on, the largest first; a crowd can't hold a worker for ever.
pub const MAX_FACES: usize = 100;

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
    /// The probability, 0..1, that it was live before the camera, if asked for.
    pub liveness: Option<f32>,
}

/// A face with its feature. Not `Debug`, as a feature belongs into no log.
#[derive(Clone)]
pub struct DescribedFace {
    /// Left, top, width and height of its box as fractions of the upright picture, inside of it.
    pub area: [f32; 4],
    /// How fit it is.
    pub quality: Quality,
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
}

/// Detection, embedding and exact search in this process. Clones share everything.
#[derive(Clone)]
pub struct Builtin {
    vision: Vision,
    galleries: Arc<Galleries>,
    scanner: Arc<Scanner>,
    /// A permit for each call whose faces are searched for.
    searches: Arc<Semaphore>,
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
    pub async fn examine(&self, picture: Bytes, max_faces: usize, wanted: Examination) -> Result<Vec<ExaminedFace>> {
        let all = self
            .vision
            .run(move |models| {
                let picture = Picture::decode(&picture)?;
                let mut faces = models.detect(&picture)?;
                faces.truncate(max_faces.min(MAX_FACES));
                faces.iter().map(|face| examined(models, &picture, face, wanted)).collect()
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
        picture: Bytes,
        top_n: usize,
        wanted: Examination,
        accepts: Accepts,
    ) -> Result<(ExaminedFace, Vec<Candidate>)> {
        let (face, probe) = self
            .on_largest_face(picture, move |models, picture, face| {
                let examined = examined(models, picture, &face, wanted)?;
                let probe = if accepts(&examined) { Some(models.embed(picture, &face, Purpose::Probe)?) } else { None };
                Ok((examined, probe))
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
        picture: Bytes,
        wanted: Examination,
        accepts: Accepts,
    ) -> Result<(ExaminedFace, Option<Added>)> {
        self.on_largest_face(picture, move |models, picture, face| {
            // An enrolled face keeps its quality, asked for or not.
            let mut examined = examined(models, picture, &face, Examination { quality: true, ..wanted })?;
            let quality = examined.quality.map(|quality| quality.score);
            if !wanted.quality {
                examined.quality = None;
            }
            if !accepts(&examined) {
                return Ok((examined, None));
            }
            let template = Some(models.embed(picture, &face, Purpose::Enrolment)?.into_vec());
            Ok((examined, Some(Added { engine_ref: None, template, face: Some(seen(&face)), quality })))
        })
        .await
    }

    /// As [`Engine::compare`], with what there is about both faces; they are not compared if `accepts` turns one down.
    ///
    /// # Errors
    /// As [`Engine::compare`].
    pub async fn compare_examined(
        &self,
        a: Bytes,
        b: Bytes,
        wanted: Examination,
        accepts: Accepts,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)> {
        let compared = self
            .vision
            .run(move |models| {
                let (a, b) = (Picture::decode(&a)?, Picture::decode(&b)?);
                let (faces_a, faces_b) = (models.detect(&a)?, models.detect(&b)?);
                let (Some(face_a), Some(face_b)) = (faces_a.first(), faces_b.first()) else { return Ok(None) };
                let both = [examined(models, &a, face_a, wanted)?, examined(models, &b, face_b, wanted)?];
                if !both.iter().all(accepts) {
                    return Ok(Some((both, None)));
                }
                let probe = models.embed(&a, face_a, Purpose::Probe)?;
                let cosine = probe.cosine(&models.embed(&b, face_b, Purpose::Probe)?);
                Ok(Some((both, Some(similarity_of_cosine(cosine)))))
            })
            .await?;
        compared.ok_or(Error::NoFace)
    }

    /// The faces of a picture, at most [`MAX_FACES`], the largest first, each with its feature; none is no error.
    ///
    /// # Errors
    /// As [`Builtin::examine`].
    pub async fn describe(&self, picture: Bytes) -> Result<Vec<DescribedFace>> {
        let described = self
            .vision
            .run(move |models| {
                let picture = Picture::decode(&picture)?;
                let mut faces = models.detect(&picture)?;
                faces.truncate(MAX_FACES);
                let (width, height) = (picture.width() as f32, picture.height() as f32);
                let described = faces.into_iter().map(|face| {
                    let quality = models.quality(&picture, &face)?;
                    let feature = models.embed(&picture, &face, Purpose::Probe)?.into_vec();
                    Ok(DescribedFace { area: fractions(&face.area, width, height), quality, feature })
                });
                described.collect()
            })
            .await?;
        Ok(described)
    }

    /// The probability, 0..1, that the largest face of a picture was live before the camera.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn liveness(&self, picture: Bytes) -> Result<f32> {
        self.on_largest_face(picture, |models, picture, face| models.liveness(picture, &face)).await
    }

    /// How like the largest face of a picture some people of some libraries are (row ids), the most similar first, at
    /// most `top_n`.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn identify_among(
        &self,
        libraries: Vec<i64>,
        people: HashSet<i64>,
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<Candidate>> {
        let probe = self.probe(picture).await?;
        let is_one: Filter = Arc::new(move |entry| people.contains(&entry.person));
        self.search(&libraries, probe, top_n, Some(is_one)).await
    }

    /// Lets a face be found from now on.
    ///
    /// # Errors
    /// [`Error::Template`] if the template is of other dimensions.
    pub fn admit(&self, library: i64, person: i64, face: i64, template: &[f32]) -> Result<()> {
        Ok(self.galleries.open(library).insert(Entry { person, face }, template)?)
    }

    /// Lets many faces be found, at start.
    ///
    /// # Errors
    /// [`Error::Template`] if a template is of other dimensions.
    pub fn admit_all(&self, templates: Vec<TemplateRow>) -> Result<()> {
        let mut by_library: HashMap<i64, Vec<(Entry, Vec<f32>)>> = HashMap::new();
        for TemplateRow { library, person, face, vector } in templates {
            by_library.entry(library).or_default().push((Entry { person, face }, vector));
        }
        for (library, templates) in by_library {
            self.galleries.open(library).extend(templates)?;
        }
        Ok(())
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
    async fn probe(&self, picture: Bytes) -> Result<Embedding> {
        self.on_probe(picture, |models, picture, face| models.embed(picture, &face, Purpose::Probe)).await
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

    /// Decodes, detects and hands the largest face to `job`, all on one worker.
    async fn on_largest_face<T: Send + 'static>(
        &self,
        picture: Bytes,
        job: impl FnOnce(&mut FaceModels, &Picture, DetectedFace) -> aicp_vision::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_face(picture, |models, picture| Ok(models.detect(picture)?.into_iter().next()), job).await
    }

    /// As `on_largest_face`, where the face is embedded and not judged: it may be found by a coarser look.
    async fn on_probe<T: Send + 'static>(
        &self,
        picture: Bytes,
        job: impl FnOnce(&mut FaceModels, &Picture, DetectedFace) -> aicp_vision::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.on_face(picture, FaceModels::detect_largest, job).await
    }

    async fn on_face<T: Send + 'static>(
        &self,
        picture: Bytes,
        find: fn(&mut FaceModels, &Picture) -> aicp_vision::Result<Option<DetectedFace>>,
        job: impl FnOnce(&mut FaceModels, &Picture, DetectedFace) -> aicp_vision::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.vision
            .run(move |models| {
                let picture = Picture::decode(&picture)?;
                find(models, &picture)?.map(|face| job(models, &picture, face)).transpose()
            })
            .await?
            .ok_or(Error::NoFace)
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

    async fn add_face(&self, _: &LibraryRef, _: &str, picture: Bytes) -> Result<Added> {
        self.on_largest_face(picture, |models, picture, face| {
            let template = models.embed(picture, &face, Purpose::Enrolment)?.into_vec();
            let quality = models.quality(picture, &face)?.score;
            Ok(Added { engine_ref: None, template: Some(template), face: Some(seen(&face)), quality: Some(quality) })
        })
        .await
    }

    async fn find_added(&self, _: &LibraryRef, _: &str, _: Bytes, _: &dyn Claimed) -> Result<Option<Added>> {
        Ok(None)
    }

    async fn remove_face(&self, _: &LibraryRef, _: &str) -> Result<()> {
        Ok(())
    }

    async fn identify(&self, libraries: &[LibraryRef], picture: Bytes, top_n: usize) -> Result<Vec<Candidate>> {
        let probe = self.probe(picture).await?;
        self.search(&rows(libraries), probe, top_n, None).await
    }

    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        let seen = self
            .vision
            .run(move |models| {
                let picture = Picture::decode(&picture)?;
                let mut faces = models.detect(&picture)?;
                faces.truncate(MAX_FACES);
                let probes = faces.iter().map(|face| Ok((seen(face), models.embed(&picture, face, Purpose::Probe)?)));
                probes.collect::<aicp_vision::Result<Vec<_>>>()
            })
            .await?;
        if seen.is_empty() {
            return Err(Error::NoFace);
        }
        let (faces, probes): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
        let found = self.search_all(&rows(libraries), probes, top_n, None).await?;
        Ok(faces.into_iter().zip(found).map(|(face, candidates)| FaceCandidates { face, candidates }).collect())
    }

    async fn compare(&self, a: Bytes, b: Bytes) -> Result<Similarity> {
        // One job, not two: half a comparison must not wait for, or be refused, a second place in the queue.
        let cosine = self
            .vision
            .run(move |models| {
                let (Some(a), Some(b)) = (embed_largest(models, &a)?, embed_largest(models, &b)?) else {
                    return Ok(None);
                };
                Ok(Some(a.cosine(&b)))
            })
            .await?;
        cosine.map(similarity_of_cosine).ok_or(Error::NoFace)
    }

    async fn detect(&self, picture: Bytes) -> Result<Vec<SeenFace>> {
        let faces = self.vision.run(move |models| models.detect(&Picture::decode(&picture)?)).await?;
        Ok(faces.iter().map(seen).collect())
    }

    async fn assess(&self, picture: Bytes) -> Result<Assessed> {
        self.on_largest_face(picture, |models, picture, face| {
            let quality = models.quality(picture, &face)?;
            let template = models.embed(picture, &face, Purpose::Probe)?.into_vec();
            let feature = template.iter().flat_map(|value| value.to_le_bytes()).collect();
            Ok(Assessed { score: quality.score, grades: Some(quality.grades()), feature })
        })
        .await
    }

    async fn require_face(&self, picture: Bytes) -> Result<()> {
        self.on_largest_face(picture, |_, _, _| Ok(())).await
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
    let [right, left, ..] = face.landmarks;
    let rotation = (left.y - right.y).atan2(left.x - right.x).to_degrees();
    SeenFace { area: face.area, confidence: face.confidence, rotation }
}

/// What there is about a face.
fn examined(
    models: &mut FaceModels,
    picture: &Picture,
    face: &DetectedFace,
    wanted: Examination,
) -> aicp_vision::Result<ExaminedFace> {
    // The pose comes with the quality alone.
    let quality = models.quality(picture, face)?;
    let (pose, quality) = (quality.pose, wanted.quality.then_some(quality));
    let liveness = if wanted.liveness { Some(models.liveness(picture, face)?) } else { None };
    Ok(ExaminedFace { face: seen(face), landmarks: face.landmarks, quality, pose, liveness })
}

/// The probe embedding of the largest face of a picture, if it shows any.
fn embed_largest(models: &mut FaceModels, picture: &[u8]) -> aicp_vision::Result<Option<Embedding>> {
    let picture = Picture::decode(picture)?;
    let face = models.detect_largest(&picture)?;
    face.map(|face| models.embed(&picture, &face, Purpose::Probe)).transpose()
}

fn candidate(hit: Hit) -> Candidate {
    Candidate { face: FaceKey::Row(hit.entry.face), similarity: similarity_of_cosine(hit.cosine) }
}
