//! Templates in answers. They are biometric data: whoever has one can look for the face anywhere.

use aicp_backends::{BUILTIN, Examination, ExaminedFace};
use aicp_store::{Algorithm, NewTemplate};
use bytes::Bytes;

use crate::{Area, Caller, Face, Missing, Platform, Refusal, Result};

impl Platform {
    /// As [`Platform::examine`], each face with its template as a probe, a unit vector.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a caller without the area [`Area::Templates`]; as [`Platform::examine`].
    pub async fn examine_with_templates(
        &self,
        caller: &Caller,
        picture: Bytes,
        most: usize,
        wanted: Examination,
    ) -> Result<Vec<(ExaminedFace, NewTemplate)>> {
        require_templates(caller)?;
        caller.note_engine(BUILTIN);
        let faces = self.inner.builtin.examine_with_templates(self.photo(caller, picture), most, wanted).await?;
        let algorithm = &self.inner.shared.algorithm;
        let templates = faces.into_iter().map(|(face, vector)| {
            let algorithm = Algorithm::clone(algorithm);
            (face, NewTemplate { algorithm, vector, recognisability: None })
        });
        Ok(templates.collect())
    }

    /// Returns the template of an enrolled face.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a caller without the area [`Area::Templates`]; [`Missing::Template`] if the engine of the
    /// library keeps it.
    pub async fn template_of_face(&self, caller: &Caller, face: &Face) -> Result<NewTemplate> {
        require_templates(caller)?;
        self.inner.store.rows().await?.template_of(face.id).await?.ok_or(Missing::Template.into())
    }
}

fn require_templates(caller: &Caller) -> Result<()> {
    caller.require_area(Area::Templates).map_err(|_| Refusal::Forbidden.into())
}
