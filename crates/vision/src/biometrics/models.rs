//! Biometrics by the networks of the worker pool.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};

use super::{
    Biometrics, Comparison, EmbeddedFace, Examination, ExaminedFace, Look, MAX_FACES, Photo, Request, Scope, SeenFace,
    Terms,
};
use crate::algorithm::Algorithm;
use crate::detector::{DetectedFace, Effort};
use crate::embedder::{DIMENSIONS, Purpose};
use crate::geometry::Rect;
use crate::models::{FaceModels, Recognised};
use crate::picture::{Dimensions, Picture};
use crate::pool::{Load, Priority, Vision};
use crate::{Error, Result};

/// Size of a crop, as a multiple of the face in it.
const CROP_SCALE: f32 = 2.0;
/// JPEG quality of a crop.
const CROP_QUALITY: u8 = 88;

#[async_trait]
impl Biometrics for Vision {
    fn algorithm(&self) -> &Algorithm {
        Self::algorithm(self)
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn load(&self) -> Load {
        Self::load(self)
    }

    fn stuck_for(&self) -> Option<Duration> {
        Self::stuck_for(self)
    }

    async fn detect(&self, picture: Photo, scope: Scope) -> Result<Vec<SeenFace>> {
        let Photo { bytes, terms } = picture;
        check_size(terms, &bytes)?;
        let detect = move |models: &mut FaceModels| match scope {
            Scope::Largest => {
                let (picture, face) = models.detect_in_file(&bytes, terms.effort())?;
                Ok(face.iter().map(|face| seen(&picture, face)).collect())
            }
            Scope::AtMost(at_most) => {
                let picture = Picture::decode(&bytes)?;
                let faces = models.detect(&picture, terms.effort())?;
                Ok(faces.iter().take(at_most).map(|face| seen(&picture, face)).collect())
            }
        };
        self.run_for(terms.priority, detect).await
    }

    async fn look(&self, picture: Photo, request: Request) -> Result<Look> {
        let Photo { bytes, terms } = picture;
        check_size(terms, &bytes)?;
        let look = move |models: &mut FaceModels| {
            let Request { scope, purpose, examination } = request;
            let (picture, faces) = match (scope, purpose) {
                (Scope::Largest, Purpose::Probe) => {
                    let (picture, face) = models.recognise_file(&bytes, terms.effort())?;
                    (picture, face.into_iter().collect())
                }
                // An enrolment is located as exactly as in a listing of all faces.
                (Scope::Largest, Purpose::Enrolment) => all(models, &bytes, 1, purpose, terms)?,
                (Scope::AtMost(at_most), purpose) => all(models, &bytes, at_most.min(MAX_FACES), purpose, terms)?,
            };
            let faces = faces.into_iter().map(|face| embedded(models, &picture, face, examination, terms));
            let faces = faces.collect::<Result<_>>()?;
            let side = |pixels: u32| pixels as f32 * picture.stored_per_pixel();
            Ok(Look { width: side(picture.width()), height: side(picture.height()), faces })
        };
        self.run_for(terms.priority, look).await
    }

    async fn compare(&self, a: Photo, b: Photo, examination: Option<Examination>) -> Result<Option<Comparison>> {
        let terms = a.terms;
        check_size(terms, &a.bytes)?;
        check_size(terms, &b.bytes)?;
        // One job, not two: the second half of a comparison must neither wait in the queue again nor be refused.
        let compare = move |models: &mut FaceModels| {
            let (picture_a, face_a) = models.recognise_file(&a.bytes, terms.effort())?;
            let (picture_b, face_b) = models.recognise_file(&b.bytes, terms.effort())?;
            let (Some(face_a), Some(face_b)) = (face_a, face_b) else { return Ok(None) };
            let face_a = embedded(models, &picture_a, face_a, examination, terms)?;
            let face_b = embedded(models, &picture_b, face_b, examination, terms)?;
            Ok(Some(Comparison::new(face_a, face_b, terms)))
        };
        self.run_for(terms.priority, compare).await
    }

    async fn crop(&self, picture: Bytes, areas: Option<Vec<Rect>>, max_side: u32) -> Result<Vec<Bytes>> {
        let crop = move |models: &mut FaceModels| {
            let picture = Picture::decode(&picture)?;
            let areas = match areas {
                Some(areas) => areas,
                None => models.detect(&picture, Effort::Full)?.iter().take(1).map(|face| face.area).collect(),
            };
            areas.iter().map(|area| cut_out(&picture, area, max_side)).collect()
        };
        self.run_for(Priority::Own, crop).await
    }

    async fn thumbnail(&self, picture: Photo, area: Rect, side: u32) -> Result<Bytes> {
        let Photo { bytes, terms } = picture;
        check_size(terms, &bytes)?;
        let thumbnail = move |_: &mut FaceModels| Picture::decode(&bytes)?.thumbnail(area, side).map(Bytes::from);
        self.run_for(terms.priority, thumbnail).await
    }

    fn accepts_template(&self, template: &[f32]) -> bool {
        self.judge().is_none_or(|judge| judge.accepts_template(template))
    }
}

/// Cuts a face with a margin out of a picture, as a JPEG.
fn cut_out(picture: &Picture, area: &Rect, max_side: u32) -> Result<Bytes> {
    let (width, height) = (picture.width(), picture.height());
    let part = area.grown(CROP_SCALE).clamped(width, height);
    let (x, y) = ((part.x as u32).min(width - 1), (part.y as u32).min(height - 1));
    let side = |length: f32, most: u32| (length.ceil() as u32).clamp(1, most);
    let (w, h) = (side(part.width, width - x), side(part.height, height - y));
    let mut cut = imageops::crop_imm(picture.rgb(), x, y, w, h).to_image();
    let longest = w.max(h);
    if longest > max_side {
        let shrunk = |side: u32| (u64::from(side) * u64::from(max_side) / u64::from(longest)).max(1) as u32;
        cut = imageops::resize(&cut, shrunk(w), shrunk(h), FilterType::Triangle);
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, CROP_QUALITY)
        .encode_image(&cut)
        .map_err(|e| Error::Worker(format!("a crop can't be written: {e}")))?;
    Ok(bytes.into())
}

/// Refuses a picture that exceeds the pixel limit of the terms, by its header.
fn check_size(terms: Terms, bytes: &Bytes) -> Result<()> {
    if terms.priority != Priority::Unknown {
        return Ok(());
    }
    let Dimensions { width, height, .. } = Dimensions::of(bytes)?;
    terms.check_size(width, height)
}

/// Decodes a picture at full size and embeds its largest faces.
fn all(
    models: &mut FaceModels,
    bytes: &[u8],
    at_most: usize,
    purpose: Purpose,
    terms: Terms,
) -> Result<(Picture, Vec<Recognised>)> {
    let picture = Picture::decode(bytes)?;
    let faces = models.recognise_all(&picture, at_most, purpose, terms.effort())?;
    Ok((picture, faces))
}

/// Converts a detected face to the pixels of the stored picture. At full size its numbers stay exactly as they are.
fn seen(picture: &Picture, face: &DetectedFace) -> SeenFace {
    let as_seen =
        |face: &DetectedFace| SeenFace { area: face.area, confidence: face.confidence, rotation: face.rotation() };
    if picture.stored_per_pixel() == 1.0 { as_seen(face) } else { as_seen(&face.as_stored(picture)) }
}

/// Examines a face, if requested.
fn embedded(
    models: &mut FaceModels,
    picture: &Picture,
    recognised: Recognised,
    examination: Option<Examination>,
    terms: Terms,
) -> Result<EmbeddedFace> {
    let examined = examination.map(|wanted| examined(models, picture, &recognised, wanted, terms)).transpose()?;
    let Recognised { face, embedding, recognisability, .. } = recognised;
    Ok(EmbeddedFace { face: seen(picture, &face), embedding, recognisability, examined })
}

fn examined(
    models: &mut FaceModels,
    picture: &Picture,
    recognised: &Recognised,
    wanted: Examination,
    terms: Terms,
) -> Result<ExaminedFace> {
    let face = &recognised.face;
    // The pose is only available together with the quality.
    let quality = models.quality(picture, recognised)?;
    let (pose, quality) = (quality.pose, wanted.quality.then_some(quality));
    let liveness = if wanted.liveness { Some(models.liveness(picture, face)?) } else { None };
    let is_recognisable = terms.accept(recognised.recognisability);
    let face = face.as_stored(picture);
    let seen = SeenFace { area: face.area, confidence: face.confidence, rotation: face.rotation() };
    Ok(ExaminedFace { face: seen, landmarks: face.landmarks, quality, pose, liveness, is_recognisable })
}
