//! Webhooks: events that are posted to targets of an app.
//!
//! The queue of a webhook is the log of events itself, from the webhook's position on, so nothing is lost by a crash
//! between an event and its delivery. The position moves in the transaction that records what became of an attempt: an
//! event is delivered at least once. The events of a webhook are delivered in order, one at a time; an event that its target
//! does not take holds up the later ones until it is given up.

mod dispatcher;
mod rules;

use aicp_fetch::{Fetcher, Limits};
use aicp_store::{
    Act, Delivery, DeliveryAttempt, DeliveryState, EventData, NewDelivery, NewEvent, NewWebhook, Webhook,
};
use aicp_types::{DeliveryId, EventId, LibraryId, WebhookId};

use crate::audit::state;
use crate::background::Background;
use crate::error::or_missing;
use crate::nodes::on_one_node;
use crate::secrets::random_text;
use crate::settings::{Fetch, Webhooks as Settings};
use crate::{ADMIN_APP, BadInput, Caller, Error, EventKind, Internal, Limit, Missing, Platform, Result};

pub use dispatcher::RenderEvent;

/// Maximum number of webhooks of an app.
const MAX_PER_APP: u64 = 20;
/// Maximum number of webhooks of all apps.
const MAX_TOTAL: u64 = 1000;
/// Maximum number of deliveries out of turn that wait, of a webhook.
const MAX_REPLAYS: u64 = 1000;
/// Beginning of every secret, by which people and scanners recognise one.
const SECRET_PREFIX: &str = "whsec_";
const SECRET_CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// Length of a secret without its prefix: 238 bits.
const SECRET_LENGTH: usize = 40;

/// Returns the state of a webhook that the audit log shows.
fn audited(webhook: &Webhook) -> Option<String> {
    let NewWebhook { url, kinds, library_id, enabled, .. } = &webhook.made;
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let library = library_id.map(|id| id.to_string());
    state(&serde_json::json!({ "url": url, "kinds": kinds, "library": library, "enabled": enabled }))
}

/// Whether a caller sees a webhook. One that gets the events of all apps is for administrators, whatever its own app.
fn sees(caller: &Caller, webhook: &Webhook) -> bool {
    let made = &webhook.made;
    caller.is_administrator() || (!made.all_apps && caller.require_app(&made.app_id).is_ok())
}

/// A webhook to create.
#[derive(Debug, Clone)]
pub struct WebhookData {
    /// Where the events go.
    pub url: String,
    /// Only events of these kinds; empty: all.
    pub kinds: Vec<EventKind>,
    /// Only events of this library.
    pub library_id: Option<LibraryId>,
    /// Description.
    pub description: Option<String>,
}

/// A delivery with its attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryReport {
    /// The delivery.
    pub delivery: Delivery,
    /// The attempts, in order.
    pub attempts: Vec<DeliveryAttempt>,
}

/// Returns who posts to targets.
pub(crate) fn poster(fetch: &Fetch, settings: &Settings) -> Result<Fetcher> {
    let everywhere = || ["0.0.0.0/0", "::/0"].iter().filter_map(|network| network.parse().ok()).collect();
    let limits = fetch.limits().map(|limits| Limits {
        total_time: settings.timeout_s.duration(),
        at_once: settings.at_once,
        // What pictures may be fetched from need not be what may be written to.
        allowed_networks: if settings.allow_private { everywhere() } else { Vec::new() },
        ..limits
    });
    limits.and_then(Fetcher::new).map_err(|e| Error::Internal(Internal::Fetching(e)))
}

/// Returns the owner for which the secrets of an app are sealed.
pub(crate) fn sealed_for(app_id: &str) -> String {
    format!("webhook of {app_id}")
}

