//! Statements of SQLite in the words of PostgreSQL.
//!
//! The statements are the same for all databases. What differs is replaced here, phrase by phrase; a statement that no phrase is
//! in is left as it is. The schema has functions for the rest (`migrations`).

use aicp_store::sql::Value;

/// Phrases, and what replaces them. The order matters: a phrase may be part of a later one.
const PHRASES: [(&str, &str); 12] = [
    // A column beside a MAX is that of the row with the maximum.
    (
        "MAX(last_time), last_trace, last_cost",
        "MAX(last_time), (ARRAY_AGG(last_trace ORDER BY last_time DESC))[1], (ARRAY_AGG(last_cost ORDER BY last_time DESC))[1]",
    ),
    (
        "SELECT person_id, id, MAX(file_id) FROM face",
        "SELECT person_id, (ARRAY_AGG(id ORDER BY file_id DESC))[1], MAX(file_id) FROM face",
    ),
    ("json_group_array(", "json_agg("),
    ("json_array(", "json_build_array("),
    ("INSTR(", "STRPOS("),
    // SQLite's LIKE ignores the case of ASCII letters.
    (" LIKE ", " ILIKE "),
    ("CAST($1 AS INTEGER)", "CAST($1::text AS BIGINT)"),
    // Unary plus keeps SQLite from using an index; PostgreSQL knows better.
    (" +library_id", " library_id"),
    (" +app_id", " app_id"),
    (" +face.file_id", " face.file_id"),
    (" +file_id", " file_id"),
    ("(+", "("),
];

/// Translates a statement with these parameters.
pub(crate) fn translate(sql: &str, parameters: &[Value]) -> String {
    let mut translated = lists(sql, parameters);
    for (phrase, replacement) in PHRASES {
        if translated.contains(phrase) {
            translated = translated.replace(phrase, replacement);
        }
    }
    translated
}

/// Replaces each `json_each($1)` by the list that the parameter is.
fn lists(sql: &str, parameters: &[Value]) -> String {
    const EACH: &str = "json_each($";
    let mut translated = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(EACH) {
        let (number, after) = after.split_once(')').unwrap_or((after, ""));
        let parameter = number.parse::<usize>().ok().and_then(|number| parameters.get(number.checked_sub(1)?));
        let element = if matches!(parameter, Some(Value::Texts(_))) { "text" } else { "int8" };
        translated.push_str(before);
        translated.push_str(&format!("unnest(${number}::{element}[]) AS listed (value)"));
        rest = after;
    }
    translated.push_str(rest);
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_of_sqlite_become_those_of_postgresql() {
        let ids = [Value::Integers(vec![1, 2]), Value::Texts(vec!["a".to_owned()])];
        for (sqlite, postgresql) in [
            ("SELECT 1", "SELECT 1"),
            (
                "id IN (SELECT value FROM json_each($1)) OR name IN (SELECT value FROM json_each($2))",
                "id IN (SELECT value FROM unnest($1::int8[]) AS listed (value)) OR name IN (SELECT value FROM unnest($2::text[]) AS listed (value))",
            ),
            ("WHERE INSTR(detail, $1) > 0 AND +app_id = $2", "WHERE STRPOS(detail, $1) > 0 AND app_id = $2"),
            ("json_group_array(json_array(id, name))", "json_agg(json_build_array(id, name))"),
        ] {
            assert_eq!(translate(sqlite, &ids), postgresql);
        }
    }
}
