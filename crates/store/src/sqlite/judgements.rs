//! Recognisability of templates that were stored before it was judged.

use aicp_types::{FaceId, LibraryId};

use super::{Database, rows::saturating_i64};
use crate::sql;
use crate::{Algorithm, Result, UnjudgedFace};

impl Database {
    pub(crate) async fn unjudged_faces(
        &self,
        algorithm: &Algorithm,
        after: FaceId,
        limit: u64,
    ) -> Result<Vec<UnjudgedFace>> {
        let query = sql::query_as(
            "SELECT face.id, person.library_id, face.picture_key
             FROM template JOIN face ON face.id = template.face_id JOIN person ON person.id = face.person_id
             WHERE template.recognisability IS NULL AND template.face_id > $1
                 AND template.algorithm = $2 AND template.provider = $3 AND template.version = $4
             ORDER BY template.face_id LIMIT $5",
        );
        let query = query.bind(after).bind(&algorithm.name).bind(&algorithm.provider).bind(&algorithm.version);
        let rows: Vec<(FaceId, LibraryId, String)> =
            query.bind(saturating_i64(limit)).fetch_all(&mut *self.readers.get().await?).await?;
        let face = |(face_id, library_id, picture_key)| UnjudgedFace { face_id, library_id, picture_key };
        Ok(rows.into_iter().map(face).collect())
    }

    pub(crate) async fn set_recognisability(&self, face_id: FaceId, recognisability: f32) -> Result<()> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    // A face removed meanwhile needs no judgement.
                    sql::query("UPDATE template SET recognisability = $2 WHERE face_id = $1")
                        .bind(face_id)
                        .bind(recognisability)
                        .execute(&mut tx.connection)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}
