//! The transactions of the writer of this node.
//!
//! All nodes write in turn: a transaction holds a lock of the database until it is committed. So rules that read before they write
//! need no other lock, no write fails because another one was quicker, and changes are numbered in the order of the commits. Under that
//! lock each transaction first checks that this node has its lease.

use std::sync::Arc;
use std::time::Duration;

use aicp_store::sql::DatabaseError;
use aicp_store::{Effects, Nodes as _, Observer, Session, Tx};
use async_trait::async_trait;

use crate::connection::Lease;
use crate::nodes::Membership;

/// Begins a transaction and waits for the lock, whose number is "aicp" in ASCII. A library of a million people is deleted by one
/// statement.
const BEGIN: &str = "BEGIN; SELECT pg_advisory_xact_lock(1634296688); SET LOCAL statement_timeout = '10min'";
/// Wait for the beginning of a transaction, beside the limit of the database's own.
const BEGUN: Duration = Duration::from_secs(35);
/// Wait for the answer to a statement of the transaction.
const STATEMENT: Duration = Duration::from_mins(11);

/// The writer's transactions, on a connection that nobody else waits for.
pub(crate) struct Writing {
    pub membership: Arc<Membership>,
    /// Last change before the transaction.
    pub before: i64,
}

#[async_trait]
impl Session for Writing {
    async fn begin(&mut self) -> Result<Tx, DatabaseError> {
        let mut connection = self.membership.of_writer.get().await?;
        let lease = Lease::now(self.membership.losses());
        connection.wait_for(BEGUN, lease.clone());
        let begun = async {
            let found = connection.numbers(&format!("{BEGIN}; {}", self.membership.question())).await?;
            self.membership.judge(&found)
        };
        match begun.await {
            Ok(before) => {
                self.before = before;
                connection.wait_for(STATEMENT, lease);
                Ok(Tx::new(Box::new(connection)))
            }
            Err(error) => {
                // It may have begun a transaction.
                connection.discard();
                Err(error)
            }
        }
    }

    fn end(&mut self, tx: Tx) {
        drop(tx);
    }

    async fn announce(&mut self, _: Option<&dyn Observer>, done: &[&Effects]) {
        self.membership.feed.announce(self.before, done).await;
    }
}
