//! Call log and statistics.
//!
//! Sums are stored per quarter of an hour, which is valid in every time zone, and per day of one zone, so that long
//! ranges are quick. What the days are, and which sums answer a range of time, is the caller's decision.

use std::collections::BTreeMap;

use aicp_types::UnixMillis;

use super::convert::saturating_i64;
use crate::sql::{self, Connection, QueryBuilder, Row};
use crate::{
    CallDurations, CallGroup, CallKind, CallScope, CallSums, CallTotal, DayTotal, DurationCount, GroupTotal, LogFilter,
    LoggedCall, OffsetPeriod, RangePart, Result, Rows, SumUnit, Tx,
};

/// Rows per insert statement; SQLite accepts 32766 parameters.
const ROWS_PER_STATEMENT: usize = 1000;

impl Rows<'_> {
    /// Returns the totals of each method in parts of time, by method in byte order. Equal methods of several apps count
    /// as one.
    pub async fn call_totals(&mut self, scope: CallScope<'_>, parts: &[RangePart]) -> Result<Vec<CallTotal>> {
        let totals = self.call_groups(scope, parts, CallGroup::Method, false).await?;
        Ok(totals.into_iter().map(|total| total.total).collect())
    }

    /// Returns the totals of each group in parts of time, or of each group on each day with calls: by group in byte order,
    /// then day.
    pub async fn call_groups(
        &mut self,
        scope: CallScope<'_>,
        parts: &[RangePart],
        group: CallGroup,
        by_day: bool,
    ) -> Result<Vec<GroupTotal>> {
        let rows = totals_query(scope, parts, group, by_day).build().fetch_all(&mut *self.db).await?;
        let total = |row: &Row| {
            Ok(GroupTotal { group: row.try_get("grouped")?, day: row.try_get("day")?, total: total_from_row(row)? })
        };
        Ok(rows.iter().map(total).collect::<sql::Result<_>>()?)
    }

    /// Returns how long the calls of each group took in parts of time, or on each day, in no certain order.
    pub async fn call_durations(
        &mut self,
        scope: CallScope<'_>,
        parts: &[RangePart],
        group: CallGroup,
        by_day: bool,
    ) -> Result<CallDurations> {
        let (single, summed): (Vec<_>, Vec<_>) = parts.iter().partition(|part| matches!(part, RangePart::Log(..)));
        let mut durations = CallDurations::default();
        for (parts, counts) in [(summed, &mut durations.by_bucket), (single, &mut durations.by_ms)] {
            if parts.is_empty() {
                continue;
            }
            let rows = durations_query(scope, &parts, group, by_day).build().fetch_all(&mut *self.db).await?;
            let count = |row: &Row| {
                Ok(DurationCount {
                    group: row.try_get("grouped")?,
                    day: row.try_get("day")?,
                    duration: row.try_get("duration")?,
                    count: row.try_get("count")?,
                })
            };
            *counts = rows.iter().map(count).collect::<sql::Result<_>>()?;
        }
        Ok(durations)
    }

    /// Returns the totals of each method on each day with calls, by method in byte order, then day.
    pub async fn call_days(&mut self, scope: CallScope<'_>, parts: &[RangePart]) -> Result<Vec<DayTotal>> {
        let totals = self.call_groups(scope, parts, CallGroup::Method, true).await?;
        Ok(totals.into_iter().map(|GroupTotal { day, total, .. }| DayTotal { day, total }).collect())
    }

    /// Returns the latest `limit` calls of the log, by method, time and trace id, all ascending.
    pub async fn calls(&mut self, scope: CallScope<'_>, limit: u64) -> Result<Vec<LoggedCall>> {
        let mut calls = self.latest_calls(scope, LogFilter::default(), limit).await?;
        calls.sort_unstable_by(|a, b| (&a.method, a.time, a.trace_id).cmp(&(&b.method, b.time, b.trace_id)));
        Ok(calls)
    }

    /// Returns the latest `limit` calls of the log, by time and trace id, both descending.
    pub async fn latest_calls(
        &mut self,
        scope: CallScope<'_>,
        filter: LogFilter,
        limit: u64,
    ) -> Result<Vec<LoggedCall>> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let mut kinds = QueryBuilder::new("");
        push_kinds(&mut kinds, scope);
        let kinds: Vec<i64> = kinds.build_query_scalar().fetch_all(&mut *self.db).await?;
        let mut latest = Vec::<LoggedCall>::new();
        let mut from = scope.from.unwrap_or(UnixMillis::new(i64::MIN));
        for kind in kinds {
            let mut query = QueryBuilder::new(
                "SELECT call_kind.*, call_log.* FROM call_kind CROSS JOIN call_log WHERE call_kind.id = ",
            );
            query.push_bind(kind).push(" AND call_log.kind_id = ").push_bind(kind);
            query.push(" AND call_log.time >= ").push_bind(from);
            query.push(" AND call_log.time < ").push_bind(scope.to.unwrap_or(UnixMillis::new(i64::MAX)));
            if let Some((time, trace_id)) = filter.before {
                // The first condition is for the index.
                query.push(" AND call_log.time <= ").push_bind(time);
                query.push(" AND (call_log.time < ").push_bind(time);
                query.push(" OR call_log.trace_id < ").push_bind(trace_id).push(")");
            }
            if let Some(ok) = filter.ok {
                query.push(" AND call_log.result = ").push_bind(!ok);
            }
            if let Some(min_cost_ms) = filter.min_cost_ms {
                query.push(" AND call_log.cost_ms >= ").push_bind(min_cost_ms);
            }
            query.push(" ORDER BY call_log.time DESC, call_log.trace_id DESC LIMIT ");
            query.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
            let found: Vec<LoggedCall> = query.build_query_as().fetch_all(&mut *self.db).await?;
            latest.extend(found);
            latest.sort_unstable_by_key(|call| std::cmp::Reverse((call.time, call.trace_id)));
            latest.truncate(limit);
            // Calls older than the oldest of these `limit` can't be among the latest.
            if let (true, Some(oldest)) = (latest.len() == limit, latest.last()) {
                from = oldest.time;
            }
        }
        Ok(latest)
    }

    /// Returns the name of the time zone of the sums of days; `None` if there are none yet.
    pub async fn statistics_zone(&mut self) -> Result<Option<String>> {
        Ok(sql::query_scalar("SELECT name FROM statistics_zone").fetch_optional(&mut *self.db).await?)
    }

    /// Returns the first and the last quarter of an hour with calls; `None` if there are no calls.
    pub async fn first_and_last_quarter(&mut self) -> Result<Option<(i64, i64)>> {
        let query = sql::query_as("SELECT MIN(quarter), MAX(quarter) FROM call_quarter");
        let (first, last): (Option<i64>, Option<i64>) = query.fetch_one(&mut *self.db).await?;
        Ok(first.zip(last))
    }
}

