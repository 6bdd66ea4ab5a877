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

/// What a link to an enrolled picture leads to.
pub enum LinkedPicture {
    /// The picture.
    Stored(StoredPicture),
    /// Another address, from which anybody can read it for a short time.
    At(String),
}

impl Platform {
    /// Returns what a link to the picture with this file id leads to: to another address only if it may.
    ///
    /// # Errors
    /// [`Missing::Picture`].
    pub async fn linked_picture_by_file(&self, file_id: FileId, may_lead: bool) -> Result<LinkedPicture> {
        let face = self.inner.store.rows().await?.face_by_file_id(file_id).await?;
        self.linked_picture_of(face, may_lead).await
    }

    /// Returns what a link to the picture of a face of a library leads to.
    ///
    /// # Errors
    /// [`Missing::Picture`].
    pub async fn linked_picture_in_library(
        &self,
        app_id: &str,
        library: &str,
        face_id: FaceId,
        may_lead: bool,
    ) -> Result<LinkedPicture> {
        let face = self.inner.store.rows().await?.face_in_library(app_id, library, face_id).await?;
        self.linked_picture_of(face, may_lead).await
    }

    async fn linked_picture_of(&self, face: Option<Face>, may_lead: bool) -> Result<LinkedPicture> {
        if let Some(face) = &face
            && may_lead
            && !self.inner.link_life.is_zero()
            && let Some(link) = self.inner.store.picture_link(&face.picture_key, self.inner.link_life).await?
        {
            return Ok(LinkedPicture::At(link));
        }
        self.picture_of(face).await.map(LinkedPicture::Stored)
    }

    /// Returns the picture with this file id.
    ///
    /// # Errors
    /// [`Missing::Picture`].
    pub async fn picture_by_file(&self, file_id: FileId) -> Result<StoredPicture> {
        let face = self.inner.store.rows().await?.face_by_file_id(file_id).await?;
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
