//! Searches for a part of a name.

use crate::sql::QueryBuilder;

/// Appends the condition that the column `name` contains a text, ASCII letters in any case.
pub(super) fn push_name_part(query: &mut QueryBuilder, part: &str) {
    push_part(query, "name", part);
}

/// As [`push_name_part`], for any column.
pub(super) fn push_part(query: &mut QueryBuilder, column: &'static str, part: &str) {
    query.push(" AND ");
    push_like(query, column, part);
}

/// Appends the condition that a column contains a text, ASCII letters in any case, alone.
pub(super) fn push_like(query: &mut QueryBuilder, column: &'static str, part: &str) {
    query.push(column).push(" LIKE ").push_bind(format!("%{}%", literal_like(part))).push(" ESCAPE '!'");
}

/// Escapes a text for `LIKE`, with `!` as the escape character.
fn literal_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
