//! Transactions that write.

use std::ops::{Deref, DerefMut};

use aicp_types::{Sequence, UnixMillis};

use crate::collector::Released;
use crate::sql::{self, Connection, DatabaseError};
use crate::{Change, NewEvent, Rows};

/// A transaction that writes, and reads what it has written. What a write did beside its rows is in its [`Effects`].
#[derive(Debug)]
pub struct Tx {
    rows: Rows<'static>,
    pub(crate) effects: Effects,
}

/// What a transaction did beside its rows.
#[derive(Debug, Default)]
pub struct Effects {
    /// Changes to announce once the transaction is committed, in order.
    pub changes: Vec<Change>,
    /// Sequence of the last change, once recorded.
    pub sequence: Option<Sequence>,
    /// Events to record, in order.
    pub(crate) events: Vec<NewEvent>,
    /// Whether events were recorded.
    pub has_events: bool,
    /// What is to be deleted now.
    pub(crate) released: Released,
}

impl Tx {
    /// Writes through a connection. The driver begins, commits and rolls back.
    pub fn new(connection: Box<dyn Connection>) -> Self {
        Self { rows: Rows::new(connection), effects: Effects::default() }
    }

    /// Runs a statement of the driver, such as `COMMIT`.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn execute(&mut self, statement: &'static str) -> Result<(), DatabaseError> {
        sql::query(statement).execute(&mut *self.rows.db).await.map(drop)
    }

    /// Runs a query of the driver and reads its first row.
    ///
    /// # Errors
    /// Errors of the database, also if there is no row.
    pub async fn fetch_one<T>(&mut self, query: sql::Query<T>) -> Result<T, DatabaseError> {
        query.fetch_one(&mut *self.rows.db).await
    }

    /// Writes a row that means nothing, to find out whether that is possible.
    pub(crate) async fn probe(&mut self, at: UnixMillis) -> crate::Result<()> {
        let query = sql::query(
            "INSERT INTO probe (id, written) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET written = excluded.written",
        );
        query.bind(at).execute(&mut *self.rows.db).await?;
        Ok(())
    }

    /// Completes what a job wrote, for the driver: after the job and before the commit.
    ///
    /// # Errors
    /// Errors of the database.
    pub async fn finish(&mut self) -> Result<(), DatabaseError> {
        if self.effects.released.is_any() {
            let generation = self.effects.released.generation;
            self.acquit_used_pictures(generation).await?;
            if !self.has_released(generation).await? {
                self.effects.released.clear();
            }
        }
        self.write_events().await?;
        self.forget_gallery_files().await?;
        self.record_changes().await
    }

    /// Takes the effects of a job out, for the driver.
    pub fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn announce(&mut self, change: Change) {
        self.effects.changes.push(change);
    }
}

impl Deref for Tx {
    type Target = Rows<'static>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.rows
    }
}
