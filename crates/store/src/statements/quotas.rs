//! Limits of apps.

use std::sync::Arc;

use aicp_types::LibraryId;

use super::convert::saturating_i64;
use crate::sql::{self, FromRow, Row};
use crate::{AppQuota, Change, Error, KeyUsage, Quota, Result, Rows, Tx};

impl Rows<'_> {
    /// Returns the limits of all apps that have some, by app id.
    pub async fn quotas(&mut self) -> Result<Vec<AppQuota>> {
        Ok(sql::query_as("SELECT * FROM app_quota ORDER BY app_id").fetch_all(&mut *self.db).await?)
    }

    /// Counts a call of an app on a day at once, beside the writer, if it has made fewer than are allowed. Returns the calls of all nodes; `None` at
    /// the limit.
    pub async fn claim_app_call(&mut self, app_id: &str, day: i64, allowed: u64) -> Result<Option<KeyUsage>> {
        let query = sql::query_as(
            "UPDATE app_quota SET used = CASE WHEN used_day = $2 THEN used + 1 ELSE 1 END, used_day = $2
             WHERE app_id = $1 AND CASE WHEN used_day = $2 THEN used ELSE 0 END < $3 RETURNING used_day, used",
        );
        let query = query.bind(app_id).bind(day).bind(saturating_i64(allowed));
        let used: Option<(i64, i64)> = query.fetch_optional(&mut *self.db).await?;
        Ok(used.map(|(day, calls)| KeyUsage { day, calls }))
    }

    /// Returns the maximum number of people of the app that owns a library; `None`: no limit.
    pub async fn max_people_of_owner(&mut self, library_id: LibraryId) -> Result<Option<u64>> {
        let query = sql::query_scalar(
            "SELECT max_people FROM app_quota JOIN library ON library.app_id = app_quota.app_id WHERE library.id = $1",
        );
        let limit: Option<Option<i64>> = query.bind(library_id).fetch_optional(&mut *self.db).await?;
        Ok(limit.flatten().map(|limit| u64::try_from(limit).unwrap_or(0)))
    }

    /// Counts the people in the libraries of the app that owns a library, up to `at_most`.
    pub async fn people_of_owner(&mut self, library_id: LibraryId, at_most: u64) -> Result<u64> {
        let query = sql::query_scalar(
            "SELECT COUNT(*) FROM (
                SELECT 1 FROM library AS named JOIN library ON library.app_id = named.app_id
                JOIN person ON person.library_id = library.id WHERE named.id = $1 LIMIT $2) AS found",
        );
        Ok(query.bind(library_id).bind(saturating_i64(at_most)).fetch_one(&mut *self.db).await?)
    }

    /// Counts the people in all libraries of an app.
    pub async fn people_of_app(&mut self, app_id: &str) -> Result<u64> {
        let query = sql::query_scalar(
            "SELECT COUNT(*) FROM library JOIN person ON person.library_id = library.id WHERE library.app_id = $1",
        );
        Ok(query.bind(app_id).fetch_one(&mut *self.db).await?)
    }
}

impl Tx {
    /// Replaces the limits of an app. The number of its calls stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the app does not exist.
    pub async fn set_quota(&mut self, app_id: &str, quota: Quota) -> Result<()> {
        let known: Option<String> = sql::query_scalar("SELECT app_id FROM app WHERE app_id = $1")
            .bind(app_id)
            .fetch_optional(&mut *self.db)
            .await?;
        if known.is_none() {
            return Err(Error::NotFound);
        }
        let row = sql::query_as(
            "INSERT INTO app_quota (app_id, calls_per_second, calls_per_day, max_libraries, max_people)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (app_id) DO UPDATE SET
                calls_per_second = excluded.calls_per_second, calls_per_day = excluded.calls_per_day,
                max_libraries = excluded.max_libraries, max_people = excluded.max_people
             RETURNING *",
        )
        .bind(app_id)
        .bind(quota.calls_per_second)
        .bind(quota.calls_per_day.map(saturating_i64))
        .bind(quota.max_libraries.map(saturating_i64))
        .bind(quota.max_people.map(saturating_i64))
        .fetch_one(&mut *self.db)
        .await?;
        self.announce(Change::QuotaChanged { quota: Arc::new(row) });
        Ok(())
    }

    /// Adds to the calls of apps on a day. Apps without limits are ignored. Returns the usage of the apps, in which the calls of all nodes are.
    pub async fn add_app_usage(&mut self, usage: Vec<(String, KeyUsage)>) -> Result<Vec<(String, KeyUsage)>> {
        let mut totals = Vec::with_capacity(usage.len());
        for (app_id, KeyUsage { day, calls }) in usage {
            let query = sql::query_as(
                "UPDATE app_quota SET used = CASE WHEN used_day = $2 THEN used + $3 ELSE $3 END, used_day = $2
                 WHERE app_id = $1 RETURNING used_day, used",
            );
            let total: Option<(i64, i64)> =
                query.bind(&app_id).bind(day).bind(calls).fetch_optional(&mut *self.db).await?;
            totals.extend(total.map(|(day, calls)| (app_id, KeyUsage { day, calls })));
        }
        Ok(totals)
    }
}

impl FromRow for AppQuota {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let count = |name| Ok(row.try_get::<Option<i64>, _>(name)?.map(|count| u64::try_from(count).unwrap_or(0)));
        Ok(Self {
            app_id: row.try_get("app_id")?,
            quota: Quota {
                calls_per_second: row.try_get("calls_per_second")?,
                calls_per_day: count("calls_per_day")?,
                max_libraries: count("max_libraries")?,
                max_people: count("max_people")?,
            },
            usage: KeyUsage { day: row.try_get("used_day")?, calls: row.try_get("used")? },
        })
    }
}
