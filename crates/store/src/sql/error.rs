//! Errors of a database.

use std::fmt;

/// Error of a database, with the driver's message, which contains no parameter of the statement.
#[derive(Debug, Clone)]
pub struct DatabaseError {
    kind: Kind,
    message: String,
}

/// Kind of a database error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A foreign key names a row that does not exist.
    MissingParent,
    /// A unique value exists already.
    Duplicate,
    /// The connection was closed.
    Closed,
    /// The disk failed during a write, so that it is unknown whether a commit is durable.
    Disk,
    /// The database can't be reached, did not answer in time, or takes no writes at the moment.
    Unavailable,
    /// The statement returned no row where one was expected.
    NoRow,
    /// A value is not of the expected type or form.
    Decode,
    /// Any other error; the statement had no effect.
    Refused,
}

impl DatabaseError {
    /// Creates an error with a message.
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// Creates a [`Kind::Decode`] error.
    pub fn decode(message: impl fmt::Display) -> Self {
        Self::new(Kind::Decode, message)
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DatabaseError {}
