//! People and their faces.

use std::{collections::HashSet, sync::Arc};

use aicp_types::{FaceId, LibraryId, PersonId, PublicId};

use super::{
    Database, Removal, outbox,
    prefixes::hex_range,
    reads,
    rows::{json_strings, vector_from_blob},
    writer::WriteTx,
    writes,
};
use crate::sql::{self, Connection};
use crate::{
    Algorithm, Change, CopiedFace, Error, Face, NewFace, NewPerson, NewTemplate, Page, Person, Result,
    objects::PictureName,
};

/// Length in hex digits of a face token: a prefix of the picture key.
const TOKEN_LENGTH: usize = 32;

impl Database {
    pub(crate) async fn person_by_number_prefix(&self, app_id: &str, prefix: &str) -> Result<Option<Person>> {
        let Some((first, end)) = hex_range(prefix) else { return Ok(None) };
        let query = sql::query_as(
            "SELECT person.* FROM person CROSS JOIN library
             WHERE person.number >= $2 AND person.number < $3
               AND library.id = person.library_id AND library.app_id = $1 AND library.hidden = 0
             ORDER BY person.number LIMIT 1",
        );
        Ok(query.bind(app_id).bind(first).bind(end).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn people(&self, library_id: LibraryId, page: Page) -> Result<Vec<Person>> {
        // Skipped rows are counted in the index, without reading the people.
        let query = sql::query_as(
            "SELECT * FROM person
             WHERE id IN (SELECT id FROM person WHERE library_id = $1 ORDER BY id LIMIT $2 OFFSET $3)
             ORDER BY id",
        );
        Ok(query
            .bind(library_id)
            .bind(page.limit())
            .bind(page.offset())
            .fetch_all(&mut *self.readers.get().await?)
            .await?)
    }

    pub(crate) async fn people_by_user(&self, library_id: LibraryId, user_id: &str) -> Result<Vec<Person>> {
        let query = sql::query_as(
            "SELECT * FROM person WHERE id IN (
                SELECT id FROM person WHERE library_id = $1 AND external_id = $2
                UNION ALL
                SELECT id FROM person WHERE public_id = $3 AND library_id = $1 AND external_id IS NULL)
             ORDER BY id",
        );
        Ok(query
            .bind(library_id)
            .bind(user_id)
            .bind(parse_public_id(user_id))
            .fetch_all(&mut *self.readers.get().await?)
            .await?)
    }

    pub(crate) async fn people_of_app_by_user(&self, app_id: &str, user_id: &str) -> Result<Vec<Person>> {
        let query = sql::query_as(
            "SELECT * FROM person WHERE id IN (
                SELECT person.id FROM library CROSS JOIN person
                WHERE library.app_id = $1 AND library.hidden = 0
                  AND person.library_id = library.id AND person.external_id = $2
                UNION ALL
                SELECT person.id FROM person CROSS JOIN library
                WHERE person.public_id = $3 AND person.external_id IS NULL
                  AND library.id = person.library_id AND library.app_id = $1 AND library.hidden = 0)
             ORDER BY id",
        );
        Ok(query
            .bind(app_id)
            .bind(user_id)
            .bind(parse_public_id(user_id))
            .fetch_all(&mut *self.readers.get().await?)
            .await?)
    }

    pub(crate) async fn faces_by_engine_ref(
        &self,
        library_id: LibraryId,
        engine_refs: &[String],
    ) -> Result<Vec<(Face, Person)>> {
        let query = sql::query_as(
            "SELECT face.* FROM face CROSS JOIN person
             WHERE face.engine_ref IN (SELECT value FROM json_each($2))
               AND person.id = face.person_id AND person.library_id = $1",
        );
        let faces =
            query.bind(library_id).bind(json_strings(engine_refs)).fetch_all(&mut *self.readers.get().await?).await?;
        reads::with_people(&self.readers, faces).await
    }

    pub(crate) async fn claimed_engine_refs(
        &self,
        library_id: LibraryId,
        engine_refs: &[String],
    ) -> Result<HashSet<String>> {
        let query = sql::query_scalar(
            "SELECT face.engine_ref FROM face CROSS JOIN person
             WHERE face.engine_ref IN (SELECT value FROM json_each($2))
               AND person.id = face.person_id AND person.library_id = $1
             UNION
             SELECT engine_ref FROM outbox
             WHERE library_id = $1 AND engine_ref IN (SELECT value FROM json_each($2)) AND solved IS NULL",
        );
        let found =
            query.bind(library_id).bind(json_strings(engine_refs)).fetch_all(&mut *self.readers.get().await?).await?;
        Ok(found.into_iter().collect())
    }

