//! Background job that computes the missing recognisability of enrolled faces from their stored pictures.

use std::sync::Weak;
use std::time::Duration;

use aicp_backends::is_recognisable_enough;
use aicp_store::{Algorithm, PicturedFace};
use aicp_types::FaceId;
use tokio::sync::watch;

use crate::{Error, Inner, Internal, Platform, Result};

/// Number of rows read at a time.
const BATCH: u64 = 256;
/// Pause when every worker is busy: calls take precedence.
const PAUSE_WHEN_BUSY: Duration = Duration::from_millis(500);

/// Judges all faces. Each judgement is stored at once, so that the job resumes after a restart where it stopped.
pub(crate) async fn judge_all(inner: Weak<Inner>, mut stop: watch::Receiver<bool>) {
    let (mut after, mut judged, mut left_out) = (FaceId::new(0), 0u64, 0u64);
    loop {
        // Holds the platform for one batch at most, so that it can shut down.
        let Some(inner) = inner.upgrade() else { return };
        let platform = Platform { inner };
        let algorithm = platform.inner.shared.algorithm.clone();
        let faces = match platform.unjudged_faces(&algorithm, after).await {
            Ok(faces) => faces,
            Err(e) => {
                tracing::error!(error = %e, "faces enrolled before they were judged can't be read");
                return;
            }
        };
        let Some(last) = faces.last() else { break };
        after = last.face_id;
        for face in faces {
            loop {
                if *stop.borrow() {
                    return;
                }
                match platform.judge(&face).await {
                    Ok(is_recognisable) => {
                        judged += 1;
                        left_out += u64::from(!is_recognisable);
                        break;
                    }
                    Err(Error::Busy) => {
                        tokio::select! {
                            _ = stop.wait_for(|stop| *stop) => return,
                            () = tokio::time::sleep(PAUSE_WHEN_BUSY) => {}
                        }
                    }
                    Err(e) => {
                        tracing::warn!(face = face.face_id.get(), error = %e, "the picture of an enrolled face tells nothing; its template alone is judged");
                        break;
                    }
                }
            }
        }
    }
    if judged > 0 {
        tracing::info!(judged, left_out, "faces enrolled before they were judged have been judged");
    }
}

impl Platform {
    async fn unjudged_faces(&self, algorithm: &Algorithm, after: FaceId) -> Result<Vec<PicturedFace>> {
        Ok(self.inner.store.rows().await?.unjudged_faces(algorithm, after, BATCH).await?)
    }

    /// Judges one face and stores the judgement. The index follows: it drops the face if that is not recognisable.
    async fn judge(&self, face: &PicturedFace) -> Result<bool> {
        let store = &self.inner.store;
        let picture = store.picture(&face.picture_key).await?;
        let recognisability = self.inner.builtin.recognisability(picture).await?;
        let face_id = face.face_id;
        let stored = store
            .write_always(move |tx| Box::pin(async move { tx.set_recognisability(face_id, recognisability).await }));
        stored.await.map_err(|e| Error::Internal(Internal::Store(e)))?;
        let least = self.inner.settings.load().recognition.loosest_gate().least();
        let is_recognisable = is_recognisable_enough(recognisability, least);
        if !is_recognisable {
            tracing::info!(
                face = face.face_id.get(),
                recognisability,
                "an enrolled face is not recognisable and matches nobody"
            );
        }
        Ok(is_recognisable)
    }
}
