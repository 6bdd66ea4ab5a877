//! Apps and libraries.

use aicp_types::LibraryId;

use super::{Database, prefixes::hex_range, writer::WriteTx, writes};
use crate::sql;
use crate::sql::Kind;
use crate::{Change, Error, Library, LibraryCounts, Page, Result};

impl Database {
    pub(crate) async fn app_ids(&self) -> Result<Vec<String>> {
        Ok(sql::query_scalar("SELECT app_id FROM app ORDER BY created, app_id")
            .fetch_all(&mut *self.readers.get().await?)
            .await?)
    }

    pub(crate) async fn hidden_library(&self, app_id: &str, external_id: &str) -> Result<Option<Library>> {
        let query = sql::query_as("SELECT * FROM library WHERE app_id = $1 AND external_id = $2 AND hidden = 1");
        Ok(query.bind(app_id).bind(external_id).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn library_by_id(&self, library_id: LibraryId) -> Result<Option<Library>> {
        let query = sql::query_as("SELECT * FROM library WHERE id = $1");
        Ok(query.bind(library_id).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn library_count(&self, app_id: &str) -> Result<u64> {
        let query = sql::query_scalar("SELECT COUNT(*) FROM library WHERE app_id = $1 AND hidden = 0");
        Ok(query.bind(app_id).fetch_one(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn library_counts(&self, library_id: LibraryId) -> Result<LibraryCounts> {
        // Both kinds of ids are unique, so at most one of each kind can be equal.
        let query = sql::query_as(
            "SELECT (SELECT COUNT(*) FROM person WHERE library_id = $1)
                  - (SELECT COUNT(*) FROM person AS unnamed
                     WHERE library_id = $1 AND external_id IS NULL AND EXISTS (
                        SELECT 1 FROM person AS named
                        WHERE named.library_id = $1 AND named.external_id = CAST(unnamed.public_id AS TEXT))) AS users,
                    (SELECT COUNT(*) FROM person CROSS JOIN face
                     WHERE person.library_id = $1 AND face.person_id = person.id) AS faces",
        );
        Ok(query.bind(library_id).fetch_one(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn libraries_by_age(&self, app_id: &str, page: Page) -> Result<Vec<Library>> {
        let query = sql::query_as(
            "SELECT * FROM library WHERE app_id = $1 AND hidden = 0 ORDER BY created, engine_key LIMIT $2 OFFSET $3",
        );
        Ok(query.bind(app_id).bind(page.limit()).bind(page.offset()).fetch_all(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn library_by_engine_key_prefix(&self, app_id: &str, prefix: &str) -> Result<Option<Library>> {
        let Some((first, end)) = hex_range(prefix) else { return Ok(None) };
        let query = sql::query_as(
            "SELECT * FROM library
             WHERE engine_key >= $2 AND engine_key < $3 AND +app_id = $1 AND hidden = 0
             ORDER BY engine_key LIMIT 1",
        );
        Ok(query.bind(app_id).bind(first).bind(end).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn rename_library(&self, library_id: LibraryId, external_id: String) -> Result<()> {
        self.writer.run(move |tx| Box::pin(rename_library(tx, library_id, external_id))).await
    }
}

async fn rename_library(tx: &mut WriteTx, library_id: LibraryId, external_id: String) -> Result<()> {
    // A display name equal to the old name follows it.
    let query = sql::query(
        "UPDATE library SET
            name = CASE WHEN name = external_id THEN $2 ELSE name END, external_id = $2
         WHERE id = $1",
    );
    let renamed = query.bind(library_id).bind(external_id).execute(&mut tx.connection).await;
    match renamed {
        Ok(done) if done.rows_affected() == 0 => Err(Error::NotFound),
        Ok(_) => {
            tx.changes.push(Change::LibraryChanged { library_id });
            Ok(())
        }
        Err(error) if error.kind() == Kind::Duplicate => Err(Error::Exists),
        Err(e) => Err(writes::missing_parent(e)),
    }
}
