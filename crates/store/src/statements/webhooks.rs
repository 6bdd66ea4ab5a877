//! Webhooks and their deliveries.

use std::collections::HashMap;

use aicp_types::{DeliveryId, EventId, UnixMillis, WebhookId};

use super::convert::{json_strings, numbers, saturating_i64};
use super::events::kind_from_name;
use super::libraries::missing_parent;
use crate::sql::{self, DatabaseError, FromRow, QueryBuilder, Row};
use crate::{Delivery, DeliveryAttempt, DeliveryState, Error, NewDelivery, NewWebhook, Result, Rows, Tx, Webhook};

impl Rows<'_> {
    /// Returns a webhook.
    pub async fn webhook(&mut self, id: WebhookId) -> Result<Option<Webhook>> {
        let query = sql::query_as("SELECT * FROM webhook WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns webhooks, of an app or of all, in the order of creation: at most `limit`, after one. `with_all_apps`: also those
    /// that get the events of all apps.
    pub async fn webhooks_after(
        &mut self,
        app_id: Option<&str>,
        with_all_apps: bool,
        after: Option<WebhookId>,
        limit: u64,
    ) -> Result<Vec<Webhook>> {
        let mut query = QueryBuilder::new("SELECT * FROM webhook WHERE id > ");
        query.push_bind(after.map_or(i64::MIN, WebhookId::get));
        if let Some(app_id) = app_id {
            query.push(" AND app_id = ").push_bind(app_id);
        }
        if !with_all_apps {
            query.push(" AND all_apps = 0");
        }
        query.push(" ORDER BY id LIMIT ").push_bind(saturating_i64(limit));
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Returns the webhooks whose events are delivered.
    pub async fn enabled_webhooks(&mut self) -> Result<Vec<Webhook>> {
        let query = sql::query_as("SELECT * FROM webhook WHERE enabled = 1 ORDER BY id");
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Counts the webhooks of an app, and all.
    pub async fn webhook_counts(&mut self, app_id: &str) -> Result<(u64, u64)> {
        let query =
            sql::query_as("SELECT (SELECT COUNT(*) FROM webhook WHERE app_id = $1), (SELECT COUNT(*) FROM webhook)");
        Ok(query.bind(app_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns the delivery in turn of a webhook that waits for its next attempt, if there is one.
    pub async fn waiting_delivery(&mut self, webhook_id: WebhookId) -> Result<Option<Delivery>> {
        let query = sql::query_as(
            "SELECT * FROM webhook_delivery
             WHERE webhook_id = $1 AND state = 'waiting' AND is_replay = 0 ORDER BY id LIMIT 1",
        );
        Ok(query.bind(webhook_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the first delivery out of turn of a webhook whose time has come.
    pub async fn due_replay(&mut self, webhook_id: WebhookId, now: UnixMillis) -> Result<Option<Delivery>> {
        let query = sql::query_as(
            "SELECT * FROM webhook_delivery
             WHERE webhook_id = $1 AND state = 'waiting' AND is_replay = 1 AND next_attempt <= $2
             ORDER BY next_attempt, id LIMIT 1",
        );
        Ok(query.bind(webhook_id).bind(now).fetch_optional(&mut *self.db).await?)
    }

    /// Counts the deliveries out of turn of a webhook that wait.
    pub async fn waiting_replays(&mut self, webhook_id: WebhookId) -> Result<u64> {
        let query = sql::query_scalar(
            "SELECT COUNT(*) FROM webhook_delivery WHERE webhook_id = $1 AND state = 'waiting' AND is_replay = 1",
        );
        Ok(query.bind(webhook_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns the time of the next attempt of each webhook with waiting deliveries, apart for those out of turn.
    pub async fn next_attempts(&mut self) -> Result<HashMap<(WebhookId, bool), UnixMillis>> {
        let query = sql::query_as(
            "SELECT webhook_id, is_replay, MIN(next_attempt) FROM webhook_delivery
             WHERE state = 'waiting' GROUP BY webhook_id, is_replay",
        );
        let next: Vec<(WebhookId, bool, UnixMillis)> = query.fetch_all(&mut *self.db).await?;
        Ok(next.into_iter().map(|(id, is_replay, at)| ((id, is_replay), at)).collect())
    }

    /// Returns the deliveries of a webhook, the latest first: at most `limit`, before one.
    pub async fn deliveries_before(
        &mut self,
        webhook_id: WebhookId,
        state: Option<DeliveryState>,
        before: Option<DeliveryId>,
        limit: u64,
    ) -> Result<Vec<Delivery>> {
        let mut query = QueryBuilder::new("SELECT * FROM webhook_delivery WHERE webhook_id = ");
        query.push_bind(webhook_id).push(" AND id < ").push_bind(before.map_or(i64::MAX, DeliveryId::get));
        if let Some(state) = state {
            query.push(" AND state = ").push_bind(state.name());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(saturating_i64(limit));
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }

    /// Returns a delivery of a webhook.
    pub async fn delivery(&mut self, webhook_id: WebhookId, id: DeliveryId) -> Result<Option<Delivery>> {
        let query = sql::query_as("SELECT * FROM webhook_delivery WHERE webhook_id = $1 AND id = $2");
        Ok(query.bind(webhook_id).bind(id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the attempts at some deliveries, in order.
    pub async fn delivery_attempts(&mut self, ids: &[DeliveryId]) -> Result<HashMap<DeliveryId, Vec<DeliveryAttempt>>> {
        let query = sql::query(
            "SELECT * FROM webhook_attempt WHERE delivery_id IN (SELECT value FROM json_each($1)) ORDER BY id",
        );
        let rows = query.bind(numbers(ids)).fetch_all(&mut *self.db).await?;
        let mut attempts: HashMap<DeliveryId, Vec<DeliveryAttempt>> = HashMap::new();
        for row in rows {
            attempts.entry(row.try_get("delivery_id")?).or_default().push(DeliveryAttempt::from_row(&row)?);
        }
        Ok(attempts)
    }
}

impl Tx {
    /// Inserts a webhook, which gets the events after `position`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the app does not exist.
    pub async fn insert_webhook(&mut self, new: NewWebhook, position: EventId) -> Result<Webhook> {
        let query = sql::query_as(
            "INSERT INTO webhook (
                app_id, all_apps, url, kinds, library_id, description, secret, enabled, position, created)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING *",
        )
        .bind(new.app_id)
        .bind(new.all_apps)
        .bind(new.url)
        .bind(kinds_text(&new.kinds))
        .bind(new.library_id)
        .bind(new.description)
        .bind(new.secret)
        .bind(new.enabled)
        .bind(position)
        .bind(new.created_at);
        query.fetch_one(&mut *self.db).await.map_err(missing_parent)
    }

    /// Writes what the owner of a webhook can change, why it was disabled, position and failures.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist.
    pub async fn write_webhook(&mut self, webhook: &Webhook) -> Result<()> {
        let query = sql::query(
            "UPDATE webhook SET url = $2, kinds = $3, library_id = $4, description = $5, enabled = $6, disabled_by = $7,
                position = $8, failures = $9
             WHERE id = $1",
        )
        .bind(webhook.id)
        .bind(webhook.made.url.as_str())
        .bind(kinds_text(&webhook.made.kinds))
        .bind(webhook.made.library_id)
        .bind(webhook.made.description.as_deref())
        .bind(webhook.made.enabled)
        .bind(webhook.disabled_by.as_deref())
        .bind(webhook.position)
        .bind(i64::from(webhook.failures));
        let written = query.execute(&mut *self.db).await?;
        if written.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
    }

    /// Deletes a webhook with its deliveries.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist.
    pub async fn delete_webhook(&mut self, id: WebhookId) -> Result<()> {
        let deleted = sql::query("DELETE FROM webhook WHERE id = $1").bind(id).execute(&mut *self.db).await?;
        if deleted.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
    }

    /// Inserts a delivery without an attempt, which is due at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the webhook does not exist.
    pub async fn insert_delivery(&mut self, new: NewDelivery) -> Result<Delivery> {
        let query = sql::query_as(
            "INSERT INTO webhook_delivery (
                webhook_id, event_id, kind, is_replay, state, attempts, created, next_attempt)
             VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $5) RETURNING *",
        );
        let query = query.bind(new.webhook_id).bind(new.event_id).bind(new.kind.name()).bind(new.is_replay);
        query.bind(new.created_at).fetch_one(&mut *self.db).await.map_err(missing_parent)
    }

    /// Writes state, number of attempts and next attempt of a delivery, and an attempt if there was one.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the delivery does not exist.
    pub async fn write_delivery(&mut self, delivery: &Delivery, attempt: Option<DeliveryAttempt>) -> Result<()> {
        let query =
            sql::query("UPDATE webhook_delivery SET state = $2, attempts = $3, next_attempt = $4 WHERE id = $1")
                .bind(delivery.id)
                .bind(delivery.state.name())
                .bind(i64::from(delivery.attempts))
                .bind(delivery.next_attempt);
        if query.execute(&mut *self.db).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        let Some(attempt) = attempt else { return Ok(()) };
        let query = sql::query(
            "INSERT INTO webhook_attempt (delivery_id, time, status, duration, error) VALUES ($1, $2, $3, $4, $5)",
        );
        let query = query.bind(delivery.id).bind(attempt.time).bind(attempt.status.map(i64::from));
        query.bind(attempt.duration_ms).bind(attempt.error).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Deletes the delivery in turn of a webhook that waits, if there is one.
    pub async fn delete_waiting_delivery(&mut self, webhook_id: WebhookId) -> Result<()> {
        let query =
            sql::query("DELETE FROM webhook_delivery WHERE webhook_id = $1 AND state = 'waiting' AND is_replay = 0");
        query.bind(webhook_id).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Deletes finished deliveries of a webhook, all but the latest `keep`.
    pub async fn forget_deliveries(&mut self, webhook_id: WebhookId, keep: u64) -> Result<()> {
        let query = sql::query(
            "DELETE FROM webhook_delivery WHERE webhook_id = $1 AND state <> 'waiting' AND id <= (
                SELECT id FROM webhook_delivery WHERE webhook_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
        );
        query.bind(webhook_id).bind(saturating_i64(keep)).execute(&mut *self.db).await?;
        Ok(())
    }
}

fn kinds_text(kinds: &[crate::EventKind]) -> String {
    json_strings(&kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())
}

impl FromRow for Webhook {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let kinds: Vec<String> = serde_json::from_str(row.try_get("kinds")?).map_err(DatabaseError::decode)?;
        Ok(Self {
            id: row.try_get("id")?,
            made: NewWebhook {
                app_id: row.try_get("app_id")?,
                all_apps: row.try_get("all_apps")?,
                url: row.try_get("url")?,
                kinds: kinds.iter().map(|name| kind_from_name(name)).collect::<sql::Result<_>>()?,
                library_id: row.try_get("library_id")?,
                description: row.try_get("description")?,
                secret: row.try_get("secret")?,
                enabled: row.try_get("enabled")?,
                created_at: row.try_get("created")?,
            },
            disabled_by: row.try_get("disabled_by")?,
            position: row.try_get("position")?,
            failures: row.try_get("failures")?,
        })
    }
}

impl FromRow for Delivery {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let state: &str = row.try_get("state")?;
        let known = DeliveryState::ALL.iter().find(|(_, name)| *name == state);
        let (state, _) = known.ok_or_else(|| DatabaseError::decode(format!("{state} is no state of a delivery")))?;
        Ok(Self {
            id: row.try_get("id")?,
            webhook_id: row.try_get("webhook_id")?,
            event_id: row.try_get("event_id")?,
            kind: kind_from_name(row.try_get("kind")?)?,
            is_replay: row.try_get("is_replay")?,
            state: *state,
            attempts: row.try_get("attempts")?,
            created_at: row.try_get("created")?,
            next_attempt: row.try_get("next_attempt")?,
        })
    }
}

impl FromRow for DeliveryAttempt {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let status: Option<i64> = row.try_get("status")?;
        Ok(Self {
            time: row.try_get("time")?,
            status: status.and_then(|status| u16::try_from(status).ok()),
            duration_ms: row.try_get("duration")?,
            error: row.try_get("error")?,
        })
    }
}