impl Tx {
    /// Returns the id of a kind of calls; inserts the kind if it is new.
    pub async fn call_kind(&mut self, kind: &CallKind) -> Result<i64> {
        let known = sql::query_scalar(
            "SELECT id FROM call_kind WHERE app_id = $1 AND method = $2 AND label = $3 AND source = $4 AND url = $5",
        );
        let parts = [&kind.app_id, &kind.method, &kind.label, &kind.source, &kind.url];
        let known = parts.into_iter().fold(known, |query, part| query.bind(part)).fetch_optional(&mut *self.db).await?;
        if let Some(id) = known {
            return Ok(id);
        }
        let new = sql::query_scalar(
            "INSERT INTO call_kind (app_id, method, label, source, url, engine)
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        );
        let new = parts.into_iter().fold(new, |query, part| query.bind(part)).bind(&kind.engine);
        Ok(new.fetch_one(&mut *self.db).await?)
    }

    /// Appends calls to the log, each with the id of its kind; all or none.
    ///
    /// # Errors
    /// [`Error::Database`](crate::Error::Database) if a call is in the log already.
    pub async fn insert_calls(&mut self, mut calls: Vec<(i64, LoggedCall)>) -> Result<()> {
        // In the order of the table's key, which is the fastest to insert.
        calls.sort_unstable_by_key(|(kind_id, call)| (*kind_id, call.time, call.trace_id));
        for calls in calls.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::new(
                "INSERT INTO call_log (kind_id, time, trace_id, ip, cost_ms, result, code, message) ",
            );
            query.push_values(calls, |mut row, (kind_id, call)| {
                row.push_bind(kind_id).push_bind(call.time).push_bind(call.trace_id).push_bind(&call.ip);
                row.push_bind(call.cost_ms).push_bind(!call.ok).push_bind(call.code).push_bind(&call.message);
            });
            query.build().uncached().execute(&mut *self.db).await?;
        }
        Ok(())
    }

    /// Adds sums to those of a unit of time, keyed by the id of the kind and the number of the unit.
    pub async fn add_call_sums(&mut self, unit: SumUnit, sums: &BTreeMap<(i64, i64), CallSums>) -> Result<()> {
        let (table, unit) = match unit {
            SumUnit::Quarter => ("call_quarter", "quarter"),
            SumUnit::Day => ("call_day", "day"),
        };
        upsert_sums(&mut *self.db, table, unit, sums).await
    }

    /// Adds numbers of calls to those of a unit of time, keyed by the id of the kind, the number of the unit and the bucket of
    /// their duration.
    pub async fn add_call_durations(&mut self, unit: SumUnit, counts: &BTreeMap<(i64, i64, i64), i64>) -> Result<()> {
        let (table, unit) = match unit {
            SumUnit::Quarter => ("call_quarter_duration", "quarter"),
            SumUnit::Day => ("call_day_duration", "day"),
        };
        let counts: Vec<_> = counts.iter().collect();
        for counts in counts.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::new(format!("INSERT INTO {table} (kind_id, {unit}, bucket, count) "));
            query.push_values(counts, |mut row, ((kind_id, place, bucket), count)| {
                row.push_bind(kind_id).push_bind(place).push_bind(bucket).push_bind(*count);
            });
            query.push(format!(" ON CONFLICT (kind_id, {unit}, bucket) DO UPDATE SET"));
            query.push(format!(" count = {table}.count + excluded.count"));
            query.build().uncached().execute(&mut *self.db).await?;
        }
        Ok(())
    }

    /// Recomputes the sums of all days from those of the quarters, with the offsets of a zone, and records its name.
    pub async fn rebuild_call_days(&mut self, periods: Vec<OffsetPeriod>, zone: &str) -> Result<()> {
        let db = &mut *self.db;
        for table in ["DELETE FROM call_day", "DELETE FROM call_day_duration"] {
            sql::query(table).execute(&mut *db).await?;
        }
        // Division rounds towards zero, so the dividend is made positive. Quarters don't overlap, hence no two of a kind
        // have the same last time.
        const DAY: &str = "(quarter * 900 + shift + 86400000000) / 86400 - 1000000 AS day";
        let sums = format!(
            ") INSERT INTO call_day (kind_id, day, count, failed, cost_ms, last_time, last_trace, last_cost)
             SELECT kind_id, {DAY}, SUM(count), SUM(failed), SUM(cost_ms), MAX(last_time), last_trace, last_cost
             FROM call_quarter CROSS JOIN period WHERE quarter BETWEEN first AND last
             GROUP BY kind_id, day"
        );
        let durations = format!(
            ") INSERT INTO call_day_duration (kind_id, day, bucket, count)
             SELECT kind_id, {DAY}, bucket, SUM(count)
             FROM call_quarter_duration CROSS JOIN period WHERE quarter BETWEEN first AND last
             GROUP BY kind_id, day, bucket"
        );
        if !periods.is_empty() {
            for insert in [sums, durations] {
                // Numbers as text, as there may be more of them than parameters.
                let mut query = QueryBuilder::new("WITH period (first, last, shift) AS (");
                query.push_values(&periods, |mut row, period| {
                    row.push(period.first_quarter).push(period.last_quarter).push(period.offset_s);
                });
                query.push(insert);
                query.build().execute(&mut *db).await?;
            }
        }
        sql::query("INSERT INTO statistics_zone (id, name) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET name = $1")
            .bind(zone)
            .execute(db)
            .await?;
        Ok(())
    }

    /// Deletes up to `at_most` rows of the log that are older than `time`, and returns their number. The totals stay.
    pub async fn delete_calls_before(&mut self, time: UnixMillis, at_most: u64) -> Result<u64> {
        let kinds: Vec<i64> = sql::query_scalar(
            "SELECT id FROM call_kind
             WHERE EXISTS (SELECT 1 FROM call_log WHERE call_log.kind_id = call_kind.id AND call_log.time < $1)",
        )
        .bind(time)
        .fetch_all(&mut *self.db)
        .await?;
        let mut deleted = 0;
        for kind in kinds {
            let left = at_most.saturating_sub(deleted);
            if left == 0 {
                break;
            }
            let query = sql::query(
                "DELETE FROM call_log WHERE (kind_id, time, trace_id) IN (
                    SELECT kind_id, time, trace_id FROM call_log WHERE kind_id = $1 AND time < $2
                    ORDER BY time, trace_id LIMIT $3)",
            );
            deleted +=
                query.bind(kind).bind(time).bind(saturating_i64(left)).execute(&mut *self.db).await?.rows_affected();
        }
        Ok(deleted)
    }
}

