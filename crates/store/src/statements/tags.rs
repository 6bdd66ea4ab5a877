//! Tags of people.

use std::collections::HashMap;

use aicp_types::{LibraryId, PersonId};

use super::convert::{ROWS_PER_STATEMENT, numbers};
use crate::sql::{self, QueryBuilder};
use crate::{Error, Page, Result, Rows, Tx};

impl Rows<'_> {
    /// Returns the tags of people, sorted; people without tags are left out.
    pub async fn tags_of(&mut self, people: &[PersonId]) -> Result<HashMap<PersonId, Vec<String>>> {
        let query = sql::query_as(
            "SELECT person_id, tag FROM person_tag WHERE person_id IN (SELECT value FROM json_each($1)) ORDER BY tag",
        );
        let rows: Vec<(PersonId, String)> = query.bind(numbers(people)).fetch_all(&mut *self.db).await?;
        let mut tags: HashMap<PersonId, Vec<String>> = HashMap::new();
        for (person_id, tag) in rows {
            tags.entry(person_id).or_default().push(tag);
        }
        Ok(tags)
    }

    /// Returns the tags of a library with the number of people who have each, at most `limit`, after a tag in the order of
    /// code points.
    pub async fn tags_of_library(
        &mut self,
        library_id: LibraryId,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<(String, u64)>> {
        let query = sql::query_as(
            "SELECT tag, COUNT(*) FROM person_tag WHERE library_id = $1 AND tag > $2 GROUP BY tag ORDER BY tag LIMIT $3",
        );
        let query = query.bind(library_id).bind(after.unwrap_or_default()).bind(Page::first(limit).limit());
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns the people of libraries who have all these tags, at least one, at most `limit`, in no order.
    pub async fn people_with_tags(
        &mut self,
        libraries: &[LibraryId],
        tags: &[String],
        limit: u64,
    ) -> Result<Vec<PersonId>> {
        let Some((first, others)) = tags.split_first() else { return Ok(Vec::new()) };
        let mut query = QueryBuilder::new("SELECT person_id FROM person_tag WHERE tag = ");
        query.push_bind(first).push(" AND library_id IN (SELECT value FROM json_each(");
        query.push_bind(numbers(libraries)).push("))");
        for tag in others {
            query.push(" AND EXISTS (SELECT 1 FROM person_tag AS other WHERE other.library_id = person_tag.library_id");
            query.push(" AND other.tag = ").push_bind(tag).push(" AND other.person_id = person_tag.person_id)");
        }
        query.push(" LIMIT ").push_bind(Page::first(limit).limit());
        Ok(query.build_query_scalar().fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Replaces the tags of a person. The modification time is the caller's to update.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person does not exist.
    pub async fn set_tags(&mut self, person_id: PersonId, tags: &[String]) -> Result<()> {
        let library_id = self.library_of_person(person_id).await?.ok_or(Error::NotFound)?;
        sql::query("DELETE FROM person_tag WHERE person_id = $1").bind(person_id).execute(&mut *self.db).await?;
        let tags: Vec<(PersonId, &str)> = tags.iter().map(|tag| (person_id, tag.as_str())).collect();
        self.insert_tags(library_id, &tags).await
    }

    /// Inserts tags of people of a library.
    pub(super) async fn insert_tags(&mut self, library_id: LibraryId, tags: &[(PersonId, &str)]) -> Result<()> {
        for tags in tags.chunks(ROWS_PER_STATEMENT) {
            let mut insert = QueryBuilder::new("INSERT INTO person_tag (library_id, tag, person_id) ");
            insert.push_values(tags, |mut row, (person_id, tag)| {
                row.push_bind(library_id).push_bind(*tag).push_bind(*person_id);
            });
            insert.build().execute(&mut *self.db).await?;
        }
        Ok(())
    }
}
