//! MD5 digests that rows of older versions lack.

use aicp_types::FaceId;

use super::{Database, rows::saturating_i64};
use crate::sql;
use crate::{Result, objects::md5_hex};

impl Database {
    /// Counts the templates and the faces without a digest.
    pub(crate) async fn count_missing_md5s(&self) -> Result<(u64, u64)> {
        let query = sql::query_as(
            "SELECT (SELECT COUNT(*) FROM template WHERE md5 IS NULL),
                (SELECT COUNT(*) FROM face WHERE picture_md5 IS NULL)",
        );
        Ok(query.fetch_one(&mut *self.readers.get().await?).await?)
    }

    /// Stores the digests of all templates that lack one, `batch_size` in a transaction; calls `on_progress` with the number
    /// after each. Returns the total.
    pub(crate) async fn backfill_template_md5s(
        &self,
        batch_size: u64,
        on_progress: &mut impl FnMut(u64),
    ) -> Result<u64> {
        let mut filled = 0;
        loop {
            let batch: Vec<(FaceId, Vec<u8>)> =
                sql::query_as("SELECT face_id, vector FROM template WHERE md5 IS NULL ORDER BY face_id LIMIT $1")
                    .bind(saturating_i64(batch_size))
                    .fetch_all(&mut *self.readers.get().await?)
                    .await?;
            if batch.is_empty() {
                return Ok(filled);
            }
            let rows = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            let md5s = batch.into_iter().map(|(face_id, vector)| (face_id, md5_hex(&vector))).collect();
            self.set_md5s("UPDATE template SET md5 = $2 WHERE face_id = $1", md5s).await?;
            filled += rows;
            on_progress(rows);
        }
    }

    /// Returns faces whose picture has no digest, with the picture's key: up to `limit` after a row id, ascending.
    pub(crate) async fn faces_without_md5(&self, after: FaceId, limit: u64) -> Result<Vec<(FaceId, String)>> {
        let query = sql::query_as(
            "SELECT id, picture_key FROM face WHERE picture_md5 IS NULL AND id > $1 ORDER BY id LIMIT $2",
        );
        Ok(query.bind(after).bind(saturating_i64(limit)).fetch_all(&mut *self.readers.get().await?).await?)
    }

    /// Stores the digests of faces' pictures.
    pub(crate) async fn set_picture_md5s(&self, md5s: Vec<(FaceId, String)>) -> Result<()> {
        self.set_md5s("UPDATE face SET picture_md5 = $2 WHERE id = $1", md5s).await
    }

    async fn set_md5s(&self, update: &'static str, md5s: Vec<(FaceId, String)>) -> Result<()> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    for (id, md5) in md5s {
                        sql::query(update).bind(id).bind(md5).execute(&mut tx.connection).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
