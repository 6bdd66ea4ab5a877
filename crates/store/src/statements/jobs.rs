//! Jobs and their items.

use aicp_types::{JobId, LibraryId, UnixMillis};

use super::convert::{ROWS_PER_STATEMENT, texts};
use crate::sql::{self, DatabaseError, FromRow, QueryBuilder, Row};
use crate::{
    Change, Error, EventData, IdOrder, JobFilter, JobItem, JobItemState, JobRow, JobState, NewEvent, NewJob, Page,
    Result, Rows, Tx,
};

const STATES: [(JobState, &str); 6] = [
    (JobState::Queued, "queued"),
    (JobState::Running, "running"),
    (JobState::Paused, "paused"),
    (JobState::Cancelled, "cancelled"),
    (JobState::Done, "done"),
    (JobState::Failed, "failed"),
];

const ITEM_STATES: [(JobItemState, &str); 3] =
    [(JobItemState::Waiting, "waiting"), (JobItemState::Done, "done"), (JobItemState::Failed, "failed")];

impl FromRow for JobRow {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            app_id: row.try_get("app_id")?,
            library_id: row.try_get("library_id")?,
            kind: row.try_get("kind")?,
            state: from_name(&STATES, row.try_get("state")?)?,
            input: row.try_get("input")?,
            position: row.try_get("position")?,
            error: row.try_get("error")?,
            total: row.try_get("total")?,
            done: row.try_get("done")?,
            failed: row.try_get("failed")?,
            created_at: row.try_get("created")?,
            starts_at: row.try_get("starts")?,
            started_at: row.try_get("started")?,
            ended_at: row.try_get("ended")?,
        })
    }
}

impl FromRow for JobItem {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            number: row.try_get("number")?,
            name: row.try_get("name")?,
            state: from_name(&ITEM_STATES, row.try_get("state")?)?,
            input: row.try_get("input")?,
            code: row.try_get("code")?,
            detail: row.try_get("detail")?,
        })
    }
}