impl Platform {
    /// Creates a webhook of the caller's app, which gets the events from now on. Returns it with its secret, which is shown
    /// only here. A webhook of the administrator's own app gets the events of all apps.
    ///
    /// # Errors
    /// [`BadInput::Target`], [`Missing::Library`], [`Limit::Webhooks`].
    pub async fn create_webhook(&self, caller: &Caller, data: WebhookData) -> Result<(Webhook, String)> {
        self.check_target(&data.url)?;
        self.require_library(caller, data.library_id).await?;
        let secret = format!("{SECRET_PREFIX}{}", random_text(SECRET_CHARACTERS, SECRET_LENGTH)?);
        let app_id = caller.app_id().to_owned();
        let new = NewWebhook {
            secret: Vec::new(),
            all_apps: caller.is_administrator() && app_id == ADMIN_APP,
            app_id,
            url: data.url,
            kinds: data.kinds,
            library_id: data.library_id,
            description: data.description,
            enabled: true,
            created_at: self.now(),
        };
        let act = caller.act(new.created_at, "webhook.create", "");
        let (vault, shown) = (self.inner.vault.clone(), secret.clone());
        let inserted: Result<Webhook> = self
            .inner
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let (of_app, all) = tx.webhook_counts(&new.app_id).await?;
                    if of_app >= MAX_PER_APP || all >= MAX_TOTAL {
                        return Err(Limit::Webhooks.into());
                    }
                    let position = tx.last_event().await?;
                    let new = NewWebhook { secret: vault.seal(&sealed_for(&new.app_id), &secret)?, ..new };
                    let webhook = tx.insert_webhook(new, position).await.map_err(or_missing(Missing::App))?;
                    let (target, after) = (format!("webhook {}", webhook.id), audited(&webhook));
                    tx.append_act(Act { target, after, ..act }).await?;
                    Ok(webhook)
                })
            })
            .await;
        Ok((inserted?, shown))
    }

    /// Lists webhooks in the order of creation: those of the caller's app or, for who sees all apps, all or those of an app.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn webhooks(
        &self,
        caller: &Caller,
        app_id: Option<&str>,
        after: Option<WebhookId>,
        limit: u64,
    ) -> Result<Vec<Webhook>> {
        let app_id = match app_id {
            app_id if caller.sees_all_apps() => app_id,
            Some(other) if other != caller.app_id() => return Ok(Vec::new()),
            _ => Some(caller.app_id()),
        };
        let with_all_apps = caller.is_administrator();
        Ok(self.inner.store.rows().await?.webhooks_after(app_id, with_all_apps, after, limit).await?)
    }

    /// Returns a webhook that the caller sees.
    ///
    /// # Errors
    /// [`Missing::Webhook`].
    pub async fn webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook> {
        let webhook = self.inner.store.rows().await?.webhook(id).await?.ok_or(Missing::Webhook)?;
        if !sees(caller, &webhook) {
            return Err(Missing::Webhook.into());
        }
        Ok(webhook)
    }

    /// Changes a webhook by a function, unless that returns false. One that is enabled again goes on after the last event
    /// that was taken up.
    ///
    /// # Errors
    /// As [`Platform::create_webhook`]; [`Missing::Webhook`].
    pub async fn update_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        change: impl Fn(&mut Webhook) -> bool + Send + Sync + 'static,
    ) -> Result<Option<Webhook>> {
        let mut wanted = self.webhook(caller, id).await?;
        let (url, library_id) = (wanted.made.url.clone(), wanted.made.library_id);
        if !change(&mut wanted) {
            return Ok(None);
        }
        if wanted.made.url != url {
            self.check_target(&wanted.made.url)?;
        }
        if wanted.made.library_id != library_id {
            self.require_library(&caller.acting_for(&wanted.made.app_id)?, wanted.made.library_id).await?;
        }
        let act = caller.act(self.now(), "webhook.update", format!("webhook {id}"));
        let written: Result<Option<Webhook>> = self
            .inner
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let mut webhook = tx.webhook(id).await?.ok_or(Missing::Webhook)?;
                    let (was_enabled, before) = (webhook.made.enabled, audited(&webhook));
                    // A concurrent change may have come first; what was checked above is what this call sets.
                    if !change(&mut webhook) {
                        return Ok(None);
                    }
                    if webhook.made.enabled && !was_enabled {
                        (webhook.failures, webhook.disabled_by) = (0, None);
                    }
                    tx.write_webhook(&webhook).await.map_err(or_missing(Missing::Webhook))?;
                    let app_id = Some(webhook.made.app_id.clone());
                    tx.append_act(Act { app_id, before, after: audited(&webhook), ..act }).await?;
                    Ok(Some(webhook))
                })
            })
            .await;
        self.inner.webhooks_changed.notify_one();
        written
    }

    /// Deletes a webhook with its deliveries.
    ///
    /// # Errors
    /// [`Missing::Webhook`].
    pub async fn delete_webhook(&self, caller: &Caller, id: WebhookId) -> Result<()> {
        let webhook = self.webhook(caller, id).await?;
        let act = caller.act(self.now(), "webhook.delete", format!("webhook {id}"));
        let act = Act { before: audited(&webhook), app_id: Some(webhook.made.app_id), ..act };
        let deleted = self.inner.store.remove(move |tx| {
            Box::pin(async move {
                tx.delete_webhook(id).await?;
                tx.append_act(act).await
            })
        });
        deleted.await.map_err(or_missing(Missing::Webhook))
    }

    /// Lists the deliveries of a webhook, the latest first.
    ///
    /// # Errors
    /// [`Missing::Webhook`].
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: WebhookId,
        state: Option<DeliveryState>,
        before: Option<DeliveryId>,
        limit: u64,
    ) -> Result<Vec<DeliveryReport>> {
        self.webhook(caller, id).await?;
        let mut rows = self.inner.store.rows().await?;
        let deliveries = rows.deliveries_before(id, state, before, limit).await?;
        let ids: Vec<DeliveryId> = deliveries.iter().map(|delivery| delivery.id).collect();
        let mut attempts = rows.delivery_attempts(&ids).await?;
        let report = |delivery: Delivery| DeliveryReport {
            attempts: attempts.remove(&delivery.id).unwrap_or_default(),
            delivery,
        };
        Ok(deliveries.into_iter().map(report).collect())
    }

    /// Delivers the event of a delivery once more, out of turn.
    ///
    /// # Errors
    /// [`Missing::Webhook`], [`Missing::Delivery`]; [`Missing::Event`] if the event was deleted by age; [`Limit::Replays`].
    pub async fn replay_delivery(&self, caller: &Caller, id: WebhookId, delivery: DeliveryId) -> Result<Delivery> {
        let webhook = self.webhook(caller, id).await?;
        let now = self.now();
        let act = caller.act(now, "webhook.replay", format!("delivery {delivery} of webhook {id}"));
        let act = Act { app_id: Some(webhook.made.app_id), ..act };
        let inserted: Result<Delivery> = self
            .inner
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let earlier = tx.delivery(id, delivery).await?.ok_or(Missing::Delivery)?;
                    let event = tx.event(earlier.event_id).await?.ok_or(Missing::Event)?;
                    if tx.waiting_replays(id).await? >= MAX_REPLAYS {
                        return Err(Limit::Replays.into());
                    }
                    let (event_id, kind) = (event.id, event.data.kind());
                    let new = NewDelivery { webhook_id: id, event_id, kind, is_replay: true, created_at: now };
                    tx.append_act(act).await?;
                    tx.insert_delivery(new).await.map_err(or_missing(Missing::Webhook))
                })
            })
            .await;
        self.inner.webhooks_changed.notify_one();
        inserted
    }

    /// Delivers the events of a webhook again, from this one on, in turn.
    ///
    /// # Errors
    /// [`Missing::Webhook`]; [`Missing::Event`] if there is no such event yet.
    pub async fn replay_events(&self, caller: &Caller, id: WebhookId, from: EventId) -> Result<Webhook> {
        let webhook = self.webhook(caller, id).await?;
        let act = caller.act(self.now(), "webhook.replay", format!("webhook {id} from event {from}"));
        let act = Act { app_id: Some(webhook.made.app_id), ..act };
        let replayed: Result<Webhook> = self
            .inner
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let mut webhook = tx.webhook(id).await?.ok_or(Missing::Webhook)?;
                    if from > tx.last_event().await? || from.get() < 1 {
                        return Err(Missing::Event.into());
                    }
                    webhook.position = EventId::new(from.get() - 1);
                    tx.append_act(act).await?;
                    tx.delete_waiting_delivery(id).await?;
                    tx.write_webhook(&webhook).await.map_err(or_missing(Missing::Webhook))?;
                    Ok(webhook)
                })
            })
            .await;
        self.inner.webhooks_changed.notify_one();
        replayed
    }

    /// Makes an event that only this webhook gets, out of turn.
    ///
    /// # Errors
    /// [`Missing::Webhook`], [`Limit::Replays`].
    pub async fn test_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Delivery> {
        let webhook = self.webhook(caller, id).await?;
        let now = self.now();
        let inserted: Result<Delivery> = self
            .inner
            .store
            .write(move |tx| {
                Box::pin(async move {
                    if tx.waiting_replays(id).await? >= MAX_REPLAYS {
                        return Err(Limit::Replays.into());
                    }
                    let app_id = Some(webhook.made.app_id);
                    let event = NewEvent { time: now, app_id, library_id: None, data: EventData::Test };
                    let (event_id, kind) = (tx.insert_event(event).await?, EventKind::Test);
                    let new = NewDelivery { webhook_id: id, event_id, kind, is_replay: true, created_at: now };
                    tx.insert_delivery(new).await.map_err(or_missing(Missing::Webhook))
                })
            })
            .await;
        self.inner.webhooks_changed.notify_one();
        inserted
    }

    /// Starts the deliveries of all webhooks, until the returned task is closed. `render` writes an event for a target.
    pub fn start_webhooks(&self, render: RenderEvent) -> Background {
        let platform = self.clone();
        let store = platform.inner.store.clone();
        Background::start(move |stop| {
            on_one_node(store, "webhooks", stop, move |stop| dispatcher::run(platform.clone(), render, stop))
        })
    }

    fn check_target(&self, url: &str) -> Result<()> {
        self.inner.fetchers.events.load().check(url).map_err(|e| BadInput::Target(e).into())
    }

    async fn require_library(&self, caller: &Caller, library_id: Option<LibraryId>) -> Result<()> {
        match library_id {
            Some(id) => self.library_of_id(caller, id).await.map(drop),
            None => Ok(()),
        }
    }
}
