//! Enrolled pictures, as uploaded.

use aicp_backends::Format;
use aicp_types::{FaceId, FileId};
use bytes::Bytes;

use crate::{Error, Face, Missing, Platform, Result};

/// An enrolled picture, as uploaded.
#[derive(Clone)]
pub struct StoredPicture {
    /// The uploaded bytes.
    pub bytes: Bytes,
    /// Format of the picture, if recognised.
    pub format: Option<Format>,
}

impl Platform {
    /// Returns the picture with this file id.
    ///
    /// # Errors
    /// [`Missing::Picture`].
    pub async fn picture_by_file(&self, file_id: FileId) -> Result<StoredPicture> {
        let face = self.inner.store.rows().await?.face_by_file_id(file_id).await?;
        self.picture_of(face).await
    }

    /// Returns the picture of a face of a library.
    ///
    /// # Errors
    /// [`Missing::Picture`].
    pub async fn picture_in_library(&self, app_id: &str, library: &str, face_id: FaceId) -> Result<StoredPicture> {
        let face = self.inner.store.rows().await?.face_in_library(app_id, library, face_id).await?;
        self.picture_of(face).await
    }

    async fn picture_of(&self, face: Option<Face>) -> Result<StoredPicture> {
        let face = face.ok_or(Missing::Picture)?;
        let bytes = self.inner.store.picture(&face.picture_key).await.map_err(|e| match e {
            aicp_store::Error::NotFound => {
                tracing::warn!(face = face.id.get(), key = face.picture_key, "the picture of a face is not there");
                Error::Missing(Missing::Picture)
            }
            other => other.into(),
        })?;
        let format = Format::of(&bytes);
        Ok(StoredPicture { bytes, format })
    }
}
