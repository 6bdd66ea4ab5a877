//! Outbox: writes to engines that store faces themselves.

use aicp_types::{FaceId, LibraryId, OutboxId, UnixMillis};

use super::convert::action_name;
use super::pictures::OF_OUTBOX_ROW;
use crate::sql::{self, FromRow, QueryBuilder, Row};
use crate::{Error, OutboxAction, OutboxCount, OutboxFilter, OutboxRow, OutboxState, Page, Result, Rows, Tx};

impl Rows<'_> {
    /// Returns the last id of the writes of a library that are not done.
    pub async fn last_outbox_of(&mut self, library_id: LibraryId) -> Result<Option<OutboxId>> {
        let query = sql::query_scalar("SELECT MAX(id) FROM outbox WHERE library_id = $1 AND solved IS NULL");
        Ok(query.bind(library_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns a row by id.
    pub async fn outbox_row(&mut self, id: OutboxId) -> Result<Option<OutboxRow>> {
        let query = sql::query_as("SELECT * FROM outbox WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the next row to replay in a library: that of lowest id that is neither solved nor rejected.
    pub async fn outbox_head(&mut self, library_id: LibraryId) -> Result<Option<OutboxRow>> {
        let query = sql::query_as(
            "SELECT * FROM outbox WHERE library_id = $1 AND solved IS NULL AND rejected = 0 ORDER BY id LIMIT 1",
        );
        Ok(query.bind(library_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the libraries that have a [head](Self::outbox_head), by row id; of one engine or of all.
    pub async fn outbox_libraries(&mut self, engine: Option<&str>) -> Result<Vec<LibraryId>> {
        let query = match engine {
            Some(engine) => sql::query_scalar(
                "SELECT DISTINCT library_id FROM outbox
                 WHERE engine = $1 AND solved IS NULL AND rejected = 0 ORDER BY library_id",
            )
            .bind(engine),
            None => sql::query_scalar(
                "SELECT DISTINCT library_id FROM outbox WHERE solved IS NULL AND rejected = 0 ORDER BY library_id",
            ),
        };
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns the number of listed rows and a page of them: latest created first, then by id descending.
    pub async fn outbox_page(&mut self, filter: OutboxFilter<'_>, page: Page) -> Result<(u64, Vec<OutboxRow>)> {
        let mut count = QueryBuilder::new("SELECT COUNT(*) FROM outbox");
        push_filter(&mut count, filter);
        let count = count.build_query_scalar().fetch_one(&mut *self.db).await?;
        let mut rows = QueryBuilder::new("SELECT * FROM outbox");
        push_filter(&mut rows, filter);
        rows.push(" ORDER BY created DESC, id DESC LIMIT ").push_bind(page.limit());
        rows.push(" OFFSET ").push_bind(page.offset());
        let rows = rows.build_query_as().fetch_all(&mut *self.db).await?;
        Ok((count, rows))
    }

    /// Returns the listed rows of a filter, at most `limit`, by id descending.
    pub async fn latest_outbox(&mut self, filter: OutboxFilter<'_>, limit: u64) -> Result<Vec<OutboxRow>> {
        let mut query = QueryBuilder::new("SELECT * FROM outbox");
        push_filter(&mut query, filter);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(Page::first(limit).limit());
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Returns ids and libraries of the unsolved listed rows of a filter, by id: at most `limit`, after one.
    pub async fn unsolved_outbox_after(
        &mut self,
        filter: OutboxFilter<'_>,
        after: OutboxId,
        limit: u64,
    ) -> Result<Vec<(OutboxId, LibraryId, bool)>> {
        let mut query = QueryBuilder::new("SELECT id, library_id, rejected FROM outbox");
        push_filter(&mut query, OutboxFilter { solved: Some(false), ..filter });
        query.push(" AND id > ").push_bind(after).push(" ORDER BY id LIMIT ").push_bind(Page::first(limit).limit());
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Counts the unsolved listed rows of a filter.
    pub async fn unsolved_outbox_count(&mut self, filter: OutboxFilter<'_>) -> Result<u64> {
        let mut query = QueryBuilder::new("SELECT COUNT(*) FROM outbox");
        push_filter(&mut query, OutboxFilter { solved: Some(false), ..filter });
        Ok(query.build_query_scalar().fetch_one(&mut *self.db).await?)
    }

    /// Counts the rows of each engine that wait, and those that it refused: by engine.
    pub async fn outbox_counts(&mut self) -> Result<Vec<OutboxCount>> {
        let query = sql::query_as(
            "SELECT engine, COUNT(*) - SUM(rejected) AS waiting, SUM(rejected) AS refused, MIN(created) AS oldest
             FROM outbox WHERE solved IS NULL AND listed = 1 GROUP BY engine ORDER BY engine",
        );
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns the unsolved rows about a face, by id.
    pub async fn unsolved_outbox_of_face(&mut self, face_id: FaceId) -> Result<Vec<OutboxRow>> {
        let query = sql::query_as("SELECT * FROM outbox WHERE face_id = $1 AND solved IS NULL ORDER BY id");
        Ok(query.bind(face_id).fetch_all(&mut *self.db).await?)
    }

    /// Returns the unsolved rows of a library with an action, by id.
    pub async fn unsolved_outbox_of_library(
        &mut self,
        library_id: LibraryId,
        action: OutboxAction,
    ) -> Result<Vec<OutboxRow>> {
        let query =
            sql::query_as("SELECT * FROM outbox WHERE library_id = $1 AND action = $2 AND solved IS NULL ORDER BY id");
        Ok(query.bind(library_id).bind(action_name(action)).fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Inserts a row.
    ///
    /// # Errors
    /// [`Error::Database`] if its id is taken.
    pub async fn insert_outbox(&mut self, row: OutboxRow) -> Result<()> {
        sql::query(
            "INSERT INTO outbox (
                id, library_id, app_id, engine, action, engine_key, public_id, number, face_id, engine_ref, picture_key,
                made_person, endpoint, operation, created, in_doubt, was_in_doubt, listed, rejected, attempts,
                last_error, solved, solved_by, dropped)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                $22, $23, $24)",
        )
        .bind(row.id)
        .bind(row.library_id)
        .bind(row.app_id)
        .bind(row.engine)
        .bind(action_name(row.action))
        .bind(row.engine_key)
        .bind(row.public_id)
        .bind(row.number)
        .bind(row.face_id)
        .bind(row.engine_ref)
        .bind(row.picture_key)
        .bind(row.made_person)
        .bind(row.endpoint)
        .bind(row.operation)
        .bind(row.created_at)
        .bind(row.in_doubt)
        .bind(row.was_in_doubt)
        .bind(row.listed)
        .bind(row.rejected)
        .bind(row.attempts)
        .bind(row.last_error)
        .bind(row.solved_at)
        .bind(row.solved_by)
        .bind(row.dropped)
        .execute(&mut *self.db)
        .await?;
        Ok(())
    }

    /// Updates a row. What it says about library, person and face can't change.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the row does not exist.
    pub async fn update_outbox(&mut self, row: &OutboxRow) -> Result<()> {
        let updated = sql::query(
            "UPDATE outbox SET
                action = $2, engine_ref = $3, picture_key = $4, endpoint = $5, operation = $6, in_doubt = $7,
                was_in_doubt = $8, listed = $9, rejected = $10, attempts = $11, last_error = $12, solved = $13,
                solved_by = $14, dropped = $15
             WHERE id = $1",
        )
        .bind(row.id)
        .bind(action_name(row.action))
        .bind(&row.engine_ref)
        .bind(&row.picture_key)
        .bind(&row.endpoint)
        .bind(&row.operation)
        .bind(row.in_doubt)
        .bind(row.was_in_doubt)
        .bind(row.listed)
        .bind(row.rejected)
        .bind(row.attempts)
        .bind(&row.last_error)
        .bind(row.solved_at)
        .bind(&row.solved_by)
        .bind(&row.dropped)
        .execute(&mut *self.db)
        .await?;
        if updated.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
    }

    /// Updates a row that no longer needs its picture; see [`update_outbox`](Self::update_outbox).
    ///
    /// # Errors
    /// As [`update_outbox`](Self::update_outbox).
    pub async fn update_outbox_and_release_picture(&mut self, row: &OutboxRow, at: UnixMillis) -> Result<()> {
        self.release_links(row.id).await?;
        self.suspect_pictures(OF_OUTBOX_ROW, row.id, at).await?;
        self.update_outbox(row).await
    }

    /// Deletes a row and releases its picture; a missing row is ignored.
    pub async fn delete_outbox(&mut self, id: OutboxId, at: UnixMillis) -> Result<()> {
        self.suspect_pictures(OF_OUTBOX_ROW, id, at).await?;
        sql::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Lists the rows of a time or earlier that are not listed: their first attempt was interrupted.
    pub async fn list_interrupted_outbox(&mut self, before: UnixMillis) -> Result<()> {
        let query = sql::query("UPDATE outbox SET listed = 1 WHERE listed = 0 AND created <= $1");
        query.bind(before).execute(&mut *self.db).await?;
        Ok(())
    }
}

impl FromRow for OutboxCount {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            engine: row.try_get("engine")?,
            waiting: row.try_get("waiting")?,
            refused: row.try_get("refused")?,
            oldest: row.try_get("oldest")?,
        })
    }
}

fn push_filter(query: &mut QueryBuilder, filter: OutboxFilter<'_>) {
    query.push(" WHERE listed = 1");
    match filter.state {
        Some(OutboxState::Waiting) => query.push(" AND solved IS NULL AND rejected = 0"),
        Some(OutboxState::Refused) => query.push(" AND solved IS NULL AND rejected = 1"),
        Some(OutboxState::Done) => query.push(" AND solved IS NOT NULL AND dropped IS NULL"),
        Some(OutboxState::Dropped) => query.push(" AND solved IS NOT NULL AND dropped IS NOT NULL"),
        None => query,
    };
    if let Some(engine) = filter.engine {
        query.push(" AND engine = ").push_bind(engine);
    }
    if let Some(library_id) = filter.library_id {
        query.push(" AND library_id = ").push_bind(library_id);
    }
    if let Some(app_id) = filter.app_id {
        query.push(" AND app_id = ").push_bind(app_id);
    }
    match filter.solved {
        Some(true) => query.push(" AND solved IS NOT NULL"),
        Some(false) => query.push(" AND solved IS NULL"),
        None => query,
    };
    if let Some(from) = filter.from {
        query.push(" AND created >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" AND created < ").push_bind(to);
    }
    if let Some(below) = filter.below {
        query.push(" AND id < ").push_bind(below);
    }
}
