//! Rows as a connection sees them.

use std::borrow::Cow;
use std::fmt;

use crate::sql::{self, Connection, FromRow, Value};
use crate::{Page, Result};

/// Reads of rows, through a connection of the database. The methods are in `statements`,
/// by aggregate.
///
/// Every method that returns one row returns `None` if there is none.
pub struct Rows<'c> {
    pub(crate) db: Box<dyn Connection + 'c>,
}

impl<'c> Rows<'c> {
    /// Reads through a connection.
    pub fn new(connection: Box<dyn Connection + 'c>) -> Self {
        Self { db: connection }
    }

    /// Reads a row that means nothing, to find out whether that is possible.
    pub(crate) async fn probe(&mut self) -> Result<()> {
        sql::query("SELECT written FROM probe").execute(&mut *self.db).await?;
        Ok(())
    }

    /// Reads a count and a page of the rows that belong to `owner`.
    pub(crate) async fn page<T: FromRow + Send>(
        &mut self,
        count: impl Into<Cow<'static, str>>,
        rows: impl Into<Cow<'static, str>>,
        owner: impl Into<Value> + Copy,
        page: Page,
    ) -> Result<(u64, Vec<T>)> {
        let count = sql::query_scalar(count).bind(owner).fetch_one(&mut *self.db).await?;
        let rows = sql::query_as(rows).bind(owner).bind(page.limit()).bind(page.offset());
        Ok((count, rows.fetch_all(&mut *self.db).await?))
    }
}

impl fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}
