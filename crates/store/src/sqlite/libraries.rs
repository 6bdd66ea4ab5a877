//! More ways to libraries, and to people by their numbers.

use super::{Database, writer::WriteTx, writes};
use crate::{Change, Error, Library, Person, Result};

impl Database {
    pub(crate) async fn libraries_by_age(&self, app_id: &str, offset: i64, limit: i64) -> Result<Vec<Library>> {
        let query = sqlx::query_as(
            "SELECT * FROM library WHERE app_id = $1 AND hidden = 0 ORDER BY created, engine_key LIMIT $2 OFFSET $3",
        );
        Ok(query.bind(app_id).bind(limit.max(0)).bind(offset.max(0)).fetch_all(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn library_by_engine_id_head(&self, app_id: &str, head: &str) -> Result<Option<Library>> {
        let Some((first, end)) = hex_with(head) else { return Ok(None) };
        let query = sqlx::query_as(
            "SELECT * FROM library
             WHERE engine_key >= $2 AND engine_key < $3 AND +app_id = $1 AND hidden = 0
             ORDER BY engine_key LIMIT 1",
        );
        Ok(query.bind(app_id).bind(first).bind(end).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn person_by_number_head(&self, app_id: &str, head: &str) -> Result<Option<Person>> {
        let Some((first, end)) = hex_with(head) else { return Ok(None) };
        let query = sqlx::query_as(
            "SELECT person.* FROM person CROSS JOIN library
             WHERE person.number >= $2 AND person.number < $3
               AND library.id = person.library_id AND library.app_id = $1 AND library.hidden = 0
             ORDER BY person.number LIMIT 1",
        );
        Ok(query.bind(app_id).bind(first).bind(end).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn rename_library(&self, library_id: i64, external_id: String) -> Result<()> {
        self.writer.run(move |tx| Box::pin(rename_library(tx, library_id, external_id))).await
    }
}

/// The bounds of the lower-case hex numbers that begin with `head`, the second exclusive; `None` if none does.
fn hex_with(head: &str) -> Option<(&str, String)> {
    let is_head = !head.is_empty() && head.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // No hex digit is greater than this letter.
    is_head.then(|| (head, format!("{head}g")))
}

async fn rename_library(tx: &mut WriteTx, library_id: i64, external_id: String) -> Result<()> {
    // A display name that only repeated the old name repeats the new one.
    let query = sqlx::query(
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
        Err(sqlx::Error::Database(cause)) if cause.is_unique_violation() => Err(Error::Exists),
        Err(e) => Err(writes::missing_parent(e)),
    }
}
