//! Grants of apps.

use aicp_types::UnixMillis;

use super::{Database, writer::WriteTx, writes};
use crate::sql::{self, Connection, DatabaseError, Row};
use crate::{Error, Grant, Result};

impl Database {
    pub(crate) async fn grants(&self) -> Result<Vec<Grant>> {
        let rows = sql::query(select_grants("")).fetch_all(&mut *self.readers.get().await?).await?;
        Ok(fold_grants(rows)?)
    }

    pub(crate) async fn create_grant(&self, grant: Grant, created_at: UnixMillis) -> Result<()> {
        self.writer.run(move |tx| Box::pin(create_grant(tx, grant, created_at))).await
    }

    pub(crate) async fn extend_grant(
        &self,
        app_id: String,
        due_at: UnixMillis,
        capabilities: Vec<String>,
    ) -> Result<Grant> {
        self.writer.run(move |tx| Box::pin(extend_grant(tx, app_id, due_at, capabilities))).await
    }

    pub(crate) async fn delete_grant(&self, app_id: String) -> Result<()> {
        self.writer.run(move |tx| Box::pin(delete_grant(tx, app_id))).await
    }
}

/// Builds the query for the grants that meet `condition`: a row per capability, by app, then position.
fn select_grants(condition: &'static str) -> String {
    format!(
        "SELECT app.app_id, token_hash, token_sealed, due, capability
         FROM app LEFT JOIN app_capability ON app_capability.app_id = app.app_id
         WHERE token_hash IS NOT NULL {condition}
         ORDER BY app.app_id, position"
    )
}

fn fold_grants(rows: Vec<Row>) -> sql::Result<Vec<Grant>> {
    let mut grants = Vec::<Grant>::new();
    for row in rows {
        let app_id: String = row.try_get("app_id")?;
        if grants.last().is_none_or(|grant| grant.app_id != app_id) {
            let hash: &[u8] = row.try_get("token_hash")?;
            grants.push(Grant {
                app_id,
                token_hash: hash.try_into().map_err(|_| DatabaseError::decode("a hash is not 32 bytes long"))?,
                token_sealed: row.try_get("token_sealed")?,
                due_at: row.try_get("due")?,
                capabilities: Vec::new(),
            });
        }
        if let (Some(grant), Some(capability)) = (grants.last_mut(), row.try_get("capability")?) {
            grant.capabilities.push(capability);
        }
    }
    Ok(grants)
}

async fn create_grant(tx: &mut WriteTx, grant: Grant, created_at: UnixMillis) -> Result<()> {
    writes::ensure_app(tx, grant.app_id.clone(), created_at).await?;
    let query = sql::query(
        "UPDATE app SET token_hash = $2, token_sealed = $3, due = $4, grant_revoked = 0
         WHERE app_id = $1 AND token_hash IS NULL",
    )
    .bind(&grant.app_id)
    .bind(&grant.token_hash[..])
    .bind(&grant.token_sealed)
    .bind(grant.due_at);
    if query.execute(&mut tx.connection).await?.rows_affected() == 0 {
        return Err(Error::Exists);
    }
    add_capabilities(&mut tx.connection, &grant.app_id, grant.capabilities).await
}

async fn extend_grant(
    tx: &mut WriteTx,
    app_id: String,
    due_at: UnixMillis,
    capabilities: Vec<String>,
) -> Result<Grant> {
    let query = sql::query("UPDATE app SET due = $2 WHERE app_id = $1 AND token_hash IS NOT NULL");
    if query.bind(&app_id).bind(due_at).execute(&mut tx.connection).await?.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    add_capabilities(&mut tx.connection, &app_id, capabilities).await?;
    let query = sql::query(select_grants("AND app.app_id = $1"));
    let rows = query.bind(&app_id).fetch_all(&mut tx.connection).await?;
    fold_grants(rows)?.pop().ok_or(Error::NotFound)
}

async fn delete_grant(tx: &mut WriteTx, app_id: String) -> Result<()> {
    let query = sql::query(
        "UPDATE app SET token_hash = NULL, token_sealed = NULL, due = NULL, grant_revoked = 1
         WHERE app_id = $1 AND token_hash IS NOT NULL",
    );
    if query.bind(&app_id).execute(&mut tx.connection).await?.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    sql::query("DELETE FROM app_capability WHERE app_id = $1").bind(&app_id).execute(&mut tx.connection).await?;
    Ok(())
}

/// Appends the capabilities that the app lacks.
async fn add_capabilities(db: &mut dyn Connection, app_id: &str, capabilities: Vec<String>) -> Result<()> {
    for capability in capabilities {
        sql::query(
            "INSERT INTO app_capability (app_id, capability, position)
             VALUES ($1, $2, (SELECT COALESCE(MAX(position) + 1, 0) FROM app_capability WHERE app_id = $1))
             ON CONFLICT (app_id, capability) DO NOTHING",
        )
        .bind(app_id)
        .bind(capability)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}
