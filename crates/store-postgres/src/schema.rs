//! Versions of the schema and their migration, by one node at a time.

use aicp_store::sql;
use aicp_store::{Error, Result};

use crate::connection::Pooled;

/// Statements of each version, in order. A released version is never changed. Versions are those of the SQLite store: a
/// database of either kind has the same tables in the same version.
const VERSIONS: [(i64, &str); 1] = [(26, include_str!("../migrations/0026_initial.sql"))];

/// Begins a transaction that no other node writes or migrates beside, and makes the tables where missing that have no version: that of the
/// version, and that of the nodes.
const BEGIN: &str = "BEGIN; SELECT pg_advisory_xact_lock(1634296688);
    CREATE TABLE IF NOT EXISTS schema_version (id BIGINT PRIMARY KEY CHECK (id = 1), version BIGINT NOT NULL);
    CREATE TABLE IF NOT EXISTS node (number BIGINT PRIMARY KEY, session BIGINT NOT NULL, applied BIGINT NOT NULL,
        flushed BIGINT NOT NULL DEFAULT 0)";

/// Migrates the schema to the latest version, in one transaction.
///
/// # Errors
/// [`Error::NewerSchema`] if a newer program wrote the database; [`Error::Database`].
pub(crate) async fn migrate(connection: &mut Pooled) -> Result<()> {
    let migrated = migrate_in_transaction(connection).await;
    let ended = connection.batch(if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
    migrated?;
    Ok(ended?)
}

/// Returns the version of the tables, if there are any.
///
/// # Errors
/// Errors of the database.
pub(crate) async fn version(connection: &mut Pooled) -> Result<Option<i64>> {
    let query = sql::query_scalar("SELECT to_regclass('schema_version') IS NOT NULL");
    let has_table: bool = query.fetch_one(connection).await?;
    if has_table { recorded_version(connection).await } else { Ok(None) }
}

async fn recorded_version(connection: &mut Pooled) -> Result<Option<i64>> {
    let query = sql::query_scalar("SELECT version FROM schema_version WHERE id = 1");
    Ok(query.fetch_optional(connection).await?)
}

async fn migrate_in_transaction(connection: &mut Pooled) -> Result<()> {
    connection.batch(BEGIN).await?;
    let version = recorded_version(connection).await?.unwrap_or(0);
    let known = VERSIONS[VERSIONS.len() - 1].0;
    if version > known {
        return Err(Error::NewerSchema { found: version, known });
    }
    for (number, statements) in VERSIONS.into_iter().filter(|(number, _)| *number > version) {
        connection.batch(statements).await?;
        let query = sql::query(
            "INSERT INTO schema_version (id, version) VALUES (1, $1)
             ON CONFLICT (id) DO UPDATE SET version = excluded.version",
        );
        query.bind(number).execute(connection).await?;
        tracing::info!(version = number, "the schema of the database is migrated");
    }
    Ok(())
}
