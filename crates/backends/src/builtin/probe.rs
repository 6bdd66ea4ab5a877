//! Probes of single faces, for comparisons outside the index.

use aicp_vision::{Examination, ExaminedFace, Photo, Request, Unrecognisable};

use super::{Builtin, split};
use crate::{Error, Result};

impl Builtin {
    /// Returns the examination of the largest face of a picture, and its probe: a unit vector.
    ///
    /// # Errors
    /// As [`Builtin::identify`]; [`Error::NotRecognisable`].
    pub async fn probe(&self, picture: Photo, wanted: Examination) -> Result<(ExaminedFace, Vec<f32>)> {
        let terms = picture.terms;
        let (face, examined) = split(self.largest(picture, Request::PROBE.examined(wanted)).await?)?;
        if !terms.accept(face.recognisability) {
            return Err(Error::NotRecognisable(Unrecognisable::Recognisability(face.recognisability)));
        }
        Ok((examined, face.embedding.into_vec()))
    }
}
