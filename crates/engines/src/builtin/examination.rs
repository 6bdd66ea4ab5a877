//! What there is about faces beside who they are, and calls that depend on it.

use aicp_types::LibraryId;
use aicp_vision::{FaceModels, HeadPose, Liveness, Picture, Point, Purpose, Quality, Recognised, Rect};

use super::{Builtin, MAX_FACES, added, recognise_some, seen, similarity};
use crate::engine::{Added, Candidate, Photo, SeenFace, Terms};
use crate::similarity::Similarity;
use crate::{Error, Result};

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

impl Builtin {
    /// The faces of a picture, at most `max_faces` (and [`MAX_FACES`]), the largest first, with what was asked about
    /// each; none is no error.
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

    /// As [`Engine::identify`] in one library (row id), with what there is about the face; nobody is looked for if
    /// `accepts` turns it down.
    ///
    /// # Errors
    /// As [`Engine::identify`].
    pub async fn identify_examined(
        &self,
        library: LibraryId,
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

    /// The faces of a picture, at most [`MAX_FACES`], the largest first, each with its feature; none is no error.
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

    /// Whether the largest face of a picture was live before the camera.
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

/// The part of a box that is inside a picture of this size, as fractions of it: left, top, width, height.
fn fractions(area: &Rect, width: f32, height: f32) -> [f32; 4] {
    let share = |at: f32, of: f32| (at / of).clamp(0.0, 1.0);
    let (left, top) = (share(area.x, width), share(area.y, height));
    [left, top, share(area.x + area.width, width) - left, share(area.y + area.height, height) - top]
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
    let face = face.as_stored(picture);
    Ok(ExaminedFace { face: seen(&face), landmarks: face.landmarks, quality, pose, liveness, is_recognisable })
}
