//! Keys with which clients of other interfaces sign requests.

use std::sync::Arc;

use aicp_types::{KeyId, UnixMillis};

use super::convert::saturating_i64;
use crate::sql::{self, DatabaseError, FromRow, Row};
use crate::{Change, Error, Key, KeyUsage, NewKey, Result, Rows, Tx, UsedSignature};

impl Rows<'_> {
    /// Returns all keys, also revoked ones, in order of creation.
    pub async fn keys(&mut self) -> Result<Vec<Key>> {
        Ok(sql::query_as("SELECT * FROM access_key ORDER BY id").fetch_all(&mut *self.db).await?)
    }

    /// Returns the apps whose grant was revoked and not replaced.
    pub async fn apps_with_revoked_grant(&mut self) -> Result<Vec<String>> {
        let query = sql::query_scalar("SELECT app_id FROM app WHERE grant_revoked = 1");
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns the used signatures that expire after `now`.
    pub async fn used_signatures(&mut self, now: UnixMillis) -> Result<Vec<UsedSignature>> {
        let query = sql::query_as("SELECT * FROM used_signature WHERE expires > $1");
        Ok(query.bind(now).fetch_all(&mut *self.db).await?)
    }

    /// Counts a call of a key on a day at once, beside the writer, if it has made fewer than are allowed. Returns the calls of all nodes; `None` at the
    /// limit.
    pub async fn claim_key_call(&mut self, key_id: KeyId, day: i64, allowed: u64) -> Result<Option<KeyUsage>> {
        let query = sql::query_as(
            "UPDATE access_key SET used = CASE WHEN used_day = $2 THEN used + 1 ELSE 1 END, used_day = $2
             WHERE id = $1 AND CASE WHEN used_day = $2 THEN used ELSE 0 END < $3 RETURNING used_day, used",
        );
        let query = query.bind(key_id).bind(day).bind(saturating_i64(allowed));
        let used: Option<(i64, i64)> = query.fetch_optional(&mut *self.db).await?;
        Ok(used.map(|(day, calls)| KeyUsage { day, calls }))
    }

    /// Takes a call back that was [claimed](Self::claim_key_call).
    pub async fn return_key_call(&mut self, key_id: KeyId, day: i64) -> Result<()> {
        let query = sql::query("UPDATE access_key SET used = used - 1 WHERE id = $1 AND used_day = $2 AND used > 0");
        query.bind(key_id).bind(day).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Records the use of a signature at once, beside the writer; returns whether it is the first that has not expired. For nodes, each of
    /// which may get the same signed request.
    pub async fn claim_signature(&mut self, signature: UsedSignature, now: UnixMillis) -> Result<bool> {
        let query = sql::query(
            "INSERT INTO used_signature (key_id, digest, expires) SELECT id, $2, $3 FROM access_key WHERE id = $1
             ON CONFLICT (key_id, digest) DO UPDATE SET expires = excluded.expires WHERE used_signature.expires <= $4",
        );
        let UsedSignature { key_id, digest, expires_at } = signature;
        let query = query.bind(key_id).bind(&digest[..]).bind(expires_at).bind(now);
        Ok(query.execute(&mut *self.db).await?.rows_affected() > 0)
    }
}

impl Tx {
    /// Creates a key, and its app if it does not exist.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the kind has a key of that name.
    pub async fn create_key(&mut self, new: NewKey) -> Result<Key> {
        self.ensure_app(&new.app_id, new.created_at).await?;
        let inserted = sql::query_as(
            "INSERT INTO access_key (
                app_id, kind, name, secret_sealed, allow_md5, allow_replay, calls_per_second, calls_per_day, created)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (kind, name) DO NOTHING RETURNING *",
        )
        .bind(new.app_id)
        .bind(new.kind)
        .bind(new.name)
        .bind(new.secret_sealed)
        .bind(new.allow_md5)
        .bind(new.allow_replay)
        .bind(new.calls_per_second)
        .bind(new.calls_per_day.map(saturating_i64))
        .bind(new.created_at)
        .fetch_optional(&mut *self.db)
        .await?;
        let key: Key = inserted.ok_or(Error::Exists)?;
        self.announce(Change::KeyChanged { key: Arc::new(key.clone()) });
        Ok(key)
    }

    /// Revokes a key; the time of the first revocation stays.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if there is no such key.
    pub async fn revoke_key(&mut self, key_id: KeyId, revoked_at: UnixMillis) -> Result<()> {
        let query = sql::query_as("UPDATE access_key SET revoked = COALESCE(revoked, $2) WHERE id = $1 RETURNING *");
        let key: Option<Key> = query.bind(key_id).bind(revoked_at).fetch_optional(&mut *self.db).await?;
        self.announce(Change::KeyChanged { key: Arc::new(key.ok_or(Error::NotFound)?) });
        Ok(())
    }

    /// Adds to the calls of keys on a day, stores the used signatures, and deletes signatures that expired by `now`. Entries of
    /// missing keys are ignored. Returns the usage of the keys, in which the calls of all nodes are.
    pub async fn add_key_usage(
        &mut self,
        usage: Vec<(KeyId, KeyUsage)>,
        signatures: Vec<UsedSignature>,
        now: UnixMillis,
    ) -> Result<Vec<(KeyId, KeyUsage)>> {
        let mut totals = Vec::with_capacity(usage.len());
        for (key_id, KeyUsage { day, calls }) in usage {
            let query = sql::query_as(
                "UPDATE access_key SET used = CASE WHEN used_day = $2 THEN used + $3 ELSE $3 END, used_day = $2
                 WHERE id = $1 RETURNING used_day, used",
            );
            let total: Option<(i64, i64)> =
                query.bind(key_id).bind(day).bind(calls).fetch_optional(&mut *self.db).await?;
            totals.extend(total.map(|(day, calls)| (key_id, KeyUsage { day, calls })));
        }
        for signature in signatures {
            sql::query(
                "INSERT INTO used_signature (key_id, digest, expires)
                 SELECT id, $2, $3 FROM access_key WHERE id = $1
                 ON CONFLICT (key_id, digest) DO UPDATE SET expires = excluded.expires",
            )
            .bind(signature.key_id)
            .bind(&signature.digest[..])
            .bind(signature.expires_at)
            .execute(&mut *self.db)
            .await?;
        }
        self.forget_signatures(now).await?;
        Ok(totals)
    }

    /// Deletes signatures that expired by `now`; returns whether there may be more.
    pub async fn forget_signatures(&mut self, now: UnixMillis) -> Result<bool> {
        let query = sql::query(
            "DELETE FROM used_signature WHERE expires <= $1 AND (key_id, digest) IN (
                SELECT key_id, digest FROM used_signature WHERE expires <= $1 LIMIT $2)",
        );
        let deleted = query.bind(now).bind(MAX_DELETED_SIGNATURES).execute(&mut *self.db).await?;
        Ok(deleted.affected.cast_signed() >= MAX_DELETED_SIGNATURES)
    }
}

