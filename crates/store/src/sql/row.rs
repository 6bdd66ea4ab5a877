//! Rows of a result.

use std::sync::Arc;

use super::{DatabaseError, FromValue, Result, Value};

/// A row: values with the names of their columns.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

/// A column, by position from 0 or by name.
pub trait Column: Copy + std::fmt::Display {
    fn position(self, columns: &[String]) -> Option<usize>;
}

impl Column for usize {
    fn position(self, _: &[String]) -> Option<usize> {
        Some(self)
    }
}

impl Column for &str {
    fn position(self, columns: &[String]) -> Option<usize> {
        columns.iter().position(|column| column == self)
    }
}

impl Row {
    /// Makes a row of values, in the order of the columns.
    pub fn new(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// Returns the names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Returns the values, in the order of the columns.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Reads a column.
    ///
    /// # Errors
    /// The column is missing, or its value is of another type.
    pub fn try_get<'r, T: FromValue<'r>, C: Column>(&'r self, column: C) -> Result<T> {
        let value = column.position(&self.columns).and_then(|position| self.values.get(position));
        let value = value.ok_or_else(|| DatabaseError::decode(format_args!("there is no column {column}")))?;
        T::from_value(value)
            .ok_or_else(|| DatabaseError::decode(format_args!("column {column} is of an unexpected type: {value:?}")))
    }
}

/// A type that can be read from a row.
pub trait FromRow: Sized {
    /// Reads the columns.
    ///
    /// # Errors
    /// A column is missing, or its value is of another type or form.
    fn from_row(row: &Row) -> Result<Self>;
}

macro_rules! tuple {
    ($($name:ident $position:tt),+) => {
        impl<$($name: for<'r> FromValue<'r>),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row) -> Result<Self> {
                Ok(($(row.try_get::<$name, usize>($position)?,)+))
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
