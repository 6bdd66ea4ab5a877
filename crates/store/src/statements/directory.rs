//! Directory of a library's people.

use std::collections::HashMap;

use aicp_types::{FileId, LibraryId, PersonId, PublicId, UnixMillis};

use super::convert::numbers;
use super::names::push_name_part;
use crate::sql::{self, DatabaseError, QueryBuilder};
use crate::{Algorithm, DirectoryEntry, DirectoryFace, DirectoryFilter, DirectoryTemplate, Error, Page, Result, Rows};

/// A person in the result of [`select_entries`].
type PersonRow = (PersonId, PublicId, Option<String>, Option<String>, Option<String>, UnixMillis, UnixMillis);

type FaceRow = (PersonId, FileId, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

impl Rows<'_> {
    /// Returns the people of a library with these `public_id`s, with their faces, by row id. Missing ids are omitted.
    pub async fn directory_entries(
        &mut self,
        library_id: LibraryId,
        public_ids: &[PublicId],
    ) -> Result<Vec<(PersonId, DirectoryEntry)>> {
        // The unary plus keeps SQLite from using the index by library, which would read the whole library.
        let query = select_entries("public_id IN (SELECT value FROM json_each($2)) AND +library_id = $1");
        let query = sql::query_as(query).bind(library_id).bind(numbers(public_ids));
        entries_of(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns the number of people of a library that match, and a page of them by row id. The count reads the whole
    /// library.
    pub async fn directory_page(
        &mut self,
        library_id: LibraryId,
        filter: DirectoryFilter<'_>,
        page: Page,
    ) -> Result<(u64, Vec<DirectoryEntry>)> {
        let mut count = QueryBuilder::new("SELECT COUNT(*) FROM person");
        push_filter(&mut count, library_id, filter);
        let count = count.build_query_scalar().fetch_one(&mut *self.db).await?;
        let mut ids = QueryBuilder::new("SELECT id FROM person");
        push_filter(&mut ids, library_id, filter);
        ids.push(" ORDER BY id LIMIT ").push_bind(page.limit()).push(" OFFSET ").push_bind(page.offset());
        let ids: Vec<PersonId> = ids.build_query_scalar().fetch_all(&mut *self.db).await?;
        let entries = sql::query_as(select_entries("id IN (SELECT value FROM json_each($1))"));
        let entries = entries_of(entries.bind(numbers(&ids)).fetch_one(&mut *self.db).await?)?;
        Ok((count, entries.into_iter().map(|(_, entry)| entry).collect()))
    }
}

/// Builds the query for people and their faces by a condition on `person`: one row of two JSON arrays. One statement
/// sees one state of the database, and the reader's thread passes few values.
fn select_entries(condition: &str) -> String {
    format!(
        "SELECT
            (SELECT COALESCE(json_group_array(json_array(id, public_id, external_id, name, info, created, updated)), '[]')
             FROM person WHERE {condition}),
            (SELECT COALESCE(json_group_array(json_array(face.person_id, face.file_id, face.picture_md5,
                template.algorithm, template.provider, template.version, template.md5)), '[]')
             FROM face LEFT JOIN template ON template.face_id = face.id
             WHERE face.person_id IN (SELECT id FROM person WHERE {condition}))"
    )
}

fn push_filter(query: &mut QueryBuilder, library_id: LibraryId, filter: DirectoryFilter<'_>) {
    query.push(" WHERE library_id = ").push_bind(library_id);
    if let Some(part) = filter.name_part {
        push_name_part(query, part);
    }
    if let Some(info) = filter.info {
        query.push(" AND info = ").push_bind(info);
    }
}

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