/// Adds sums, keyed by kind and `unit`, to those in `table`.
async fn upsert_sums(
    db: &mut dyn Connection,
    table: &'static str,
    unit: &'static str,
    sums: &BTreeMap<(i64, i64), CallSums>,
) -> Result<()> {
    let sums: Vec<_> = sums.iter().collect();
    for sums in sums.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::new(format!(
            "INSERT INTO {table} (kind_id, {unit}, count, failed, cost_ms, last_time, last_trace, last_cost) "
        ));
        query.push_values(sums, |mut row, ((kind_id, place), sums)| {
            row.push_bind(kind_id)
                .push_bind(place)
                .push_bind(sums.count)
                .push_bind(sums.failed)
                .push_bind(sums.cost_ms);
            row.push_bind(sums.last_time).push_bind(sums.last_trace).push_bind(sums.last_cost_ms);
        });
        let later = format!("(excluded.last_time, excluded.last_trace) > ({table}.last_time, {table}.last_trace)");
        query.push(format!(" ON CONFLICT (kind_id, {unit}) DO UPDATE SET count = {table}.count + excluded.count"));
        query.push(format!(", failed = {table}.failed + excluded.failed"));
        query.push(format!(", cost_ms = {table}.cost_ms + excluded.cost_ms"));
        for column in ["last_time", "last_trace", "last_cost"] {
            let new = format!("CASE WHEN {later} THEN excluded.{column} ELSE {table}.{column} END");
            query.push(format!(", {column} = {new}"));
        }
        query.build().uncached().execute(&mut *db).await?;
    }
    Ok(())
}

