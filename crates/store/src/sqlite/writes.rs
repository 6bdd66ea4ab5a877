//! Jobs of the writer. Each sees the changes of those before it; no other writer interferes.

use std::sync::Arc;

use aicp_types::{FaceId, LibraryId, PersonId, UnixMillis};

use super::{
    Removal, outbox,
    person_cache::Invalidation,
    rows::{blob_from_vector, json_array},
    writer::WriteTx,
};
use crate::sql::{self, Connection, DatabaseError, Kind};
use crate::{
    Change, Error, Face, Library, NewFace, NewLibrary, NewPerson, NewTemplate, Person, Result,
    objects::{PictureName, md5_hex},
};

pub(super) async fn probe(tx: &mut WriteTx) -> Result<()> {
    let query = sql::query(
        "INSERT INTO probe (id, written) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET written = excluded.written",
    );
    query.bind(tx.clock.now()).execute(&mut tx.connection).await?;
    Ok(())
}

pub(super) async fn ensure_app(tx: &mut WriteTx, app_id: String, created_at: UnixMillis) -> Result<()> {
    let query = sql::query("INSERT INTO app (app_id, created) VALUES ($1, $2) ON CONFLICT (app_id) DO NOTHING");
    query.bind(app_id).bind(created_at).execute(&mut tx.connection).await?;
    Ok(())
}

pub(super) async fn create_library(tx: &mut WriteTx, new: NewLibrary) -> Result<Library> {
    // Candidates for a slot are 1 and the successor of each used slot; the lowest unused one is free.
    let inserted = sql::query_as(
        "INSERT INTO library (app_id, external_id, name, description, engine_key, engine, created, updated, hidden, slot)
         SELECT $1, $2, $3, $4, $5, $6, $7, $7, $8, CASE WHEN $8 = 0 THEN (
            SELECT MIN(candidate.slot) FROM (
                SELECT 1 AS slot UNION ALL SELECT slot + 1 FROM library WHERE app_id = $1 AND slot IS NOT NULL
            ) AS candidate
            WHERE NOT EXISTS (SELECT 1 FROM library AS other WHERE other.app_id = $1 AND other.slot = candidate.slot)
         ) END
         WHERE TRUE
         ON CONFLICT (app_id, external_id) DO NOTHING RETURNING *",
    )
    .bind(new.app_id)
    .bind(new.external_id)
    .bind(new.name)
    .bind(new.description)
    .bind(new.engine_key)
    .bind(new.engine)
    .bind(new.created_at)
    .bind(new.hidden)
    .fetch_optional(&mut tx.connection)
    .await;
    let library: Library = inserted.map_err(missing_parent)?.ok_or(Error::Exists)?;
    if let Some(at_most) = new.at_most {
        let query = sql::query_scalar("SELECT COUNT(*) FROM library WHERE app_id = $1 AND hidden = 0");
        require_below_limit(query.bind(&library.app_id).fetch_one(&mut tx.connection).await?, at_most)?;
    }
    tx.changes.push(Change::LibraryChanged { library_id: library.id });
    Ok(library)
}

/// Returns [`Error::Full`] if `count`, which includes the new row, exceeds the limit.
fn require_below_limit(count: u64, at_most: u64) -> Result<()> {
    if count > at_most { Err(Error::Full) } else { Ok(()) }
}

pub(super) async fn delete_library(tx: &mut WriteTx, library_id: LibraryId) -> Result<Vec<Removal>> {
    let removals = sql::query_as(
        "INSERT INTO removed_picture (picture_key)
         SELECT face.picture_key FROM face JOIN person ON person.id = face.person_id WHERE person.library_id = $1
         UNION
         SELECT picture_key FROM outbox WHERE library_id = $1 AND solved IS NULL AND picture_key IS NOT NULL
         RETURNING id, picture_key",
    )
    .bind(library_id)
    .fetch_all(&mut tx.connection)
    .await?;
    let query = sql::query("DELETE FROM outbox WHERE library_id = $1 AND solved IS NULL");
    query.bind(library_id).execute(&mut tx.connection).await?;
    let deleted = sql::query("DELETE FROM library WHERE id = $1").bind(library_id).execute(&mut tx.connection).await?;
    if deleted.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    tx.changes.push(Change::LibraryRemoved { library_id });
    tx.stale.push(Invalidation::AllPeople);
    Ok(removals)
}

