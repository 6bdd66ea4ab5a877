//! Settings that were changed while the server runs, and the history of these changes.

use std::sync::Arc;

use aicp_types::SettingChangeId;

use super::convert::saturating_i64;
use crate::sql::{self, FromRow, QueryBuilder, Row};
use crate::{Change, NewSettingChange, Result, Rows, SettingChange, StoredSetting, Tx};

impl Rows<'_> {
    /// Returns the values that the database has for settings, by name.
    pub async fn stored_settings(&mut self) -> Result<Vec<StoredSetting>> {
        Ok(sql::query_as("SELECT * FROM setting ORDER BY name").fetch_all(&mut *self.db).await?)
    }

    /// Returns the changes of one setting or of all, the newest first, at most `limit`, below `below`.
    pub async fn setting_changes(
        &mut self,
        name: Option<&str>,
        below: Option<SettingChangeId>,
        limit: u64,
    ) -> Result<Vec<SettingChange>> {
        let mut query = QueryBuilder::new("SELECT * FROM setting_change WHERE id < ");
        query.push_bind(below.unwrap_or(SettingChangeId::new(i64::MAX)));
        if let Some(name) = name {
            query.push(" AND name = ").push_bind(name);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(saturating_i64(limit));
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Returns a change of a setting.
    pub async fn setting_change(&mut self, id: SettingChangeId) -> Result<Option<SettingChange>> {
        let query = sql::query_as("SELECT * FROM setting_change WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&mut *self.db).await?)
    }
}

impl Tx {
    /// Gives a setting a value, or takes that out, and records the change.
    pub async fn change_setting(&mut self, change: NewSettingChange) -> Result<SettingChange> {
        let old_value: Option<String> = sql::query_scalar("SELECT value FROM setting WHERE name = $1")
            .bind(&change.name)
            .fetch_optional(&mut *self.db)
            .await?;
        let query = sql::query_as(
            "INSERT INTO setting_change (created, name, old_value, new_value, actor, reason, undoes)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *",
        )
        .bind(change.at)
        .bind(&change.name)
        .bind(old_value)
        .bind(&change.value)
        .bind(change.actor)
        .bind(change.reason)
        .bind(change.undoes);
        let recorded: SettingChange = query.fetch_one(&mut *self.db).await?;
        let setting = match change.value {
            Some(value) => {
                let query = sql::query(
                    "INSERT INTO setting (name, value, change_id) VALUES ($1, $2, $3)
                     ON CONFLICT (name) DO UPDATE SET value = excluded.value, change_id = excluded.change_id",
                );
                query.bind(&change.name).bind(&value).bind(recorded.id).execute(&mut *self.db).await?;
                Some(Arc::new(StoredSetting { name: change.name.clone(), value, change_id: recorded.id }))
            }
            None => {
                let query = sql::query("DELETE FROM setting WHERE name = $1");
                query.bind(&change.name).execute(&mut *self.db).await?;
                None
            }
        };
        self.announce(Change::SettingChanged { change_id: recorded.id, name: change.name, setting });
        Ok(recorded)
    }
}

impl FromRow for StoredSetting {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self { name: row.try_get("name")?, value: row.try_get("value")?, change_id: row.try_get("change_id")? })
    }
}

impl FromRow for SettingChange {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let made = NewSettingChange {
            at: row.try_get("created")?,
            name: row.try_get("name")?,
            value: row.try_get("new_value")?,
            actor: row.try_get("actor")?,
            reason: row.try_get("reason")?,
            undoes: row.try_get("undoes")?,
        };
        Ok(Self { id: row.try_get("id")?, old_value: row.try_get("old_value")?, made })
    }
}
