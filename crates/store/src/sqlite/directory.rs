//! A library as a directory of people.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sqlx::{Connection, QueryBuilder, Sqlite, SqliteConnection};

use super::{
    Database, Removal, outbox, people,
    person_cache::{CachedPerson, Lookup},
    rows::json_array,
    writer::WriteTx,
    writes,
};
use crate::{
    Algorithm, DirectoryEntry, DirectoryFace, DirectoryFilter, DirectoryTemplate, Error, NewFace, NewOutboxRow, Person,
    PersonChanges, Result, objects::PictureName,
};

/// People and their faces by a condition on `person`, in one row of two JSON arrays: each row more would be a way more
/// between two threads.
fn select_entries(condition: &str) -> String {
    format!(
        "SELECT
            (SELECT json_group_array(json_array(id, public_id, external_id, name, info, created, updated))
             FROM person WHERE {condition}),
            (SELECT json_group_array(json_array(face.person_id, face.created, face.file_id, face.picture_md5,
                template.algorithm, template.provider, template.version, template.md5))
             FROM face LEFT JOIN template ON template.face_id = face.id
             WHERE face.person_id IN (SELECT id FROM person WHERE {condition}))"
    )
}

impl Database {
    pub(crate) async fn person_with_id(&self, library_id: i64, public_id: i64) -> Result<Option<Person>> {
        let query = sqlx::query_as("SELECT * FROM person WHERE public_id = $2 AND library_id = $1");
        Ok(query.bind(library_id).bind(public_id).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn directory_entries(&self, library_id: i64, person_ids: &[i64]) -> Result<Vec<DirectoryEntry>> {
        let person_ids: BTreeSet<i64> = person_ids.iter().copied().collect();
        let Lookup { mut hits, misses, version } = self.person_cache.lookup(library_id, person_ids);
        if !misses.is_empty() {
            let read = self.read_entries(library_id, &misses).await?;
            self.person_cache.insert(version, &read);
            hits.extend(read);
            hits.sort_unstable_by_key(|person| person.row_id);
        }
        Ok(hits.iter().map(|person| person.entry.clone()).collect())
    }

    async fn read_entries(&self, library_id: i64, person_ids: &[i64]) -> Result<Vec<Arc<CachedPerson>>> {
        // Without the plus, the index by library would be taken, and all of it be read.
        let query = select_entries("public_id IN (SELECT value FROM json_each($2)) AND +library_id = $1");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(query)).bind(library_id).bind(json_array(person_ids));
        let entries = entries_of(query.fetch_one(&mut *self.readers.get().await?).await?)?;
        Ok(entries.into_iter().map(|(row_id, entry)| Arc::new(CachedPerson { library_id, row_id, entry })).collect())
    }

    pub(crate) async fn directory_page(
        &self,
        library_id: i64,
        filter: DirectoryFilter<'_>,
        offset: i64,
        limit: i64,
    ) -> Result<(u64, Vec<DirectoryEntry>)> {
        let mut reader = self.readers.get().await?;
        let mut snapshot = reader.begin().await?;
        let mut count = QueryBuilder::<Sqlite>::new("SELECT COUNT(*) FROM person");
        push_filter(&mut count, library_id, filter);
        let count = count.build_query_scalar().fetch_one(&mut *snapshot).await?;
        let mut page = QueryBuilder::<Sqlite>::new("SELECT id FROM person");
        push_filter(&mut page, library_id, filter);
        page.push(" ORDER BY id LIMIT ").push_bind(limit.max(0)).push(" OFFSET ").push_bind(offset.max(0));
        let page: Vec<i64> = page.build_query_scalar().fetch_all(&mut *snapshot).await?;
        let entries = sqlx::query_as(sqlx::AssertSqlSafe(select_entries("id IN (SELECT value FROM json_each($1))")));
        let page = entries_of(entries.bind(json_array(page)).fetch_one(&mut *snapshot).await?)?;
        Ok((count, page.into_iter().map(|(_, entry)| entry).collect()))
    }

    pub(crate) async fn faces_with_md5(&self, person_row_id: i64, md5: &str) -> Result<Vec<i64>> {
        let query = sqlx::query_scalar("SELECT id FROM face WHERE person_id = $1 AND picture_md5 = $2 ORDER BY id");
        Ok(query.bind(person_row_id).bind(md5).fetch_all(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn update_person(&self, person_row_id: i64, changes: PersonChanges) -> Result<()> {
        self.writer.run(move |tx| Box::pin(update_person(tx, person_row_id, changes))).await
    }

    /// Also returns the pictures of the faces that are gone.
    pub(crate) async fn update_person_and_face(
        &self,
        person_row_id: i64,
        changes: PersonChanges,
        face: NewFace,
        picture: PictureName,
    ) -> Result<((), Vec<Removal>)> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let library_id = writes::library_of(&mut tx.connection, person_row_id).await?;
                    update_person(tx, person_row_id, changes).await?;
                    outbox::settle_faces_of(&mut tx.connection, person_row_id, None).await?;
                    let removals = writes::remove_faces_of(tx, library_id, person_row_id).await?;
                    writes::add_face(tx, person_row_id, face, picture).await?;
                    Ok(((), removals))
                })
            })
            .await
    }

    /// Also returns the pictures of the faces that are gone.
    pub(crate) async fn enqueue_update(
        &self,
        person_row_id: i64,
        changes: PersonChanges,
        kept_face: i64,
        template: NewOutboxRow,
        next_id: outbox::NextId,
    ) -> Result<(Vec<i64>, Vec<Removal>)> {
        self.writer
            .run(move |tx| Box::pin(enqueue_update(tx, person_row_id, changes, kept_face, template, next_id)))
            .await
    }
}

