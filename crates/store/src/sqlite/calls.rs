//! Call log and statistics.
//!
//! Sums are stored per quarter of an hour, which is valid in every time zone, and per day of one zone, so that long
//! ranges are quick. A range is answered from whole days where it contains any, from whole quarters at their sides, and
//! from the log where it begins or ends within a quarter.

use std::collections::{BTreeMap, HashMap, btree_map};

use aicp_types::{TraceId, UnixMillis};
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

use super::{Database, rows::saturating_i64, writer::WriteTx};
use crate::sql::{self, Connection, QueryBuilder, Row};
use crate::{CallScope, CallTotal, DayTotal, LoggedCall, Result};

/// Milliseconds in a quarter of an hour.
const QUARTER_MS: i64 = 900_000;
/// Seconds in a quarter of an hour.
const QUARTER_S: i64 = 900;
/// Seconds in a day.
const DAY_S: i64 = 86_400;
/// Maximum number of quarters by which clocks are set back, with a margin.
const MAX_SET_BACK_QUARTERS: i64 = 16;
/// Rows per insert statement; SQLite accepts 32766 parameters.
const ROWS_PER_STATEMENT: usize = 1000;

impl Database {
    pub(crate) async fn append_calls(&self, calls: Vec<LoggedCall>) -> Result<()> {
        let zone = self.zone.clone();
        self.writer.run(move |tx| Box::pin(append_calls(tx, zone, calls))).await
    }

    pub(crate) async fn call_totals(&self, scope: CallScope<'_>) -> Result<Vec<CallTotal>> {
        let mut query = totals_query(scope, parts(&self.zone, scope.from, scope.to), false);
        let rows = query.build().fetch_all(&mut *self.readers.get().await?).await?;
        Ok(rows.iter().map(total_from_row).collect::<sql::Result<_>>()?)
    }

    pub(crate) async fn call_days(&self, scope: CallScope<'_>) -> Result<Vec<DayTotal>> {
        let mut query = totals_query(scope, parts(&self.zone, scope.from, scope.to), true);
        let rows = query.build().fetch_all(&mut *self.readers.get().await?).await?;
        let day_total = |row: &Row| Ok(DayTotal { day: date_of(row.try_get("day")?), total: total_from_row(row)? });
        Ok(rows.iter().map(day_total).collect::<sql::Result<_>>()?)
    }

    pub(crate) async fn calls(&self, scope: CallScope<'_>, limit: u64) -> Result<Vec<LoggedCall>> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let mut reader = self.readers.get().await?;
        let mut snapshot = reader.begin().await?;
        let mut kinds = QueryBuilder::new("");
        push_kinds(&mut kinds, scope);
        let kinds: Vec<i64> = kinds.build_query_scalar().fetch_all(&mut *snapshot).await?;
        let mut latest = Vec::<LoggedCall>::new();
        let mut from = scope.from.unwrap_or(UnixMillis::new(i64::MIN));
        for kind in kinds {
            let found: Vec<LoggedCall> = sql::query_as(
                "SELECT call_kind.*, call_log.* FROM call_kind CROSS JOIN call_log
                 WHERE call_kind.id = $1 AND call_log.kind_id = $1 AND call_log.time >= $2 AND call_log.time < $3
                 ORDER BY call_log.time DESC, call_log.trace_id DESC LIMIT $4",
            )
            .bind(kind)
            .bind(from)
            .bind(scope.to.unwrap_or(UnixMillis::new(i64::MAX)))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *snapshot)
            .await?;
            latest.extend(found);
            latest.sort_unstable_by_key(|call| std::cmp::Reverse((call.time, call.trace_id)));
            latest.truncate(limit);
            // Calls older than the oldest of these `limit` can't be among the latest.
            if let (true, Some(oldest)) = (latest.len() == limit, latest.last()) {
                from = oldest.time;
            }
        }
        latest.sort_unstable_by(|a, b| (&a.method, a.time, a.trace_id).cmp(&(&b.method, b.time, b.trace_id)));
        Ok(latest)
    }

    pub(crate) async fn delete_calls_before(&self, time: UnixMillis, at_most: u64) -> Result<u64> {
        self.writer.run(move |tx| Box::pin(delete_calls_before(tx, time, at_most))).await
    }
}