/// Maximum number of expired signatures that one write deletes, as other writes wait for it.
const MAX_DELETED_SIGNATURES: i64 = 10_000;

impl FromRow for Key {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let made = NewKey {
            app_id: row.try_get("app_id")?,
            kind: row.try_get("kind")?,
            name: row.try_get("name")?,
            secret_sealed: row.try_get("secret_sealed")?,
            allow_md5: row.try_get("allow_md5")?,
            allow_replay: row.try_get("allow_replay")?,
            calls_per_second: row.try_get("calls_per_second")?,
            calls_per_day: row
                .try_get::<Option<i64>, _>("calls_per_day")?
                .map(|calls| u64::try_from(calls).unwrap_or(0)),
            created_at: row.try_get("created")?,
        };
        let usage = KeyUsage { day: row.try_get("used_day")?, calls: row.try_get("used")? };
        Ok(Self { id: row.try_get("id")?, made, revoked_at: row.try_get("revoked")?, usage })
    }
}

impl FromRow for UsedSignature {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let digest: &[u8] = row.try_get("digest")?;
        Ok(Self {
            key_id: row.try_get("key_id")?,
            digest: digest.try_into().map_err(|_| DatabaseError::decode("a digest is not 16 bytes long"))?,
            expires_at: row.try_get("expires")?,
        })
    }
}
