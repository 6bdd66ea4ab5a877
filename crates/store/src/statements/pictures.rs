//! Names of pictures, tombstones of pictures that lost their last row, and links to pictures of the outbox.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use aicp_blobs::BlobKey;
use aicp_types::{OutboxId, UnixMillis};

use super::convert::{saturating_i64, texts};
use crate::collector::{Forgettable, UnderWay};
use crate::sql::{self, Value};
use crate::{Result, Rows, Tx};

/// Selects the keys of the pictures of a library, also of its unsolved outbox rows.
pub(super) const OF_LIBRARY: &str = "
    SELECT face.picture_key FROM face JOIN person ON person.id = face.person_id WHERE person.library_id = $1
    UNION
    SELECT picture_key FROM outbox WHERE library_id = $1 AND solved IS NULL AND picture_key IS NOT NULL
    UNION
    SELECT picture_key FROM recognition_entry WHERE library_id = $1";
/// Selects the keys of the pictures of a person.
pub(super) const OF_PERSON: &str = "SELECT DISTINCT picture_key FROM face WHERE person_id = $1";
/// Selects the keys of the pictures of a person, and of the entries of recognition logs that name them.
pub(super) const OF_NAMED_PERSON: &str = "
    SELECT picture_key FROM face WHERE person_id = $1
    UNION
    SELECT picture_key FROM recognition_entry
    WHERE id IN (SELECT entry_id FROM recognition_match WHERE person_id = $1)";
/// Selects the keys of the pictures of entries of recognition logs.
pub(super) const OF_RECOGNITIONS: &str =
    "SELECT DISTINCT picture_key FROM recognition_entry WHERE id IN (SELECT value FROM json_each($1))";
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
    /// When the put does not count any more.
    pub(crate) ends: Option<Instant>,
    /// The put is under way until the job has run.
    pub(crate) _under_way: Arc<UnderWay>,
}