/// Recomputes the sums of days if they are not those of `zone`.
pub(super) async fn set_zone(db: &mut dyn Connection, zone: &TimeZone) -> Result<()> {
    let stored: Option<String> = sql::query_scalar("SELECT name FROM statistics_zone").fetch_optional(&mut *db).await?;
    // A zone without a name may differ from the stored one.
    if stored.is_some() && stored.as_deref() == zone.iana_name() {
        return Ok(());
    }
    // If a statement fails, the database is not opened: closing the connection ends the transaction.
    sql::query("BEGIN IMMEDIATE").execute(&mut *db).await?;
    sql::query("DELETE FROM call_day").execute(&mut *db).await?;
    let bounds: (Option<i64>, Option<i64>) =
        sql::query_as("SELECT MIN(quarter), MAX(quarter) FROM call_quarter").fetch_one(&mut *db).await?;
    if let (Some(first), Some(last)) = bounds {
        // Numbers as text, as there may be more of them than parameters.
        let mut query = QueryBuilder::new("WITH period (first, last, shift) AS (");
        query.push_values(periods(zone, first, last), |mut row, (first, last, shift)| {
            row.push(first).push(last).push(shift);
        });
        // Division rounds towards zero, so the dividend is made positive. Quarters don't overlap, hence no two of a
        // kind have the same last time.
        query.push(
            ") INSERT INTO call_day (kind_id, day, count, cost_ms, last_time, last_trace, last_cost)
             SELECT kind_id, (quarter * 900 + shift + 86400000000) / 86400 - 1000000 AS day,
                    SUM(count), SUM(cost_ms), MAX(last_time), last_trace, last_cost
             FROM call_quarter CROSS JOIN period WHERE quarter BETWEEN first AND last
             GROUP BY kind_id, day",
        );
        query.build().execute(&mut *db).await?;
    }
    sql::query("INSERT INTO statistics_zone (id, name) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET name = $1")
        .bind(zone.iana_name().unwrap_or_default())
        .execute(&mut *db)
        .await?;
    sql::query("COMMIT").execute(db).await?;
    Ok(())
}

/// Splits the quarters from `first` to `last` into runs with the same offset from UTC: first, last, and offset in
/// seconds.
fn periods(zone: &TimeZone, first: i64, last: i64) -> Vec<(i64, i64, i64)> {
    let mut periods = Vec::new();
    let mut begin = first;
    let mut shift = offset_at(zone, first);
    if let Ok(start) = Timestamp::from_second(first.saturating_mul(QUARTER_S)) {
        for transition in zone.following(start) {
            let next = ceil_div(transition.timestamp().as_second(), QUARTER_S);
            if next > last {
                break;
            }
            if next > begin {
                periods.push((begin, next - 1, shift));
            }
            (begin, shift) = (next, i64::from(transition.offset().seconds()));
        }
    }
    periods.push((begin, last, shift));
    periods
}

/// Sums of some calls of one kind.
struct Sums {
    count: i64,
    cost_ms: i64,
    last_time: UnixMillis,
    last_trace: TraceId,
    last_cost: i64,
}

impl Sums {
    fn of(call: &LoggedCall) -> Self {
        let &LoggedCall { time: last_time, trace_id: last_trace, cost_ms, .. } = call;
        Self { count: 1, cost_ms, last_time, last_trace, last_cost: cost_ms }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.cost_ms = self.cost_ms.saturating_add(other.cost_ms);
        if (other.last_time, other.last_trace) > (self.last_time, self.last_trace) {
            Self { last_time: self.last_time, last_trace: self.last_trace, last_cost: self.last_cost, .. } = other;
        }
    }
}

