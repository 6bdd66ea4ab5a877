//! Links: second names of the pictures of outbox rows.

use aicp_types::OutboxId;

use super::{Database, rows::json_strings, writer::WriteTx};
use crate::Result;
use crate::sql;

/// A link whose outbox row is gone or has released its picture.
pub(crate) struct DeadLink {
    pub(crate) name: String,
    pub(crate) picture_key: String,
}

impl Database {
    /// Records a link to the picture of a row. Returns `false` if there is no such row, or its picture is not this one.
    pub(crate) async fn record_link(&self, name: &str, row_id: OutboxId, picture_key: &str) -> Result<bool> {
        let query = sql::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox_link WHERE name = $1 AND row_id = $2)");
        let noted = query.bind(name).bind(row_id).fetch_one(&mut *self.readers.get().await?).await?;
        if noted {
            return Ok(true);
        }
        let (name, picture_key) = (name.to_owned(), picture_key.to_owned());
        self.writer.run(move |tx| Box::pin(record_link(tx, name, row_id, picture_key))).await
    }

    /// Returns the links whose rows are gone or have released their picture.
    pub(crate) async fn dead_links(&self) -> Result<Vec<DeadLink>> {
        let query = sql::query_as("SELECT name, picture_key FROM outbox_link WHERE row_id IS NULL");
        let links: Vec<(String, String)> = query.fetch_all(&mut *self.readers.get().await?).await?;
        Ok(links.into_iter().map(|(name, picture_key)| DeadLink { name, picture_key }).collect())
    }

    /// Returns the names of the links to pictures.
    pub(crate) async fn links_to(&self, picture_keys: &[String]) -> Result<Vec<String>> {
        let query =
            sql::query_scalar("SELECT name FROM outbox_link WHERE picture_key IN (SELECT value FROM json_each($1))");
        Ok(query.bind(json_strings(picture_keys)).fetch_all(&mut *self.readers.get().await?).await?)
    }

    /// Deletes the records of removed links.
    pub(crate) async fn delete_links(&self, names: Vec<String>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        self.writer.run(move |tx| Box::pin(delete_links(tx, names))).await
    }
}

async fn record_link(tx: &mut WriteTx, name: String, row_id: OutboxId, picture_key: String) -> Result<bool> {
    let query = sql::query(
        "INSERT INTO outbox_link (name, row_id, picture_key)
         SELECT $1, id, picture_key FROM outbox WHERE id = $2 AND picture_key = $3
         ON CONFLICT (name) DO UPDATE SET row_id = excluded.row_id, picture_key = excluded.picture_key",
    );
    let noted = query.bind(name).bind(row_id).bind(picture_key).execute(&mut tx.connection).await?;
    Ok(noted.rows_affected() > 0)
}

async fn delete_links(tx: &mut WriteTx, names: Vec<String>) -> Result<()> {
    let query = sql::query("DELETE FROM outbox_link WHERE name IN (SELECT value FROM json_each($1))");
    query.bind(json_strings(&names)).execute(&mut tx.connection).await?;
    Ok(())
}
