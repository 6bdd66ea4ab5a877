//! Directory of a library's people.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use aicp_types::{FaceId, FileId, LibraryId, OutboxId, PersonId, PublicId, UnixMillis};

use super::{
    Database, Removal, outbox, people,
    person_cache::{CachedPerson, LookupResult},
    rows::json_array,
    writer::WriteTx,
    writes,
};
use crate::sql::{self, Connection, DatabaseError, QueryBuilder};
use crate::{
    Algorithm, DirectoryEntry, DirectoryFace, DirectoryFilter, DirectoryTemplate, Error, NewFace, NewOutboxRow, Page,
    Person, PersonChanges, Result, objects::PictureName,
};

/// Builds the query for people and their faces by a condition on `person`: one row of two JSON arrays. One statement
/// sees one state of the database, and the reader's thread passes few values.
fn select_entries(condition: &str) -> String {
    format!(
        "SELECT
            (SELECT json_group_array(json_array(id, public_id, external_id, name, info, created, updated))
             FROM person WHERE {condition}),
            (SELECT json_group_array(json_array(face.person_id, face.file_id, face.picture_md5,
                template.algorithm, template.provider, template.version, template.md5))
             FROM face LEFT JOIN template ON template.face_id = face.id
             WHERE face.person_id IN (SELECT id FROM person WHERE {condition}))"
    )
}

impl Database {
    pub(crate) async fn person_with_id(&self, library_id: LibraryId, public_id: PublicId) -> Result<Option<Person>> {
        let query = sql::query_as("SELECT * FROM person WHERE public_id = $2 AND library_id = $1");
        Ok(query.bind(library_id).bind(public_id).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn directory_entries(
        &self,
        library_id: LibraryId,
        public_ids: &[PublicId],
    ) -> Result<Vec<DirectoryEntry>> {
        let public_ids: BTreeSet<PublicId> = public_ids.iter().copied().collect();
        let LookupResult { mut hits, misses, version } = self.person_cache.lookup(library_id, public_ids);
        if !misses.is_empty() {
            let read = self.read_entries(library_id, &misses).await?;
            self.person_cache.insert(version, &read);
            hits.extend(read);
            hits.sort_unstable_by_key(|person| person.row_id);
        }
        Ok(hits.iter().map(|person| person.entry.clone()).collect())
    }

    async fn read_entries(&self, library_id: LibraryId, public_ids: &[PublicId]) -> Result<Vec<Arc<CachedPerson>>> {
        // The unary plus keeps SQLite from using the index by library, which would read the whole library.
        let query = select_entries("public_id IN (SELECT value FROM json_each($2)) AND +library_id = $1");
        let query = sql::query_as(query).bind(library_id).bind(json_array(public_ids));
        let entries = entries_of(query.fetch_one(&mut *self.readers.get().await?).await?)?;
        Ok(entries.into_iter().map(|(row_id, entry)| Arc::new(CachedPerson { library_id, row_id, entry })).collect())
    }

    pub(crate) async fn directory_page(
        &self,
        library_id: LibraryId,
        filter: DirectoryFilter<'_>,
        page: Page,
    ) -> Result<(u64, Vec<DirectoryEntry>)> {
        let mut reader = self.readers.get().await?;
        let mut snapshot = reader.begin().await?;
        let mut count = QueryBuilder::new("SELECT COUNT(*) FROM person");
        push_filter(&mut count, library_id, filter);
        let count = count.build_query_scalar().fetch_one(&mut *snapshot).await?;
        let mut ids = QueryBuilder::new("SELECT id FROM person");
        push_filter(&mut ids, library_id, filter);
        ids.push(" ORDER BY id LIMIT ").push_bind(page.limit()).push(" OFFSET ").push_bind(page.offset());
        let ids: Vec<PersonId> = ids.build_query_scalar().fetch_all(&mut *snapshot).await?;
        let entries = sql::query_as(select_entries("id IN (SELECT value FROM json_each($1))"));
        let entries = entries_of(entries.bind(json_array(&ids)).fetch_one(&mut *snapshot).await?)?;
        Ok((count, entries.into_iter().map(|(_, entry)| entry).collect()))
    }

    pub(crate) async fn faces_with_md5(&self, person_id: PersonId, md5: &str) -> Result<Vec<FaceId>> {
        let query = sql::query_scalar("SELECT id FROM face WHERE person_id = $1 AND picture_md5 = $2 ORDER BY id");
        Ok(query.bind(person_id).bind(md5).fetch_all(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn update_person(&self, person_id: PersonId, changes: PersonChanges) -> Result<()> {
        self.writer.run(move |tx| Box::pin(update_person(tx, person_id, changes))).await
    }

    /// Also returns the pictures of the removed faces.
    pub(crate) async fn update_person_and_face(
        &self,
        person_id: PersonId,
        changes: PersonChanges,
        face: NewFace,
        picture: PictureName,
    ) -> Result<((), Vec<Removal>)> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let library_id = writes::library_of(&mut tx.connection, person_id).await?;
                    update_person(tx, person_id, changes).await?;
                    outbox::settle_faces_of(&mut tx.connection, person_id, None).await?;
                    let removals = writes::remove_faces_of(tx, library_id, person_id).await?;
                    writes::add_face(tx, person_id, face, picture).await?;
                    Ok(((), removals))
                })
            })
            .await
    }

