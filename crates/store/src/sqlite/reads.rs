//! Queries on people, faces, libraries and pictures.

use std::collections::{HashMap, HashSet};

use aicp_types::{FaceId, FileId, LibraryId, PersonId, PublicId};

use super::{
    Removal,
    readers::Readers,
    rows::{json_array, json_strings},
};
use crate::sql;
use crate::{Counts, Face, LastIds, Library, Page, Person, Result};

pub(super) async fn library(db: &Readers, app_id: &str, external_id: &str) -> Result<Option<Library>> {
    let query = sql::query_as("SELECT * FROM library WHERE app_id = $1 AND external_id = $2 AND hidden = 0");
    Ok(query.bind(app_id).bind(external_id).fetch_optional(&mut *db.get().await?).await?)
}

pub(super) async fn library_by_engine_key(db: &Readers, app_id: &str, engine_key: &str) -> Result<Option<Library>> {
    let query = sql::query_as("SELECT * FROM library WHERE app_id = $1 AND engine_key = $2 AND hidden = 0");
    Ok(query.bind(app_id).bind(engine_key).fetch_optional(&mut *db.get().await?).await?)
}

pub(super) async fn libraries(db: &Readers, app_id: &str, page: Page) -> Result<Vec<Library>> {
    let query = sql::query_as("SELECT * FROM library WHERE app_id = $1 AND hidden = 0 ORDER BY id LIMIT $2 OFFSET $3");
    // SQLite treats a negative LIMIT as none; `Page::limit` is never negative.
    Ok(query.bind(app_id).bind(page.limit()).bind(page.offset()).fetch_all(&mut *db.get().await?).await?)
}

pub(super) async fn find_person(db: &Readers, library_id: LibraryId, user_id: &str) -> Result<Option<Person>> {
    // Only the canonical decimal form is a public id: not "+7", not "007".
    let public_id = PublicId::parse(user_id);
    let query = sql::query_as(
        "SELECT * FROM person WHERE id = COALESCE(
            (SELECT id FROM person WHERE library_id = $1 AND public_id = $2),
            (SELECT id FROM person WHERE library_id = $1 AND number = $3),
            (SELECT id FROM person WHERE library_id = $1 AND external_id = $3))",
    );
    Ok(query.bind(library_id).bind(public_id).bind(user_id).fetch_optional(&mut *db.get().await?).await?)
}

pub(super) async fn person(db: &Readers, person_id: PersonId) -> Result<Option<Person>> {
    let query = sql::query_as("SELECT * FROM person WHERE id = $1");
    Ok(query.bind(person_id).fetch_optional(&mut *db.get().await?).await?)
}

pub(super) async fn faces_of(db: &Readers, person_id: PersonId) -> Result<Vec<Face>> {
    let query = sql::query_as("SELECT * FROM face WHERE person_id = $1 ORDER BY file_id DESC");
    Ok(query.bind(person_id).fetch_all(&mut *db.get().await?).await?)
}

pub(super) async fn face(db: &Readers, face_id: FaceId) -> Result<Option<Face>> {
    Ok(sql::query_as("SELECT * FROM face WHERE id = $1").bind(face_id).fetch_optional(&mut *db.get().await?).await?)
}

pub(super) async fn face_by_file_id(db: &Readers, file_id: FileId) -> Result<Option<Face>> {
    Ok(sql::query_as("SELECT * FROM face WHERE file_id = $1")
        .bind(file_id)
        .fetch_optional(&mut *db.get().await?)
        .await?)
}

pub(super) async fn face_in_library(
    db: &Readers,
    app_id: &str,
    external_id: &str,
    face_id: FaceId,
) -> Result<Option<Face>> {
    let query = sql::query_as(
        "SELECT face.* FROM face
         JOIN person ON person.id = face.person_id
         JOIN library ON library.id = person.library_id
         WHERE face.id = $1 AND library.app_id = $2 AND library.external_id = $3 AND library.hidden = 0",
    );
    Ok(query.bind(face_id).bind(app_id).bind(external_id).fetch_optional(&mut *db.get().await?).await?)
}

pub(super) async fn people_with_faces(db: &Readers, face_ids: &[FaceId]) -> Result<Vec<(Face, Person)>> {
    let faces: Vec<Face> = sql::query_as("SELECT * FROM face WHERE id IN (SELECT value FROM json_each($1))")
        .bind(json_array(face_ids))
        .fetch_all(&mut *db.get().await?)
        .await?;
    with_people(db, faces).await
}

/// Pairs each face with its person.
pub(super) async fn with_people(db: &Readers, faces: Vec<Face>) -> Result<Vec<(Face, Person)>> {
    let person_ids: HashSet<PersonId> = faces.iter().map(|face| face.person_id).collect();
    let people: Vec<Person> = sql::query_as("SELECT * FROM person WHERE id IN (SELECT value FROM json_each($1))")
        .bind(json_array(person_ids))
        .fetch_all(&mut *db.get().await?)
        .await?;
    let people: HashMap<PersonId, Person> = people.into_iter().map(|person| (person.id, person)).collect();
    // If a person was removed between the two queries, so were the faces.
    let pair = |face: Face| people.get(&face.person_id).map(|person| (face, person.clone()));
    Ok(faces.into_iter().filter_map(pair).collect())
}

pub(super) async fn has_picture(db: &Readers, person_id: PersonId, picture_key: &str) -> Result<bool> {
    let query = sql::query_scalar("SELECT EXISTS (SELECT 1 FROM face WHERE person_id = $1 AND picture_key = $2)");
    Ok(query.bind(person_id).bind(picture_key).fetch_one(&mut *db.get().await?).await?)
}

pub(super) async fn used_pictures(db: &Readers, keys: &[String]) -> Result<HashSet<String>> {
    // One statement, so that a key that moves from a face to the outbox meanwhile is not missed.
    let query = sql::query_scalar(
        "SELECT picture_key FROM face WHERE picture_key IN (SELECT value FROM json_each($1))
         UNION
         SELECT picture_key FROM outbox
         WHERE picture_key IN (SELECT value FROM json_each($1)) AND solved IS NULL",
    );
    Ok(query.bind(json_strings(keys)).fetch_all(&mut *db.get().await?).await?.into_iter().collect())
}

pub(super) async fn pending_removals(db: &Readers) -> Result<Vec<Removal>> {
    Ok(sql::query_as("SELECT id, picture_key FROM removed_picture").fetch_all(&mut *db.get().await?).await?)
}

pub(super) async fn counts(db: &Readers) -> Result<Counts> {
    let query = sql::query_as(
        "SELECT (SELECT COUNT(*) FROM library) AS libraries,
                (SELECT COUNT(*) FROM person) AS people,
                (SELECT COUNT(*) FROM face) AS faces",
    );
    Ok(query.fetch_one(&mut *db.get().await?).await?)
}

pub(super) async fn last_ids(db: &Readers) -> Result<LastIds> {
    Ok(sql::query_as(
        "SELECT (SELECT MAX(public_id) FROM person) AS person, (SELECT MAX(file_id) FROM face) AS file,
            (SELECT MAX(id) FROM outbox) AS outbox, (SELECT MAX(last_trace) FROM call_day) AS call",
    )
    .fetch_one(&mut *db.get().await?)
    .await?)
}
