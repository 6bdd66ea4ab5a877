//! The connection that writes.

use aicp_store::sql::{self, DatabaseError, Kind};
use aicp_store::{Result, Session, Tx};
use async_trait::async_trait;

use crate::connection::Local;

/// The connection that writes, which blocks its thread.
pub(crate) struct Writing(Option<Tx>);

impl Writing {
    pub fn new(connection: Local) -> Self {
        Self(Some(Tx::new(Box::new(connection))))
    }
}

#[async_trait]
impl Session for Writing {
    async fn begin(&mut self) -> Result<Tx, DatabaseError> {
        let mut tx = self.0.take().ok_or_else(|| DatabaseError::new(Kind::Closed, "the connection is in use"))?;
        match tx.execute("BEGIN IMMEDIATE").await {
            Ok(()) => Ok(tx),
            Err(error) => {
                self.0 = Some(tx);
                Err(error)
            }
        }
    }

    fn end(&mut self, tx: Tx) {
        self.0 = Some(tx);
    }

    async fn close(&mut self) -> Result<()> {
        let Some(mut tx) = self.0.take() else { return Ok(()) };
        let checkpoint = tx.fetch_one(sql::query_as("PRAGMA wal_checkpoint(TRUNCATE)")).await?;
        let (is_blocked, _, _): (bool, i64, i64) = checkpoint;
        if is_blocked {
            tracing::warn!(
                "a reader kept the write-ahead log from being folded into the database; the next start does it"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
