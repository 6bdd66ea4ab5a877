//! Names of pictures, tombstones of pictures that lost their last row, and links to pictures of the outbox.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use aicp_blobs::BlobKey;
use aicp_types::{OutboxId, UnixMillis};

use super::convert::json_strings;
use crate::sql::{self, Value};
use crate::{Result, Rows, Tx};

/// Selects the keys of the pictures of a library, also of its unsolved outbox rows.
pub(super) const OF_LIBRARY: &str = "
    SELECT face.picture_key FROM face JOIN person ON person.id = face.person_id WHERE person.library_id = $1
    UNION
    SELECT picture_key FROM outbox WHERE library_id = $1 AND solved IS NULL AND picture_key IS NOT NULL";
/// Selects the keys of the pictures of a person.
pub(super) const OF_PERSON: &str = "SELECT DISTINCT picture_key FROM face WHERE person_id = $1";
/// Selects the key of the picture of a face.
pub(super) const OF_FACE: &str = "SELECT picture_key FROM face WHERE id = $1";
/// Selects the key of the picture of an unsolved outbox row.
pub(super) const OF_OUTBOX_ROW: &str =
    "SELECT picture_key FROM outbox WHERE id = $1 AND solved IS NULL AND picture_key IS NOT NULL";

/// What a transaction needs to know of pictures that were put for it.
pub(crate) struct PictureClaim {
    pub(crate) keys: Vec<BlobKey>,
    /// Generations of the tombstones that were marked before the pictures were put.
    pub(crate) seen: HashMap<BlobKey, i64>,
    /// When the pictures count as not put.
    pub(crate) expires: Instant,
}