async fn append_calls(tx: &mut WriteTx, zone: TimeZone, calls: Vec<LoggedCall>) -> Result<()> {
    let db = &mut tx.connection;
    if calls.is_empty() {
        return Ok(());
    }
    let mut kinds = HashMap::new();
    let mut rows = Vec::with_capacity(calls.len());
    let mut by_quarter = BTreeMap::<(i64, i64), Sums>::new();
    for call in &calls {
        let kind = (&*call.app_id, &*call.method, &*call.label, &*call.source, &*call.url);
        let kind_id = match kinds.get(&kind) {
            Some(&kind_id) => kind_id,
            None => *kinds.entry(kind).or_insert(kind_of(db, call).await?),
        };
        let place = (kind_id, call.time.get().div_euclid(QUARTER_MS));
        by_quarter.entry(place).and_modify(|sums| sums.add(Sums::of(call))).or_insert_with(|| Sums::of(call));
        rows.push((kind_id, call));
    }
    // In the order of the table's key, which is the fastest to insert.
    rows.sort_unstable_by_key(|(kind_id, call)| (*kind_id, call.time, call.trace_id));
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::new("INSERT INTO call_log (kind_id, time, trace_id, ip, cost_ms, result, code, message) ");
        query.push_values(rows, |mut row, (kind_id, call)| {
            row.push_bind(kind_id).push_bind(call.time).push_bind(call.trace_id).push_bind(&call.ip);
            row.push_bind(call.cost_ms).push_bind(!call.ok).push_bind(call.code).push_bind(&call.message);
        });
        query.build().uncached().execute(&mut *db).await?;
    }

    upsert_sums(db, "call_quarter", "quarter", &by_quarter).await?;
    let mut by_day = BTreeMap::<(i64, i64), Sums>::new();
    for ((kind_id, quarter), sums) in by_quarter {
        match by_day.entry((kind_id, day_of(&zone, quarter))) {
            btree_map::Entry::Occupied(mut day) => day.get_mut().add(sums),
            btree_map::Entry::Vacant(day) => drop(day.insert(sums)),
        }
    }
    upsert_sums(db, "call_day", "day", &by_day).await?;
    Ok(())
}

/// Returns the id of a call's kind; inserts the kind if it is new.
async fn kind_of(db: &mut dyn Connection, call: &LoggedCall) -> Result<i64> {
    let known = sql::query_scalar(
        "SELECT id FROM call_kind WHERE app_id = $1 AND method = $2 AND label = $3 AND source = $4 AND url = $5",
    );
    let of_call = [&call.app_id, &call.method, &call.label, &call.source, &call.url];
    let known = of_call.into_iter().fold(known, |query, part| query.bind(part)).fetch_optional(&mut *db).await?;
    if let Some(id) = known {
        return Ok(id);
    }
    let new = sql::query_scalar(
        "INSERT INTO call_kind (app_id, method, label, source, url) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    );
    Ok(of_call.into_iter().fold(new, |query, part| query.bind(part)).fetch_one(db).await?)
}

/// Adds sums, keyed by kind and `unit`, to those in `table`.
async fn upsert_sums(
    db: &mut dyn Connection,
    table: &'static str,
    unit: &'static str,
    sums: &BTreeMap<(i64, i64), Sums>,
) -> Result<()> {
    let sums: Vec<_> = sums.iter().collect();
    for sums in sums.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::new(format!(
            "INSERT INTO {table} (kind_id, {unit}, count, cost_ms, last_time, last_trace, last_cost) "
        ));
        query.push_values(sums, |mut row, ((kind_id, place), sums)| {
            row.push_bind(kind_id).push_bind(place).push_bind(sums.count).push_bind(sums.cost_ms);
            row.push_bind(sums.last_time).push_bind(sums.last_trace).push_bind(sums.last_cost);
        });
        let later = format!("(excluded.last_time, excluded.last_trace) > ({table}.last_time, {table}.last_trace)");
        query.push(format!(" ON CONFLICT (kind_id, {unit}) DO UPDATE SET count = {table}.count + excluded.count"));
        query.push(format!(", cost_ms = {table}.cost_ms + excluded.cost_ms"));
        for column in ["last_time", "last_trace", "last_cost"] {
            let new = format!("CASE WHEN {later} THEN excluded.{column} ELSE {table}.{column} END");
            query.push(format!(", {column} = {new}"));
        }
        query.build().uncached().execute(&mut *db).await?;
    }
    Ok(())
}

