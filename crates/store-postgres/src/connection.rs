//! Connections: they run the statements of the store.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aicp_store::sql::{Connection, DatabaseError, Kind, QueryResult, Result, Row, Statement};
use deadpool_postgres::Object;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt};
use tokio::sync::watch;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

use crate::translate::translate;
use crate::value::{Column, Parameter};

/// Time that a statement may take, beside that of the database's own limit: the network may have lost the answer.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(35);

/// Maximum number of prepared statements of a connection. Texts with lists have many forms.
const MAX_PREPARED: usize = 256;
/// Wait for the answer to a statement after the lease of the node was lost: the server may hang.
const AFTER_LOSS: Duration = Duration::from_secs(15);
/// Wait for the end of a read transaction.
const ROLLBACK: Duration = Duration::from_secs(5);

/// A connection of the pool.
pub(crate) struct Pooled {
    /// `None` once the connection failed.
    connection: Option<Object>,
    /// Wait for the answer to a statement.
    limit: Duration,
    /// The lease under which statements are run, if they are.
    lease: Option<Lease>,
}

/// A lease of the node, by the number of those that it has lost.
#[derive(Clone)]
pub(crate) struct Lease {
    losses: watch::Receiver<u64>,
    number: u64,
}

impl Lease {
    pub fn now(losses: watch::Receiver<u64>) -> Self {
        let number = *losses.borrow();
        Self { losses, number }
    }
}

impl Pooled {
    pub fn new(connection: Object) -> Self {
        if connection.statement_cache.size() > MAX_PREPARED {
            connection.statement_cache.clear();
        }
        Self { connection: Some(connection), limit: STATEMENT_TIMEOUT, lease: None }
    }

    /// Sets how long the answer to a statement may take; once the lease is lost, no more than [`AFTER_LOSS`].
    pub fn wait_for(&mut self, limit: Duration, lease: Lease) {
        (self.limit, self.lease) = (limit, Some(lease));
    }

    /// Runs statements without parameters.
    pub async fn batch(&mut self, sql: &str) -> Result<()> {
        let connection = self.connection.as_ref().ok_or_else(lost)?;
        let done = in_time_of(self.limit, self.lease.as_mut(), connection.batch_execute(sql)).await;
        self.keep_if_sound(done)
    }

    async fn run_now(&mut self, statement: Statement) -> Result<QueryResult> {
        let connection = self.connection.as_ref().ok_or_else(lost)?;
        let done = in_time_of(self.limit, self.lease.as_mut(), fetch(connection, statement)).await;
        self.keep_if_sound(done)
    }

    /// Drops the connection after an error of the connection itself, or if its server takes no writes any more.
    fn keep_if_sound<T>(&mut self, done: Result<T, Failure>) -> Result<T> {
        done.map_err(|failure| {
            if failure.is_of_connection
                && let Some(connection) = self.connection.take()
            {
                // Not returned to the pool.
                drop(Object::take(connection));
            }
            failure.error
        })
    }

    /// Runs statements without parameters; returns the numbers of the last row.
    pub async fn numbers(&mut self, sql: &str) -> Result<Vec<i64>> {
        let connection = self.connection.as_ref().ok_or_else(lost)?;
        let answers = in_time_of(self.limit, self.lease.as_mut(), connection.simple_query(sql)).await;
        let answers = self.keep_if_sound(answers)?;
        let last = answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let row =
            last.ok_or_else(|| DatabaseError::new(Kind::NoRow, "a statement that returns a row returned none"))?;
        let number = |place| row.get(place).and_then(|text| text.parse().ok());
        (0..row.len()).map(|place| number(place).ok_or_else(|| DatabaseError::decode("a number is none"))).collect()
    }

    /// Closes the connection, with its transaction.
    pub fn close(&mut self) {
        self.connection.take().map(Object::take);
    }

    /// As [`close`](Self::close).
    pub fn discard(mut self) {
        self.close();
    }
}

impl Connection for Pooled {
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>> {
        self.run_now(statement).boxed()
    }
}

/// A read transaction; it ends when dropped.
pub(crate) struct Snapshot(Pooled);

impl Snapshot {
    pub async fn begin(connection: Pooled) -> Result<Self> {
        Self::begin_with(connection, "").await
    }