pub(super) async fn enrol(
    tx: &mut WriteTx,
    library_id: LibraryId,
    person: NewPerson,
    face: NewFace,
    picture: PictureName,
) -> Result<(Person, Face)> {
    let person = insert_person(&mut tx.connection, library_id, person).await?;
    let face = insert_face(tx, library_id, person.id, face, picture, false).await?;
    Ok((person, face))
}

pub(super) async fn add_face(
    tx: &mut WriteTx,
    person_id: PersonId,
    face: NewFace,
    picture: PictureName,
) -> Result<Face> {
    let library_id = library_of(&mut tx.connection, person_id).await?;
    let face = insert_face(tx, library_id, person_id, face, picture, false).await?;
    touch_person(tx, person_id).await?;
    Ok(face)
}

pub(super) async fn remove_person(tx: &mut WriteTx, person_id: PersonId) -> Result<Vec<Removal>> {
    let library_id = library_of(&mut tx.connection, person_id).await?;
    outbox::settle_faces_of(&mut tx.connection, person_id, None).await?;
    let removals = remove_faces_of(tx, library_id, person_id).await?;
    tx.stale.push(Invalidation::Person(person_id));
    sql::query("DELETE FROM person WHERE id = $1").bind(person_id).execute(&mut tx.connection).await?;
    Ok(removals)
}

/// Removes the faces of a person; their outbox rows must be settled before.
pub(super) async fn remove_faces_of(
    tx: &mut WriteTx,
    library_id: LibraryId,
    person_id: PersonId,
) -> Result<Vec<Removal>> {
    let removals = sql::query_as(
        "INSERT INTO removed_picture (picture_key)
         SELECT DISTINCT picture_key FROM face WHERE person_id = $1
         RETURNING id, picture_key",
    )
    .bind(person_id)
    .fetch_all(&mut tx.connection)
    .await?;
    let mut face_ids: Vec<FaceId> = sql::query_scalar("DELETE FROM face WHERE person_id = $1 RETURNING id")
        .bind(person_id)
        .fetch_all(&mut tx.connection)
        .await?;
    face_ids.sort_unstable();
    if !face_ids.is_empty() {
        touch_library(&mut tx.connection, library_id, tx.clock.now()).await?;
        tx.changes.push(Change::FacesRemoved { library_id, face_ids });
    }
    Ok(removals)
}

pub(super) async fn remove_face(tx: &mut WriteTx, face_id: FaceId) -> Result<Vec<Removal>> {
    outbox::settle_face(&mut tx.connection, face_id, None).await?;
    let deleted: Option<(PersonId, String)> =
        sql::query_as("DELETE FROM face WHERE id = $1 RETURNING person_id, picture_key")
            .bind(face_id)
            .fetch_optional(&mut tx.connection)
            .await?;
    let (person_id, picture_key) = deleted.ok_or(Error::NotFound)?;
    let library_id = library_of(&mut tx.connection, person_id).await?;
    touch_library(&mut tx.connection, library_id, tx.clock.now()).await?;
    touch_person(tx, person_id).await?;
    let removals = sql::query_as("INSERT INTO removed_picture (picture_key) VALUES ($1) RETURNING id, picture_key")
        .bind(picture_key)
        .fetch_all(&mut tx.connection)
        .await?;
    tx.changes.push(Change::FacesRemoved { library_id, face_ids: vec![face_id] });
    Ok(removals)
}

pub(super) async fn delete_removals(tx: &mut WriteTx, ids: Vec<i64>) -> Result<()> {
    let query = sql::query("DELETE FROM removed_picture WHERE id IN (SELECT value FROM json_each($1))");
    query.bind(json_array(ids)).execute(&mut tx.connection).await?;
    Ok(())
}

