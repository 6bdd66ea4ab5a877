//! Signatures, and when a delivery is attempted again.

use std::time::Duration;

use aicp_store::{Delivery, DeliveryState, Webhook};
use aicp_types::UnixMillis;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::settings::Webhooks as Settings;

/// Maximum pause between two attempts, before jitter.
const MAX_PAUSE: Duration = Duration::from_secs(3600);
/// Status by which a target says that it is gone for good.
const GONE: u16 = 410;

/// Returns the value of the header with the signature of a body, at a time in seconds since the epoch.
pub(super) fn signature(secret: &str, seconds: i64, body: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    let mac = mac.chain_update(format!("{seconds}.")).chain_update(body).finalize();
    format!("t={seconds},v1={}", hex::encode(mac.into_bytes()))
}

/// Whether a target has taken an event.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Writes what an attempt that ended at `now` means into the delivery and its webhook. `jitter` is in 0..1.
pub(super) fn conclude(
    delivery: &mut Delivery,
    webhook: &mut Webhook,
    status: Option<u16>,
    now: UnixMillis,
    jitter: f64,
    settings: &Settings,
) {
    delivery.attempts = delivery.attempts.saturating_add(1);
    if status.is_some_and(is_success) {
        (delivery.state, delivery.next_attempt) = (DeliveryState::Delivered, None);
        webhook.failures = 0;
        return;
    }
    if status == Some(GONE) {
        (delivery.state, delivery.next_attempt) = (DeliveryState::Failed, None);
        disable(webhook, "the target answered that it is gone (410)");
        return;
    }
    let next = now.saturating_add(pause(delivery.attempts, jitter, settings));
    if next.since(delivery.created_at) <= settings.give_up_after_s.duration() {
        delivery.next_attempt = Some(next);
        return;
    }
    give_up(delivery, webhook, settings);
}

/// Ends a delivery that is not attempted again.
pub(super) fn give_up(delivery: &mut Delivery, webhook: &mut Webhook, settings: &Settings) {
    (delivery.state, delivery.next_attempt) = (DeliveryState::Failed, None);
    if delivery.is_replay {
        return;
    }
    webhook.failures = webhook.failures.saturating_add(1);
    if webhook.failures >= settings.max_failures {
        disable(webhook, "too many deliveries failed");
    }
}

fn disable(webhook: &mut Webhook, reason: &str) {
    webhook.made.enabled = false;
    webhook.disabled_by = Some(reason.to_owned());
}

/// Returns the pause after so many attempts: it doubles each time, up to [`MAX_PAUSE`], and varies by a fifth.
fn pause(attempts: u32, jitter: f64, settings: &Settings) -> Duration {
    let doubled = settings.retry_s.duration().saturating_mul(1 << attempts.saturating_sub(1).min(20));
    doubled.min(MAX_PAUSE).mul_f64(0.8 + 0.4 * jitter)
}

#[cfg(test)]
mod tests {
    use aicp_settings::Seconds;
    use aicp_store::NewWebhook;
    use aicp_types::{DeliveryId, EventId, WebhookId};

    use super::*;
    use crate::EventKind;

    fn start() -> (Delivery, Webhook) {
        let delivery = Delivery {
            id: DeliveryId::new(1),
            webhook_id: WebhookId::new(1),
            event_id: EventId::new(1),
            kind: EventKind::Test,
            is_replay: false,
            state: DeliveryState::Waiting,
            attempts: 0,
            created_at: UnixMillis::new(0),
            next_attempt: None,
        };
        let made = NewWebhook {
            app_id: "app".to_owned(),
            all_apps: false,
            url: "http://example.com/".to_owned(),
            kinds: Vec::new(),
            library_id: None,
            description: None,
            secret: Vec::new(),
            enabled: true,
            created_at: UnixMillis::new(0),
        };
        let webhook =
            Webhook { id: WebhookId::new(1), made, disabled_by: None, position: EventId::new(0), failures: 0 };
        (delivery, webhook)
    }

    #[test]
    fn a_signature_binds_time_and_body() {
        // echo -n '5.body' | openssl dgst -sha256 -hmac secret
        let made = signature("secret", 5, "body");
        assert_eq!(made, "t=5,v1=15afaa123a69f6eccdae0800b0743b4e201a94d48c9eccf0d4b821f330feac13");
        assert_ne!(made, signature("secret", 6, "body"));
        assert_ne!(made, signature("secret", 5, "Body"));
        assert_ne!(made, signature("other", 5, "body"));
    }

    #[test]
    fn pauses_double_up_to_an_hour_until_a_day_has_passed_and_failures_disable() {
        let settings = Settings::default();
        let (mut delivery, mut webhook) = start();
        let (mut now, mut pauses) = (UnixMillis::new(0), Vec::new());
        while delivery.state == DeliveryState::Waiting {
            conclude(&mut delivery, &mut webhook, Some(500), now, 0.5, &settings);
            if let Some(next) = delivery.next_attempt {
                pauses.push(next.since(now).as_secs());
                now = next;
            }
        }
        assert_eq!(pauses[..5], [5, 10, 20, 40, 80]);
        assert_eq!(pauses.last(), Some(&3600));
        assert!(pauses.iter().sum::<u64>() > 23 * 3600 && pauses.iter().sum::<u64>() <= 24 * 3600);
        assert_eq!((delivery.state, webhook.failures, webhook.made.enabled), (DeliveryState::Failed, 1, true));
        for _ in 1..settings.max_failures {
            give_up(&mut delivery, &mut webhook, &settings);
        }
        assert!(!webhook.made.enabled && webhook.disabled_by.is_some());
    }

    #[test]
    fn jitter_varies_a_pause_by_a_fifth() {
        let settings = Settings { retry_s: Seconds::new(10), ..Settings::default() };
        assert_eq!(pause(1, 0.0, &settings), Duration::from_secs(8));
        assert_eq!(pause(1, 1.0, &settings), Duration::from_secs(12));
    }

    #[test]
    fn a_success_forgets_failures_and_a_target_that_is_gone_is_not_asked_again() {
        let settings = Settings::default();
        let (mut delivery, mut webhook) = start();
        webhook.failures = 2;
        conclude(&mut delivery, &mut webhook, Some(204), UnixMillis::new(1), 0.0, &settings);
        assert_eq!((delivery.state, webhook.failures), (DeliveryState::Delivered, 0));
        let (mut delivery, mut webhook) = start();
        conclude(&mut delivery, &mut webhook, Some(410), UnixMillis::new(1), 0.0, &settings);
        assert_eq!((delivery.state, webhook.made.enabled), (DeliveryState::Failed, false));
        let (mut delivery, mut webhook) = start();
        conclude(&mut delivery, &mut webhook, Some(302), UnixMillis::new(1), 0.0, &settings);
        assert_eq!(delivery.state, DeliveryState::Waiting, "a redirect is no success");
    }
}
