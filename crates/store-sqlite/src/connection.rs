//! Connections to SQLite.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::types::ValueRef;
use rusqlite::{ErrorCode, OpenFlags, ffi};
use serde::Serialize;
use tokio::sync::oneshot;

use aicp_store::sql::{Connection, DatabaseError, Kind, QueryResult, Result, Row, Statement, Value};

/// Page cache of each connection, in pages of 8 KiB. A reader's cache is emptied after each write, and a writer's fills with
/// the pages of the call log, so more than this only holds memory. Not in KiB: SQLite would count by the page size that it
/// assumes before it has read the file.
pub(crate) const CACHE_PAGES: i64 = 512;
/// How long a connection waits for a lock of the file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection caches.
const CACHED_STATEMENTS: usize = 256;
/// Rows between two checks whether a caller still waits.
const ROWS_PER_CHECK: usize = 256;

/// A connection that runs on the calling thread, and blocks it.
pub(crate) struct Local(rusqlite::Connection);

impl Local {
    /// Opens an existing file.
    pub fn open(path: &Path, is_read_only: bool) -> Result<Self> {
        Self::try_open(path, is_read_only).map_err(driver_error)
    }

    fn try_open(path: &Path, is_read_only: bool) -> rusqlite::Result<Self> {
        let access = if is_read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        let connection = rusqlite::Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // No memory mapping: if a mapped file is truncated, or a sector is bad, the process gets SIGBUS.
        connection.pragma_update(None, "cache_size", CACHE_PAGES)?;
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

    /// Runs a statement on this thread. Stops between rows when `is_abandoned` says that nobody waits for them any more.
    pub fn run_now(&self, statement: Statement, is_abandoned: &dyn Fn() -> bool) -> Result<QueryResult> {
        let Statement { sql, parameters, is_cached } = statement;
        // A parameter `?2` has its number. `$2` would be a name, which SQLite looks up among all names before it: the time grows with
        // the square of the parameters.
        let sql = sql.replace('$', "?");
        let begun = Instant::now();
        let answer = if is_cached {
            fetch(&self.0, &mut *self.0.prepare_cached(&sql).map_err(driver_error)?, &parameters, is_abandoned)
        } else {
            fetch(&self.0, &mut self.0.prepare(&sql).map_err(driver_error)?, &parameters, is_abandoned)
        }?;
        // The text alone: parameters are names, hashes and templates.
        let microseconds = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(%sql, rows = answer.rows.len(), affected = answer.affected, microseconds, "statement");
        Ok(answer)
    }

    /// Closes the connection.
    pub fn close(self) -> Result<()> {
        self.0.close().map_err(|(_, error)| driver_error(error))
    }
}

fn fetch(
    connection: &rusqlite::Connection,
    prepared: &mut rusqlite::Statement<'_>,
    parameters: &[Value],
    is_abandoned: &dyn Fn() -> bool,
) -> Result<QueryResult> {
    if prepared.parameter_count() > parameters.len() {
        return Err(DatabaseError::new(Kind::Refused, "a parameter is missing"));
    }
    for (position, value) in (1..).zip(parameters).take(prepared.parameter_count()) {
        bind(prepared, position, value).map_err(driver_error)?;
    }
    let columns: Arc<[String]> = prepared.column_names().into_iter().map(str::to_owned).collect();
    let before = connection.total_changes();
    let mut answer = QueryResult::default();
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next().map_err(driver_error)? {
        if answer.rows.len().is_multiple_of(ROWS_PER_CHECK) && is_abandoned() {
            break;
        }
        let values = (0..columns.len()).map(|position| value_of(row.get_ref(position).map_err(driver_error)?));
        answer.rows.push(Row::new(Arc::clone(&columns), values.collect::<Result<_>>()?));
    }
    drop(rows);
    // `changes()` keeps the count of an earlier statement if this one changed nothing.
    if connection.total_changes() != before {
        answer.affected = connection.changes();
    }
    Ok(answer)
}

fn bind(prepared: &mut rusqlite::Statement<'_>, position: usize, value: &Value) -> rusqlite::Result<()> {
    match value {
        Value::Null => prepared.raw_bind_parameter(position, rusqlite::types::Null),
        Value::Integer(number) => prepared.raw_bind_parameter(position, number),
        Value::Real(number) => prepared.raw_bind_parameter(position, number),
        Value::Text(text) => prepared.raw_bind_parameter(position, text),
        Value::Blob(bytes) => prepared.raw_bind_parameter(position, bytes),
        Value::Integers(numbers) => prepared.raw_bind_parameter(position, json(numbers)?),
        Value::Texts(texts) => prepared.raw_bind_parameter(position, json(texts)?),
    }
}

/// Encodes a list for `json_each`.
fn json(list: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(list).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn value_of(value: ValueRef<'_>) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        // A damaged text must not pass for another one.
        ValueRef::Text(text) => match str::from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => return Err(DatabaseError::decode("a text is not UTF-8")),
        },
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

impl Connection for Local {
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>> {
        std::future::ready(self.run_now(statement, &|| false)).boxed()
    }
}

/// A connection on a thread of its own, which runs the jobs it receives in order.
pub(crate) struct Threaded {
    jobs: mpsc::Sender<Job>,
    /// Jobs that were sent and have not ended.
    in_flight: Arc<AtomicUsize>,
    closed: oneshot::Receiver<()>,
}

type Job = Box<dyn FnOnce(&Local) + Send>;

impl Threaded {
    /// Starts the thread, which ends when the sender is dropped.
    pub fn start(connection: Local) -> std::io::Result<Self> {
        let (sender, jobs) = mpsc::channel::<Job>();
        let (tell, closed) = oneshot::channel();
        let in_flight = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&in_flight);
        thread::Builder::new().name("sqlite-reader".to_owned()).spawn(move || {
            for job in jobs {
                // A job that panics gives no answer; the connection serves the next.
                let _ = catch_unwind(AssertUnwindSafe(|| job(&connection)));
                counted.fetch_sub(1, Ordering::Relaxed);
            }
            if let Err(error) = connection.close() {
                tracing::warn!(%error, "a connection did not close in good order");
            }
            let _ = tell.send(());
        })?;
        Ok(Self { jobs: sender, in_flight, closed })
    }

    /// Returns whether no job is waiting or running, not even one of a caller that has gone away.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }

    /// Waits for the jobs, and closes the connection.
    pub async fn close(self) {
        drop(self.jobs);
        // Without an answer the thread has ended too.
        let _ = self.closed.await;
    }

    fn push(&self, job: Job) -> Result<()> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.jobs.send(job).map_err(|_| closed())
    }