impl Rows<'_> {
    /// Returns those of `keys` that a face, an unsolved outbox row or an entry of a recognition log refers to, or that are to be deleted.
    pub(crate) async fn known_pictures(&mut self, keys: &[BlobKey]) -> Result<HashSet<BlobKey>> {
        // One statement, so that a key that moves from a face to the outbox meanwhile is not missed.
        let query = sql::query_scalar(
            "SELECT picture_key FROM face WHERE picture_key IN (SELECT value FROM json_each($1))
             UNION
             SELECT picture_key FROM outbox
             WHERE picture_key IN (SELECT value FROM json_each($1)) AND solved IS NULL
             UNION
             SELECT picture_key FROM recognition_entry
             WHERE picture_key IN (SELECT value FROM json_each($1))
             UNION
             SELECT picture_key FROM picture_tombstone
             WHERE picture_key IN (SELECT value FROM json_each($1)) AND deletion IS NULL",
        );
        let known: Vec<String> = query.bind(texts(keys)).fetch_all(&mut *self.db).await?;
        Ok(known.iter().filter_map(|key| BlobKey::parse(key)).collect())
    }

    /// Returns whether any row refers to a picture.
    pub(crate) async fn has_pictures(&mut self) -> Result<bool> {
        let query = sql::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM face)
                OR EXISTS (SELECT 1 FROM outbox WHERE solved IS NULL AND picture_key IS NOT NULL)
                OR EXISTS (SELECT 1 FROM recognition_entry)",
        );
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns generations and keys of pictures that are to be deleted, of one generation or of all, after a position.
    pub(crate) async fn open_tombstones(
        &mut self,
        generation: Option<i64>,
        after: (i64, String),
        limit: usize,
    ) -> Result<Vec<(i64, String)>> {
        let of_generation =
            if generation.is_some() { "generation = $1 AND picture_key" } else { "(generation, picture_key)" };
        let position = if generation.is_some() { "$2" } else { "($1, $2)" };
        let query = sql::query_as(format!(
            "SELECT generation, picture_key FROM picture_tombstone
             WHERE deletion IS NULL AND {of_generation} > {position} ORDER BY generation, picture_key LIMIT $3"
        ));
        let query = query.bind(after.0).bind(after.1).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns those of some pictures that are to be deleted.
    pub(crate) async fn pictures_with_open_tombstones(&mut self, keys: &[BlobKey]) -> Result<Vec<BlobKey>> {
        let query = sql::query_scalar(
            "SELECT picture_key FROM picture_tombstone
             WHERE deletion IS NULL AND picture_key IN (SELECT value FROM json_each($1))",
        );
        let found: Vec<String> = query.bind(texts(keys)).fetch_all(&mut *self.db).await?;
        Ok(found.iter().filter_map(|key| BlobKey::parse(key)).collect())
    }

    /// Returns the number of the latest deletion that marked a tombstone; 0 if there is none.
    pub(crate) async fn latest_deletion(&mut self) -> Result<i64> {
        let query =
            sql::query_scalar("SELECT COALESCE(MAX(deletion), 0) FROM picture_tombstone WHERE deletion IS NOT NULL");
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns the generations of those tombstones whose pictures are deleted.
    pub(crate) async fn marked_tombstones(&mut self, keys: &[BlobKey]) -> Result<HashMap<BlobKey, i64>> {
        let query = sql::query_as(
            "SELECT picture_key, generation FROM picture_tombstone
             WHERE deletion IS NOT NULL AND picture_key IN (SELECT value FROM json_each($1))",
        );
        let found: Vec<(String, i64)> = query.bind(texts(keys)).fetch_all(&mut *self.db).await?;
        Ok(found.into_iter().filter_map(|(key, generation)| Some((BlobKey::parse(&key)?, generation))).collect())
    }

    /// Returns whether a link to the picture of an outbox row is recorded.
    pub(crate) async fn has_link(&mut self, name: &str, row_id: OutboxId) -> Result<bool> {
        let query = sql::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox_link WHERE name = $1 AND row_id = $2)");
        Ok(query.bind(name).bind(row_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns the names of the links whose rows are gone or have released their picture, after a name.
    pub(crate) async fn dead_links(&mut self, after: &str, limit: usize) -> Result<Vec<String>> {
        let query =
            sql::query_scalar("SELECT name FROM outbox_link WHERE row_id IS NULL AND name > $1 ORDER BY name LIMIT $2");
        let query = query.bind(after).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns which of these links have rows.
    pub(crate) async fn known_links(&mut self, names: &[String]) -> Result<HashSet<String>> {
        let query = sql::query_scalar("SELECT name FROM outbox_link WHERE name IN (SELECT value FROM json_each($1))");
        Ok(query.bind(texts(names)).fetch_all(&mut *self.db).await?.into_iter().collect())
    }

    /// Returns the names and keys of the links to pictures.
    pub(crate) async fn links_to(&mut self, keys: &[BlobKey]) -> Result<Vec<(String, String)>> {
        let query = sql::query_as(
            "SELECT name, picture_key FROM outbox_link WHERE picture_key IN (SELECT value FROM json_each($1))",
        );
        Ok(query.bind(texts(keys)).fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Claims pictures that were put: rows may refer to them from now on. Returns `false` if one must be put again, as
    /// it was or is being deleted since.
    pub(crate) async fn claim_pictures(&mut self, claim: PictureClaim) -> Result<bool> {
        let query = sql::query_as(
            "SELECT picture_key, generation, deletion IS NOT NULL FROM picture_tombstone
             WHERE picture_key IN (SELECT value FROM json_each($1))",
        );
        let keys = texts(&claim.keys);
        let found: Vec<(String, i64, bool)> = query.bind(&keys).fetch_all(&mut *self.db).await?;
        let is_seen = |(key, generation, is_deleted): &(String, i64, bool)| {
            *is_deleted && BlobKey::parse(key).and_then(|key| claim.seen.get(&key).copied()) == Some(*generation)
        };
        if claim.ends.is_some_and(|end| Instant::now() > end) || !found.iter().all(is_seen) {
            return Ok(false);
        }
        if !found.is_empty() {
            let query =
                sql::query("DELETE FROM picture_tombstone WHERE picture_key IN (SELECT value FROM json_each($1))");
            query.bind(keys).execute(&mut *self.db).await?;
        }
        Ok(true)
    }

    /// Leaves tombstones for those of some pictures that no row refers to. Those of an earlier write stay its own, as its
    /// caller waits for them.
    pub(crate) async fn release_pictures(&mut self, keys: &[BlobKey], generation: i64, at: UnixMillis) -> Result<()> {
        let query = sql::query(
            "INSERT INTO picture_tombstone (picture_key, generation, removed)
             SELECT value, $3, $2 FROM (SELECT DISTINCT value FROM json_each($1)) AS released
             WHERE NOT EXISTS (SELECT 1 FROM face WHERE face.picture_key = value)
                AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.picture_key = value AND outbox.solved IS NULL)
                AND NOT EXISTS (SELECT 1 FROM recognition_entry WHERE recognition_entry.picture_key = value)
             ON CONFLICT (picture_key) DO UPDATE
             SET generation = excluded.generation, removed = excluded.removed, deletion = NULL
             WHERE picture_tombstone.deletion IS NOT NULL",
        );
        query.bind(texts(keys)).bind(at).bind(generation).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Leaves tombstones for the pictures that a query selects, before the rows that refer to them are removed. The
    /// write ends with [`acquit_used_pictures`](Self::acquit_used_pictures).
    pub(super) async fn suspect_pictures(
        &mut self,
        keys: &'static str,
        parameter: impl Into<Value>,
        at: UnixMillis,
    ) -> Result<()> {
        let generation = *self.effects.released.generation.get_or_insert_with(new_generation);
        // `WHERE TRUE` tells `ON CONFLICT` from the `ON` of a join.
        let sql = format!(
            "INSERT INTO picture_tombstone (picture_key, generation, removed)
             SELECT picture_key, $3, $2
             FROM (SELECT NULL AS picture_key WHERE FALSE UNION SELECT * FROM ({keys}) AS found) AS released
             WHERE TRUE
             ON CONFLICT (picture_key) DO UPDATE
             SET generation = excluded.generation, removed = excluded.removed, deletion = NULL"
        );
        sql::query(sql).bind(parameter).bind(at).bind(generation).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Drops the tombstones of the write whose pictures rows refer to, at its end: another row may, or one that the write
    /// inserted later. No other picture with a tombstone has a row.
    pub(crate) async fn acquit_used_pictures(&mut self, generation: Option<i64>) -> sql::Result<()> {
        sql::query(
            "DELETE FROM picture_tombstone
             WHERE generation = $1 AND deletion IS NULL AND (
                EXISTS (SELECT 1 FROM face WHERE face.picture_key = picture_tombstone.picture_key)
                OR EXISTS (
                    SELECT 1 FROM outbox
                    WHERE outbox.picture_key = picture_tombstone.picture_key AND outbox.solved IS NULL)
                OR EXISTS (
                    SELECT 1 FROM recognition_entry
                    WHERE recognition_entry.picture_key = picture_tombstone.picture_key))",
        )
        .bind(generation)
        .execute(&mut *self.db)
        .await?;
        Ok(())
    }

    /// Returns whether the write leaves a tombstone, or a link without its row.
    pub(crate) async fn has_released(&mut self, generation: Option<i64>) -> sql::Result<bool> {
        let query = sql::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM picture_tombstone WHERE generation = $1 AND deletion IS NULL)
                OR EXISTS (SELECT 1 FROM outbox_link WHERE row_id IS NULL)",
        );
        query.bind(generation).fetch_one(&mut *self.db).await
    }

    /// Stamps tombstones with a generation: those of the generations `own`, and those that were stamped before a time. Returns their pictures.
    pub(crate) async fn take_tombstones(
        &mut self,
        keys: &[BlobKey],
        own: &[i64],
        before: UnixMillis,
        generation: i64,
        at: UnixMillis,
    ) -> Result<Vec<BlobKey>> {
        let query = sql::query_scalar(
            "UPDATE picture_tombstone SET generation = $4, removed = $5
             WHERE deletion IS NULL AND picture_key IN (SELECT value FROM json_each($1))
                AND (generation IN (SELECT value FROM json_each($2)) OR removed <= $3)
             RETURNING picture_key",
        );
        let query = query.bind(texts(keys)).bind(Value::Integers(own.to_vec())).bind(before).bind(generation).bind(at);
        let taken: Vec<String> = query.fetch_all(&mut *self.db).await?;
        Ok(taken.iter().filter_map(|key| BlobKey::parse(key)).collect())
    }

    /// Marks tombstones with the number of the deletion of their pictures; of a generation, if one is given.
    pub(crate) async fn mark_tombstones(
        &mut self,
        keys: &[BlobKey],
        deletion: i64,
        generation: Option<i64>,
    ) -> Result<()> {
        let query = sql::query(
            "UPDATE picture_tombstone SET deletion = $2
             WHERE deletion IS NULL AND generation = COALESCE($3, generation)
                AND picture_key IN (SELECT value FROM json_each($1))",
        );
        query.bind(texts(keys)).bind(deletion).bind(generation).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Deletes marked tombstones that nobody needs any more, at most `limit`; returns whether there may be more.
    pub(crate) async fn forget_tombstones(&mut self, which: Forgettable, limit: usize) -> Result<bool> {
        let query = match which {
            Forgettable::UpTo(deletion) => sql::query(
                "DELETE FROM picture_tombstone WHERE picture_key IN (
                    SELECT picture_key FROM picture_tombstone WHERE deletion <= $1 LIMIT $2)",
            )
            .bind(deletion),
            Forgettable::Before(time) => sql::query(
                "DELETE FROM picture_tombstone WHERE picture_key IN (
                    SELECT picture_key FROM picture_tombstone WHERE deletion IS NOT NULL AND removed <= $1 LIMIT $2)",
            )
            .bind(time),
        };
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let forgotten = query.bind(saturating_i64(limit)).execute(&mut *self.db).await?;
        Ok(forgotten.rows_affected() == limit)
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
        self.effects.released.links |= released.rows_affected() > 0;
        Ok(())
    }

    /// Deletes the records of removed links.
    pub(crate) async fn delete_links(&mut self, names: &[String]) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        let query = sql::query("DELETE FROM outbox_link WHERE name IN (SELECT value FROM json_each($1))");
        query.bind(texts(names)).execute(&mut *self.db).await?;
        Ok(())
    }
}

/// Returns a generation that no tombstone had before, as it is random. Counting would repeat generations, as a
/// tombstone goes when its picture is claimed: a claim could then take a later deletion for one that it has seen.
pub(crate) fn new_generation() -> i64 {
    // The keys of each `RandomState` are random.
    RandomState::new().hash_one(()).cast_signed()
}
