//! Statements that are run once.

use std::borrow::Cow;
use std::marker::PhantomData;

use super::{Connection, DatabaseError, FromRow, FromValue, Kind, QueryResult, Result, Row, Statement, Value};

/// A statement whose rows are read as `T`.
pub struct Query<T> {
    statement: Statement,
    decode: fn(&Row) -> Result<T>,
    of: PhantomData<T>,
}

/// Returns a statement whose rows are read column by column.
pub fn query(sql: impl Into<Cow<'static, str>>) -> Query<Row> {
    Query::new(sql.into(), |row| Ok(row.clone()))
}

/// Returns a statement whose rows are read as a type.
pub fn query_as<T: FromRow>(sql: impl Into<Cow<'static, str>>) -> Query<T> {
    Query::new(sql.into(), T::from_row)
}

/// Returns a statement of whose rows only the first column is read.
pub fn query_scalar<T: for<'r> FromValue<'r>>(sql: impl Into<Cow<'static, str>>) -> Query<T> {
    Query::new(sql.into(), |row| row.try_get(0))
}

impl<T> Query<T> {
    fn new(sql: Cow<'static, str>, decode: fn(&Row) -> Result<T>) -> Self {
        Self::of(Statement { sql, parameters: Vec::new(), is_cached: true }, decode)
    }

    pub(super) fn of(statement: Statement, decode: fn(&Row) -> Result<T>) -> Self {
        Self { statement, decode, of: PhantomData }
    }

    /// Adds the next parameter: the first is `$1`.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.statement.parameters.push(value.into());
        self
    }

    /// Excludes the prepared statement from the cache.
    pub fn uncached(mut self) -> Self {
        self.statement.is_cached = false;
        self
    }

    /// Runs the statement for its effect.
    pub async fn execute(self, db: &mut dyn Connection) -> Result<QueryResult> {
        db.run(self.statement).await
    }

    /// Runs the statement and reads all rows.
    pub async fn fetch_all(self, db: &mut dyn Connection) -> Result<Vec<T>> {
        db.run(self.statement).await?.rows.iter().map(self.decode).collect()
    }

    /// Runs the statement and reads the first row, if there is one.
    pub async fn fetch_optional(self, db: &mut dyn Connection) -> Result<Option<T>> {
        db.run(self.statement).await?.rows.first().map(self.decode).transpose()
    }

    /// Runs the statement and reads the first row.
    ///
    /// # Errors
    /// [`Kind::NoRow`] if there is none.
    pub async fn fetch_one(self, db: &mut dyn Connection) -> Result<T> {
        let row = self.fetch_optional(db).await?;
        row.ok_or_else(|| DatabaseError::new(Kind::NoRow, "a statement that returns a row returned none"))
    }
}
