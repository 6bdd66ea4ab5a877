//! Connections to SQLite.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, OpenFlags, ffi};
use tokio::sync::oneshot;

use super::{BUSY_TIMEOUT, CACHE_KIB};
use crate::sql::{Connection, DatabaseError, Kind, QueryResult, Result, Row, Statement, Value};

/// Prepared statements that a connection caches.
const CACHED_STATEMENTS: usize = 256;

/// A connection that runs on the calling thread, and blocks it.
pub(crate) struct Local(rusqlite::Connection);

impl Local {
    /// Opens an existing file.
    pub fn open(path: &Path, is_read_only: bool) -> Result<Self> {
        let access = if is_read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        let connection = rusqlite::Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // No memory mapping: if a mapped file is truncated, or a sector is bad, the process gets SIGBUS.
        connection.pragma_update(None, "cache_size", CACHE_KIB)?;
        Ok(Self::new(connection))
    }

    pub fn new(connection: rusqlite::Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        Self(connection)
    }

    /// Returns the driver's connection, for pragmas and scripts.
    pub fn raw(&self) -> &rusqlite::Connection {
        &self.0
    }

    /// Runs a statement on this thread.
    pub fn run_now(&self, statement: Statement) -> Result<QueryResult> {
        let Statement { sql, parameters, is_cached } = statement;
        let begun = Instant::now();
        let answer = if is_cached {
            fetch(&self.0, &mut *self.0.prepare_cached(&sql)?, &parameters)
        } else {
            fetch(&self.0, &mut self.0.prepare(&sql)?, &parameters)
        }?;
        // The text alone: parameters are names, hashes and templates.
        let microseconds = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(%sql, rows = answer.rows.len(), affected = answer.affected, microseconds, "statement");
        Ok(answer)
    }

    /// Closes the connection.
    pub fn close(self) -> Result<()> {
        self.0.close().map_err(|(_, error)| error.into())
    }
}

fn fetch(
    connection: &rusqlite::Connection,
    prepared: &mut rusqlite::Statement<'_>,
    parameters: &[Value],
) -> Result<QueryResult> {
    // SQLite numbers parameters by their first use in the text: `$2` is at position 1 if it comes first.
    for position in 1..=prepared.parameter_count() {
        let name = prepared.parameter_name(position).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = name.and_then(|number| parameters.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| DatabaseError::new(Kind::Refused, "a parameter is missing"))?;
        match value {
            Value::Null => prepared.raw_bind_parameter(position, rusqlite::types::Null)?,
            Value::Integer(number) => prepared.raw_bind_parameter(position, number)?,
            Value::Real(number) => prepared.raw_bind_parameter(position, number)?,
            Value::Text(text) => prepared.raw_bind_parameter(position, text)?,
            Value::Blob(bytes) => prepared.raw_bind_parameter(position, bytes)?,
        }
    }
    let columns: Arc<[String]> = prepared.column_names().into_iter().map(str::to_owned).collect();
    let before = connection.total_changes();
    let mut answer = QueryResult::default();
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).map(|position| Ok(value_of(row.get_ref(position)?)));
        answer.rows.push(Row::new(Arc::clone(&columns), values.collect::<rusqlite::Result<_>>()?));
    }
    drop(rows);
    // `changes()` keeps the count of an earlier statement if this one changed nothing.
    if connection.total_changes() != before {
        answer.affected = connection.changes();
    }
    Ok(answer)
}

fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

impl Connection for Local {
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>> {
        std::future::ready(self.run_now(statement)).boxed()
    }
}

/// A connection on a thread of its own, which runs the jobs it receives in order.
pub(crate) struct Threaded(mpsc::Sender<Job>);

type Job = Box<dyn FnOnce(&Local) + Send>;

impl Threaded {
    /// Starts the thread, which ends when the sender is dropped.
    pub fn start(connection: Local) -> std::io::Result<Self> {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::Builder::new().name("sqlite-reader".to_owned()).spawn(move || {
            jobs.into_iter().for_each(|job| job(&connection));
            if let Err(error) = connection.close() {
                tracing::warn!(%error, "a connection did not close in good order");
            }
        })?;
        Ok(Self(sender))
    }

    /// Sends a statement and ignores its outcome.
    pub fn send(&self, sql: &'static str) {
        let statement = Statement { sql: sql.into(), parameters: Vec::new(), is_cached: true };
        // If the thread has ended, so has the transaction.
        let _ = self.0.send(Box::new(move |connection| drop(connection.run_now(statement))));
    }
}

impl Connection for Threaded {
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>> {
        let (sender, answer) = oneshot::channel();
        // The caller may have dropped the future.
        let job = Box::new(move |connection: &Local| drop(sender.send(connection.run_now(statement))));
        let sent = self.0.send(job);
        async move {
            let closed = || DatabaseError::new(Kind::Closed, "the connection is closed");
            sent.map_err(|_| closed())?;
            answer.await.map_err(|_| closed())?
        }
        .boxed()
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        let kind = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => match (failure.code, failure.extended_code) {
                (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Kind::MissingParent,
                (_, ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => Kind::Duplicate,
                (ErrorCode::SystemIoFailure, _) => Kind::Disk,
                _ => Kind::Refused,
            },
            rusqlite::Error::SqlInputError { .. } => Kind::Refused,
            _ => Kind::Decode,
        };
        Self::new(kind, error)
    }
}
