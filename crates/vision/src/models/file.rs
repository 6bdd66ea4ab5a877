//! Detection and recognition of the largest face in a picture file, decoded at a reduced size.

use super::{FaceModels, Recognised};
use crate::Result;
use crate::detector::{DetectedFace, Effort};
use crate::embedder::Purpose;
use crate::picture::{Dimensions, Picture, Shrink};

/// Minimum pixels of a reduced decode for a coarse pass, more than the detector's input for the whole picture.
pub const MIN_REDUCED_PIXELS: u64 = 500_000;
/// Minimum side of a decoded face in pixels; a larger decode changes almost nothing. On the sample faces that have more
/// pixels, the cosines between embeddings at half and at full resolution are 0.996 and more from 140 pixels on; at 60
/// to 80 pixels they are 0.979 to 0.993.
const MIN_FACE_SIDE: f32 = 160.0;

impl FaceModels {
    /// Recognises the largest face of a picture file as a probe, as [`FaceModels::recognise_largest`] does. The
    /// returned picture is decoded no larger than its largest face needs; [`DetectedFace::as_stored`] gives the face's
    /// place in the file's pixels.
    ///
    /// # Errors
    /// As [`Picture::decode`] and [`FaceModels::recognise_largest`].
    pub fn recognise_file(&mut self, bytes: &[u8], effort: Effort) -> Result<(Picture, Option<Recognised>)> {
        if let Some((picture, face)) = self.detect_reduced(bytes)? {
            let recognised = self.recognise_one(&picture, Some(face), Purpose::Probe, effort)?;
            return Ok((picture, recognised));
        }
        let picture = Picture::decode(bytes)?;
        let recognised = self.recognise_largest(&picture, Purpose::Probe, effort)?;
        Ok((picture, recognised))
    }

    /// Detects the largest face of a picture file, as [`FaceModels::detect_largest`] does; see
    /// [`FaceModels::recognise_file`].
    ///
    /// # Errors
    /// As [`Picture::decode`] and [`FaceModels::detect_largest`].
    pub fn detect_in_file(&mut self, bytes: &[u8], effort: Effort) -> Result<(Picture, Option<DetectedFace>)> {
        if let Some((picture, face)) = self.detect_reduced(bytes)? {
            let face = self.or_better_view(&picture, face, effort)?;
            return Ok((picture, Some(face)));
        }
        let picture = Picture::decode(bytes)?;
        let face = self.detect_largest(&picture, effort)?;
        Ok((picture, face))
    }

    /// Detects the largest face of a large JPEG at a reduced size; `None` if the coarse pass is not final. If the face
    /// has too few pixels for the networks, the returned picture is decoded again, as large as needed.
    fn detect_reduced(&mut self, bytes: &[u8]) -> Result<Option<(Picture, DetectedFace)>> {
        let shrink = Dimensions::of(bytes)?.shrunk_to(MIN_REDUCED_PIXELS);
        if shrink == Shrink::None {
            return Ok(None);
        }
        let small = Picture::decode_shrunk(bytes, shrink)?;
        let Some(face) = self.detector.detect_largest_coarse(&small)? else { return Ok(None) };
        let side = face.area.area().sqrt() * shrink.factor() as f32;
        let needed =
            Shrink::ALL.into_iter().find(|s| side >= MIN_FACE_SIDE * s.factor() as f32).unwrap_or(Shrink::None);
        if needed.factor() >= shrink.factor() {
            return Ok(Some((small, face)));
        }
        let face = face.enlarged((shrink.factor() / needed.factor()) as f32);
        Ok(Some((Picture::decode_shrunk(bytes, needed)?, face)))
    }
}