    /// Also returns the pictures of the removed faces.
    pub(crate) async fn enqueue_update(
        &self,
        person_id: PersonId,
        changes: PersonChanges,
        kept_face: FaceId,
        template: NewOutboxRow,
        next_id: outbox::IdGenerator,
    ) -> Result<(Vec<OutboxId>, Vec<Removal>)> {
        self.writer.run(move |tx| Box::pin(enqueue_update(tx, person_id, changes, kept_face, template, next_id))).await
    }
}

async fn update_person(tx: &mut WriteTx, person_id: PersonId, changes: PersonChanges) -> Result<()> {
    let db = &mut tx.connection;
    let library_id = writes::library_of(db, person_id).await?;
    if let Some(external_id) = &changes.external_id
        && has_other_of(db, library_id, person_id, external_id).await?
    {
        return Err(Error::Exists);
    }
    sql::query(
        "UPDATE person SET
            external_id = COALESCE($2, external_id), name = COALESCE($3, name), info = COALESCE($4, info)
         WHERE id = $1",
    )
    .bind(person_id)
    .bind(changes.external_id)
    .bind(changes.name)
    .bind(changes.info)
    .execute(&mut *db)
    .await?;
    writes::touch_person(tx, person_id).await
}

/// Returns whether another person of the library has this `external_id`, or has none and this `public_id` in decimal.
async fn has_other_of(
    db: &mut dyn Connection,
    library_id: LibraryId,
    person_id: PersonId,
    external_id: &str,
) -> Result<bool> {
    let query = sql::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM person WHERE library_id = $1 AND external_id = $2 AND id <> $3)
             OR EXISTS (
                SELECT 1 FROM person WHERE public_id = $4 AND library_id = $1 AND external_id IS NULL AND id <> $3)",
    );
    let query = query.bind(library_id).bind(external_id).bind(person_id);
    Ok(query.bind(people::parse_public_id(external_id)).fetch_one(db).await?)
}

async fn enqueue_update(
    tx: &mut WriteTx,
    person_id: PersonId,
    changes: PersonChanges,
    kept_face: FaceId,
    template: NewOutboxRow,
    mut next_id: outbox::IdGenerator,
) -> Result<(Vec<OutboxId>, Vec<Removal>)> {
    update_person(tx, person_id, changes).await?;
    let faces: Vec<FaceId> = sql::query_scalar("SELECT id FROM face WHERE person_id = $1 AND id <> $2 ORDER BY id")
        .bind(person_id)
        .bind(kept_face)
        .fetch_all(&mut tx.connection)
        .await?;
    let (mut ids, mut removals) = (Vec::new(), Vec::new());
    for face_id in faces {
        let (rows, pictures) = outbox::enqueue_face_removal(tx, face_id, template.clone(), &mut next_id).await?;
        ids.extend(rows);
        removals.extend(pictures);
    }
    Ok((ids, removals))
}

fn push_filter(query: &mut QueryBuilder, library_id: LibraryId, filter: DirectoryFilter<'_>) {
    query.push(" WHERE library_id = ").push_bind(library_id);
    if let Some(part) = filter.name_part {
        query.push(" AND name LIKE ").push_bind(format!("%{}%", literal_like(part))).push(" ESCAPE '!'");
    }
    if let Some(info) = filter.info {
        query.push(" AND info = ").push_bind(info);
    }
}

/// Escapes a text for `LIKE`, with `!` as the escape character.
fn literal_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// A person in the result of [`select_entries`].
type PersonRow = (PersonId, PublicId, Option<String>, Option<String>, Option<String>, UnixMillis, UnixMillis);
type FaceRow = (PersonId, FileId, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

/// Decodes the result of [`select_entries`]: people with their row ids, ascending; their faces oldest first.
fn entries_of((people, faces): (String, String)) -> Result<Vec<(PersonId, DirectoryEntry)>> {
    let unreadable = |error: serde_json::Error| Error::Database(DatabaseError::decode(error));
    let mut people: Vec<PersonRow> = serde_json::from_str(&people).map_err(unreadable)?;
    let faces: Vec<FaceRow> = serde_json::from_str(&faces).map_err(unreadable)?;
    let mut of_people: HashMap<PersonId, Vec<DirectoryFace>> = HashMap::with_capacity(people.len());
    for (person_id, file_id, picture_md5, name, provider, version, md5) in faces {
        let template = template_of((name, provider, version, md5));
        let face = DirectoryFace { file_id, picture_md5, template };
        of_people.entry(person_id).or_default().push(face);
    }
    people.sort_by_key(|person| person.0);
    let entries = people.into_iter().map(|(id, public_id, external_id, name, info, created_at, updated_at)| {
        let mut faces = of_people.remove(&id).unwrap_or_default();
        faces.sort_by_key(|face| face.file_id);
        (id, DirectoryEntry { public_id, external_id, name, info, created_at, updated_at, faces })
    });
    Ok(entries.collect())
}

fn template_of(
    (name, provider, version, md5): (Option<String>, Option<String>, Option<String>, Option<String>),
) -> Option<DirectoryTemplate> {
    let algorithm = Algorithm { name: name?, provider: provider?, version: version? };
    Some(DirectoryTemplate { algorithm, md5: md5.unwrap_or_default() })
}
