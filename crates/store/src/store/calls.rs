//! Call log and statistics.
//!
//! Totals are exact to the millisecond. They outlive the log in units of a quarter of an hour: once rows of the log are
//! deleted, a partial quarter at the begin or end of a range counts as empty.

use aicp_types::UnixMillis;

use super::Store;
use crate::{CallScope, CallTotal, DayTotal, LoggedCall, Result};

impl Store {
    /// Appends calls to the log; all or none.
    ///
    /// # Errors
    /// [`Error::Database`](crate::Error::Database) if a call is in the log already.
    pub async fn append_calls(&self, calls: Vec<LoggedCall>) -> Result<()> {
        self.write(move |shared| async move { shared.database.append_calls(calls).await }).await
    }

    /// Returns the totals of each method, by method in byte order. Equal methods of several apps count as one.
    pub async fn call_totals(&self, scope: CallScope<'_>) -> Result<Vec<CallTotal>> {
        self.shared.database.call_totals(scope).await
    }

    /// Returns the totals of each method on each day with calls, by method in byte order, then day.
    pub async fn call_days(&self, scope: CallScope<'_>) -> Result<Vec<DayTotal>> {
        self.shared.database.call_days(scope).await
    }

    /// Returns the latest `limit` calls of the log, by method, time and trace id, all ascending.
    pub async fn calls(&self, scope: CallScope<'_>, limit: u64) -> Result<Vec<LoggedCall>> {
        self.shared.database.calls(scope, limit).await
    }

    /// Deletes up to `at_most` rows of the log that are older than `time`, and returns their number. The totals stay.
    pub async fn delete_calls_before(&self, time: UnixMillis, at_most: u64) -> Result<u64> {
        self.write(move |shared| async move { shared.database.delete_calls_before(time, at_most).await }).await
    }
}
