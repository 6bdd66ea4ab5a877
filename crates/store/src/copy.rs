//! Copies all rows of one database into another of any kind, and compares both.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::database::job_of;
use crate::sql::{self, Connection, QueryBuilder, Row, Value};
use crate::{Database, Error, Result, Space};

/// Rows that are read and written at a time.
const PAGE: i64 = 500;
/// Parameters of a statement; SQLite takes at most 32,766.
const MAX_PARAMETERS: usize = 16_000;

/// Tables, each after those that its rows refer to, with the columns of its primary key. The files of galleries belong to a folder and
/// are not copied.
pub const TABLES: [(&str, &[&str]); 51] = [
    ("app", &["app_id"]),
    ("library", &["id"]),
    ("person", &["id"]),
    ("face", &["id"]),
    ("template", &["face_id"]),
    ("app_capability", &["app_id", "capability"]),
    ("app_quota", &["app_id"]),
    ("outbox", &["id"]),
    ("outbox_link", &["name"]),
    ("picture_tombstone", &["picture_key"]),
    ("console_user", &["id"]),
    ("console_session", &["token_hash"]),
    ("call_kind", &["id"]),
    ("call_log", &["kind_id", "time", "trace_id"]),
    ("call_quarter", &["kind_id", "quarter"]),
    ("call_quarter_duration", &["kind_id", "quarter", "bucket"]),
    ("call_day", &["kind_id", "day"]),
    ("call_day_duration", &["kind_id", "day", "bucket"]),
    ("statistics_zone", &["id"]),
    ("access_key", &["id"]),
    ("used_signature", &["key_id", "digest"]),
    ("user_group", &["id"]),
    ("user_group_member", &["user_group_id", "person_id"]),
    ("device_group", &["id"]),
    ("device", &["id"]),
    ("device_group_member", &["device_group_id", "device_id"]),
    ("sync_relation", &["id"]),
    ("social_account", &["id"]),
    ("social_friend", &["id"]),
    ("social_custom", &["account_id", "friend_id", "name"]),
    ("social_group", &["id"]),
    ("social_member", &["id"]),
    ("social_request", &["from_id", "to_id"]),
    ("change", &["sequence"]),
    ("idempotency_key", &["owner", "key"]),
    ("operator", &["id"]),
    ("operator_token", &["id"]),
    ("audit", &["id"]),
    ("job", &["id"]),
    ("job_item", &["job_id", "number"]),
    ("event", &["id"]),
    ("webhook", &["id"]),
    ("webhook_delivery", &["id"]),
    ("webhook_attempt", &["id"]),
    ("recognition_log", &["library_id"]),
    ("recognition_entry", &["id"]),
    ("recognition_match", &["entry_id", "rank"]),
    ("person_tag", &["library_id", "tag", "person_id"]),
    ("setting_change", &["id"]),
    ("setting", &["name"]),
    ("probe", &["id"]),
];

/// Statements of a database for the row ids that it assigns, so that none is assigned twice.
#[derive(Debug, Clone, Copy)]
pub struct RowIds {
    /// Returns a name for each table that has such ids, and the last one. The name is that of the table, or
    /// `<table>_<column>_seq`.
    pub read: &'static str,
    /// Set the last id of a table. Parameters: the table, the id, the column.
    pub write: &'static [&'static str],
}

/// Told of the table that is being copied or compared, and the rows so far.
pub type Told = Arc<dyn Fn(Step, &'static str, u64) + Send + Sync>;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rows are copied.
    Copy,
    /// Rows of both databases are compared.
    Compare,
}

/// Copies all rows in one transaction, then compares both databases row by row; returns the number of rows.
///
/// # Errors
/// [`Error::NotEmpty`] if the target has rows; [`Error::Different`] if the copy is not the same; errors of the databases.
pub async fn copy(from: &Arc<dyn Database>, to: &Arc<dyn Database>, told: &Told) -> Result<u64> {
    let (source, row_ids, progress) = (Arc::clone(from), [from.row_ids(), to.row_ids()], Arc::clone(told));
    let (tell, copied) = oneshot::channel();
    let job = job_of(
        move |tx| {
            Box::pin(async move {
                let mut source = source.snapshot().await?;
                copy_rows(&mut *source, &mut *tx.db, &progress).await?;
                copy_row_ids(&mut *source, &mut *tx.db, row_ids).await
            })
        },
        None,
        move |done: Result<()>| drop(tell.send(done)),
    );
    to.write(job, Space::Needed).await?;
    copied.await.unwrap_or(Err(Error::Closed))?;
    compare(&**from, &**to, told).await
}

