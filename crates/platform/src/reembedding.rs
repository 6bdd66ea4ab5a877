//! Templates that are computed anew from the stored pictures: of faces without one of today's algorithm.

use std::time::Duration;

use aicp_backends::{BUILTIN, Photo, Priority, Terms};
use aicp_store::{NewTemplate, PicturedFace};
use aicp_types::FaceId;

use crate::{Error, Missing, Platform, Refusal, Result};

/// Number of rows read at a time.
const BATCH: u64 = 256;
/// Pause when every worker is busy.
const PAUSE_WHEN_BUSY: Duration = Duration::from_millis(100);

/// What became of faces without a template of today's algorithm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reembedded {
    /// Faces that have a template now.
    pub done: u64,
    /// Faces that have none still, with the reason of each.
    pub failed: Vec<(FaceId, String)>,
}

impl Platform {
    /// Computes the templates of all faces of the built-in engine that have none of today's algorithm.
    ///
    /// # Errors
    /// Errors of the store. What is wrong with a picture is in the result.
    pub async fn embed_missing(&self) -> Result<Reembedded> {
        let (mut result, mut after) = (Reembedded::default(), FaceId::new(0));
        loop {
            let mut rows = self.inner.store.rows().await?;
            let faces = rows.faces_without_template(BUILTIN, self.algorithm(), after, BATCH).await?;
            drop(rows);
            let Some(last) = faces.last() else { return Ok(result) };
            after = last.face_id;
            for face in faces {
                match self.embed(&face).await {
                    Ok(()) => result.done += 1,
                    Err(
                        e @ (Error::BadInput(_) | Error::Refused(Refusal::NoFace) | Error::Missing(Missing::Picture)),
                    ) => result.failed.push((face.face_id, e.to_string())),
                    Err(e) => return Err(e),
                }
            }
        }
    }

    async fn embed(&self, face: &PicturedFace) -> Result<()> {
        let picture = self.inner.store.picture(&face.picture_key).await.map_err(|_| Missing::Picture)?;
        // Whether a face is recognisable enough is asked when it is searched.
        let terms = Terms { priority: Priority::Own, least_recognisability: 0.0 };
        let photo = Photo { bytes: picture, terms };
        let enrolled = loop {
            match self.inner.builtin.enrol(photo.clone()).await.map_err(Error::from) {
                Err(Error::Busy) => tokio::time::sleep(PAUSE_WHEN_BUSY).await,
                outcome => break outcome?,
            }
        };
        let vector = enrolled.template.ok_or(Refusal::NoFace)?;
        let template =
            NewTemplate { algorithm: self.algorithm().clone(), vector, recognisability: enrolled.recognisability };
        let face_id = face.face_id;
        let write = self
            .inner
            .store
            .write(move |tx| Box::pin(async move { Ok::<_, Error>(tx.set_template(face_id, template).await?) }));
        write.await
    }
}