impl Rows<'_> {
    /// Returns a job.
    pub async fn job(&mut self, id: JobId) -> Result<Option<JobRow>> {
        let query = sql::query_as("SELECT * FROM job WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the jobs of a filter, at most `limit`, in an order.
    pub async fn jobs_after(
        &mut self,
        filter: JobFilter<'_>,
        order: IdOrder<JobId>,
        limit: u64,
    ) -> Result<Vec<JobRow>> {
        let JobFilter { app_id, states, kind, library_id } = filter;
        let (after, direction) = match order {
            IdOrder::Oldest(after) => (after.map_or(i64::MIN, JobId::get), ""),
            IdOrder::Newest(before) => (before.map_or(i64::MAX, JobId::get), " DESC"),
        };
        let compare = if direction.is_empty() { ">" } else { "<" };
        let mut query = QueryBuilder::new(format!("SELECT * FROM job WHERE id {compare} "));
        query.push_bind(after);
        if let Some(app_id) = app_id {
            query.push(" AND app_id = ").push_bind(app_id);
        }
        if !states.is_empty() {
            let names: Vec<&str> = states.iter().map(|state| name_of(&STATES, *state)).collect();
            query.push(" AND state IN (SELECT value FROM json_each(").push_bind(texts(&names)).push("))");
        }
        if let Some(kind) = kind {
            query.push(" AND kind = ").push_bind(kind);
        }
        if let Some(library_id) = library_id {
            query.push(" AND library_id = ").push_bind(library_id);
        }
        query.push(format!(" ORDER BY id{direction} LIMIT ")).push_bind(Page::first(limit).limit());
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Returns the jobs that run, or are queued and may begin now, at most `limit`: the oldest of each app, then the second of
    /// each, and so on.
    pub async fn due_jobs(&mut self, now: UnixMillis, limit: u64) -> Result<Vec<JobRow>> {
        let query = sql::query_as(
            "SELECT * FROM job WHERE state IN ('queued', 'running') AND COALESCE(starts, $1) <= $1
             ORDER BY ROW_NUMBER() OVER (PARTITION BY app_id ORDER BY id), id LIMIT $2",
        );
        Ok(query.bind(now).bind(Page::first(limit).limit()).fetch_all(&mut *self.db).await?)
    }

    /// Returns when the next queued job begins that may not begin yet.
    pub async fn next_job_start(&mut self, now: UnixMillis) -> Result<Option<UnixMillis>> {
        let query = sql::query_scalar("SELECT MIN(starts) FROM job WHERE state = 'queued' AND starts > $1");
        Ok(query.bind(now).fetch_one(&mut *self.db).await?)
    }

    /// Counts the jobs of an app that have not ended, or have failed and can go on.
    pub async fn open_job_count(&mut self, app_id: &str) -> Result<u64> {
        let query = sql::query_scalar(
            "SELECT COUNT(*) FROM job WHERE app_id = $1 AND state IN ('queued', 'running', 'paused', 'failed')",
        );
        Ok(query.bind(app_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns the ids of jobs that ended before a time, at most `limit`, the oldest first.
    pub async fn jobs_ended_before(&mut self, time: UnixMillis, limit: u64) -> Result<Vec<JobId>> {
        let query = sql::query_scalar(
            "SELECT id FROM job WHERE state IN ('cancelled', 'done', 'failed') AND ended < $1 ORDER BY id LIMIT $2",
        );
        Ok(query.bind(time).bind(Page::first(limit).limit()).fetch_all(&mut *self.db).await?)
    }

    /// Returns the items of a job, at most `limit`, after the one with this number. With a state, only items in it.
    pub async fn job_items_after(
        &mut self,
        id: JobId,
        state: Option<JobItemState>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<JobItem>> {
        let mut query = QueryBuilder::new("SELECT * FROM job_item WHERE job_id = ");
        query.push_bind(id).push(" AND number > ").push_bind(after);
        if let Some(state) = state {
            query.push(" AND state = ").push_bind(name_of(&ITEM_STATES, state));
        }
        query.push(" ORDER BY number LIMIT ").push_bind(Page::first(limit).limit());
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Returns the items, of any job, whose detail contains one of some texts. Reads all items.
    pub async fn job_items_with(&mut self, texts: &[String]) -> Result<Vec<(JobId, i64)>> {
        let mut found = Vec::new();
        for text in texts {
            let query = sql::query_as("SELECT job_id, number FROM job_item WHERE INSTR(detail, $1) > 0");
            let items: Vec<(JobId, i64)> = query.bind(text).fetch_all(&mut *self.db).await?;
            found.extend(items);
        }
        Ok(found)
    }

    /// Returns the items of an app's jobs that wait and whose input contains a text. Reads all of them.
    pub async fn waiting_job_items_with(&mut self, app_id: &str, text: &str) -> Result<Vec<(JobId, i64)>> {
        let query = sql::query_as(
            "SELECT job_id, number FROM job_item JOIN job ON job.id = job_id
             WHERE job.app_id = $1 AND job_item.state = 'waiting' AND INSTR(job_item.input, $2) > 0",
        );
        Ok(query.bind(app_id).bind(text).fetch_all(&mut *self.db).await?)
    }

    /// Returns the number of items of a job by their codes. Items without a code are left out.
    pub async fn job_codes(&mut self, id: JobId) -> Result<Vec<(String, u64)>> {
        let query = sql::query_as(
            "SELECT code, COUNT(*) FROM job_item WHERE job_id = $1 AND code IS NOT NULL GROUP BY code ORDER BY code",
        );
        Ok(query.bind(id).fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Inserts a job, which is queued.
    pub async fn insert_job(&mut self, new: NewJob) -> Result<JobRow> {
        let query = sql::query_as(
            "INSERT INTO job (app_id, library_id, kind, state, input, total, done, failed, created, starts)
             VALUES ($1, $2, $3, 'queued', $4, $5, 0, 0, $6, $7) RETURNING *",
        )
        .bind(new.app_id)
        .bind(new.library_id)
        .bind(new.kind)
        .bind(new.input)
        .bind(new.total.map(in_i64))
        .bind(new.created_at)
        .bind(new.starts_at);
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Updates a job: state, position, error, numbers and times. What it is about stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist.
    pub async fn update_job(&mut self, job: &JobRow) -> Result<()> {
        let updated = sql::query(
            "UPDATE job SET state = $2, position = $3, error = $4, total = $5, done = $6, failed = $7, started = $8,
                ended = $9
             WHERE id = $1",
        )
        .bind(job.id)
        .bind(name_of(&STATES, job.state))
        .bind(job.position.as_deref())
        .bind(job.error.as_deref())
        .bind(job.total.map(in_i64))
        .bind(in_i64(job.done))
        .bind(in_i64(job.failed))
        .bind(job.started_at)
        .bind(job.ended_at)
        .execute(&mut *self.db)
        .await?;
        if updated.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
    }

    /// Forgets whom and what an item was about; its number, state and code stay.
    pub async fn forget_job_item(&mut self, id: JobId, number: i64) -> Result<()> {
        let query =
            sql::query("UPDATE job_item SET name = '', input = NULL, detail = NULL WHERE job_id = $1 AND number = $2");
        query.bind(id).bind(number).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Deletes a job with its items.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist.
    pub async fn delete_job(&mut self, id: JobId) -> Result<()> {
        let deleted = sql::query("DELETE FROM job WHERE id = $1").bind(id).execute(&mut *self.db).await?;
        if deleted.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
    }

    /// Inserts items of a job.
    ///
    /// # Errors
    /// [`Error::Database`] if a number is taken, or the job does not exist.
    pub async fn insert_job_items(&mut self, id: JobId, items: Vec<JobItem>) -> Result<()> {
        let mut items = items.into_iter().peekable();
        while items.peek().is_some() {
            let mut query =
                QueryBuilder::new("INSERT INTO job_item (job_id, number, name, state, input, code, detail) ");
            query.push_values(items.by_ref().take(ROWS_PER_STATEMENT), |mut row, item| {
                row.push_bind(id)
                    .push_bind(item.number)
                    .push_bind(item.name)
                    .push_bind(name_of(&ITEM_STATES, item.state))
                    .push_bind(item.input)
                    .push_bind(item.code)
                    .push_bind(item.detail);
            });
            query.build().execute(&mut *self.db).await?;
        }
        Ok(())
    }

    /// Records what became of an item, and returns whether it was waiting; otherwise nothing changes.
    pub async fn finish_job_item(
        &mut self,
        id: JobId,
        number: i64,
        state: JobItemState,
        code: &str,
        detail: Option<&str>,
    ) -> Result<bool> {
        let query = sql::query(
            "UPDATE job_item SET state = $3, input = NULL, code = $4, detail = $5
             WHERE job_id = $1 AND number = $2 AND state = 'waiting'",
        );
        let query = query.bind(id).bind(number).bind(name_of(&ITEM_STATES, state)).bind(code).bind(detail);
        Ok(query.execute(&mut *self.db).await?.rows_affected() > 0)
    }

    /// Deletes the items of a job, for work that begins anew.
    pub async fn delete_job_items(&mut self, id: JobId) -> Result<()> {
        sql::query("DELETE FROM job_item WHERE job_id = $1").bind(id).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Takes a library out of sight, for its deletion: it is hidden, and its name and number in the app are free again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist or is hidden.
    pub async fn withdraw_library(&mut self, library_id: LibraryId, external_id: &str, at: UnixMillis) -> Result<()> {
        let query = sql::query_scalar(
            "UPDATE library SET hidden = 1, slot = NULL, external_id = $2 WHERE id = $1 AND hidden = 0 RETURNING app_id",
        );
        let app_id = query.bind(library_id).bind(external_id).fetch_optional(&mut *self.db).await?;
        let app_id: String = app_id.ok_or(Error::NotFound)?;
        let data = EventData::LibraryRemoved;
        self.record_event(NewEvent { time: at, app_id: Some(app_id.clone()), library_id: Some(library_id), data });
        self.announce(Change::LibraryChanged { app_id, library_id });
        Ok(())
    }
}

fn in_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn name_of<S: PartialEq + Copy>(names: &[(S, &'static str)], state: S) -> &'static str {
    names.iter().find(|(known, _)| *known == state).map_or("", |(_, name)| name)
}

fn from_name<S: Copy>(names: &[(S, &'static str)], name: &str) -> sql::Result<S> {
    let found = names.iter().find(|(_, known)| *known == name);
    found.map(|(state, _)| *state).ok_or_else(|| DatabaseError::decode(format!("{name} is no state of a job")))
}
