//! Pool of read connections, each on a thread of its own.

use std::path::Path;

use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, Semaphore, SemaphorePermit};

use aicp_store::at;
use aicp_store::sql::{Connection, DatabaseError, Kind, QueryResult, Result, Statement, query};
use futures_util::future::BoxFuture;

use crate::connection::{Local, Threaded};

/// A fixed number of connections. Callers wait while all are in use.
pub(crate) struct Readers {
    /// Empty once closed.
    connections: Vec<Mutex<Option<Threaded>>>,
    /// One permit per free connection.
    free: Semaphore,
}

/// A connection in use; returned to the pool when dropped.
pub(crate) struct Reader<'a> {
    connection: MappedMutexGuard<'a, Threaded>,
    /// Released after the connection, as fields are dropped in order of declaration.
    _permit: SemaphorePermit<'a>,
}

impl Readers {
    /// Opens the connections.
    pub fn open(path: &Path, count: usize) -> aicp_store::Result<Self> {
        let connect = || {
            let threaded = Threaded::start(Local::open(path, true)?).map_err(at(path))?;
            Ok(Mutex::new(Some(threaded)))
        };
        let connections = (0..count).map(|_| connect()).collect::<aicp_store::Result<_>>()?;
        Ok(Self { connections, free: Semaphore::new(count) })
    }

    /// Waits for a free connection.
    ///
    /// # Errors
    /// [`Kind::Closed`] if the pool is closed.
    pub async fn get(&self) -> Result<Reader<'_>> {
        let closed = || DatabaseError::new(Kind::Closed, "the database is closed");
        let permit = self.free.acquire().await.map_err(|_| closed())?;
        loop {
            // An idle connection first: another may still run the statement of a caller that has gone away.
            for must_be_idle in [true, false] {
                for connection in &self.connections {
                    let Ok(guard) = connection.try_lock() else { continue };
                    let Ok(connection) = MutexGuard::try_map(guard, Option::as_mut) else { return Err(closed()) };
                    if connection.is_idle() || !must_be_idle {
                        return Ok(Reader { connection, _permit: permit });
                    }
                }
            }
            // Each was locked when it was tried, by callers that look at them at the same time.
            tokio::task::yield_now().await;
        }
    }

    /// Waits until no connection is in use, then closes all. A second call does nothing.
    pub async fn close(&self) {
        self.free.close();
        for connection in &self.connections {
            if let Some(connection) = connection.lock().await.take() {
                connection.close().await;
            }
        }
    }
}

impl<'a> Reader<'a> {
    /// Begins a read transaction: its statements see one state of the database.
    pub async fn begin(self) -> Result<Snapshot<'a>> {
        // First the guard, so that the transaction ends also if this future is dropped.
        let mut snapshot = Snapshot(self);
        query("BEGIN").execute(&mut snapshot).await?;
        Ok(snapshot)
    }
}

impl Connection for Reader<'_> {
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>> {
        self.connection.run(statement)
    }
}

/// A read transaction; it ends when dropped.
pub(crate) struct Snapshot<'a>(Reader<'a>);

impl Connection for Snapshot<'_> {
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>> {
        self.0.run(statement)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        self.0.connection.send("ROLLBACK");
    }
}
