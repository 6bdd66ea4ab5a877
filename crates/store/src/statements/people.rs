//! People.

use aicp_types::{FaceId, FileId, LibraryId, PersonId, PublicId, UnixMillis};

use super::convert::numbers;
use super::libraries::missing_parent;
use super::names::{push_like, push_name_part};
use super::prefixes::hex_range;
use crate::sql::{self, QueryBuilder};
use crate::{
    Change, Error, EventData, NewEvent, NewPerson, Page, Person, PersonChanges, PersonFilter, PersonKeys, PersonOrder,
    PersonText, Result, Rows, TakenIds, Tx,
};

impl Rows<'_> {
    /// Returns a person by row id.
    pub async fn person(&mut self, person_id: PersonId) -> Result<Option<Person>> {
        let query = sql::query_as("SELECT * FROM person WHERE id = $1");
        Ok(query.bind(person_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the person of a library with this `public_id`.
    pub async fn person_with_id(&mut self, library_id: LibraryId, public_id: PublicId) -> Result<Option<Person>> {
        let query = sql::query_as("SELECT * FROM person WHERE public_id = $2 AND library_id = $1");
        Ok(query.bind(library_id).bind(public_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the row ids of the people of libraries with these `public_id`s, by row id. Missing ids are omitted.
    pub async fn people_of_libraries(
        &mut self,
        libraries: &[LibraryId],
        public_ids: &[PublicId],
    ) -> Result<Vec<PersonId>> {
        let query = sql::query_scalar(
            "SELECT id FROM person
             WHERE public_id IN (SELECT value FROM json_each($2)) AND +library_id IN (SELECT value FROM json_each($1))
             ORDER BY id",
        );
        let query = query.bind(numbers(libraries)).bind(numbers(public_ids));
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns the people of a library with one of these keys, by row id.
    pub async fn people_with_keys(&mut self, library_id: LibraryId, keys: PersonKeys<'_>) -> Result<Vec<Person>> {
        let query = sql::query_as(
            "SELECT * FROM person WHERE id IN (
                SELECT id FROM person WHERE public_id = $2 AND library_id = $1
                UNION ALL SELECT id FROM person WHERE number = $3 AND library_id = $1
                UNION ALL SELECT id FROM person WHERE library_id = $1 AND external_id = $4)
             ORDER BY id",
        );
        let query = query.bind(library_id).bind(keys.public_id).bind(keys.number).bind(keys.external_id);
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns those of the ids of a person and of faces that are taken in the whole store.
    pub async fn taken_ids(
        &mut self,
        public_id: Option<PublicId>,
        number: Option<&str>,
        faces: &[(FaceId, FileId)],
    ) -> Result<TakenIds> {
        let person = sql::query_scalar("SELECT library_id FROM person WHERE public_id = $1").bind(public_id);
        let person = person.fetch_optional(&mut *self.db).await?;
        let number = sql::query_scalar("SELECT EXISTS (SELECT 1 FROM person WHERE number = $1)").bind(number);
        let number = number.fetch_one(&mut *self.db).await?;
        let found = sql::query_as::<(FaceId, FileId)>(
            "SELECT id, file_id FROM face
             WHERE id IN (SELECT value FROM json_each($1)) OR file_id IN (SELECT value FROM json_each($2))",
        );
        let (ids, files): (Vec<FaceId>, Vec<FileId>) = faces.iter().copied().unzip();
        let found = found.bind(numbers(&ids)).bind(numbers(&files)).fetch_all(&mut *self.db).await?;
        let (faces, files) = found.into_iter().unzip();
        Ok(TakenIds { person, number, faces, files })
    }

    /// Returns the people with one of these keys, in the libraries of an app that are not hidden, by row id. The number
    /// is ignored.
    pub async fn people_of_app_with_keys(&mut self, app_id: &str, keys: PersonKeys<'_>) -> Result<Vec<Person>> {
        let query = sql::query_as(
            "SELECT * FROM person WHERE id IN (
                SELECT person.id FROM library CROSS JOIN person
                WHERE library.app_id = $1 AND library.hidden = 0
                  AND person.library_id = library.id AND person.external_id = $2
                UNION ALL
                SELECT person.id FROM person CROSS JOIN library
                WHERE person.public_id = $3
                  AND library.id = person.library_id AND library.app_id = $1 AND library.hidden = 0)
             ORDER BY id",
        );
        Ok(query.bind(app_id).bind(keys.external_id).bind(keys.public_id).fetch_all(&mut *self.db).await?)
    }

    /// Returns the person, in an app's libraries that are not hidden, whose `number` begins with `prefix`, lower-case
    /// hex digits; of several the first. Any other `prefix` matches nothing.
    pub async fn person_by_number_prefix(&mut self, app_id: &str, prefix: &str) -> Result<Option<Person>> {
        let Some((first, end)) = hex_range(prefix) else { return Ok(None) };
        let query = sql::query_as(
            "SELECT person.* FROM person CROSS JOIN library
             WHERE person.number >= $2 AND person.number < $3
               AND library.id = person.library_id AND library.app_id = $1 AND library.hidden = 0
             ORDER BY person.number LIMIT 1",
        );
        Ok(query.bind(app_id).bind(first).bind(end).fetch_optional(&mut *self.db).await?)
    }

    /// Returns a page of a library's people, by row id.
    pub async fn people(&mut self, library_id: LibraryId, page: Page) -> Result<Vec<Person>> {
        // Skipped rows are counted in the index, without reading the people.
        let query = sql::query_as(
            "SELECT * FROM person
             WHERE id IN (SELECT id FROM person WHERE library_id = $1 ORDER BY id LIMIT $2 OFFSET $3)
             ORDER BY id",
        );
        Ok(query.bind(library_id).bind(page.limit()).bind(page.offset()).fetch_all(&mut *self.db).await?)
    }

    /// Returns the people of a library that a filter admits, at most `limit`, in an order.
    pub async fn people_after(
        &mut self,
        library_id: LibraryId,
        filter: PersonFilter<'_>,
        order: PersonOrder<'_>,
        limit: u64,
    ) -> Result<Vec<Person>> {
        let mut query = QueryBuilder::new("SELECT person.*");
        push_filter(&mut query, library_id, filter);
        // The people with a tag lie together, by row id.
        let id = if filter.tags.is_empty() { "person.id" } else { "tagged.person_id" };
        match order {
            PersonOrder::Oldest(after) => {
                let after = after.map_or(i64::MIN, PersonId::get);
                query.push(format_args!(" AND {id} > ")).push_bind(after).push(format_args!(" ORDER BY {id}"));
            }
            PersonOrder::Newest(before) => {
                let before = before.map_or(i64::MAX, PersonId::get);
                query.push(format_args!(" AND {id} < ")).push_bind(before).push(format_args!(" ORDER BY {id} DESC"));
            }
            PersonOrder::Name(after) => {
                if let Some((name, after)) = after {
                    query.push(" AND (COALESCE(person.name, ''), person.id) > (").push_bind(name).push(", ");
                    query.push_bind(after).push(")");
                }
                query.push(" ORDER BY COALESCE(person.name, ''), person.id");
            }
        }
        query.push(" LIMIT ").push_bind(Page::first(limit).limit());
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Counts the people of a library that a filter admits, up to `most`.
    pub async fn count_people(&mut self, library_id: LibraryId, filter: PersonFilter<'_>, most: u64) -> Result<u64> {
        let mut query = QueryBuilder::new("SELECT COUNT(*) FROM (SELECT 1");
        push_filter(&mut query, library_id, filter);
        query.push(" LIMIT ").push_bind(Page::first(most).limit()).push(") AS found");
        Ok(query.build_query_scalar().fetch_one(&mut *self.db).await?)
    }

    /// Returns the names of people by public id; missing people are left out.
    pub async fn names_of_people(&mut self, public_ids: &[PublicId]) -> Result<Vec<(PublicId, Option<String>)>> {
        let query =
            sql::query_as("SELECT public_id, name FROM person WHERE public_id IN (SELECT value FROM json_each($1))");
        Ok(query.bind(numbers(public_ids)).fetch_all(&mut *self.db).await?)
    }

    /// Counts the people of a library.
    pub async fn person_count(&mut self, library_id: LibraryId) -> Result<u64> {
        let query = sql::query_scalar("SELECT COUNT(*) FROM person WHERE library_id = $1");
        Ok(query.bind(library_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns the library and the public id of a person.
    pub(super) async fn place_of_person(&mut self, person_id: PersonId) -> Result<Option<(LibraryId, PublicId)>> {
        let query = sql::query_as("SELECT library_id, public_id FROM person WHERE id = $1");
        Ok(query.bind(person_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the library of a person.
    pub async fn library_of_person(&mut self, person_id: PersonId) -> Result<Option<LibraryId>> {
        let query = sql::query_scalar("SELECT library_id FROM person WHERE id = $1");
        Ok(query.bind(person_id).fetch_optional(&mut *self.db).await?)
    }
}

/// Pushes `FROM` and the conditions of a filter of the people of a library.
fn push_filter(query: &mut QueryBuilder, library_id: LibraryId, filter: PersonFilter<'_>) {
    let PersonFilter { external_id, name_part, customer_number, from, to, updated_from, updated_to, tags, text } =
        filter;
    let (first_tag, other_tags) = tags.split_first().map_or((None, tags), |(first, others)| (Some(first), others));
    let tagged = if first_tag.is_some() { "person_tag AS tagged CROSS JOIN " } else { "" };
    query.push(format!(" FROM {tagged}person WHERE person.library_id = "));
    query.push_bind(library_id);
    if let Some(tag) = first_tag {
        query.push(" AND tagged.library_id = ").push_bind(library_id).push(" AND tagged.tag = ").push_bind(tag);
        query.push(" AND person.id = tagged.person_id");
    }
    for tag in other_tags {
        query.push(" AND EXISTS (SELECT 1 FROM person_tag AS other WHERE other.library_id = ").push_bind(library_id);
        query.push(" AND other.tag = ").push_bind(tag).push(" AND other.person_id = person.id)");
    }
    for (column, value) in [("external_id", external_id), ("customer_number", customer_number)] {
        if let Some(value) = value {
            query.push(format_args!(" AND person.{column} = ")).push_bind(value);
        }
    }
    if let Some(part) = name_part {
        push_name_part(query, part);
    }
    for (condition, time) in
        [("created >=", from), ("created <", to), ("updated >=", updated_from), ("updated <", updated_to)]
    {
        if let Some(time) = time {
            query.push(format_args!(" AND person.{condition} ")).push_bind(time);
        }
    }
    if let Some(PersonText { part, tag_part }) = text {
        query.push(" AND (");
        push_like(query, "person.name", part);
        query.push(" OR ");
        push_like(query, "person.external_id", part);
        if let Some(part) = tag_part {
            // Not for each person: a library has fewer tags than people.
            query.push(" OR person.id IN (SELECT person_id FROM person_tag WHERE library_id = ").push_bind(library_id);
            query.push(" AND ");
            push_like(query, "tag", part);
            query.push(")");
        }
        query.push(")");
    }
}

impl Tx {
    /// Inserts a person.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the library does not exist; [`Error::Exists`] if it has a person of that `external_id`;
    /// [`Error::Database`] if another id is taken.
    pub async fn insert_person(&mut self, library_id: LibraryId, new: NewPerson) -> Result<Person> {
        let (profile, tags) = (new.profile, new.tags);
        let inserted = sql::query_as(
            "INSERT INTO person (
                library_id, public_id, number, external_id, info, name, sex, birthday, document_number, customer_number,
                company, duty, province, kind, remark, source_url, created, updated)
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
        .fetch_optional(&mut *self.db)
        .await;
        let person: Person = inserted.map_err(missing_parent)?.ok_or(Error::Exists)?;
        let tags: Vec<(PersonId, &str)> = tags.iter().map(|tag| (person.id, tag.as_str())).collect();
        self.insert_tags(library_id, &tags).await?;
        Ok(person)
    }

    /// Updates a person.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person does not exist; [`Error::Exists`] if another person of the library has that
    /// `external_id`.
    pub async fn update_person(&mut self, person_id: PersonId, changes: PersonChanges, at: UnixMillis) -> Result<()> {
        let query = sql::query(
            "UPDATE person SET
                external_id = COALESCE($2, external_id), name = COALESCE($3, name), info = COALESCE($4, info)
             WHERE id = $1",
        );
        let query = query.bind(person_id).bind(changes.external_id).bind(changes.name).bind(changes.info);
        let written = query.execute(&mut *self.db).await;
        self.finish_update(written, person_id, at).await
    }

    /// Converts the result of an update of a person, and moves the modification time.
    async fn finish_update(
        &mut self,
        written: sql::Result<sql::QueryResult>,
        person_id: PersonId,
        at: UnixMillis,
    ) -> Result<()> {
        match written {
            Ok(done) if done.rows_affected() == 0 => Err(Error::NotFound),
            Err(error) if error.kind() == sql::Kind::Duplicate => Err(Error::Exists),
            done => {
                done?;
                self.touch_person(person_id, at).await
            }
        }
    }

    /// Writes user id, free text and profile of a person as they are in `person`.
    ///
    /// # Errors
    /// As [`update_person`](Self::update_person).
    pub async fn write_person(&mut self, person: &Person, at: UnixMillis) -> Result<()> {
        let profile = &person.profile;
        let query = sql::query(
            "UPDATE person SET external_id = $2, info = $3, name = $4, sex = $5, birthday = $6, document_number = $7,
                customer_number = $8, company = $9, duty = $10, province = $11, kind = $12, remark = $13, source_url = $14
             WHERE id = $1",
        )
        .bind(person.id)
        .bind(person.external_id.as_deref())
        .bind(person.info.as_deref())
        .bind(profile.name.as_deref())
        .bind(profile.sex)
        .bind(profile.birthday)
        .bind(profile.document_number.as_deref())
        .bind(profile.customer_number.as_deref())
        .bind(profile.company.as_deref())
        .bind(profile.duty.as_deref())
        .bind(profile.province.as_deref())
        .bind(profile.kind)
        .bind(profile.remark.as_deref())
        .bind(profile.source_url.as_deref());
        let written = query.execute(&mut *self.db).await;
        self.finish_update(written, person.id, at).await
    }

    /// Removes a person with all faces, templates and pictures, and the entries of recognition logs that name them. The
    /// outbox rows of pending faces are not touched.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person does not exist: of concurrent calls for one person, one succeeds.
    pub async fn remove_person(&mut self, person_id: PersonId, at: UnixMillis) -> Result<()> {
        self.delete_recognitions_of(person_id, at).await?;
        let face_ids = self.delete_faces_of(person_id, None).await?;
        let query = sql::query_as("DELETE FROM person WHERE id = $1 RETURNING library_id, public_id");
        let removed: Option<(LibraryId, PublicId)> = query.bind(person_id).fetch_optional(&mut *self.db).await?;
        let (library_id, public_id) = removed.ok_or(Error::NotFound)?;
        if !face_ids.is_empty() {
            self.touch_library(library_id, at).await?;
            self.announce(Change::FacesRemoved { library_id, face_ids });
        }
        self.announce(Change::PersonChanged { library_id, public_id });
        let data = EventData::PersonRemoved { person: public_id };
        self.record_event(NewEvent { time: at, app_id: None, library_id: Some(library_id), data });
        Ok(())
    }

    /// Updates the modification time of a person, also for a change of one of their faces. The time increases with
    /// every change, whatever the clock says.
    pub async fn touch_person(&mut self, person_id: PersonId, at: UnixMillis) -> Result<()> {
        let query = sql::query_as(
            "UPDATE person SET updated = MAX(updated + 1, $2) WHERE id = $1 RETURNING library_id, public_id",
        );
        if let Some((library_id, public_id)) = query.bind(person_id).bind(at).fetch_optional(&mut *self.db).await? {
            self.announce(Change::PersonChanged { library_id, public_id });
        }
        Ok(())
    }
}
