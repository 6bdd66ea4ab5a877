//! The database: connections that read, and the writer.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aicp_store::sql::{self, Connection, DatabaseError, Kind};
use aicp_store::{
    Algorithm, Database, DatabaseUsage, Effects, Job, Nodes, Observer, Result, RowIds, Space, TemplateSink,
    TemplatesRead, Writer,
};
use aicp_types::LibraryId;
use async_trait::async_trait;

use crate::Error;
use crate::connection::Snapshot;
use crate::nodes::{Membership, Pools, Tasks};
use crate::pool::{Address, Pool};
use crate::schema;
use crate::templates::{self, Selection};
use crate::writer::Writing;

/// What a node needs to use a database.
#[derive(Clone)]
pub struct Options {
    /// Where the database is.
    pub address: Address,
    /// Maximum number of connections that read, at least 2. Three more write, follow the changes, and hold the lease.
    pub connections: usize,
    /// File of authorities whose certificates are trusted, beside the well-known ones.
    pub authorities: Option<PathBuf>,
    /// Called if the node has to start anew: it is too far behind, or another one has its number. Until then it writes nothing.
    pub told: Arc<dyn Fn() + Send + Sync>,
    /// Whether a write is answered only once all nodes have followed it.
    pub waits_for_nodes: bool,
}

/// A PostgreSQL database, shared with other nodes.
pub struct Postgres {
    pool: Pool,
    membership: Arc<Membership>,
    /// `None` once closed.
    tasks: Mutex<Option<Tasks>>,
    writer: Writer,
    /// What is to be kept until the database is closed.
    lock: Mutex<Option<File>>,
}

/// Connections of those who have a pool of their own, as they must not wait for callers: who writes, and who follows the changes.
const OWN_CONNECTIONS: usize = 1;

/// Returns a pool for the database; nothing is connected yet.
pub(crate) fn connect(options: &Options) -> std::result::Result<Pool, Error> {
    Pool::new(&options.address, options.connections.max(2), options.authorities.as_deref())
}

impl Postgres {
    /// Connects, migrates the schema, takes a lease and starts the writer.
    ///
    /// # Errors
    /// [`Error::Trust`], [`Error::Threads`], and errors of the database.
    pub async fn open(options: &Options) -> std::result::Result<Self, Error> {
        let pool = connect(options)?;
        schema::migrate(&mut pool.get().await.map_err(aicp_store::Error::from)?).await?;
        let own = || Pool::new(&options.address, OWN_CONNECTIONS, options.authorities.as_deref());
        let pools = Pools { all: pool.clone(), of_writer: own()?, of_feed: own()? };
        let told = Arc::clone(&options.told);
        let (membership, tasks) = Membership::begin(pools, told, options.waits_for_nodes).await?;
        let writing = Writing { membership: Arc::clone(&membership), before: 0 };
        let writer = Writer::start(writing).map_err(Error::Threads)?;
        Ok(Self { pool, membership, tasks: Mutex::new(Some(tasks)), writer, lock: Mutex::default() })
    }

    /// Checks that no other node answers.
    ///
    /// # Errors
    /// [`InUse`](aicp_store::Error::InUse) if one does; errors of the database.
    pub async fn require_alone(&self) -> Result<()> {
        let found = self.pool.get().await?.numbers(&self.membership.question()).await?;
        self.membership.judge(&found)?;
        match self.membership.is_alone() {
            true => Ok(()),
            false => Err(aicp_store::Error::InUse { path: "the PostgreSQL database".into() }),
        }
    }

    /// Keeps a file open until the database is closed.
    pub fn holding(mut self, lock: File) -> Self {
        *self.lock.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        self
    }
}

#[async_trait]
impl Database for Postgres {
    async fn reader(&self) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(self.pool.get().await?))
    }

    async fn snapshot(&self) -> Result<Box<dyn Connection + '_>> {
        Ok(Box::new(Snapshot::begin(self.pool.get().await?).await?))
    }

    async fn write(&self, job: Job, _: Space) -> Result<Effects> {
        self.membership.check()?;
        let (membership, losses) = (Arc::clone(&self.membership), self.membership.lost_leases());
        let outlived = Arc::<AtomicBool>::default();
        let tell = Arc::clone(&outlived);
        let job: Job = Box::new(move |tx| {
            if membership.lost_leases() == losses {
                return job(tx);
            }
            // The locks under which it was begun are lost.
            tell.store(true, Ordering::Release);
            Box::pin(std::future::ready(false))
        });
        let effects = self.writer.run(job).await?;
        if outlived.load(Ordering::Acquire) {
            return Err(DatabaseError::new(Kind::Unavailable, "this node has lost its lease of the database").into());
        }
        if let Some(sequence) = effects.sequence {
            self.membership.wait_for_nodes(sequence).await?;
        }
        Ok(effects)
    }

    /// The disk is the server's.
    fn require_space(&self) -> Result<()> {
        Ok(())
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.membership.feed.observe(observer);
    }

    async fn read_templates(
        &self,
        algorithm: &Algorithm,
        without: &[LibraryId],
        take: TemplateSink,
    ) -> Result<TemplatesRead> {
        templates::read(&self.pool, &Selection { algorithm: algorithm.clone(), without: without.to_vec() }, take).await
    }

    fn row_ids(&self) -> RowIds {
        RowIds {
            read: "SELECT sequencename, COALESCE(last_value, 0) FROM pg_sequences WHERE schemaname = current_schema()",
            write: &[
                "SELECT setval(pg_get_serial_sequence($1, $3), GREATEST(CAST($2 AS BIGINT), 1), CAST($2 AS BIGINT) > 0)",
            ],
        }
    }

    async fn check(&self) -> Result<()> {
        self.membership.check()?;
        sql::query("SELECT 1").execute(&mut self.pool.get().await?).await?;
        Ok(())
    }

    async fn usage(&self) -> Result<DatabaseUsage> {
        let query = sql::query_scalar("SELECT pg_database_size(current_database())");
        let bytes: u64 = query.fetch_one(&mut self.pool.get().await?).await?;
        Ok(DatabaseUsage { kind: "postgres", bytes, free_bytes: None })
    }

    fn release_reserve(&self) -> Result<()> {
        Ok(())
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(self.membership.as_ref())
    }

    async fn close(&self) -> Result<()> {
        let closed = self.writer.close().await;
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.membership.end();
        self.pool.close();
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = None;
        closed
    }
}
