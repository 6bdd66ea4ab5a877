//! Libraries.

use aicp_types::{LibraryId, UnixMillis};

use super::names::push_name_part;
use super::pictures::OF_LIBRARY;
use super::prefixes::hex_range;
use crate::sql::{self, DatabaseError, Kind, QueryBuilder};
use crate::{
    Change, Error, EventData, Library, LibraryCounts, LibraryFilter, NewEvent, NewLibrary, Page, Result, Rows, Tx,
};

impl Rows<'_> {
    /// Returns an app's library by `external_id`.
    pub async fn library(&mut self, app_id: &str, external_id: &str) -> Result<Option<Library>> {
        let query = sql::query_as("SELECT * FROM library WHERE app_id = $1 AND external_id = $2 AND hidden = 0");
        Ok(query.bind(app_id).bind(external_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns an app's hidden library by `external_id`.
    pub async fn hidden_library(&mut self, app_id: &str, external_id: &str) -> Result<Option<Library>> {
        let query = sql::query_as("SELECT * FROM library WHERE app_id = $1 AND external_id = $2 AND hidden = 1");
        Ok(query.bind(app_id).bind(external_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns a library by row id, also a hidden one.
    pub async fn library_by_id(&mut self, library_id: LibraryId) -> Result<Option<Library>> {
        let query = sql::query_as("SELECT * FROM library WHERE id = $1");
        Ok(query.bind(library_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns an app's library by its engine key.
    pub async fn library_by_engine_key(&mut self, app_id: &str, engine_key: &str) -> Result<Option<Library>> {
        let query = sql::query_as("SELECT * FROM library WHERE app_id = $1 AND engine_key = $2 AND hidden = 0");
        Ok(query.bind(app_id).bind(engine_key).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the library of an app whose engine key begins with `prefix`, lower-case hex digits; of several the
    /// first. Any other `prefix` matches nothing.
    pub async fn library_by_engine_key_prefix(&mut self, app_id: &str, prefix: &str) -> Result<Option<Library>> {
        let Some((first, end)) = hex_range(prefix) else { return Ok(None) };
        let query = sql::query_as(
            "SELECT * FROM library
             WHERE engine_key >= $2 AND engine_key < $3 AND +app_id = $1 AND hidden = 0
             ORDER BY engine_key LIMIT 1",
        );
        Ok(query.bind(app_id).bind(first).bind(end).fetch_optional(&mut *self.db).await?)
    }

    /// Returns a page of an app's libraries, oldest first; hidden ones are omitted.
    pub async fn libraries(&mut self, app_id: &str, page: Page) -> Result<Vec<Library>> {
        let query =
            sql::query_as("SELECT * FROM library WHERE app_id = $1 AND hidden = 0 ORDER BY id LIMIT $2 OFFSET $3");
        // SQLite treats a negative LIMIT as none; `Page::limit` is never negative.
        Ok(query.bind(app_id).bind(page.limit()).bind(page.offset()).fetch_all(&mut *self.db).await?)
    }

    /// Returns a page of an app's libraries, by time of creation, then engine key; hidden ones are omitted.
    pub async fn libraries_by_age(&mut self, app_id: &str, page: Page) -> Result<Vec<Library>> {
        let query = sql::query_as(
            "SELECT * FROM library WHERE app_id = $1 AND hidden = 0 ORDER BY created, engine_key LIMIT $2 OFFSET $3",
        );
        Ok(query.bind(app_id).bind(page.limit()).bind(page.offset()).fetch_all(&mut *self.db).await?)
    }

    /// Returns the libraries of a filter, at most `limit`, after the one with this row id; hidden ones are omitted.
    pub async fn libraries_after(
        &mut self,
        filter: LibraryFilter<'_>,
        after: Option<LibraryId>,
        limit: u64,
    ) -> Result<Vec<Library>> {
        let LibraryFilter { app_id, external_id, name_part } = filter;
        let mut query = QueryBuilder::new("SELECT * FROM library WHERE hidden = 0 AND id > ");
        query.push_bind(after.map_or(i64::MIN, LibraryId::get));
        if let Some(app_id) = app_id {
            query.push(" AND app_id = ").push_bind(app_id);
        }
        if let Some(external_id) = external_id {
            query.push(" AND external_id = ").push_bind(external_id);
        }
        if let Some(part) = name_part {
            push_name_part(&mut query, part);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(Page::first(limit).limit());
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Counts an app's libraries; hidden ones are omitted.
    pub async fn library_count(&mut self, app_id: &str) -> Result<u64> {
        let query = sql::query_scalar("SELECT COUNT(*) FROM library WHERE app_id = $1 AND hidden = 0");
        Ok(query.bind(app_id).fetch_one(&mut *self.db).await?)
    }

    /// Counts the users and faces of a library.
    pub async fn library_counts(&mut self, library_id: LibraryId) -> Result<LibraryCounts> {
        // Both kinds of ids are unique, so at most one of each kind can be equal.
        let query = sql::query_as(
            "SELECT (SELECT COUNT(*) FROM person WHERE library_id = $1)
                  - (SELECT COUNT(*) FROM person AS unnamed
                     WHERE library_id = $1 AND external_id IS NULL AND EXISTS (
                        SELECT 1 FROM person AS named
                        WHERE named.library_id = $1 AND named.external_id = CAST(unnamed.public_id AS TEXT))) AS users,
                    (SELECT COUNT(*) FROM person CROSS JOIN face
                     WHERE person.library_id = $1 AND face.person_id = person.id) AS faces",
        );
        Ok(query.bind(library_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns the lowest number from 1 that is the slot of no library of an app.
    pub async fn lowest_free_slot(&mut self, app_id: &str) -> Result<i64> {
        // Candidates are 1 and the successor of each used slot.
        let query = sql::query_scalar(
            "SELECT MIN(candidate.slot) FROM (
                SELECT 1 AS slot UNION ALL SELECT slot + 1 FROM library WHERE app_id = $1 AND slot IS NOT NULL
             ) AS candidate
             WHERE NOT EXISTS (SELECT 1 FROM library AS other WHERE other.app_id = $1 AND other.slot = candidate.slot)",
        );
        Ok(query.bind(app_id).fetch_one(&mut *self.db).await?)
    }
}

impl Tx {
    /// Inserts a library.
    ///
    /// # Errors
    /// [`Error::Exists`] if the app has a library of that `external_id`; [`Error::NotFound`] if the app does not exist;
    /// [`Error::Database`] if `engine_key` or `slot` is taken.
    pub async fn insert_library(&mut self, new: NewLibrary) -> Result<Library> {
        let inserted = sql::query_as(
            "INSERT INTO library (app_id, external_id, name, description, engine_key, engine, created, updated, hidden, slot)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)
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
        .bind(new.slot)
        .fetch_optional(&mut *self.db)
        .await;
        let library: Library = inserted.map_err(missing_parent)?.ok_or(Error::Exists)?;
        self.announce(Change::LibraryChanged { app_id: library.app_id.clone(), library_id: library.id });
        Ok(library)
    }

    /// Changes names and description of a library.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist; [`Error::Exists`] if another library of the app has that `external_id`.
    pub async fn update_library(
        &mut self,
        library_id: LibraryId,
        external_id: &str,
        name: &str,
        description: Option<&str>,
    ) -> Result<()> {
        let query = sql::query_scalar(
            "UPDATE library SET external_id = $2, name = $3, description = $4 WHERE id = $1 RETURNING app_id",
        );
        let query = query.bind(library_id).bind(external_id).bind(name).bind(description);
        match query.fetch_optional(&mut *self.db).await {
            Ok(None) => Err(Error::NotFound),
            Ok(Some(app_id)) => {
                self.announce(Change::LibraryChanged { app_id, library_id });
                Ok(())
            }
            Err(error) if error.kind() == Kind::Duplicate => Err(Error::Exists),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes what a search in a library uses if the request does not say. The caller announces it by
    /// [`update_library`](Self::update_library) in the same transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist.
    pub async fn set_search_defaults(
        &mut self,
        library_id: LibraryId,
        threshold: Option<f32>,
        top_n: Option<i64>,
    ) -> Result<()> {
        let query = sql::query("UPDATE library SET threshold = $2, top_n = $3 WHERE id = $1");
        let done = query.bind(library_id).bind(threshold).bind(top_n).execute(&mut *self.db).await?;
        if done.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
    }

    /// Removes a library with its people, faces, templates and pictures, and its unsolved outbox rows.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist.
    pub async fn delete_library(&mut self, library_id: LibraryId, at: UnixMillis) -> Result<()> {
        self.suspect_pictures(OF_LIBRARY, library_id, at).await?;
        let query = sql::query("DELETE FROM outbox WHERE library_id = $1 AND solved IS NULL");
        query.bind(library_id).execute(&mut *self.db).await?;
        let query = sql::query_as("DELETE FROM library WHERE id = $1 RETURNING app_id, hidden");
        let deleted: Option<(String, bool)> = query.bind(library_id).fetch_optional(&mut *self.db).await?;
        let (app_id, is_hidden) = deleted.ok_or(Error::NotFound)?;
        self.announce(Change::LibraryRemoved { library_id });
        if !is_hidden {
            let data = EventData::LibraryRemoved;
            self.record_event(NewEvent { time: at, app_id: Some(app_id), library_id: Some(library_id), data });
        }
        Ok(())
    }

    /// Updates the modification time of a library of which a face was added or removed.
    pub(super) async fn touch_library(&mut self, library_id: LibraryId, at: UnixMillis) -> Result<()> {
        let query = sql::query("UPDATE library SET updated = MAX(updated, $2) WHERE id = $1");
        query.bind(library_id).bind(at).execute(&mut *self.db).await?;
        Ok(())
    }
}

/// Converts a violated foreign key into [`Error::NotFound`]: the parent row does not exist.
pub(super) fn missing_parent(error: DatabaseError) -> Error {
    if error.kind() == Kind::MissingParent { Error::NotFound } else { error.into() }
}