/// Pushes a query for the ids of the kinds that match `scope`.
fn push_kinds(query: &mut QueryBuilder, scope: CallScope<'_>) {
    query.push("SELECT id FROM call_kind WHERE TRUE");
    if let Some(app_id) = scope.app_id {
        query.push(" AND app_id = ").push_bind(app_id);
    }
    if let Some(engine) = scope.engine {
        query.push(" AND engine = ").push_bind(engine);
    }
    if let Some(name) = scope.name {
        query.push(" AND (label = ").push_bind(name);
        // SQLite's `LOWER` changes ASCII letters only.
        query.push(" OR LOWER(method) = LOWER(").push_bind(name).push("))");
    }
}

/// Returns the expression of a group.
fn expression(group: CallGroup) -> &'static str {
    match group {
        CallGroup::Method => "call_kind.method",
        CallGroup::App => "call_kind.app_id",
        CallGroup::Engine => "COALESCE(call_kind.engine, '')",
        // Of a call about an engine, the source names the engine in parentheses at its end.
        CallGroup::Source => {
            "CASE WHEN call_kind.engine IS NULL OR INSTR(call_kind.source, '(') = 0 THEN call_kind.source
                  ELSE SUBSTR(call_kind.source, 1, INSTR(call_kind.source, '(') - 1) END"
        }
    }
}

/// Builds the query for the sums by group, or by group and day.
fn totals_query(scope: CallScope<'_>, parts: &[RangePart], group: CallGroup, by_day: bool) -> QueryBuilder {
    let group = expression(group);
    let mut query = QueryBuilder::new("WITH kind AS (");
    push_kinds(&mut query, scope);
    query.push(
        "), part (kind_id, day, count, failed, cost_ms, last_time, last_trace, last_cost) AS (
            SELECT 0, 0, 0, 0, 0, 0, 0, 0 WHERE FALSE",
    );
    for part in parts {
        push_part(&mut query, part, by_day);
    }
    query.push(format!(
        ") SELECT grouped, method, label, source, day, count, failed, cost_ms, last_time, last_cost FROM (
            SELECT {group} AS grouped, call_kind.method, call_kind.label, call_kind.source, part.day, part.last_time,
                   part.last_cost,
                   SUM(part.count) OVER group_day AS count, SUM(part.failed) OVER group_day AS failed,
                   SUM(part.cost_ms) OVER group_day AS cost_ms,
                   ROW_NUMBER() OVER (PARTITION BY {group}, part.day
                                      ORDER BY part.last_time DESC, part.last_trace DESC) AS place
            FROM part JOIN call_kind ON call_kind.id = part.kind_id
            WINDOW group_day AS (PARTITION BY {group}, part.day)
         ) AS summed WHERE place = 1 ORDER BY grouped, day"
    ));
    query
}