    pub(crate) async fn face_by_token(&self, app_id: &str, token: &str) -> Result<Option<Face>> {
        let Some((first, end)) = token_range(token) else { return Ok(None) };
        // Picture key first: sorting the few matches beats scanning all faces by time.
        let query = sql::query_as(
            "SELECT face.* FROM face CROSS JOIN person CROSS JOIN library
             WHERE face.picture_key >= $2 AND face.picture_key < $3
               AND person.id = face.person_id
               AND library.id = person.library_id AND library.app_id = $1 AND library.hidden = 0
             ORDER BY +face.file_id DESC LIMIT 1",
        );
        Ok(query.bind(app_id).bind(first).bind(end).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn face_of_person_by_token(&self, person_id: PersonId, token: &str) -> Result<Option<Face>> {
        let Some((first, end)) = token_range(token) else { return Ok(None) };
        let query = sql::query_as(
            "SELECT * FROM face WHERE person_id = $1 AND picture_key >= $2 AND picture_key < $3
             ORDER BY +file_id DESC LIMIT 1",
        );
        Ok(query.bind(person_id).bind(first).bind(end).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn has_picture_in_library(&self, library_id: LibraryId, token: &str) -> Result<bool> {
        let Some((first, end)) = token_range(token) else { return Ok(false) };
        let query = sql::query_scalar(
            "SELECT EXISTS (
                SELECT 1 FROM face CROSS JOIN person
                WHERE face.picture_key >= $2 AND face.picture_key < $3
                  AND person.id = face.person_id AND person.library_id = $1)",
        );
        Ok(query.bind(library_id).bind(first).bind(end).fetch_one(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn copy_person(
        &self,
        person_id: PersonId,
        library_id: LibraryId,
        new: NewPerson,
        faces: Vec<CopiedFace>,
    ) -> Result<Person> {
        self.writer.run(move |tx| Box::pin(copy_person(tx, person_id, library_id, new, faces))).await
    }

    /// Also returns the pictures of the removed faces.
    pub(crate) async fn replace_faces(
        &self,
        person_id: PersonId,
        info: Option<String>,
        face: NewFace,
        picture: PictureName,
    ) -> Result<(Face, Vec<Removal>)> {
        self.writer.run(move |tx| Box::pin(replace_faces(tx, person_id, info, face, picture))).await
    }

    pub(crate) async fn set_info(&self, person_id: PersonId, info: Option<String>) -> Result<()> {
        self.writer.run(move |tx| Box::pin(set_info(tx, person_id, info))).await
    }
}

/// Parses a public id in canonical decimal form: not "+7", not "007".
pub(super) fn parse_public_id(user_id: &str) -> Option<PublicId> {
    PublicId::parse(user_id)
}

/// Returns the range of the picture keys that begin with `token`; `None` if `token` is not valid.
fn token_range(token: &str) -> Option<(&str, String)> {
    hex_range(token).filter(|_| token.len() == TOKEN_LENGTH)
}

async fn copy_person(
    tx: &mut WriteTx,
    person_id: PersonId,
    library_id: LibraryId,
    new: NewPerson,
    faces: Vec<CopiedFace>,
) -> Result<Person> {
    // Needs no lock on the picture: its file exists as long as the face does, and from the commit on the copy refers to
    // it. Deletion looks for rows after the removal of the face, hence after this.
    writes::library_of(&mut tx.connection, person_id).await?;
    let person = writes::insert_person(&mut tx.connection, library_id, new).await?;
    for copied in faces {
        let face: Option<Face> = sql::query_as(
            "INSERT INTO face (
                person_id, file_id, picture_key, picture_md5, box_x, box_y, box_w, box_h, confidence, quality)
             SELECT $1, $2, picture_key, picture_md5, box_x, box_y, box_w, box_h, confidence, quality
             FROM face WHERE id = $3 AND person_id = $4
             RETURNING *",
        )
        .bind(person.id)
        .bind(copied.file_id)
        .bind(copied.face_id)
        .bind(person_id)
        .fetch_optional(&mut tx.connection)
        .await?;
        let face = face.ok_or(Error::NotFound)?;
        let template = template_of(&mut tx.connection, copied.face_id).await?;
        if let Some(template) = &template {
            writes::insert_template(&mut tx.connection, face.id, template).await?;
        }
        writes::touch_library(&mut tx.connection, library_id, face.file_id.created()).await?;
        let template = template.map(Arc::new);
        tx.changes.push(Change::FaceAdded { library_id, person_id: person.id, face_id: face.id, template });
    }
    Ok(person)
}

async fn template_of(db: &mut dyn Connection, face_id: FaceId) -> Result<Option<NewTemplate>> {
    let query =
        sql::query("SELECT algorithm, provider, version, vector, recognisability FROM template WHERE face_id = $1");
    let Some(row) = query.bind(face_id).fetch_optional(db).await? else { return Ok(None) };
    let algorithm = Algorithm {
        name: row.try_get("algorithm")?,
        provider: row.try_get("provider")?,
        version: row.try_get("version")?,
    };
    let vector = vector_from_blob(row.try_get("vector")?)?;
    Ok(Some(NewTemplate { algorithm, vector, recognisability: row.try_get("recognisability")? }))
}

async fn replace_faces(
    tx: &mut WriteTx,
    person_id: PersonId,
    info: Option<String>,
    face: NewFace,
    picture: PictureName,
) -> Result<(Face, Vec<Removal>)> {
    let library_id = writes::library_of(&mut tx.connection, person_id).await?;
    outbox::settle_faces_of(&mut tx.connection, person_id, None).await?;
    let removals = writes::remove_faces_of(tx, library_id, person_id).await?;
    let face = writes::add_face(tx, person_id, face, picture).await?;
    if info.is_some() {
        set_info(tx, person_id, info).await?;
    }
    Ok((face, removals))
}

async fn set_info(tx: &mut WriteTx, person_id: PersonId, info: Option<String>) -> Result<()> {
    let query = sql::query("UPDATE person SET info = $2 WHERE id = $1");
    let updated = query.bind(person_id).bind(info).execute(&mut tx.connection).await?;
    if updated.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    writes::touch_person(tx, person_id).await
}
