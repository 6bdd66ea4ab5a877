//! Templates, and what rows of older versions lack: recognisability and digests.

use std::collections::BTreeMap;
use std::sync::Arc;

use aicp_types::{FaceId, LibraryId, PersonId};

use super::convert::{blob_from_vector, saturating_i64, vector_from_blob};
use crate::pictures::md5_hex;
use crate::sql;
use crate::{AddedFace, Algorithm, Change, NewTemplate, PicturedFace, Result, Rows, TemplateRow, Tx};

impl Rows<'_> {
    /// Returns faces with a template of this algorithm and without a judged recognisability, by ascending row id: the
    /// first `limit` after `after`.
    pub async fn unjudged_faces(
        &mut self,
        algorithm: &Algorithm,
        after: FaceId,
        limit: u64,
    ) -> Result<Vec<PicturedFace>> {
        let query = sql::query_as(
            "SELECT face.id, person.library_id, face.picture_key
             FROM template JOIN face ON face.id = template.face_id JOIN person ON person.id = face.person_id
             WHERE template.recognisability IS NULL AND template.face_id > $1
                 AND template.algorithm = $2 AND template.provider = $3 AND template.version = $4
             ORDER BY template.face_id LIMIT $5",
        );
        let query = query.bind(after).bind(&algorithm.name).bind(&algorithm.provider).bind(&algorithm.version);
        self.pictured_faces(query.bind(saturating_i64(limit))).await
    }

    async fn pictured_faces(&mut self, query: sql::Query<(FaceId, LibraryId, String)>) -> Result<Vec<PicturedFace>> {
        let rows = query.fetch_all(&mut *self.db).await?;
        let face = |(face_id, library_id, picture_key)| PicturedFace { face_id, library_id, picture_key };
        Ok(rows.into_iter().map(face).collect())
    }

    /// Returns faces of the libraries of an engine without a template of this algorithm, by ascending row id: the first `limit`
    /// after `after`.
    pub async fn faces_without_template(
        &mut self,
        engine: &str,
        algorithm: &Algorithm,
        after: FaceId,
        limit: u64,
    ) -> Result<Vec<PicturedFace>> {
        let query = sql::query_as(
            "SELECT face.id, person.library_id, face.picture_key
             FROM face JOIN person ON person.id = face.person_id JOIN library ON library.id = person.library_id
             WHERE library.engine = $1 AND face.id > $2 AND NOT EXISTS (
                SELECT 1 FROM template WHERE template.face_id = face.id
                    AND template.algorithm = $3 AND template.provider = $4 AND template.version = $5)
             ORDER BY face.id LIMIT $6",
        );
        let query = query.bind(engine).bind(after);
        let query = query.bind(&algorithm.name).bind(&algorithm.provider).bind(&algorithm.version);
        self.pictured_faces(query.bind(saturating_i64(limit))).await
    }

    /// Returns the templates of an algorithm of the people of a library from one row id to another, by person.
    pub async fn templates_of_people(
        &mut self,
        library_id: LibraryId,
        algorithm: &Algorithm,
        first: PersonId,
        last: PersonId,
    ) -> Result<Vec<TemplateRow>> {
        let query = sql::query_as(
            "SELECT person.id, face.id, template.vector, template.recognisability
             FROM person JOIN face ON face.person_id = person.id JOIN template ON template.face_id = face.id
             WHERE person.library_id = $1 AND person.id >= $2 AND person.id <= $3
                 AND template.algorithm = $4 AND template.provider = $5 AND template.version = $6
             ORDER BY person.id, face.id",
        );
        let query = query.bind(library_id).bind(first).bind(last);
        let query = query.bind(&algorithm.name).bind(&algorithm.provider).bind(&algorithm.version);
        let rows: Vec<(PersonId, FaceId, Vec<u8>, Option<f32>)> = query.fetch_all(&mut *self.db).await?;
        let row = |(person_id, face_id, vector, recognisability): (_, _, Vec<u8>, _)| {
            let vector = vector_from_blob(&vector).ok()?;
            Some(TemplateRow { library_id, person_id, face_id, vector, recognisability })
        };
        // A damaged template matches nobody.
        Ok(rows.into_iter().filter_map(row).collect())
    }

    /// Counts the templates and the faces without a digest.
    pub(crate) async fn count_missing_md5s(&mut self) -> Result<(u64, u64)> {
        let query = sql::query_as(
            "SELECT (SELECT COUNT(*) FROM template WHERE md5 IS NULL),
                (SELECT COUNT(*) FROM face WHERE picture_md5 IS NULL)",
        );
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns templates without a digest: face and stored bytes.
    pub(crate) async fn templates_without_md5(&mut self, limit: u64) -> Result<Vec<(FaceId, Vec<u8>)>> {
        let query = sql::query_as("SELECT face_id, vector FROM template WHERE md5 IS NULL ORDER BY face_id LIMIT $1");
        Ok(query.bind(saturating_i64(limit)).fetch_all(&mut *self.db).await?)
    }

    /// Returns faces whose picture has no digest, with the picture's key: up to `limit` after a row id, ascending.
    pub(crate) async fn faces_without_md5(&mut self, after: FaceId, limit: u64) -> Result<Vec<(FaceId, String)>> {
        let query = sql::query_as(
            "SELECT id, picture_key FROM face WHERE picture_md5 IS NULL AND id > $1 ORDER BY id LIMIT $2",
        );
        Ok(query.bind(after).bind(saturating_i64(limit)).fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    pub(super) async fn insert_template(&mut self, face_id: FaceId, template: &NewTemplate) -> Result<()> {
        let algorithm = &template.algorithm;
        let blob = blob_from_vector(&template.vector);
        sql::query(
            "INSERT INTO template (face_id, algorithm, provider, version, md5, vector, recognisability)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(face_id)
        .bind(&algorithm.name)
        .bind(&algorithm.provider)
        .bind(&algorithm.version)
        .bind(md5_hex(&blob))
        .bind(blob)
        .bind(template.recognisability)
        .execute(&mut *self.db)
        .await?;
        Ok(())
    }

    /// Announces the faces whose templates of this algorithm pass one minimum of the recognisability and not the other, as
    /// added if the minimum falls, and as removed if it rises. Both are at most 0.5: above there is no index. Returns their
    /// number.
    pub async fn announce_minimum_recognisability(
        &mut self,
        algorithm: &Algorithm,
        before: f32,
        after: f32,
    ) -> Result<usize> {
        let query = sql::query_as(
            "SELECT person.library_id, person.id, face.id, template.recognisability
             FROM template JOIN face ON face.id = template.face_id JOIN person ON person.id = face.person_id
             WHERE template.recognisability < 0.5 AND template.recognisability >= $1 AND template.recognisability < $2
                 AND template.algorithm = $3 AND template.provider = $4 AND template.version = $5
             ORDER BY person.library_id, face.id",
        );
        let query = query.bind(before.min(after)).bind(before.max(after));
        let query = query.bind(&algorithm.name).bind(&algorithm.provider).bind(&algorithm.version);
        let rows: Vec<(LibraryId, PersonId, FaceId, f32)> = query.fetch_all(&mut *self.db).await?;
        let mut by_library: BTreeMap<LibraryId, Vec<AddedFace>> = BTreeMap::new();
        for (library_id, person_id, face_id, _) in &rows {
            // A damaged template matches nobody.
            let template = if after < before { self.template_of(*face_id).await.ok().flatten() } else { None };
            let template = template.map(Arc::new);
            let face = AddedFace { person_id: *person_id, face_id: *face_id, template };
            by_library.entry(*library_id).or_default().push(face);
        }
        for (library_id, faces) in by_library {
            self.announce(if after < before {
                Change::FacesAdded { library_id, faces }
            } else {
                Change::FacesRemoved { library_id, face_ids: faces.iter().map(|face| face.face_id).collect() }
            });
        }
        Ok(rows.len())
    }

    /// Stores the template of a face in place of the one that it has. A missing face is ignored.
    pub async fn set_template(&mut self, face_id: FaceId, template: NewTemplate) -> Result<()> {
        let owner = sql::query_as::<(LibraryId, PersonId)>(
            "SELECT person.library_id, person.id FROM face JOIN person ON person.id = face.person_id WHERE face.id = $1",
        );
        let Some((library_id, person_id)) = owner.bind(face_id).fetch_optional(&mut *self.db).await? else {
            return Ok(());
        };
        sql::query("DELETE FROM template WHERE face_id = $1").bind(face_id).execute(&mut *self.db).await?;
        self.insert_template(face_id, &template).await?;
        self.announce(Change::FacesRemoved { library_id, face_ids: vec![face_id] });
        self.announce(Change::FaceAdded { library_id, person_id, face_id, template: Some(Arc::new(template)) });
        Ok(())
    }

    /// Stores the recognisability, 0..1, of a face's template. A missing face is ignored.
    pub async fn set_recognisability(&mut self, face_id: FaceId, recognisability: f32) -> Result<()> {
        let query = sql::query("UPDATE template SET recognisability = $2 WHERE face_id = $1");
        query.bind(face_id).bind(recognisability).execute(&mut *self.db).await?;
        let query = sql::query_scalar(
            "SELECT person.library_id FROM face JOIN person ON person.id = face.person_id WHERE face.id = $1",
        );
        if let Some(library_id) = query.bind(face_id).fetch_optional(&mut *self.db).await? {
            self.announce(Change::FaceJudged { library_id, face_id, recognisability });
        }
        Ok(())
    }

    /// Stores the digests of templates.
    pub(crate) async fn set_template_md5s(&mut self, md5s: Vec<(FaceId, String)>) -> Result<()> {
        self.set_md5s("UPDATE template SET md5 = $2 WHERE face_id = $1", md5s).await
    }

    /// Stores the digests of faces' pictures.
    pub(crate) async fn set_picture_md5s(&mut self, md5s: Vec<(FaceId, String)>) -> Result<()> {
        self.set_md5s("UPDATE face SET picture_md5 = $2 WHERE id = $1", md5s).await
    }

    async fn set_md5s(&mut self, update: &'static str, md5s: Vec<(FaceId, String)>) -> Result<()> {
        for (id, md5) in md5s {
            sql::query(update).bind(id).bind(md5).execute(&mut *self.db).await?;
        }
        Ok(())
    }
}
