//! People.

use aicp_types::{LibraryId, PersonId, PublicId, UnixMillis};

use super::libraries::missing_parent;
use super::names::push_name_part;
use super::pictures::OF_NAMED_PERSON;
use super::prefixes::hex_range;
use crate::sql::{self, QueryBuilder};
use crate::{
    Change, Error, EventData, NewEvent, NewPerson, Page, Person, PersonChanges, PersonFilter, PersonKeys, Result, Rows,
    Tx,
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

    /// Returns the people of a library that a filter admits, at most `limit`, after the one with this row id.
    pub async fn people_after(
        &mut self,
        library_id: LibraryId,
        filter: PersonFilter<'_>,
        after: Option<PersonId>,
        limit: u64,
    ) -> Result<Vec<Person>> {
        let PersonFilter { external_id, name_part, customer_number, from, to } = filter;
        let mut query = QueryBuilder::new("SELECT * FROM person WHERE library_id = ");
        query.push_bind(library_id).push(" AND id > ").push_bind(after.map_or(i64::MIN, PersonId::get));
        for (column, value) in [("external_id", external_id), ("customer_number", customer_number)] {
            if let Some(value) = value {
                query.push(format_args!(" AND {column} = ")).push_bind(value);
            }
        }
        if let Some(part) = name_part {
            push_name_part(&mut query, part);
        }
        if let Some(from) = from {
            query.push(" AND created >= ").push_bind(from);
        }
        if let Some(to) = to {
            query.push(" AND created < ").push_bind(to);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(Page::first(limit).limit());
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
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

impl Tx {
    /// Inserts a person.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the library does not exist; [`Error::Exists`] if it has a person of that `external_id`;
    /// [`Error::Database`] if another id is taken.
    pub async fn insert_person(&mut self, library_id: LibraryId, new: NewPerson) -> Result<Person> {
        let profile = new.profile;
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
        inserted.map_err(missing_parent)?.ok_or(Error::Exists)
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
        self.suspect_pictures(OF_NAMED_PERSON, person_id, at).await?;
        let query = sql::query(
            "DELETE FROM recognition_entry WHERE id IN (SELECT entry_id FROM recognition_match WHERE person_id = $1)",
        );
        query.bind(person_id).execute(&mut *self.db).await?;
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