    /// Sends a statement and ignores its outcome.
    pub fn send(&self, sql: &'static str) {
        let statement = Statement { sql: sql.into(), parameters: Vec::new(), is_cached: true };
        // If the thread has ended, so has the transaction.
        let _ = self.push(Box::new(move |connection| drop(connection.run_now(statement, &|| false))));
    }
}

impl Connection for Threaded {
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>> {
        let (sender, answer) = oneshot::channel();
        let job = Box::new(move |connection: &Local| {
            // The caller may have dropped the future: a client that hangs up must not occupy the connection.
            if !sender.is_closed() {
                let answer = connection.run_now(statement, &|| sender.is_closed());
                let _ = sender.send(answer);
            }
        });
        let sent = self.push(job);
        async move {
            sent?;
            answer.await.map_err(|_| closed())?
        }
        .boxed()
    }
}

fn closed() -> DatabaseError {
    DatabaseError::new(Kind::Closed, "the connection is closed")
}

/// Converts an error of the driver.
pub(crate) fn driver_error(error: rusqlite::Error) -> DatabaseError {
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
    DatabaseError::new(kind, error)
}

/// Converts an error of the driver into one of the store.
pub(crate) fn error(error: rusqlite::Error) -> aicp_store::Error {
    driver_error(error).into()
}
