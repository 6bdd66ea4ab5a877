//! The engine that runs in this process.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use aicp_gallery::{Entry, Galleries, Query};
use aicp_vision::{Algorithm, DetectedFace, Embedding, FaceModels, Picture, Purpose, Quality, Vision};

use crate::similarity::{Similarity, similarity_of_cosine};
use crate::{Error, Result};

/// Faces of one picture that are worked on, the largest first; a crowd can't hold a worker for ever.
pub const MAX_FACES: usize = 100;

/// A face made ready to be kept. Not `Debug`, as a template belongs into no log.
#[derive(Clone)]
pub struct Enrolled {
    /// Where it is in the upright picture.
    pub face: DetectedFace,
    /// Its template: a unit vector.
    pub template: Vec<f32>,
    /// How fit it is.
    pub quality: Quality,
}

/// A person of a library who may be the one in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Row id of the person.
    pub person: i64,
    /// Row id of their best matching face.
    pub face: i64,
    /// How alike they are, 0..1.
    pub similarity: Similarity,
}

/// A face of a picture and who it may be.
#[derive(Debug, Clone)]
pub struct FaceCandidates {
    /// The face in the picture.
    pub face: DetectedFace,
    /// Who it may be, most similar first.
    pub candidates: Vec<Candidate>,
}

/// The quality of the largest face of a picture, with its template. Not `Debug`, as a template belongs into no log.
#[derive(Clone)]
pub struct Assessment {
    /// The face.
    pub face: DetectedFace,
    /// Its quality.
    pub quality: Quality,
    /// Its template: a unit vector.
    pub template: Vec<f32>,
}

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
}

impl Builtin {
    /// Dimensions of an embedding.
    const DIMENSIONS: usize = 512;

    /// An engine on these workers, with empty galleries.
    pub fn new(vision: Vision) -> Self {
        Self { vision, galleries: Arc::new(Galleries::new(Self::DIMENSIONS)) }
    }

    /// Which algorithm its templates are of.
    pub fn algorithm(&self) -> &Algorithm {
        self.vision.algorithm()
    }

    /// Makes the largest face of a picture ready to be kept.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn enrol(&self, picture: Bytes) -> Result<Enrolled> {
        self.on_largest_face(picture, |models, picture, face| {
            let template = models.embed(picture, &face, Purpose::Enrolment)?.into_vec();
            let quality = models.quality(picture, &face)?;
            Ok(Enrolled { face, template, quality })
        })
        .await
    }

    /// The people of some libraries most like the largest face of a picture, at most `top_n`, best first.
    ///
    /// # Errors
    /// As [`Builtin::enrol`].
    pub async fn identify(&self, libraries: Vec<i64>, picture: Bytes, top_n: usize) -> Result<Vec<Candidate>> {
        let galleries = Arc::clone(&self.galleries);
        let searched = self
            .on_largest_face(picture, move |models, picture, face| {
                let probe = models.embed(picture, &face, Purpose::Probe)?;
                Ok(search(&galleries, &libraries, &probe, top_n))
            })
            .await?;
        Ok(searched?)
    }

    /// Every face of a picture, the largest first, each with the people of some libraries most like it.
    ///
    /// # Errors
    /// As [`Builtin::enrol`].
    pub async fn identify_many(
        &self,
        libraries: Vec<i64>,
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>> {
        let galleries = Arc::clone(&self.galleries);
        let found = self
            .vision
            .run(move |models| {
                let picture = Picture::decode(&picture)?;
                let mut faces = models.detect(&picture)?;
                faces.truncate(MAX_FACES);
                let searched = faces.into_iter().map(|face| {
                    let probe = models.embed(&picture, &face, Purpose::Probe)?;
                    Ok(search(&galleries, &libraries, &probe, top_n)
                        .map(|candidates| FaceCandidates { face, candidates }))
                });
                searched.collect::<aicp_vision::Result<Vec<_>>>()
            })
            .await?;
        let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        if found.is_empty() { Err(Error::NoFace) } else { Ok(found) }
    }

    /// How alike the largest faces of two pictures are.
    ///
    /// # Errors
    /// As [`Builtin::enrol`].
    pub async fn compare(&self, a: Bytes, b: Bytes) -> Result<Similarity> {
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

    /// Every face of a picture, the largest first; none is no error.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn detect(&self, picture: Bytes) -> Result<Vec<DetectedFace>> {
        Ok(self.vision.run(move |models| models.detect(&Picture::decode(&picture)?)).await?)
    }

    /// Nothing, if the picture can be decoded and shows a face.
    ///
    /// # Errors
    /// As [`Builtin::enrol`].
    pub async fn require_face(&self, picture: Bytes) -> Result<()> {
        self.on_largest_face(picture, |_, _, _| Ok(())).await
    }

    /// The quality and the template of the largest face of a picture.
    ///
    /// # Errors
    /// As [`Builtin::enrol`].
    pub async fn assess(&self, picture: Bytes) -> Result<Assessment> {
        self.on_largest_face(picture, |models, picture, face| {
            let quality = models.quality(picture, &face)?;
            let template = models.embed(picture, &face, Purpose::Probe)?.into_vec();
            Ok(Assessment { face, quality, template })
        })
        .await
    }

    /// The probability, 0..1, that the largest face of a picture was live before the camera.
    ///
    /// # Errors
    /// As [`Builtin::enrol`].
    pub async fn liveness(&self, picture: Bytes) -> Result<f32> {
        self.on_largest_face(picture, |models, picture, face| models.liveness(picture, &face)).await
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

    /// Decodes, detects and hands the largest face to `job`, all on one worker.
    async fn on_largest_face<T: Send + 'static>(
        &self,
        picture: Bytes,
        job: impl FnOnce(&mut FaceModels, &Picture, DetectedFace) -> aicp_vision::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.vision
            .run(move |models| {
                let picture = Picture::decode(&picture)?;
                match models.detect(&picture)?.into_iter().next() {
                    Some(face) => job(models, &picture, face).map(Some),
                    None => Ok(None),
                }
            })
            .await?
            .ok_or(Error::NoFace)
    }
}

/// The probe embedding of the largest face of a picture, if it shows any.
fn embed_largest(models: &mut FaceModels, picture: &[u8]) -> aicp_vision::Result<Option<Embedding>> {
    let picture = Picture::decode(picture)?;
    match models.detect(&picture)?.first() {
        Some(face) => models.embed(&picture, face, Purpose::Probe).map(Some),
        None => Ok(None),
    }
}

/// The best people of all these libraries together.
fn search(
    galleries: &Galleries,
    libraries: &[i64],
    probe: &Embedding,
    top_n: usize,
) -> Result<Vec<Candidate>, aicp_gallery::Error> {
    let query = Query { top_n, above: f32::NEG_INFINITY, filter: None };
    let mut hits = Vec::new();
    for gallery in libraries.iter().filter_map(|&library| galleries.find(library)) {
        hits.extend(gallery.search(probe.as_slice(), &query)?);
    }
    hits.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.entry.face.cmp(&b.entry.face)));
    hits.truncate(top_n);
    Ok(hits
        .into_iter()
        .map(|hit| Candidate {
            person: hit.entry.person,
            face: hit.entry.face,
            similarity: similarity_of_cosine(hit.cosine),
        })
        .collect())
}