pub(super) async fn insert_person(db: &mut dyn Connection, library_id: LibraryId, new: NewPerson) -> Result<Person> {
    let profile = new.profile;
    let inserted = sql::query_as(
        "INSERT INTO person (
            library_id, public_id, number, external_id, info, name, sex, birthday, document_number, customer_number, company,
            duty, province, kind, remark, source_url, created, updated)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
         ON CONFLICT (library_id, external_id) DO NOTHING RETURNING *",
    )
    .bind(library_id)
    .bind(new.public_id)
    .bind(new.number)
    .bind(new.external_id)
    .bind(new.info)
    .bind(profile.name)
    .bind(profile.sex)
    .bind(profile.birthday)
    .bind(profile.document_number)
    .bind(profile.customer_number)
    .bind(profile.company)
    .bind(profile.duty)
    .bind(profile.province)
    .bind(profile.kind)
    .bind(profile.remark)
    .bind(profile.source_url)
    .bind(new.created_at)
    .fetch_optional(&mut *db)
    .await;
    let person = inserted.map_err(missing_parent)?.ok_or(Error::Exists)?;
    if let Some(at_most) = new.at_most {
        let query = sql::query_scalar("SELECT COUNT(*) FROM person WHERE library_id = $1");
        require_below_limit(query.bind(library_id).fetch_one(db).await?, at_most)?;
    }
    Ok(person)
}

pub(super) async fn insert_face(
    tx: &mut WriteTx,
    library_id: LibraryId,
    person_id: PersonId,
    new: NewFace,
    picture: PictureName,
    pending: bool,
) -> Result<Face> {
    let [x, y, width, height] = new.bounding_box;
    let face: Face = sql::query_as(
        "INSERT INTO face (
            person_id, file_id, picture_key, box_x, box_y, box_w, box_h, confidence, quality, engine_ref,
            pending, picture_md5)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *",
    )
    .bind(person_id)
    .bind(new.file_id)
    .bind(picture.key)
    .bind(x)
    .bind(y)
    .bind(width)
    .bind(height)
    .bind(new.confidence)
    .bind(new.quality)
    .bind(new.engine_ref)
    .bind(pending)
    .bind(picture.md5)
    .fetch_one(&mut tx.connection)
    .await?;
    if let Some(template) = &new.template {
        insert_template(&mut tx.connection, face.id, template).await?;
    }
    touch_library(&mut tx.connection, library_id, face.file_id.created()).await?;
    let template = new.template.map(Arc::new);
    tx.changes.push(Change::FaceAdded { library_id, person_id, face_id: face.id, template });
    Ok(face)
}

pub(super) async fn insert_template(db: &mut dyn Connection, face_id: FaceId, template: &NewTemplate) -> Result<()> {
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
    .execute(db)
    .await?;
    Ok(())
}

/// Updates the modification time of a person, also for a change of one of their faces, and invalidates the cache entry.
/// The time increases with every change, whatever the clock says.
pub(super) async fn touch_person(tx: &mut WriteTx, person_id: PersonId) -> Result<()> {
    tx.stale.push(Invalidation::Person(person_id));
    let query = sql::query("UPDATE person SET updated = MAX(updated + 1, $2) WHERE id = $1");
    query.bind(person_id).bind(tx.clock.now()).execute(&mut tx.connection).await?;
    Ok(())
}

/// Updates the modification time of a library of which a face was added or removed.
pub(super) async fn touch_library(db: &mut dyn Connection, library_id: LibraryId, time: UnixMillis) -> Result<()> {
    let query = sql::query("UPDATE library SET updated = MAX(updated, $2) WHERE id = $1");
    query.bind(library_id).bind(time).execute(db).await?;
    Ok(())
}

pub(super) async fn library_of(db: &mut dyn Connection, person_id: PersonId) -> Result<LibraryId> {
    let query = sql::query_scalar("SELECT library_id FROM person WHERE id = $1");
    query.bind(person_id).fetch_optional(db).await?.ok_or(Error::NotFound)
}

/// Converts a violated foreign key into [`Error::NotFound`]: the parent row does not exist.
pub(super) fn missing_parent(error: DatabaseError) -> Error {
    if error.kind() == Kind::MissingParent { Error::NotFound } else { error.into() }
}
