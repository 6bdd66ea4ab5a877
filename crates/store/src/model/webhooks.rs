//! Webhooks and their deliveries.

use std::fmt;

use aicp_types::{DeliveryId, EventId, LibraryId, UnixMillis, WebhookId};

use super::Redacted;
use crate::EventKind;

/// A webhook of an app. `Debug` omits the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Row id; never reused.
    pub id: WebhookId,
    /// What its owner chose.
    pub made: NewWebhook,
    /// Why it was disabled, if its owner did not do it.
    pub disabled_by: Option<String>,
    /// Last event that was taken up: later ones are still to be delivered.
    pub position: EventId,
    /// Number of failed deliveries since the last success.
    pub failures: u32,
}

/// A webhook to insert.
#[derive(Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// App that owns it.
    pub app_id: String,
    /// Whether it gets the events of all apps.
    pub all_apps: bool,
    /// Where the events go.
    pub url: String,
    /// Only events of these kinds; empty: all.
    pub kinds: Vec<EventKind>,
    /// Only events of this library.
    pub library_id: Option<LibraryId>,
    /// Description.
    pub description: Option<String>,
    /// Key of the signatures, encrypted by the caller; opaque here.
    pub secret: Vec<u8>,
    /// Whether events are delivered.
    pub enabled: bool,
    /// When it was created.
    pub created_at: UnixMillis,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, made, disabled_by, position, failures } = self;
        f.debug_struct("Webhook")
            .field("id", id)
            .field("made", made)
            .field("disabled_by", disabled_by)
            .field("position", position)
            .field("failures", failures)
            .finish()
    }
}

impl fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a secret, too.
        f.debug_struct("NewWebhook")
            .field("app_id", &self.app_id)
            .field("all_apps", &self.all_apps)
            .field("url", &Redacted)
            .field("kinds", &self.kinds)
            .field("library_id", &self.library_id)
            .field("secret", &Redacted)
            .field("enabled", &self.enabled)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// State of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It is attempted, for the first time or again.
    Waiting,
    /// The target took the event.
    Delivered,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// All states with their names in the database.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Waiting, "waiting"), (Self::Delivered, "delivered"), (Self::Failed, "failed")];

    /// Returns the name in the database.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }
}

/// Delivery of an event to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Row id; never reused.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The event, which may be deleted by age.
    pub event_id: EventId,
    /// Kind of the event.
    pub kind: EventKind,
    /// Whether it was asked for, out of turn.
    pub is_replay: bool,
    /// State.
    pub state: DeliveryState,
    /// Number of attempts.
    pub attempts: u32,
    /// When the event was taken up.
    pub created_at: UnixMillis,
    /// Time of the next attempt, while it waits.
    pub next_attempt: Option<UnixMillis>,
}

/// A delivery to insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The event.
    pub event_id: EventId,
    /// Kind of the event.
    pub kind: EventKind,
    /// Whether it was asked for, out of turn.
    pub is_replay: bool,
    /// When the event was taken up.
    pub created_at: UnixMillis,
}

/// Attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// When it began.
    pub time: UnixMillis,
    /// HTTP status, if the target answered.
    pub status: Option<u16>,
    /// Duration in milliseconds.
    pub duration_ms: i64,
    /// Why it failed; `None`: it succeeded.
    pub error: Option<String>,
}