    /// Begins with more statements, such as one that sets the state to see.
    pub async fn begin_with(connection: Pooled, more: &str) -> Result<Self> {
        // First the guard, so that the transaction ends also if this future is dropped.
        let mut snapshot = Self(connection);
        snapshot.0.batch(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {more}")).await?;
        Ok(snapshot)
    }
}

impl Connection for Snapshot {
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>> {
        self.0.run(statement)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let Some(connection) = self.0.connection.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                let ended = tokio::time::timeout(ROLLBACK, connection.batch_execute("ROLLBACK")).await;
                if !matches!(ended, Ok(Ok(()))) {
                    drop(Object::take(connection));
                }
            })),
            // Its transaction must not be that of another caller.
            Err(_) => drop(Object::take(connection)),
        }
    }
}

/// Error of a statement.
pub(crate) struct Failure {
    pub error: DatabaseError,
    /// Whether the connection is of no more use.
    is_of_connection: bool,
}

/// Waits for the answer of the server.
pub(crate) async fn in_time<T, E: Into<Failure>>(
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, answer).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Failure::unanswered()),
    }
}

/// As [`in_time`], but soon after the lease is lost.
async fn in_time_of<T, E: Into<Failure>>(
    limit: Duration,
    lease: Option<&mut Lease>,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure> {
    let Some(Lease { losses, number }) = lease else { return in_time(limit, answer).await };
    let mut answer = std::pin::pin!(in_time(limit, answer));
    tokio::select! {
        done = &mut answer => return done,
        _ = losses.wait_for(|lost| lost != number) => {}
    }
    tokio::time::timeout(AFTER_LOSS, answer).await.unwrap_or_else(|_| Err(Failure::unanswered()))
}

async fn fetch(connection: &Object, statement: Statement) -> Result<QueryResult, Failure> {
    let Statement { sql, parameters, is_cached } = statement;
    let begun = Instant::now();
    let sql = translate(&sql, &parameters);
    let prepared = if is_cached { connection.prepare_cached(&sql).await } else { connection.prepare(&sql).await }?;
    // A statement may have fewer parameters than values: those at the end are left out.
    let parameters: Vec<Parameter> = parameters.into_iter().take(prepared.params().len()).map(Parameter).collect();
    if parameters.len() < prepared.params().len() {
        return Err(DatabaseError::new(Kind::Refused, "a parameter is missing").into());
    }
    let columns: Arc<[String]> = prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let rows = connection.query_raw(&prepared, &parameters).await?;
    let mut rows = std::pin::pin!(rows);
    let mut answer = QueryResult::default();
    while let Some(row) = rows.try_next().await? {
        let values = (0..columns.len()).map(|position| Ok(row.try_get::<_, Column>(position)?.0));
        let values = values.collect::<Result<_, tokio_postgres::Error>>()?;
        answer.rows.push(Row::new(Arc::clone(&columns), values));
    }
    answer.affected = rows.rows_affected().unwrap_or(0);
    // The text alone: parameters are names, hashes and templates.
    let microseconds = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    tracing::debug!(%sql, rows = answer.rows.len(), affected = answer.affected, microseconds, "statement");
    Ok(answer)
}

fn lost() -> DatabaseError {
    DatabaseError::new(Kind::Unavailable, "the connection to the database was lost")
}

impl Failure {
    fn unanswered() -> Self {
        let error = DatabaseError::new(Kind::Unavailable, "the database did not answer in time");
        Self { error, is_of_connection: true }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self { error, is_of_connection: false }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let is_of_connection = match error.code() {
            // Class 08 are connections, 57P.. an end of the server, and a standby takes no writes.
            Some(code) => {
                code.code().starts_with("08")
                    || code.code().starts_with("57P")
                    || *code == SqlState::READ_ONLY_SQL_TRANSACTION
            }
            None => error.is_closed() || error.to_string().contains("communicating with the server"),
        };
        Self { error: driver_error(&error, is_of_connection), is_of_connection }
    }
}

/// Converts an error of the driver.
fn driver_error(error: &tokio_postgres::Error, is_of_connection: bool) -> DatabaseError {
    let kind = match error.code() {
        Some(code) if *code == SqlState::FOREIGN_KEY_VIOLATION => Kind::MissingParent,
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => Kind::Duplicate,
        // Canceled by a limit of time, or by the end of an idle transaction; too many connections; no space.
        Some(code) if is_of_connection || ["57014", "53300", "55P03", "25P03"].contains(&code.code()) => {
            Kind::Unavailable
        }
        Some(_) => Kind::Refused,
        None if is_of_connection => Kind::Unavailable,
        None => Kind::Decode,
    };
    DatabaseError::new(kind, message(error))
}

/// Returns the message of an error without its detail, which may name values.
pub(crate) fn message(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => format!("{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
