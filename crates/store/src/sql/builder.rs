//! Statements built at run time.

use std::fmt::{self, Write as _};

use super::query::Query;
use super::{FromRow, FromValue, Row, Statement, Value};

/// Builder of a statement's text and parameters. Values never become text.
#[derive(Default)]
pub struct QueryBuilder {
    sql: String,
    parameters: Vec<Value>,
}

impl QueryBuilder {
    /// Begins a statement with this text.
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), parameters: Vec::new() }
    }

    /// Appends text.
    pub fn push(&mut self, sql: impl fmt::Display) -> &mut Self {
        // Writing to a string can't fail.
        let _ = write!(self.sql, "{sql}");
        self
    }

    /// Appends a parameter.
    pub fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.parameters.push(value.into());
        let number = self.parameters.len();
        self.push(format_args!("${number}"))
    }

    /// Appends `VALUES (..), (..)` with a row for each item. `fill` appends the parameters of a row.
    pub fn push_values<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(Values<'_>, T),
    ) -> &mut Self {
        self.push("VALUES ");
        for (number, item) in items.into_iter().enumerate() {
            self.push(if number == 0 { "(" } else { ", (" });
            fill(Values { builder: self, is_first: true }, item);
            self.push(")");
        }
        self
    }

    fn statement(&mut self) -> Statement {
        Statement {
            sql: std::mem::take(&mut self.sql).into(),
            parameters: std::mem::take(&mut self.parameters),
            is_cached: true,
        }
    }

    /// Completes the statement; its rows are read column by column.
    pub fn build(&mut self) -> Query<Row> {
        Query::of(self.statement(), |row| Ok(row.clone()))
    }

    /// Completes the statement; its rows are read as a type.
    pub fn build_query_as<T: FromRow>(&mut self) -> Query<T> {
        Query::of(self.statement(), T::from_row)
    }

    /// Completes the statement; only the first column of its rows is read.
    pub fn build_query_scalar<T: for<'r> FromValue<'r>>(&mut self) -> Query<T> {
        Query::of(self.statement(), |row| row.try_get(0))
    }
}

/// Builder of the values of one row.
pub struct Values<'a> {
    builder: &'a mut QueryBuilder,
    is_first: bool,
}

impl Values<'_> {
    /// Appends a parameter.
    pub fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.separate().push_bind(value);
        self
    }

    /// Appends a number as text, for lists longer than the maximum number of parameters.
    pub fn push(&mut self, number: i64) -> &mut Self {
        self.separate().push(number);
        self
    }

    fn separate(&mut self) -> &mut QueryBuilder {
        if !std::mem::take(&mut self.is_first) {
            self.builder.push(", ");
        }
        self.builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_parameters() {
        let mut builder = QueryBuilder::new("INSERT INTO t (a, b) ");
        builder.push_values([(1i64, "x"), (2, "y")], |mut row, (number, text)| {
            row.push_bind(number).push_bind(text);
        });
        builder.push(" RETURNING a LIMIT ").push_bind(5i64);
        let statement = builder.statement();
        assert_eq!(statement.sql, "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) RETURNING a LIMIT $5");
        let values: [Value; 5] = [1i64.into(), "x".into(), 2i64.into(), "y".into(), 5i64.into()];
        assert!(statement.parameters == values);
    }
}