impl Rows<'_> {
    /// Returns those of `keys` that a face or an unsolved outbox row refers to, or that are to be deleted.
    pub(crate) async fn known_pictures(&mut self, keys: &[BlobKey]) -> Result<HashSet<BlobKey>> {
        // One statement, so that a key that moves from a face to the outbox meanwhile is not missed.
        let query = sql::query_scalar(
            "SELECT picture_key FROM face WHERE picture_key IN (SELECT value FROM json_each($1))
             UNION
             SELECT picture_key FROM outbox
             WHERE picture_key IN (SELECT value FROM json_each($1)) AND solved IS NULL
             UNION
             SELECT picture_key FROM picture_tombstone
             WHERE picture_key IN (SELECT value FROM json_each($1)) AND deleted IS NULL",
        );
        let known: Vec<String> = query.bind(json_strings(keys)).fetch_all(&mut *self.db).await?;
        Ok(known.iter().filter_map(|key| BlobKey::parse(key)).collect())
    }

    /// Returns whether any row refers to a picture.
    pub(crate) async fn has_pictures(&mut self) -> Result<bool> {
        let query = sql::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM face)
                OR EXISTS (SELECT 1 FROM outbox WHERE solved IS NULL AND picture_key IS NOT NULL)",
        );
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns the keys of pictures that are to be deleted.
    pub(crate) async fn open_tombstones(&mut self, limit: usize) -> Result<Vec<BlobKey>> {
        let query = sql::query_scalar("SELECT picture_key FROM picture_tombstone WHERE deleted IS NULL LIMIT $1");
        let keys: Vec<String> = query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&mut *self.db).await?;
        Ok(keys.iter().filter_map(|key| BlobKey::parse(key)).collect())
    }

    /// Returns the generations of those tombstones whose pictures are deleted.
    pub(crate) async fn marked_tombstones(&mut self, keys: &[BlobKey]) -> Result<HashMap<BlobKey, i64>> {
        let query = sql::query_as(
            "SELECT picture_key, generation FROM picture_tombstone
             WHERE deleted IS NOT NULL AND picture_key IN (SELECT value FROM json_each($1))",
        );
        let found: Vec<(String, i64)> = query.bind(json_strings(keys)).fetch_all(&mut *self.db).await?;
        Ok(found.into_iter().filter_map(|(key, generation)| Some((BlobKey::parse(&key)?, generation))).collect())
    }

    /// Returns whether a link to the picture of an outbox row is recorded.
    pub(crate) async fn has_link(&mut self, name: &str, row_id: OutboxId) -> Result<bool> {
        let query = sql::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox_link WHERE name = $1 AND row_id = $2)");
        Ok(query.bind(name).bind(row_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns the names of the links whose rows are gone or have released their picture.
    pub(crate) async fn dead_links(&mut self) -> Result<Vec<String>> {
        let query = sql::query_scalar("SELECT name FROM outbox_link WHERE row_id IS NULL");
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns the names of the links to pictures.
    pub(crate) async fn links_to(&mut self, keys: &[BlobKey]) -> Result<Vec<String>> {
        let query =
            sql::query_scalar("SELECT name FROM outbox_link WHERE picture_key IN (SELECT value FROM json_each($1))");
        Ok(query.bind(json_strings(keys)).fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Claims pictures that were put: rows may refer to them from now on. Returns `false` if one must be put again, as
    /// it was or is being deleted since.
    pub(crate) async fn claim_pictures(&mut self, claim: PictureClaim) -> Result<bool> {
        if Instant::now() > claim.expires {
            return Ok(false);
        }
        let query = sql::query_as(
            "SELECT picture_key, generation, deleted IS NOT NULL FROM picture_tombstone
             WHERE picture_key IN (SELECT value FROM json_each($1))",
        );
        let keys = json_strings(&claim.keys);
        let found: Vec<(String, i64, bool)> = query.bind(&keys).fetch_all(&mut *self.db).await?;
        let is_seen = |(key, generation, is_deleted): &(String, i64, bool)| {
            *is_deleted && BlobKey::parse(key).and_then(|key| claim.seen.get(&key).copied()) == Some(*generation)
        };
        if !found.iter().all(is_seen) {
            return Ok(false);
        }
        if !found.is_empty() {
            let query =
                sql::query("DELETE FROM picture_tombstone WHERE picture_key IN (SELECT value FROM json_each($1))");
            query.bind(keys).execute(&mut *self.db).await?;
        }
        Ok(true)
    }

    /// Leaves tombstones for those of some pictures that no row refers to.
    pub(crate) async fn release_pictures(&mut self, keys: &[BlobKey], at: UnixMillis) -> Result<()> {
        self.suspect_pictures("SELECT value FROM json_each($1)", json_strings(keys), at).await
    }

    /// Leaves tombstones for the pictures that a query selects, before the rows that refer to them are removed. The
    /// write ends with [`acquit_used_pictures`](Self::acquit_used_pictures).
    pub(super) async fn suspect_pictures(
        &mut self,
        keys: &'static str,
        parameter: impl Into<Value>,
        at: UnixMillis,
    ) -> Result<()> {
        self.effects.released = true;
        // `WHERE TRUE` tells `ON CONFLICT` from the `ON` of a join.
        let sql = format!(
            "INSERT INTO picture_tombstone (picture_key, generation, removed)
             SELECT picture_key, $3, $2 FROM (SELECT NULL AS picture_key WHERE FALSE UNION ALL SELECT * FROM ({keys}))
             WHERE TRUE
             ON CONFLICT (picture_key) DO UPDATE
             SET generation = excluded.generation, removed = excluded.removed, deleted = NULL"
        );
        sql::query(sql).bind(parameter).bind(at).bind(new_generation()).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Drops the tombstones of pictures that rows refer to, at the end of a write: another row may, or one that the write
    /// inserted later. No other picture with a tombstone has a row.
    pub(crate) async fn acquit_used_pictures(&mut self) -> sql::Result<()> {
        sql::query(
            "DELETE FROM picture_tombstone
             WHERE deleted IS NULL AND (
                EXISTS (SELECT 1 FROM face WHERE face.picture_key = picture_tombstone.picture_key)
                OR EXISTS (
                    SELECT 1 FROM outbox
                    WHERE outbox.picture_key = picture_tombstone.picture_key AND outbox.solved IS NULL))",
        )
        .execute(&mut *self.db)
        .await?;
        Ok(())
    }

    /// Marks tombstones: their pictures are deleted.
    pub(crate) async fn mark_tombstones(&mut self, keys: &[BlobKey], at: UnixMillis) -> Result<()> {
        let query = sql::query(
            "UPDATE picture_tombstone SET deleted = $2
             WHERE deleted IS NULL AND picture_key IN (SELECT value FROM json_each($1))",
        );
        query.bind(json_strings(keys)).bind(at).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Deletes the tombstones of pictures that were deleted before a time.
    pub(crate) async fn delete_tombstones_before(&mut self, time: UnixMillis) -> Result<()> {
        let query = sql::query("DELETE FROM picture_tombstone WHERE deleted < $1");
        query.bind(time).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Records a link to the picture of an outbox row. Returns `false` if there is no such row, or its picture is not
    /// this one.
    pub(crate) async fn record_link(&mut self, name: String, row_id: OutboxId, picture_key: String) -> Result<bool> {
        let query = sql::query(
            "INSERT INTO outbox_link (name, row_id, picture_key)
             SELECT $1, id, picture_key FROM outbox WHERE id = $2 AND picture_key = $3
             ON CONFLICT (name) DO UPDATE SET row_id = excluded.row_id, picture_key = excluded.picture_key",
        );
        let noted = query.bind(name).bind(row_id).bind(picture_key).execute(&mut *self.db).await?;
        Ok(noted.rows_affected() > 0)
    }

    /// Releases the links of an outbox row that is about to be solved or deleted.
    pub(super) async fn release_links(&mut self, row_id: OutboxId) -> Result<()> {
        let query = sql::query("UPDATE outbox_link SET row_id = NULL WHERE row_id = $1");
        let released = query.bind(row_id).execute(&mut *self.db).await?;
        self.effects.released |= released.rows_affected() > 0;
        Ok(())
    }

    /// Deletes the records of removed links.
    pub(crate) async fn delete_links(&mut self, names: Vec<String>) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let query = sql::query("DELETE FROM outbox_link WHERE name IN (SELECT value FROM json_each($1))");
        query.bind(json_strings(&names)).execute(&mut *self.db).await?;
        Ok(())
    }
}

/// Returns a generation that no tombstone had before, as it is random. Counting would repeat generations, as a
/// tombstone goes when its picture is claimed: a claim could then take a later deletion for one that it has seen.
fn new_generation() -> i64 {
    // The keys of each `RandomState` are random.
    RandomState::new().hash_one(()).cast_signed()
}
