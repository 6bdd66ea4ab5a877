//! Quality, pose and liveness of faces, and calls that depend on them.

use aicp_types::LibraryId;
use aicp_vision::{FaceModels, HeadPose, Liveness, Picture, Point, Purpose, Quality, Recognised, Rect};

use super::{Builtin, MAX_FACES, added, recognise_some, seen, similarity};
use crate::engine::{Candidate, EnrolledFace, Photo, SeenFace, Terms};
use crate::similarity::Similarity;
use crate::{Error, Result};

/// Optional parts of the examination of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Examination {
    /// Examine the quality.
    pub quality: bool,
    /// Examine the liveness.
    pub liveness: bool,
}

/// Result of the examination of a face.
#[derive(Debug, Clone, PartialEq)]
pub struct ExaminedFace {
    /// The face in the picture.
    pub face: SeenFace,
    /// Right eye, left eye, nose tip, right and left corner of the mouth, from the person's own view, in pixels.
    pub landmarks: [Point; 5],
    /// Quality, if requested.
    pub quality: Option<Quality>,
    /// Head pose.
    pub pose: HeadPose,
    /// Liveness, if requested.
    pub liveness: Option<Liveness>,
    /// Whether the face is recognisable enough for the terms.
    pub is_recognisable: bool,
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

impl Builtin {
    /// Examines the faces of a picture, the largest first, at most `max_faces` and [`MAX_FACES`]. No face is not an
    /// error.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn examine(&self, picture: Photo, max_faces: usize, wanted: Examination) -> Result<Vec<ExaminedFace>> {
        let Photo { bytes, terms } = picture;
        let all = self
            .run(terms, [&bytes.clone()], move |models| {
                let picture = Picture::decode(&bytes)?;
                let faces = recognise_some(models, &picture, max_faces, terms.effort())?;
                faces.iter().map(|face| examined(models, &picture, face, wanted, terms)).collect()
            })
            .await?;
        Ok(all)
    }

    /// Searches one library (row id) as [`crate::Engine::identify`] does, and also returns the examination of the face. There
    /// is no search if `accepts` rejects the face.
    ///
    /// # Errors
    /// As [`crate::Engine::identify`].
    pub async fn identify_examined(
        &self,
        library: LibraryId,
        picture: Photo,
        top_n: usize,
        wanted: Examination,
        accepts: FacePredicate,
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

    /// Makes a template as [`crate::Engine::add_face`] does, and also returns the examination of the face. No template is made
    /// if `accepts` rejects the face.
    ///
    /// # Errors
    /// As [`crate::Engine::add_face`].
    pub async fn add_examined(
        &self,
        picture: Photo,
        wanted: Examination,
        accepts: FacePredicate,
    ) -> Result<(ExaminedFace, Option<EnrolledFace>)> {
        let terms = picture.terms;
        let (examined, added) = self
            .on_largest_face(picture, Purpose::Enrolment, move |models, picture, face| {
                // An enrolled face always stores its quality.
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

    /// Compares as [`crate::Engine::compare`] does, and also returns the examination of both faces. They are not compared if
    /// `accepts` rejects one of them.
    ///
    /// # Errors
    /// As [`crate::Engine::compare`].
    pub async fn compare_examined(
        &self,
        a: Photo,
        b: Photo,
        wanted: Examination,
        accepts: FacePredicate,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)> {
        let terms = a.terms;
        let compared = self
            .run(terms, [&a.bytes.clone(), &b.bytes.clone()], move |models| {
                let (a, face_a) = models.recognise_file(&a.bytes, terms.effort())?;
                let (b, face_b) = models.recognise_file(&b.bytes, terms.effort())?;
                let (Some(face_a), Some(face_b)) = (face_a, face_b) else { return Ok(None) };
                let both =
                    [examined(models, &a, &face_a, wanted, terms)?, examined(models, &b, &face_b, wanted, terms)?];
                let similarity = both.iter().all(accepts).then(|| similarity(&face_a, &face_b, terms));
                Ok(Some((both, similarity)))
            })
            .await?;
        compared.ok_or(Error::NoFace)
    }

    /// Returns the faces of a picture with their features, the largest first, at most [`MAX_FACES`]. No face is not an
    /// error.
    ///
    /// # Errors
    /// As [`Builtin::examine`].
    pub async fn describe(&self, picture: Photo) -> Result<Vec<DescribedFace>> {
        let Photo { bytes, terms } = picture;
        let described = self
            .run(terms, [&bytes.clone()], move |models| {
                let picture = Picture::decode(&bytes)?;
                let faces = recognise_some(models, &picture, MAX_FACES, terms.effort())?;
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

    /// Examines the liveness of the largest face of a picture.
    ///
    /// # Errors
    /// [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`] or [`Error::Failed`].
    pub async fn liveness(&self, picture: Photo) -> Result<Liveness> {
        let Photo { bytes, terms } = picture;
        self.run(terms, [&bytes.clone()], move |models| {
            let (picture, face) = models.detect_in_file(&bytes, terms.effort())?;
            face.map(|face| models.liveness(&picture, &face)).transpose()
        })
        .await?
        .ok_or(Error::NoFace)
    }
}

/// Clips a box to a picture of this size and returns left, top, width and height as fractions of the picture.
fn fractions(area: &Rect, width: f32, height: f32) -> [f32; 4] {
    let share = |at: f32, of: f32| (at / of).clamp(0.0, 1.0);
    let (left, top) = (share(area.x, width), share(area.y, height));
    [left, top, share(area.x + area.width, width) - left, share(area.y + area.height, height) - top]
}

/// Examines a face.
fn examined(
    models: &mut FaceModels,
    picture: &Picture,
    recognised: &Recognised,
    wanted: Examination,
    terms: Terms,
) -> aicp_vision::Result<ExaminedFace> {
    let face = &recognised.face;
    // The pose is only available together with the quality.
    let quality = models.quality(picture, recognised)?;
    let (pose, quality) = (quality.pose, wanted.quality.then_some(quality));
    let liveness = if wanted.liveness { Some(models.liveness(picture, face)?) } else { None };
    let is_recognisable = terms.accepts(recognised);
    let face = face.as_stored(picture);
    Ok(ExaminedFace { face: seen(&face), landmarks: face.landmarks, quality, pose, liveness, is_recognisable })
}
