//! Sealed secrets of all tables, for a change of the key that seals them.

use aicp_types::OperatorId;

use super::convert::saturating_i64;
use crate::sql;
use crate::{Result, Rows, SealedKind, SealedSecret, Tx};

impl Rows<'_> {
    /// Counts the sealed secrets.
    pub async fn sealed_count(&mut self) -> Result<u64> {
        let query = sql::query_scalar(
            "SELECT (SELECT COUNT(*) FROM app WHERE token_sealed IS NOT NULL) + (SELECT COUNT(*) FROM access_key)
                + (SELECT COUNT(*) FROM webhook) + (SELECT COUNT(*) FROM idempotency_key WHERE answer IS NOT NULL)
                + (SELECT COUNT(*) FROM operator WHERE face_sealed IS NOT NULL)",
        );
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns sealed secrets of a kind in the order of their names, at most `limit`, after the one with this name. The
    /// order of names begins after two empty texts.
    pub async fn sealed_after(
        &mut self,
        kind: SealedKind,
        (first, second): (&str, &str),
        limit: u64,
    ) -> Result<Vec<SealedSecret>> {
        let query = sql::query_as(match kind {
            SealedKind::AppToken => {
                "SELECT app_id, '', token_sealed FROM app
                 WHERE token_sealed IS NOT NULL AND app_id > $1 AND '' = $2 ORDER BY app_id LIMIT $3"
            }
            SealedKind::KeySecret => {
                "SELECT kind, name, secret_sealed FROM access_key
                 WHERE (kind, name) > ($1, $2) ORDER BY kind, name LIMIT $3"
            }
            SealedKind::WebhookSecret => {
                "SELECT CAST(id AS TEXT), app_id, secret FROM webhook
                 WHERE (CAST(id AS TEXT), app_id) > ($1, $2) ORDER BY CAST(id AS TEXT) LIMIT $3"
            }
            SealedKind::Answer => {
                "SELECT owner, key, answer FROM idempotency_key
                 WHERE answer IS NOT NULL AND (owner, key) > ($1, $2) ORDER BY owner, key LIMIT $3"
            }
            SealedKind::OperatorFace => {
                "SELECT CAST(id AS TEXT), '', face_sealed FROM operator
                 WHERE face_sealed IS NOT NULL AND CAST(id AS TEXT) > $1 AND '' = $2 ORDER BY CAST(id AS TEXT) LIMIT $3"
            }
        });
        let found: Vec<(String, String, Vec<u8>)> =
            query.bind(first).bind(second).bind(saturating_i64(limit)).fetch_all(&mut *self.db).await?;
        let secret = |(first, second, sealed)| SealedSecret { kind, first, second, sealed };
        Ok(found.into_iter().map(secret).collect())
    }
}

impl Tx {
    /// Replaces a sealed secret by the same secret, sealed anew. Nothing else of its row changes, so nobody is told; only
    /// operators are kept in memory with what is sealed.
    pub async fn reseal(&mut self, secret: SealedSecret) -> Result<()> {
        let query = sql::query(match secret.kind {
            SealedKind::AppToken => "UPDATE app SET token_sealed = $3 WHERE app_id = $1 AND '' = $2",
            SealedKind::KeySecret => "UPDATE access_key SET secret_sealed = $3 WHERE kind = $1 AND name = $2",
            SealedKind::WebhookSecret => {
                "UPDATE webhook SET secret = $3 WHERE id = CAST($1 AS INTEGER) AND app_id = $2"
            }
            SealedKind::Answer => "UPDATE idempotency_key SET answer = $3 WHERE owner = $1 AND key = $2",
            SealedKind::OperatorFace => {
                "UPDATE operator SET face_sealed = $3
                 WHERE id = CAST($1 AS INTEGER) AND '' = $2 AND face_sealed IS NOT NULL"
            }
        });
        let operator_id = (secret.kind == SealedKind::OperatorFace).then(|| OperatorId::parse(&secret.first)).flatten();
        query.bind(secret.first).bind(secret.second).bind(secret.sealed).execute(&mut *self.db).await?;
        if let Some(id) = operator_id
            && let Some(operator) = self.operator(id).await?
        {
            self.operator_changed(&operator);
        }
        Ok(())
    }
}