async fn update_person(tx: &mut WriteTx, person_row_id: i64, changes: PersonChanges) -> Result<()> {
    let db = &mut tx.connection;
    let library_id = writes::library_of(db, person_row_id).await?;
    if let Some(external_id) = &changes.external_id
        && has_other_of(db, library_id, person_row_id, external_id).await?
    {
        return Err(Error::Exists);
    }
    sqlx::query(
        "UPDATE person SET
            external_id = COALESCE($2, external_id), name = COALESCE($3, name), info = COALESCE($4, info)
         WHERE id = $1",
    )
    .bind(person_row_id)
    .bind(changes.external_id)
    .bind(changes.name)
    .bind(changes.info)
    .execute(&mut *db)
    .await?;
    writes::touch(tx, person_row_id).await
}

/// Whether somebody else of the library is called so, be it by their `external_id` or, without one, by their `public_id`.
async fn has_other_of(
    db: &mut SqliteConnection,
    library_id: i64,
    person_row_id: i64,
    external_id: &str,
) -> Result<bool> {
    let query = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM person WHERE library_id = $1 AND external_id = $2 AND id <> $3)
             OR EXISTS (
                SELECT 1 FROM person WHERE public_id = $4 AND library_id = $1 AND external_id IS NULL AND id <> $3)",
    );
    let query = query.bind(library_id).bind(external_id).bind(person_row_id);
    Ok(query.bind(people::in_decimal(external_id)).fetch_one(db).await?)
}

async fn enqueue_update(
    tx: &mut WriteTx,
    person_row_id: i64,
    changes: PersonChanges,
    kept_face: i64,
    template: NewOutboxRow,
    mut next_id: outbox::NextId,
) -> Result<(Vec<i64>, Vec<Removal>)> {
    update_person(tx, person_row_id, changes).await?;
    let faces: Vec<i64> = sqlx::query_scalar("SELECT id FROM face WHERE person_id = $1 AND id <> $2 ORDER BY id")
        .bind(person_row_id)
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

fn push_filter(query: &mut QueryBuilder<Sqlite>, library_id: i64, filter: DirectoryFilter<'_>) {
    query.push(" WHERE library_id = ").push_bind(library_id);
    if let Some(part) = filter.name_part {
        query.push(" AND name LIKE ").push_bind(format!("%{}%", literal_like(part))).push(" ESCAPE '!'");
    }
    if let Some(info) = filter.info {
        query.push(" AND info = ").push_bind(info);
    }
}

/// A text as `LIKE` takes it for itself, with `!` as the escape.
fn literal_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// As [`select_entries`] has them.
type PersonRow = (i64, i64, Option<String>, Option<String>, Option<String>, i64, i64);
type FaceRow = (i64, i64, i64, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

/// The people, each after their row id, in the order of these; their faces in that of their making.
fn entries_of((people, faces): (String, String)) -> Result<Vec<(i64, DirectoryEntry)>> {
    let unreadable = |error: serde_json::Error| Error::Database(sqlx::Error::Decode(error.into()));
    let mut people: Vec<PersonRow> = serde_json::from_str(&people).map_err(unreadable)?;
    let faces: Vec<FaceRow> = serde_json::from_str(&faces).map_err(unreadable)?;
    let mut of_people: HashMap<i64, Vec<DirectoryFace>> = HashMap::with_capacity(people.len());
    for (person_row_id, created_ns, file_id, picture_md5, name, provider, version, md5) in faces {
        let template = template_of((name, provider, version, md5));
        let face = DirectoryFace { created_ns, file_id, picture_md5, template };
        of_people.entry(person_row_id).or_default().push(face);
    }
    people.sort_by_key(|person| person.0);
    let entries = people.into_iter().map(|(id, public_id, external_id, name, info, created_ms, updated_ms)| {
        let mut faces = of_people.remove(&id).unwrap_or_default();
        faces.sort_by_key(|face| face.created_ns);
        (id, DirectoryEntry { public_id, external_id, name, info, created_ms, updated_ms, faces })
    });
    Ok(entries.collect())
}

fn template_of(
    (name, provider, version, md5): (Option<String>, Option<String>, Option<String>, Option<String>),
) -> Option<DirectoryTemplate> {
    let algorithm = Algorithm { name: name?, provider: provider?, version: version? };
    Some(DirectoryTemplate { algorithm, md5: md5.unwrap_or_default() })
}
