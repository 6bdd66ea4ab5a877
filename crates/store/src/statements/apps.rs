//! Apps and their grants.

use std::sync::Arc;

use aicp_types::UnixMillis;

use crate::sql::{self, Connection, DatabaseError, Row};
use crate::{Change, Error, Grant, Result, Rows, Tx};

impl Rows<'_> {
    /// Returns the ids of all apps, by time of creation, then by id.
    pub async fn app_ids(&mut self) -> Result<Vec<String>> {
        Ok(sql::query_scalar("SELECT app_id FROM app ORDER BY created, app_id").fetch_all(&mut *self.db).await?)
    }

    /// Returns all grants, by app id.
    pub async fn grants(&mut self) -> Result<Vec<Grant>> {
        let rows = sql::query(select_grants("")).fetch_all(&mut *self.db).await?;
        Ok(fold_grants(rows)?)
    }
}

impl Tx {
    /// Creates an app, unless it exists.
    pub async fn ensure_app(&mut self, app_id: &str, created_at: UnixMillis) -> Result<()> {
        let query = sql::query("INSERT INTO app (app_id, created) VALUES ($1, $2) ON CONFLICT (app_id) DO NOTHING");
        query.bind(app_id).bind(created_at).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Creates the grant of an app, and the app, as of `created_at`, if it does not exist.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the app has a grant; [`Error::Database`](crate::Error::Database) if
    /// another app has that token.
    pub async fn create_grant(&mut self, grant: Grant, created_at: UnixMillis) -> Result<()> {
        self.ensure_app(&grant.app_id, created_at).await?;
        let query = sql::query(
            "UPDATE app SET token_hash = $2, token_sealed = $3, due = $4, grant_revoked = 0
             WHERE app_id = $1 AND token_hash IS NULL",
        )
        .bind(&grant.app_id)
        .bind(&grant.token_hash[..])
        .bind(&grant.token_sealed)
        .bind(grant.due_at);
        if query.execute(&mut *self.db).await?.rows_affected() == 0 {
            return Err(Error::Exists);
        }
        add_capabilities(&mut *self.db, &grant.app_id, grant.capabilities).await?;
        self.grant_changed(&grant.app_id).await.map(drop)
    }

    /// Sets the expiry of an app's grant and appends those of `capabilities` that it lacks, in order. Returns the new
    /// grant.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the app has no grant.
    pub async fn extend_grant(&mut self, app_id: &str, due_at: UnixMillis, capabilities: Vec<String>) -> Result<Grant> {
        let query = sql::query("UPDATE app SET due = $2 WHERE app_id = $1 AND token_hash IS NOT NULL");
        if query.bind(app_id).bind(due_at).execute(&mut *self.db).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        add_capabilities(&mut *self.db, app_id, capabilities).await?;
        self.grant_changed(app_id).await?.ok_or(Error::NotFound)
    }

    /// Revokes an app's grant. The app and its libraries stay.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the app has no grant.
    pub async fn delete_grant(&mut self, app_id: &str) -> Result<()> {
        let query = sql::query(
            "UPDATE app SET token_hash = NULL, token_sealed = NULL, due = NULL, grant_revoked = 1
             WHERE app_id = $1 AND token_hash IS NOT NULL",
        );
        if query.bind(app_id).execute(&mut *self.db).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        sql::query("DELETE FROM app_capability WHERE app_id = $1").bind(app_id).execute(&mut *self.db).await?;
        self.grant_changed(app_id).await.map(drop)
    }

    /// Announces the grant that an app has now, and returns it.
    async fn grant_changed(&mut self, app_id: &str) -> Result<Option<Grant>> {
        let query = sql::query(select_grants("AND app.app_id = $1"));
        let grant = fold_grants(query.bind(app_id).fetch_all(&mut *self.db).await?)?.pop();
        let told = grant.clone().map(Arc::new);
        self.announce(Change::GrantChanged { app_id: app_id.to_owned(), grant: told });
        Ok(grant)
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
