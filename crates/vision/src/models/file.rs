//! The largest face of a picture file, decoded no larger than that face needs.

use super::{FaceModels, Recognised};
use crate::Result;
use crate::detector::{DetectedFace, Effort};
use crate::embedder::Purpose;
use crate::picture::{Dimensions, Picture, Shrink};

/// Pixels that a picture is decoded to at least for a coarse look, as far as it has them: more than the detector is ever given of
/// all of it.
pub const SMALLEST_AREA: u64 = 500_000;
/// Side of a face, in pixels, from which decoding it larger changes next to nothing. Of the sample faces that have more pixels the
/// embeddings at a half of them have cosines of 0.996 and more to those at all of them from 140 pixels on; at 60 to 80 they have
/// 0.979 to 0.993.
const SMALLEST_SIDE: f32 = 160.0;

impl FaceModels {
    /// As [`FaceModels::recognise_largest`], as a probe, of a picture file; with the picture, which is decoded no larger than
    /// its largest face needs. Where the face is: [`DetectedFace::as_stored`].
    ///
    /// # Errors
    /// As [`Picture::decode`] and [`FaceModels::recognise_largest`].
    pub fn recognise_file(&mut self, bytes: &[u8], effort: Effort) -> Result<(Picture, Option<Recognised>)> {
        if let Some((picture, face)) = self.look_at_file(bytes)? {
            let recognised = self.recognise_one(&picture, Some(face), Purpose::Probe, effort)?;
            return Ok((picture, recognised));
        }
        let picture = Picture::decode(bytes)?;
        let recognised = self.recognise_largest(&picture, Purpose::Probe, effort)?;
        Ok((picture, recognised))
    }

    /// As [`FaceModels::detect_largest`] of a picture file, see [`FaceModels::recognise_file`].
    ///
    /// # Errors
    /// As [`Picture::decode`] and [`FaceModels::detect_largest`].
    pub fn detect_in_file(&mut self, bytes: &[u8], effort: Effort) -> Result<(Picture, Option<DetectedFace>)> {
        if let Some((picture, face)) = self.look_at_file(bytes)? {
            let face = self.or_better_view(&picture, face, effort)?;
            return Ok((picture, Some(face)));
        }
        let picture = Picture::decode(bytes)?;
        let face = self.detect_largest(&picture, effort)?;
        Ok((picture, face))
    }

    /// The largest face of a large JPEG that is decoded smaller, if a coarse look settles which that is. A picture in which the face
    /// has too few pixels for the networks is decoded again, as large as it needs to be.
    fn look_at_file(&mut self, bytes: &[u8]) -> Result<Option<(Picture, DetectedFace)>> {
        let shrink = Dimensions::of(bytes)?.shrunk_to(SMALLEST_AREA);
        if shrink == Shrink::None {
            return Ok(None);
        }
        let small = Picture::decode_shrunk(bytes, shrink)?;
        let Some(face) = self.detector.detect_surely(&small)? else { return Ok(None) };
        let side = face.area.area().sqrt() * shrink.factor() as f32;
        let needed =
            Shrink::ALL.into_iter().find(|s| side >= SMALLEST_SIDE * s.factor() as f32).unwrap_or(Shrink::None);
        if needed.factor() >= shrink.factor() {
            return Ok(Some((small, face)));
        }
        let face = face.enlarged((shrink.factor() / needed.factor()) as f32);
        Ok(Some((Picture::decode_shrunk(bytes, needed)?, face)))
    }
}
