//! Connections to read with.
//!
//! sqlx's own pool would ask a connection whether it is still there each time it comes back, and hand it over to a task
//! for that: two more ways to another thread for every query. A file needs no such care.

use std::ops::{Deref, DerefMut};

use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard, Semaphore, SemaphorePermit};

/// A fixed number of connections; whoever finds none waits.
pub(crate) struct Readers {
    /// Empty once closed.
    connections: Vec<Mutex<Option<SqliteConnection>>>,
    /// A permit for each connection that nobody has.
    places: Semaphore,
}

/// A connection, until it is dropped.
pub(crate) struct Reader<'a> {
    connection: MappedMutexGuard<'a, SqliteConnection>,
    /// Given back after the connection: fields are dropped in their order.
    _place: SemaphorePermit<'a>,
}

impl Readers {
    /// Opens so many connections.
    pub async fn open(options: &SqliteConnectOptions, count: usize) -> sqlx::Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Mutex::new(Some(options.connect().await?)));
        }
        Ok(Self { connections, places: Semaphore::new(count) })
    }

    /// A connection, as soon as one is free.
    pub async fn get(&self) -> sqlx::Result<Reader<'_>> {
        let place = self.places.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let mut free = self.connections.iter().filter_map(|connection| connection.try_lock().ok());
        let connection = free.find_map(|guard| MutexGuard::try_map(guard, Option::as_mut).ok());
        Ok(Reader { connection: connection.ok_or(sqlx::Error::PoolClosed)?, _place: place })
    }

    /// Waits for those that read, then closes the connections. Again: does nothing.
    pub async fn close(&self) {
        self.places.close();
        for connection in &self.connections {
            if let Some(connection) = connection.lock().await.take()
                && let Err(error) = connection.close().await
            {
                tracing::warn!(%error, "a connection did not close in good order");
            }
        }
    }
}

impl Deref for Reader<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
