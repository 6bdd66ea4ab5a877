//! The audit log.

use aicp_types::AuditId;

use super::convert::saturating_i64;
use crate::sql::{self, FromRow, QueryBuilder, Row};
use crate::{Act, AuditEntry, AuditFilter, FIRST_AUDIT_HASH, Result, Rows, Tx};

impl Rows<'_> {
    /// Returns the entries that the filter admits, the newest first, at most `limit`, below `below`.
    pub async fn audit_entries(
        &mut self,
        filter: AuditFilter<'_>,
        below: Option<AuditId>,
        limit: u64,
    ) -> Result<Vec<AuditEntry>> {
        let AuditFilter { actor, action, target, app_id, from, to } = filter;
        let mut query = QueryBuilder::new("SELECT * FROM audit WHERE id < ");
        query.push_bind(below.unwrap_or(AuditId::new(i64::MAX)));
        for (column, wanted) in [("actor", actor), ("target", target), ("app_id", app_id)] {
            if let Some(wanted) = wanted {
                query.push(" AND ").push(column).push(" = ").push_bind(wanted);
            }
        }
        match action {
            Some(prefix) if prefix.ends_with('.') => {
                let length = saturating_i64(prefix.chars().count() as u64);
                query.push(" AND SUBSTR(action, 1, ").push_bind(length).push(") = ").push_bind(prefix);
            }
            Some(action) => drop(query.push(" AND action = ").push_bind(action)),
            None => {}
        }
        if let Some(from) = from {
            query.push(" AND created >= ").push_bind(from);
        }
        if let Some(to) = to {
            query.push(" AND created < ").push_bind(to);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(saturating_i64(limit));
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Returns the entries after one, the oldest first, at most `limit`.
    pub async fn audit_after(&mut self, after: AuditId, limit: u64) -> Result<Vec<AuditEntry>> {
        let query = sql::query_as("SELECT * FROM audit WHERE id > $1 ORDER BY id LIMIT $2");
        Ok(query.bind(after).bind(saturating_i64(limit)).fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Appends an act to the audit log.
    pub async fn append_act(&mut self, act: Act) -> Result<()> {
        let last = sql::query_as("SELECT * FROM audit ORDER BY id DESC LIMIT 1");
        let last: Option<AuditEntry> = last.fetch_optional(&mut *self.db).await?;
        let (id, before) = last.map_or((0, FIRST_AUDIT_HASH.to_vec()), |last| (last.id.get(), last.hash));
        let id = AuditId::new(id + 1);
        let hash = AuditEntry::hash_after(&before, id, &act);
        let query = sql::query(
            "INSERT INTO audit (
                id, created, actor, address, request_id, app_id, action, target, old_state, new_state, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(id)
        .bind(act.at)
        .bind(act.actor)
        .bind(act.address)
        .bind(act.request_id)
        .bind(act.app_id)
        .bind(act.action)
        .bind(act.target)
        .bind(act.before)
        .bind(act.after)
        .bind(hash);
        query.execute(&mut *self.db).await?;
        Ok(())
    }
}

impl FromRow for AuditEntry {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let act = Act {
            at: row.try_get("created")?,
            actor: row.try_get("actor")?,
            address: row.try_get("address")?,
            request_id: row.try_get("request_id")?,
            app_id: row.try_get("app_id")?,
            action: row.try_get("action")?,
            target: row.try_get("target")?,
            before: row.try_get("old_state")?,
            after: row.try_get("new_state")?,
        };
        Ok(Self { id: row.try_get("id")?, act, hash: row.try_get("hash")? })
    }
}
