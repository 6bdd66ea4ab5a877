//! Requests that must not be done twice.

use aicp_types::UnixMillis;

use crate::sql;
use crate::{KeyedRequest, Result, Tx};

impl Tx {
    /// Records a request of a caller under a key. If there is one under that key, nothing changes and it is returned.
    pub async fn claim_idempotency_key(
        &mut self,
        owner: &str,
        key: &str,
        request: &[u8],
        at: UnixMillis,
    ) -> Result<Option<KeyedRequest>> {
        let known = sql::query_as("SELECT request, answer FROM idempotency_key WHERE owner = $1 AND key = $2");
        let known: Option<(Vec<u8>, Option<Vec<u8>>)> =
            known.bind(owner).bind(key).fetch_optional(&mut *self.db).await?;
        if let Some((request, answer)) = known {
            return Ok(Some(KeyedRequest { request, answer }));
        }
        let query = sql::query("INSERT INTO idempotency_key (owner, key, request, created) VALUES ($1, $2, $3, $4)");
        query.bind(owner).bind(key).bind(request).bind(at).execute(&mut *self.db).await?;
        Ok(None)
    }

    /// Stores the answer to a request; without one, forgets the request.
    pub async fn finish_idempotency_key(&mut self, owner: &str, key: &str, answer: Option<Vec<u8>>) -> Result<()> {
        let query = match answer {
            Some(answer) => sql::query("UPDATE idempotency_key SET answer = $3 WHERE owner = $1 AND key = $2")
                .bind(owner)
                .bind(key)
                .bind(answer),
            None => sql::query("DELETE FROM idempotency_key WHERE owner = $1 AND key = $2").bind(owner).bind(key),
        };
        query.execute(&mut *self.db).await?;
        Ok(())
    }

    /// Forgets the answers to all requests of an owner, and of those whose names don't begin with `prefix`. The requests
    /// stay, as if they were not answered.
    pub async fn forget_answers(&mut self, owner: &str, prefix: &str) -> Result<()> {
        let query =
            sql::query("UPDATE idempotency_key SET answer = NULL WHERE owner = $1 OR SUBSTR(owner, 1, $3) <> $2");
        let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
        query.bind(owner).bind(prefix).bind(length).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Forgets the requests from before a time, at most `limit`, the oldest first.
    pub async fn forget_idempotency_keys(&mut self, before: UnixMillis, limit: u64) -> Result<()> {
        let query = sql::query(
            "DELETE FROM idempotency_key WHERE (owner, key) IN (
                SELECT owner, key FROM idempotency_key WHERE created < $1 ORDER BY created LIMIT $2)",
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        query.bind(before).bind(limit).execute(&mut *self.db).await?;
        Ok(())
    }
}
