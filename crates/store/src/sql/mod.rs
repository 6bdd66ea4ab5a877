//! Statements and rows, independent of the database that runs them.
//!
//! A statement is text with numbered parameters (`$1`, `$2`), which SQLite and PostgreSQL both understand. A
//! [`Connection`] runs it and returns rows of [`Value`]s. Code above this layer depends on no driver.

mod builder;
mod error;
mod query;
mod row;
mod value;

use std::borrow::Cow;

use futures_util::future::BoxFuture;

pub use self::{
    builder::QueryBuilder,
    query::{Query, query, query_as, query_scalar},
    row::{FromRow, Row},
    value::{FromValue, Value},
};
pub use error::DatabaseError;
pub use error::Kind;

/// Result of a statement.
pub type Result<T, E = DatabaseError> = std::result::Result<T, E>;

/// A statement with its parameters.
#[derive(Debug)]
pub struct Statement {
    /// Text, with `$1`, `$2`, ... for the parameters.
    pub sql: Cow<'static, str>,
    /// Values of the parameters, in order.
    pub parameters: Vec<Value>,
    /// Whether to cache the prepared statement: not for texts that differ each time.
    pub is_cached: bool,
}

/// Rows that a statement returned, and number of rows that it changed.
#[derive(Debug, Default)]
pub struct QueryResult {
    /// The rows; empty for a statement that returns none.
    pub rows: Vec<Row>,
    /// Number of rows that were inserted, updated or deleted.
    pub affected: u64,
}

impl QueryResult {
    /// Returns the number of rows that were inserted, updated or deleted.
    pub fn rows_affected(&self) -> u64 {
        self.affected
    }
}

/// A connection that runs statements one after the other.
pub trait Connection: Send {
    /// Runs a statement to completion and returns all rows.
    fn run(&mut self, statement: Statement) -> BoxFuture<'_, Result<QueryResult>>;
}
