//! Schema versions and their migration.

use aicp_store::{Error, Result};

use crate::connection::{self, Local};

/// Statements of each version, in order. A released version is never changed.
pub(super) const VERSIONS: [(i64, &str); 26] = [
    (1, include_str!("../migrations/sqlite/0001_initial.sql")),
    (2, include_str!("../migrations/sqlite/0002_platform.sql")),
    (3, include_str!("../migrations/sqlite/0003_keys.sql")),
    (4, include_str!("../migrations/sqlite/0004_directory.sql")),
    (5, include_str!("../migrations/sqlite/0005_social.sql")),
    (6, include_str!("../migrations/sqlite/0006_slots.sql")),
    (7, include_str!("../migrations/sqlite/0007_outbox.sql")),
    (8, include_str!("../migrations/sqlite/0008_recognisability.sql")),
    (9, include_str!("../migrations/sqlite/0009_outbox_links.sql")),
    (10, include_str!("../migrations/sqlite/0010_probe.sql")),
    (11, include_str!("../migrations/sqlite/0011_words.sql")),
    (12, include_str!("../migrations/sqlite/0012_ids.sql")),
    (13, include_str!("../migrations/sqlite/0013_tombstones.sql")),
    (14, include_str!("../migrations/sqlite/0014_changes.sql")),
    (15, include_str!("../migrations/sqlite/0015_idempotency.sql")),
    (16, include_str!("../migrations/sqlite/0016_operators.sql")),
    (17, include_str!("../migrations/sqlite/0017_jobs.sql")),
    (18, include_str!("../migrations/sqlite/0018_events.sql")),
    (19, include_str!("../migrations/sqlite/0019_tags.sql")),
    (20, include_str!("../migrations/sqlite/0020_quotas.sql")),
    (21, include_str!("../migrations/sqlite/0021_settings.sql")),
    (22, include_str!("../migrations/sqlite/0022_operator_faces.sql")),
    (23, include_str!("../migrations/sqlite/0023_job_starts.sql")),
    (24, include_str!("../migrations/sqlite/0024_outbox_lists.sql")),
    (25, include_str!("../migrations/sqlite/0025_failed_calls.sql")),
    (26, include_str!("../migrations/sqlite/0026_gallery_files.sql")),
];

/// Migrates the schema to version `last`, one transaction per version.
///
/// # Errors
/// [`Error::NewerSchema`] if a newer program wrote the database; [`Error::Database`].
pub(super) fn migrate(connection: &Local, last: i64) -> Result<()> {
    let db = connection.raw();
    let mut version = version(connection).map_err(connection::error)?;
    if version > last {
        return Err(Error::NewerSchema { found: version, known: last });
    }
    for (number, statements) in VERSIONS.into_iter().filter(|(number, _)| *number <= last) {
        if number > version {
            db.execute_batch(&format!("BEGIN IMMEDIATE; {statements}; PRAGMA user_version = {number}; COMMIT"))
                .inspect_err(|_| drop(db.execute_batch("ROLLBACK")))
                .map_err(connection::error)?;
            version = number;
        }
    }
    Ok(())
}

/// Returns the version of the database; 0 if it is empty.
fn version(connection: &Local) -> rusqlite::Result<i64> {
    let db = connection.raw();
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > 0 {
        return Ok(version);
    }
    // Up to version 11, sqlx recorded the migrations in this table.
    let has_table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";
    if !db.query_row(has_table, [], |row| row.get::<_, bool>(0))? {
        return Ok(0);
    }
    // Version 12 drops it: until then the program of before can still open the database.
    let version: Option<i64> =
        db.query_row("SELECT MAX(version) FROM _sqlx_migrations WHERE success", [], |row| row.get(0))?;
    Ok(version.unwrap_or(0))
}

#[cfg(test)]
mod tests;
