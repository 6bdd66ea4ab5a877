//! PostgreSQL (15 or later) as the database of the store, shared by any number of nodes.
//!
//! Each node has a pool of connections, of which one writes. Writers of all nodes take turns. Of several hosts in the address,
//! the one that takes writes is used, and found again after a failover.

mod connection;
mod database;
mod nodes;
mod pool;
mod schema;
mod templates;
mod translate;
mod value;
mod writer;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use aicp_blobs::Blobs;
use aicp_store::sql::Connection;
use aicp_store::{Store, StoredSetting, Tx};
use aicp_types::Clock;

pub use database::{Options, Postgres};
pub use pool::Address;

/// Opens the store of a node: the database, and pictures in a place. Holds the lock of the node's own folder until it is closed.
///
/// # Errors
/// As [`Postgres::open`]; errors of the folder of links.
pub async fn open(
    options: Options,
    lock: File,
    blobs: Arc<dyn Blobs>,
    links: &Path,
    clock: Arc<dyn Clock>,
) -> Result<Store, Error> {
    let database = Postgres::open(&options).await?.holding(lock);
    let store = Store::open(Arc::new(database), blobs, links, clock).await?;
    if let Err(error) = store.backfill_digests().await {
        // The first error is returned.
        store.close().await.ok();
        return Err(error.into());
    }
    Ok(store)
}

/// Returns the settings that a database has, and leaves it as it is. One without tables has none.
///
/// # Errors
/// As [`Postgres::open`].
pub async fn peek_at_settings(options: &Options) -> Result<Vec<StoredSetting>, Error> {
    let mut connection = database::connect(options)?.get().await.map_err(aicp_store::Error::from)?;
    if schema::version(&mut connection).await?.is_none() {
        return Ok(Vec::new());
    }
    let connection: Box<dyn Connection> = Box::new(connection);
    Ok(Tx::new(connection).stored_settings().await?)
}

/// Reason why a database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error("the address of the database must be postgres://USER@HOST:PORT/DATABASE, HOST:PORT one or several")]
    Url,
    /// Authorities can't be trusted.
    #[error(transparent)]
    Trust(#[from] aicp_trust::Error),
    /// A thread can't be started.
    #[error("no thread can be started to write: {0}")]
    Threads(std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] aicp_store::Error),
}