async fn copy_rows(source: &mut dyn Connection, target: &mut dyn Connection, told: &Told) -> Result<()> {
    for (table, key) in TABLES {
        let mut rows = 0;
        let mut pages = Pages::new(table, key);
        let is_there = sql::query_scalar(format!("SELECT EXISTS (SELECT 1 FROM {table})"));
        if table != "probe" && is_there.fetch_one(target).await? {
            return Err(Error::NotEmpty { table });
        }
        while let Some(page) = pages.next(source).await? {
            insert(target, table, &page).await?;
            rows += page.len() as u64;
            told(Step::Copy, table, rows);
        }
    }
    Ok(())
}

async fn insert(target: &mut dyn Connection, table: &str, rows: &[Row]) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let columns = first.columns().join(", ");
    for rows in rows.chunks((MAX_PARAMETERS / first.columns().len().max(1)).max(1)) {
        let mut query = QueryBuilder::new(format!("INSERT INTO {table} ({columns}) "));
        query.push_values(rows, |mut values, row| {
            row.values().iter().for_each(|value| {
                values.push_bind(value);
            });
        });
        // What a probe of this database wrote means nothing.
        query.push(if table == "probe" { " ON CONFLICT DO NOTHING" } else { "" });
        query.build().execute(target).await?;
    }
    Ok(())
}

async fn copy_row_ids(source: &mut dyn Connection, target: &mut dyn Connection, [from, to]: [RowIds; 2]) -> Result<()> {
    let last: Vec<(String, i64)> = sql::query_as(from.read).fetch_all(source).await?;
    for (table, key) in TABLES {
        let [column] = key else { continue };
        let sequence = format!("{table}_{column}_seq");
        let Some((_, last)) = last.iter().find(|(name, _)| *name == table || *name == sequence) else { continue };
        for statement in to.write {
            sql::query(*statement).bind(table).bind(*last).bind(*column).execute(target).await?;
        }
    }
    Ok(())
}

/// Compares the rows of both databases; returns their number.
async fn compare(one: &dyn Database, other: &dyn Database, told: &Told) -> Result<u64> {
    let (mut one, mut other) = (one.snapshot().await?, other.snapshot().await?);
    let mut all = 0;
    for (table, key) in TABLES.into_iter().filter(|(table, _)| *table != "probe") {
        let (mut pages, mut other_pages, mut rows) = (Pages::new(table, key), Pages::new(table, key), 0);
        loop {
            let (page, same) = (pages.next(&mut *one).await?, other_pages.next(&mut *other).await?);
            if digest(page.as_deref()) != digest(same.as_deref()) {
                return Err(Error::Different { table });
            }
            let Some(page) = page else { break };
            rows += page.len() as u64;
            told(Step::Compare, table, rows);
        }
        all += rows;
    }
    Ok(all)
}

/// Returns a hash of names and values.
fn digest(rows: Option<&[Row]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    for row in rows.into_iter().flatten() {
        for (name, value) in row.columns().iter().zip(row.values()) {
            add(b'c', name.as_bytes());
            match value {
                Value::Null => add(b'n', &[]),
                Value::Integer(number) => add(b'i', &number.to_le_bytes()),
                Value::Real(number) => add(b'r', &number.to_le_bytes()),
                Value::Text(text) => add(b't', text.as_bytes()),
                Value::Blob(bytes) => add(b'b', bytes),
                // No columns are lists.
                Value::Integers(_) | Value::Texts(_) => add(b'l', &[]),
            }
        }
    }
    hash.finalize().into()
}

/// The rows of a table in the order of its key, page by page.
struct Pages {
    table: &'static str,
    key: &'static [&'static str],
    /// Key of the last row so far; `None` before the first page.
    after: Option<Vec<Value>>,
    is_done: bool,
}

impl Pages {
    fn new(table: &'static str, key: &'static [&'static str]) -> Self {
        Self { table, key, after: None, is_done: false }
    }

    /// Returns the next rows; `None` after the last.
    async fn next(&mut self, db: &mut dyn Connection) -> Result<Option<Vec<Row>>> {
        if self.is_done {
            return Ok(None);
        }
        let columns = self.key.join(", ");
        let mut query = QueryBuilder::new(format!("SELECT * FROM {}", self.table));
        if let Some(after) = &self.after {
            query.push(format_args!(" WHERE ({columns}) > ("));
            for (number, value) in after.iter().enumerate() {
                query.push(if number == 0 { "" } else { ", " }).push_bind(value);
            }
            query.push(")");
        }
        query.push(format_args!(" ORDER BY {columns} LIMIT ")).push_bind(PAGE);
        let rows = query.build().fetch_all(db).await?;
        self.is_done = (rows.len() as i64) < PAGE;
        if let Some(last) = rows.last() {
            let place = |name: &&str| last.columns().iter().position(|column| column == name);
            let after = self.key.iter().map(|name| place(name).and_then(|place| last.values().get(place)).cloned());
            self.after = after.collect();
        }
        Ok((!rows.is_empty()).then_some(rows))
    }
}