async fn delete_calls_before(tx: &mut WriteTx, time: UnixMillis, at_most: u64) -> Result<u64> {
    let kinds: Vec<i64> = sql::query_scalar(
        "SELECT id FROM call_kind
         WHERE EXISTS (SELECT 1 FROM call_log WHERE call_log.kind_id = call_kind.id AND call_log.time < $1)",
    )
    .bind(time)
    .fetch_all(&mut tx.connection)
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
            query.bind(kind).bind(time).bind(saturating_i64(left)).execute(&mut tx.connection).await?.rows_affected();
    }
    Ok(deleted)
}

/// A part of a time range, and the source of its sums. Bounds are inclusive, then exclusive.
#[derive(Debug, PartialEq, Eq)]
enum RangePart {
    /// Whole days: first, end.
    Days(Option<i64>, Option<i64>),
    /// Whole quarters of one day: first, end, day.
    Quarters(i64, i64, i64),
    /// Milliseconds within one quarter: first, end, day.
    Log(i64, i64, i64),
}

/// Splits a time range into parts.
fn parts(zone: &TimeZone, from: Option<UnixMillis>, to: Option<UnixMillis>) -> Vec<RangePart> {
    // Clamps to the range of dates, beyond which there are no days.
    let clamp = |time: UnixMillis| time.timestamp().as_millisecond();
    let (from, to) = (from.map(clamp), to.map(clamp));
    let first = from.map(|ms| ceil_div(ms, QUARTER_MS));
    let end = to.map(|ms| ms.div_euclid(QUARTER_MS));
    if let (Some(from), Some(to), Some(first), Some(end)) = (from, to, first, end)
        && (from >= to || first > end)
    {
        let day = day_of(zone, end);
        return if from < to { vec![RangePart::Log(from, to, day)] } else { Vec::new() };
    }
    let mut parts = Vec::new();
    if let (Some(from), Some(first)) = (from, first)
        && from < first * QUARTER_MS
    {
        parts.push(RangePart::Log(from, first * QUARTER_MS, day_of(zone, first - 1)));
    }
    let first_day = first.map(|first| (first..).find(|&quarter| begins_day(zone, quarter)).unwrap_or(first));
    let end_day = end.map(|end| (0..).map(|back| end - back).find(|&quarter| begins_day(zone, quarter)).unwrap_or(end));
    match (first, first_day, end_day, end) {
        (Some(first), Some(first_day), Some(end_day), Some(end)) if first_day >= end_day => {
            push_quarters(&mut parts, zone, first, end);
        }
        _ => {
            if let (Some(first), Some(first_day)) = (first, first_day) {
                push_quarters(&mut parts, zone, first, first_day);
            }
            let day = |quarter| day_of(zone, quarter);
            parts.push(RangePart::Days(first_day.map(day), end_day.map(day)));
            if let (Some(end_day), Some(end)) = (end_day, end) {
                push_quarters(&mut parts, zone, end_day, end);
            }
        }
    }
    if let (Some(to), Some(end)) = (to, end)
        && end * QUARTER_MS < to
    {
        parts.push(RangePart::Log(end * QUARTER_MS, to, day_of(zone, end)));
    }
    parts
}

/// Pushes quarters, one part per run on the same day.
fn push_quarters(parts: &mut Vec<RangePart>, zone: &TimeZone, first: i64, end: i64) {
    for quarter in first..end {
        let day = day_of(zone, quarter);
        match parts.last_mut() {
            Some(RangePart::Quarters(_, end, last_day)) if *end == quarter && *last_day == day => *end += 1,
            _ => parts.push(RangePart::Quarters(quarter, quarter + 1, day)),
        }
    }
}

