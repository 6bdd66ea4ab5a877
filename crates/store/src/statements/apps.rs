//! Apps and their grants.

use std::sync::Arc;

use aicp_types::UnixMillis;

use super::convert::saturating_i64;
use super::names::push_part;
use crate::sql::{self, Connection, DatabaseError, QueryBuilder, Row};
use crate::{AppFilter, Change, Error, Grant, GrantState, Result, Rows, StoredApp, Tx};

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

    /// Returns up to `limit` apps after a place in the list, which is a time of creation and an id: by time of creation,
    /// then by id.
    pub async fn apps(
        &mut self,
        filter: AppFilter<'_>,
        after: Option<(UnixMillis, &str)>,
        limit: u64,
    ) -> Result<Vec<StoredApp>> {
        let mut query = QueryBuilder::new(
            "SELECT page.*, capability FROM (
                SELECT app_id, created, token_hash, token_sealed, due, grant_revoked FROM app WHERE TRUE",
        );
        push_filter(&mut query, filter);
        if let Some((created_at, app_id)) = after {
            query.push(" AND (created > ").push_bind(created_at).push(" OR (created = ").push_bind(created_at);
            query.push(" AND app_id > ").push_bind(app_id).push("))");
        }
        query.push(" ORDER BY created, app_id LIMIT ").push_bind(saturating_i64(limit));
        query.push(
            ") AS page LEFT JOIN app_capability ON app_capability.app_id = page.app_id
             ORDER BY page.created, page.app_id, position",
        );
        let rows = query.build().fetch_all(&mut *self.db).await?;
        let mut apps = Vec::<StoredApp>::new();
        for row in &rows {
            let app_id: String = row.try_get("app_id")?;
            if apps.last().is_none_or(|app| app.app_id != app_id) {
                let has_grant = row.try_get::<Option<&[u8]>, _>("token_hash")?.is_some();
                apps.push(StoredApp {
                    grant: if has_grant { Some(grant_from_row(row)?) } else { None },
                    app_id,
                    created_at: row.try_get("created")?,
                    grant_revoked: row.try_get("grant_revoked")?,
                });
            }
            let grant = apps.last_mut().and_then(|app| app.grant.as_mut());
            if let (Some(grant), Some(capability)) = (grant, row.try_get("capability")?) {
                grant.capabilities.push(capability);
            }
        }
        Ok(apps)
    }
}

fn push_filter(query: &mut QueryBuilder, filter: AppFilter<'_>) {
    if let Some(app_id) = filter.app_id {
        query.push(" AND app_id = ").push_bind(app_id);
    }
    if let Some(part) = filter.id_part {
        push_part(query, "app_id", part);
    }
    if let Some(capability) = filter.capability {
        query.push(" AND token_hash IS NOT NULL AND app_id IN (SELECT app_id FROM app_capability WHERE capability = ");
        query.push_bind(capability).push(")");
    }
    match filter.state {
        None => {}
        Some(GrantState::Active(now)) => {
            query.push(" AND token_hash IS NOT NULL AND due >= ").push_bind(now);
        }
        Some(GrantState::Expired(now)) => {
            query.push(" AND token_hash IS NOT NULL AND due < ").push_bind(now);
        }
        Some(GrantState::Revoked) => drop(query.push(" AND token_hash IS NULL AND grant_revoked = 1")),
        Some(GrantState::None) => drop(query.push(" AND token_hash IS NULL AND grant_revoked = 0")),
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

    /// Sets the expiry of an app's grant and its capabilities, each if it is there. Returns the new grant.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the app has no grant.
    pub async fn set_grant(
        &mut self,
        app_id: &str,
        due_at: Option<UnixMillis>,
        capabilities: Option<Vec<String>>,
    ) -> Result<Grant> {
        let query = sql::query("UPDATE app SET due = COALESCE($2, due) WHERE app_id = $1 AND token_hash IS NOT NULL");
        if query.bind(app_id).bind(due_at).execute(&mut *self.db).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        if let Some(capabilities) = capabilities {
            sql::query("DELETE FROM app_capability WHERE app_id = $1").bind(app_id).execute(&mut *self.db).await?;
            add_capabilities(&mut *self.db, app_id, capabilities).await?;
        }
        self.grant_changed(app_id).await?.ok_or(Error::NotFound)
    }

    /// Replaces the token of an app's grant, by its hash and its encrypted copy.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the app has no grant; [`Error::Database`](crate::Error::Database)
    /// if another app has that token.
    pub async fn replace_token(&mut self, app_id: &str, hash: [u8; 32], sealed: Vec<u8>) -> Result<()> {
        let query = sql::query(
            "UPDATE app SET token_hash = $2, token_sealed = $3 WHERE app_id = $1 AND token_hash IS NOT NULL",
        );
        if query.bind(app_id).bind(&hash[..]).bind(sealed).execute(&mut *self.db).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        self.grant_changed(app_id).await.map(drop)
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
pub(super) fn select_grants(condition: &'static str) -> String {
    format!(
        "SELECT app.app_id, token_hash, token_sealed, due, capability
         FROM app LEFT JOIN app_capability ON app_capability.app_id = app.app_id
         WHERE token_hash IS NOT NULL {condition}
         ORDER BY app.app_id, position"
    )
}

pub(super) fn fold_grants(rows: Vec<Row>) -> sql::Result<Vec<Grant>> {
    let mut grants = Vec::<Grant>::new();
    for row in rows {
        let app_id: String = row.try_get("app_id")?;
        if grants.last().is_none_or(|grant| grant.app_id != app_id) {
            grants.push(grant_from_row(&row)?);
        }
        if let (Some(grant), Some(capability)) = (grants.last_mut(), row.try_get("capability")?) {
            grant.capabilities.push(capability);
        }
    }
    Ok(grants)
}

/// Reads a grant without its capabilities.
fn grant_from_row(row: &Row) -> sql::Result<Grant> {
    let hash: &[u8] = row.try_get("token_hash")?;
    Ok(Grant {
        app_id: row.try_get("app_id")?,
        token_hash: hash.try_into().map_err(|_| DatabaseError::decode("a hash is not 32 bytes long"))?,
        token_sealed: row.try_get("token_sealed")?,
        due_at: row.try_get("due")?,
        capabilities: Vec::new(),
    })
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
