//! Faces with their templates.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aicp_types::{FaceId, FileId, LibraryId, PersonId, PublicId, UnixMillis};

use super::convert::{numbers, texts, vector_from_blob};
use super::pictures::{OF_FACE, OF_PERSON};
use super::prefixes::hex_range;
use crate::sql;
use crate::{
    Algorithm, Change, CopiedFace, Counts, Error, EventData, Face, LastIds, NewEvent, NewFace, NewTemplate, Person,
    PictureName, Result, Rows, Solution, Tx,
};

/// Length in hex digits of a face token: a prefix of the picture key.
const TOKEN_LENGTH: usize = 32;

/// Returns the range of the picture keys that begin with `token`; `None` if `token` is not valid.
fn token_range(token: &str) -> Option<(&str, String)> {
    hex_range(token).filter(|_| token.len() == TOKEN_LENGTH)
}

impl Rows<'_> {
    /// Returns a face by row id.
    pub async fn face(&mut self, face_id: FaceId) -> Result<Option<Face>> {
        Ok(sql::query_as("SELECT * FROM face WHERE id = $1").bind(face_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns a face by the snowflake of its picture URL.
    pub async fn face_by_file_id(&mut self, file_id: FileId) -> Result<Option<Face>> {
        Ok(sql::query_as("SELECT * FROM face WHERE file_id = $1").bind(file_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns a face by row id, if it is in that library.
    pub async fn face_in_library(&mut self, app_id: &str, external_id: &str, face_id: FaceId) -> Result<Option<Face>> {
        let query = sql::query_as(
            "SELECT face.* FROM face
             JOIN person ON person.id = face.person_id
             JOIN library ON library.id = person.library_id
             WHERE face.id = $1 AND library.app_id = $2 AND library.external_id = $3 AND library.hidden = 0",
        );
        Ok(query.bind(face_id).bind(app_id).bind(external_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the template of a face.
    pub async fn template_of(&mut self, face_id: FaceId) -> Result<Option<NewTemplate>> {
        let query =
            sql::query("SELECT algorithm, provider, version, vector, recognisability FROM template WHERE face_id = $1");
        let Some(row) = query.bind(face_id).fetch_optional(&mut *self.db).await? else { return Ok(None) };
        let algorithm = Algorithm {
            name: row.try_get("algorithm")?,
            provider: row.try_get("provider")?,
            version: row.try_get("version")?,
        };
        let vector = vector_from_blob(row.try_get("vector")?)?;
        Ok(Some(NewTemplate { algorithm, vector, recognisability: row.try_get("recognisability")? }))
    }

    /// Returns the templates of these faces, as far as they are of this algorithm, in any order.
    pub async fn vectors_of(&mut self, face_ids: &[FaceId], algorithm: &Algorithm) -> Result<Vec<(FaceId, Vec<f32>)>> {
        let query = sql::query(
            "SELECT face_id, vector FROM template
             WHERE face_id IN (SELECT value FROM json_each($1)) AND algorithm = $2 AND provider = $3 AND version = $4",
        );
        let Algorithm { name, provider, version } = algorithm;
        let query = query.bind(numbers(face_ids)).bind(name).bind(provider).bind(version);
        let rows = query.fetch_all(&mut *self.db).await?;
        rows.iter().map(|row| Ok((row.try_get("face_id")?, vector_from_blob(row.try_get("vector")?)?))).collect()
    }

    /// Returns the faces of a person, newest first.
    pub async fn faces_of(&mut self, person_id: PersonId) -> Result<Vec<Face>> {
        let query = sql::query_as("SELECT * FROM face WHERE person_id = $1 ORDER BY file_id DESC");
        Ok(query.bind(person_id).fetch_all(&mut *self.db).await?)
    }

    /// Returns the newest face of each of some people; those without a face are left out.
    pub async fn newest_faces(&mut self, people: &[PersonId]) -> Result<HashMap<PersonId, FaceId>> {
        // Beside MAX, the columns come from its row.
        let query = sql::query_as(
            "SELECT person_id, id, MAX(file_id) FROM face WHERE person_id IN (SELECT value FROM json_each($1))
             GROUP BY person_id",
        );
        let newest: Vec<(PersonId, FaceId, FileId)> = query.bind(numbers(people)).fetch_all(&mut *self.db).await?;
        Ok(newest.into_iter().map(|(person_id, face_id, _)| (person_id, face_id)).collect())
    }

    /// Returns those of a person's faces whose picture has this MD5, in lower-case hex.
    pub async fn faces_with_md5(&mut self, person_id: PersonId, md5: &str) -> Result<Vec<FaceId>> {
        let query = sql::query_scalar("SELECT id FROM face WHERE person_id = $1 AND picture_md5 = $2 ORDER BY id");
        Ok(query.bind(person_id).bind(md5).fetch_all(&mut *self.db).await?)
    }

    /// Returns faces by row id, each with its person, in any order. Missing ids are omitted.
    pub async fn people_with_faces(&mut self, face_ids: &[FaceId]) -> Result<Vec<(Face, Person)>> {
        let query = sql::query_as("SELECT * FROM face WHERE id IN (SELECT value FROM json_each($1))");
        let faces = query.bind(numbers(face_ids)).fetch_all(&mut *self.db).await?;
        self.with_people(faces).await
    }

    /// Returns the faces of a library with these ids at the engine, each with its person, in any order. Missing ids are
    /// omitted.
    pub async fn faces_by_engine_ref(
        &mut self,
        library_id: LibraryId,
        engine_refs: &[String],
    ) -> Result<Vec<(Face, Person)>> {
        let query = sql::query_as(
            "SELECT face.* FROM face CROSS JOIN person
             WHERE face.engine_ref IN (SELECT value FROM json_each($2))
               AND person.id = face.person_id AND person.library_id = $1",
        );
        let faces = query.bind(library_id).bind(texts(engine_refs)).fetch_all(&mut *self.db).await?;
        self.with_people(faces).await
    }

    /// Pairs each face with its person.
    async fn with_people(&mut self, faces: Vec<Face>) -> Result<Vec<(Face, Person)>> {
        let person_ids: HashSet<PersonId> = faces.iter().map(|face| face.person_id).collect();
        let people: Vec<Person> = sql::query_as("SELECT * FROM person WHERE id IN (SELECT value FROM json_each($1))")
            .bind(numbers(person_ids))
            .fetch_all(&mut *self.db)
            .await?;
        let people: HashMap<PersonId, Person> = people.into_iter().map(|person| (person.id, person)).collect();
        // If a person was removed between the two queries, so were the faces.
        let pair = |face: Face| people.get(&face.person_id).map(|person| (face, person.clone()));
        Ok(faces.into_iter().filter_map(pair).collect())
    }

    /// Returns those of `engine_refs` that belong to a face or to an unsolved outbox row of the library.
    pub async fn claimed_engine_refs(
        &mut self,
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
        let found = query.bind(library_id).bind(texts(engine_refs)).fetch_all(&mut *self.db).await?;
        Ok(found.into_iter().collect())
    }

    /// Returns the newest face, in an app's libraries that are not hidden, whose picture key begins with `token`, 32
    /// lower-case hex digits. Any other `token` matches nothing.
    pub async fn face_by_token(&mut self, app_id: &str, token: &str) -> Result<Option<Face>> {
        let Some((first, end)) = token_range(token) else { return Ok(None) };
        // Picture key first: sorting the few matches beats scanning all faces by time.
        let query = sql::query_as(
            "SELECT face.* FROM face CROSS JOIN person CROSS JOIN library
             WHERE face.picture_key >= $2 AND face.picture_key < $3
               AND person.id = face.person_id
               AND library.id = person.library_id AND library.app_id = $1 AND library.hidden = 0
             ORDER BY +face.file_id DESC LIMIT 1",
        );
        Ok(query.bind(app_id).bind(first).bind(end).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the newest face of a person whose picture key begins with `token`; see
    /// [`face_by_token`](Self::face_by_token).
    pub async fn face_of_person_by_token(&mut self, person_id: PersonId, token: &str) -> Result<Option<Face>> {
        let Some((first, end)) = token_range(token) else { return Ok(None) };
        let query = sql::query_as(
            "SELECT * FROM face WHERE person_id = $1 AND picture_key >= $2 AND picture_key < $3
             ORDER BY +file_id DESC LIMIT 1",
        );
        Ok(query.bind(person_id).bind(first).bind(end).fetch_optional(&mut *self.db).await?)
    }

    /// Returns whether a library has a face whose picture key begins with `token`; see
    /// [`face_by_token`](Self::face_by_token).
    pub async fn has_picture_in_library(&mut self, library_id: LibraryId, token: &str) -> Result<bool> {
        let Some((first, end)) = token_range(token) else { return Ok(false) };
        let query = sql::query_scalar(
            "SELECT EXISTS (
                SELECT 1 FROM face CROSS JOIN person
                WHERE face.picture_key >= $2 AND face.picture_key < $3
                  AND person.id = face.person_id AND person.library_id = $1)",
        );
        Ok(query.bind(library_id).bind(first).bind(end).fetch_one(&mut *self.db).await?)
    }

    /// Returns whether a person has a face with the picture of that key.
    pub async fn has_picture(&mut self, person_id: PersonId, picture_key: &str) -> Result<bool> {
        let query = sql::query_scalar("SELECT EXISTS (SELECT 1 FROM face WHERE person_id = $1 AND picture_key = $2)");
        Ok(query.bind(person_id).bind(picture_key).fetch_one(&mut *self.db).await?)
    }

    /// Counts libraries, people and faces.
    pub async fn counts(&mut self) -> Result<Counts> {
        let query = sql::query_as(
            "SELECT (SELECT COUNT(*) FROM library) AS libraries,
                    (SELECT COUNT(*) FROM person) AS people,
                    (SELECT COUNT(*) FROM face) AS faces",
        );
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns the highest ids in the database, so that a generator continues above them.
    pub async fn last_ids(&mut self) -> Result<LastIds> {
        let query = sql::query_as(
            "SELECT (SELECT MAX(public_id) FROM person) AS person, (SELECT MAX(file_id) FROM face) AS file,
                (SELECT MAX(id) FROM outbox) AS outbox, (SELECT MAX(last_trace) FROM call_day) AS call",
        );
        Ok(query.fetch_one(&mut *self.db).await?)
    }
}

impl Tx {
    /// Inserts a face of a person, with its template if it has one; `pending` if an engine has yet to enrol it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person does not exist; [`Error::Database`] if an id is taken or a number is NaN.
    pub async fn insert_face(
        &mut self,
        person_id: PersonId,
        new: NewFace,
        picture: PictureName,
        pending: bool,
    ) -> Result<Face> {
        let place = self.place_of_person(person_id).await?.ok_or(Error::NotFound)?;
        let [x, y, width, height] = new.bounding_box;
        let face: Face = sql::query_as(
            "INSERT INTO face (
                person_id, file_id, picture_key, box_x, box_y, box_w, box_h, confidence, quality, engine_ref,
                pending, picture_md5)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *",
        )
        .bind(person_id)
        .bind(new.file_id)
        .bind(picture.key.as_str())
        .bind(x)
        .bind(y)
        .bind(width)
        .bind(height)
        .bind(new.confidence)
        .bind(new.quality)
        .bind(new.engine_ref)
        .bind(pending)
        .bind(picture.md5)
        .fetch_one(&mut *self.db)
        .await?;
        self.complete_face(place, &face, new.template).await?;
        Ok(face)
    }

    /// Copies faces of a person to another person: same picture, measurements and template. A copy has no `engine_ref`
    /// and is not pending.
    ///
    /// # Errors
    /// [`Error::NotFound`] if a person does not exist, or a face is not that person's; [`Error::Database`] if an id is
    /// taken.
    pub async fn copy_faces(&mut self, from: PersonId, to: PersonId, faces: Vec<CopiedFace>) -> Result<()> {
        self.library_of_person(from).await?.ok_or(Error::NotFound)?;
        let place = self.place_of_person(to).await?.ok_or(Error::NotFound)?;
        for copied in faces {
            let face: Option<Face> = sql::query_as(
                "INSERT INTO face (
                    person_id, file_id, picture_key, picture_md5, box_x, box_y, box_w, box_h, confidence, quality)
                 SELECT $1, $2, picture_key, picture_md5, box_x, box_y, box_w, box_h, confidence, quality
                 FROM face WHERE id = $3 AND person_id = $4
                 RETURNING *",
            )
            .bind(to)
            .bind(copied.file_id)
            .bind(copied.face_id)
            .bind(from)
            .fetch_optional(&mut *self.db)
            .await?;
            let face = face.ok_or(Error::NotFound)?;
            let template = self.template_of(copied.face_id).await?;
            self.complete_face(place, &face, template).await?;
        }
        Ok(())
    }

    /// Inserts the template of a new face and announces the face.
    async fn complete_face(
        &mut self,
        (library_id, person): (LibraryId, PublicId),
        face: &Face,
        template: Option<NewTemplate>,
    ) -> Result<()> {
        if let Some(template) = &template {
            self.insert_template(face.id, template).await?;
        }
        self.touch_library(library_id, face.file_id.created()).await?;
        let (person_id, face_id) = (face.person_id, face.id);
        self.announce(Change::FaceAdded { library_id, person_id, face_id, template: template.map(Arc::new) });
        let (time, data) = (face.file_id.created(), EventData::FaceEnrolled { person, face: face_id });
        self.record_event(NewEvent { time, app_id: None, library_id: Some(library_id), data });
        Ok(())
    }

    /// Removes a face with its template and picture. The person stays, even without a face.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the face does not exist.
    pub async fn remove_face(&mut self, face_id: FaceId, at: UnixMillis) -> Result<()> {
        self.suspect_pictures(OF_FACE, face_id, at).await?;
        let query = sql::query_scalar("DELETE FROM face WHERE id = $1 RETURNING person_id");
        let person_id: Option<PersonId> = query.bind(face_id).fetch_optional(&mut *self.db).await?;
        let person_id = person_id.ok_or(Error::NotFound)?;
        self.faces_were_removed(person_id, vec![face_id], at).await?;
        self.touch_person(person_id, at).await
    }

    /// Removes the faces of a person but one, with their templates and pictures. The modification time of the person is the
    /// caller's to update.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person does not exist.
    pub async fn remove_faces(&mut self, person_id: PersonId, but: Option<FaceId>, at: UnixMillis) -> Result<()> {
        self.suspect_pictures(OF_PERSON, person_id, at).await?;
        let face_ids = self.delete_faces_of(person_id, but).await?;
        self.faces_were_removed(person_id, face_ids, at).await
    }

    async fn faces_were_removed(&mut self, person_id: PersonId, face_ids: Vec<FaceId>, at: UnixMillis) -> Result<()> {
        let (library_id, person) = self.place_of_person(person_id).await?.ok_or(Error::NotFound)?;
        if !face_ids.is_empty() {
            self.touch_library(library_id, at).await?;
            let data = EventData::FacesRemoved { person, faces: face_ids.clone() };
            self.record_event(NewEvent { time: at, app_id: None, library_id: Some(library_id), data });
            self.announce(Change::FacesRemoved { library_id, face_ids });
        }
        Ok(())
    }

    /// Deletes the rows of a person's faces; returns their ids, ascending.
    pub(super) async fn delete_faces_of(&mut self, person_id: PersonId, but: Option<FaceId>) -> Result<Vec<FaceId>> {
        let query = sql::query_scalar("DELETE FROM face WHERE person_id = $1 AND id IS DISTINCT FROM $2 RETURNING id");
        let mut face_ids: Vec<FaceId> = query.bind(person_id).bind(but).fetch_all(&mut *self.db).await?;
        face_ids.sort_unstable();
        Ok(face_ids)
    }

    /// Applies an engine's answer to a face, which is then no longer pending. A missing face is ignored.
    pub async fn confirm_face(&mut self, face_id: FaceId, solution: &Solution) -> Result<()> {
        let side = |i: usize| solution.bounding_box.as_ref().and_then(|bounding_box| bounding_box.get(i)).copied();
        sql::query(
            "UPDATE face SET
                pending = 0, engine_ref = COALESCE($2, engine_ref), box_x = COALESCE($3, box_x),
                box_y = COALESCE($4, box_y), box_w = COALESCE($5, box_w), box_h = COALESCE($6, box_h),
                confidence = COALESCE($7, confidence), quality = COALESCE($8, quality)
             WHERE id = $1",
        )
        .bind(face_id)
        .bind(&solution.engine_ref)
        .bind(side(0))
        .bind(side(1))
        .bind(side(2))
        .bind(side(3))
        .bind(solution.confidence)
        .bind(solution.quality)
        .execute(&mut *self.db)
        .await?;
        Ok(())
    }
}