/// Returns whether all quarters from this one on are on later days than all before. Where clocks are set back over
/// midnight, a day is left and entered again.
fn begins_day(zone: &TimeZone, quarter: i64) -> bool {
    let day = day_of(zone, quarter);
    day_of(zone, quarter - 1) < day
        && (2..=MAX_SET_BACK_QUARTERS).all(|by| day_of(zone, quarter - by) < day)
        && (1..MAX_SET_BACK_QUARTERS).all(|by| day_of(zone, quarter + by) >= day)
}

/// Returns the day on which a quarter begins, in days since 1970-01-01.
fn day_of(zone: &TimeZone, quarter: i64) -> i64 {
    (quarter.saturating_mul(QUARTER_S).saturating_add(offset_at(zone, quarter))).div_euclid(DAY_S)
}

/// Returns the offset from UTC at the beginning of a quarter, in seconds; 0 beyond the range of dates.
fn offset_at(zone: &TimeZone, quarter: i64) -> i64 {
    let start = Timestamp::from_second(quarter.saturating_mul(QUARTER_S));
    start.map_or(0, |start| zone.to_offset(start).seconds().into())
}

fn date_of(day: i64) -> Date {
    let epoch = Date::constant(1970, 1, 1);
    Span::new().try_days(day).map_or(epoch, |days| epoch.saturating_add(days))
}

fn ceil_div(a: i64, b: i64) -> i64 {
    a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0)
}

/// Pushes a query for the ids of the kinds that match `scope`.
fn push_kinds(query: &mut QueryBuilder, scope: CallScope<'_>) {
    query.push("SELECT id FROM call_kind WHERE TRUE");
    if let Some(app_id) = scope.app_id {
        query.push(" AND app_id = ").push_bind(app_id);
    }
    if let Some(name) = scope.name {
        query.push(" AND (label = ").push_bind(name);
        // SQLite's `LOWER` changes ASCII letters only.
        query.push(" OR LOWER(method) = LOWER(").push_bind(name).push("))");
    }
}

/// Builds the query for the sums by method, or by method and day.
fn totals_query(scope: CallScope<'_>, parts: Vec<RangePart>, by_day: bool) -> QueryBuilder {
    let mut query = QueryBuilder::new("WITH kind AS (");
    push_kinds(&mut query, scope);
    query.push(
        "), part (kind_id, day, count, cost_ms, last_time, last_trace, last_cost) AS (
            SELECT 0, 0, 0, 0, 0, 0, 0 WHERE FALSE",
    );
    for part in parts {
        push_part(&mut query, part, by_day);
    }
    query.push(
        ") SELECT method, label, source, day, count, cost_ms, last_time, last_cost FROM (
            SELECT call_kind.method, call_kind.label, call_kind.source, part.day, part.last_time, part.last_cost,
                   SUM(part.count) OVER method_day AS count, SUM(part.cost_ms) OVER method_day AS cost_ms,
                   ROW_NUMBER() OVER (PARTITION BY call_kind.method, part.day
                                      ORDER BY part.last_time DESC, part.last_trace DESC) AS place
            FROM part JOIN call_kind ON call_kind.id = part.kind_id
            WINDOW method_day AS (PARTITION BY call_kind.method, part.day)
         ) AS summed WHERE place = 1 ORDER BY method, day",
    );
    query
}

/// Pushes the query for the sums of a part: by kind, and by day if `by_day`.
fn push_part(query: &mut QueryBuilder, part: RangePart, by_day: bool) {
    // Neither days nor quarters overlap, so the last times of a kind are distinct, and the columns beside MAX come from
    // exactly one row.
    const SUMS: &str = "SUM(count), SUM(cost_ms), MAX(last_time), last_trace, last_cost";
    query.push(" UNION ALL SELECT kind_id, ");
    match part {
        RangePart::Days(first, end) => {
            match by_day {
                true => query.push("day, count, cost_ms, last_time, last_trace, last_cost"),
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
            query.push_bind(if by_day { day } else { 0 }).push(", 1, cost_ms, time, trace_id, cost_ms");
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
        cost_ms: row.try_get("cost_ms")?,
        last_time: row.try_get("last_time")?,
        last_cost_ms: row.try_get("last_cost")?,
    })
}