/// Builds the query for the numbers of calls by group, day and duration. The parts are all of the log, or none.
fn durations_query(scope: CallScope<'_>, parts: &[&RangePart], group: CallGroup, by_day: bool) -> QueryBuilder {
    let mut query = QueryBuilder::new("WITH kind AS (");
    push_kinds(&mut query, scope);
    query.push("), part (kind_id, day, duration, count) AS (SELECT 0, 0, 0, 0 WHERE FALSE");
    for part in parts {
        query.push(" UNION ALL SELECT kind_id, ");
        match **part {
            RangePart::Days(first, end) => {
                query.push(if by_day { "day" } else { "0" }).push(", bucket, count");
                query.push(" FROM kind CROSS JOIN call_day_duration WHERE kind_id = kind.id");
                if let Some(first) = first {
                    query.push(" AND day >= ").push_bind(first);
                }
                if let Some(end) = end {
                    query.push(" AND day < ").push_bind(end);
                }
            }
            RangePart::Quarters(first, end, day) => {
                query.push_bind(if by_day { day } else { 0 }).push(", bucket, count");
                query.push(" FROM kind CROSS JOIN call_quarter_duration WHERE kind_id = kind.id");
                query.push(" AND quarter >= ").push_bind(first).push(" AND quarter < ").push_bind(end);
            }
            RangePart::Log(from, to, day) => {
                query.push_bind(if by_day { day } else { 0 }).push(", cost_ms, 1");
                query.push(" FROM kind CROSS JOIN call_log WHERE kind_id = kind.id");
                query.push(" AND time >= ").push_bind(from).push(" AND time < ").push_bind(to);
            }
        }
    }
    query.push(format!(
        ") SELECT {} AS grouped, part.day, part.duration, SUM(part.count) AS count
         FROM part JOIN call_kind ON call_kind.id = part.kind_id GROUP BY grouped, part.day, part.duration",
        expression(group)
    ));
    query
}

/// Pushes the query for the sums of a part: by kind, and by day if `by_day`.
fn push_part(query: &mut QueryBuilder, part: &RangePart, by_day: bool) {
    // Neither days nor quarters overlap, so the last times of a kind are distinct, and the columns beside MAX come from
    // exactly one row.
    const SUMS: &str = "SUM(count), SUM(failed), SUM(cost_ms), MAX(last_time), last_trace, last_cost";
    query.push(" UNION ALL SELECT kind_id, ");
    match *part {
        RangePart::Days(first, end) => {
            match by_day {
                true => query.push("day, count, failed, cost_ms, last_time, last_trace, last_cost"),
                false => query.push("0, ").push(SUMS),
            };
            query.push(" FROM kind CROSS JOIN call_day WHERE kind_id = kind.id");
            if let Some(first) = first {
                query.push(" AND day >= ").push_bind(first);
            }
            if let Some(end) = end {
                query.push(" AND day < ").push_bind(end);
            }
            if !by_day {
                query.push(" GROUP BY kind_id");
            }
        }
        RangePart::Quarters(first, end, day) => {
            query.push_bind(if by_day { day } else { 0 }).push(", ").push(SUMS);
            query.push(" FROM kind CROSS JOIN call_quarter WHERE kind_id = kind.id AND quarter >= ").push_bind(first);
            query.push(" AND quarter < ").push_bind(end).push(" GROUP BY kind_id");
        }
        RangePart::Log(from, to, day) => {
            query.push_bind(if by_day { day } else { 0 }).push(", 1, result, cost_ms, time, trace_id, cost_ms");
            query.push(" FROM kind CROSS JOIN call_log WHERE kind_id = kind.id AND time >= ").push_bind(from);
            query.push(" AND time < ").push_bind(to);
        }
    }
}

fn total_from_row(row: &Row) -> sql::Result<CallTotal> {
    Ok(CallTotal {
        method: row.try_get("method")?,
        label: row.try_get("label")?,
        source: row.try_get("source")?,
        count: row.try_get("count")?,
        failed: row.try_get("failed")?,
        cost_ms: row.try_get("cost_ms")?,
        last_time: row.try_get("last_time")?,
        last_cost_ms: row.try_get("last_cost")?,
    })
}
