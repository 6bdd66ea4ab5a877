//! The task that delivers events to webhooks.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aicp_fetch::{Error as PostError, HeaderMap, HeaderName, HeaderValue};
use aicp_store::{Delivery, DeliveryAttempt, Event, EventFilter, EventKind, NewDelivery, Webhook};
use aicp_types::{EventId, UnixMillis, WebhookId};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::{rules, sealed_for};
use crate::error::or_missing;
use crate::events::batch_after;
use crate::random;
use crate::{Error, Missing, Platform, Result};

/// Writes an event for a target: its JSON, and the name of its kind.
pub type RenderEvent = fn(&Event) -> (String, String);

/// Header with the signature.
const SIGNATURE: HeaderName = HeaderName::from_static("x-aicp-signature");
/// Header with the id of the event, by which a target recognises one that it has seen.
const EVENT_ID: HeaderName = HeaderName::from_static("x-aicp-event-id");
/// Header with the kind of the event.
const EVENT: HeaderName = HeaderName::from_static("x-aicp-event");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
/// Number of deliveries of a webhook before its turn ends.
const DELIVERIES_PER_TURN: usize = 100;
/// Minimum time between two looks for work.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// Maximum time between two looks for work.
const MAX_LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// The same where another node may have changed a webhook.
const MAX_LOOK_INTERVAL_AMONG_NODES: Duration = Duration::from_secs(2);
/// Pause of a webhook whose turn failed for a reason that is not its target's.
const FAILED_TURN_PAUSE: Duration = Duration::from_secs(1);
/// Deliveries after which old ones are deleted.
const FORGET_INTERVAL: i64 = 50;

/// How far the log was looked through for a webhook.
#[derive(Clone)]
struct Scan {
    /// Position of the webhook at that time. If it is another now, the scan means nothing.
    position: EventId,
    /// What the webhook got then. If it gets something else now, the scan means nothing.
    filter: EventFilter,
    /// After the position and up to here, there is nothing for the webhook.
    scanned: EventId,
}

impl Scan {
    /// Returns the event after which a webhook goes on.
    fn from(&self, webhook: &Webhook, filter: &EventFilter) -> EventId {
        let is_valid = self.position == webhook.position && self.filter == *filter;
        if is_valid { self.scanned.max(self.position) } else { webhook.position }
    }
}

/// What a turn leaves behind.
struct TurnEnd {
    id: WebhookId,
    scan: Option<Scan>,
}

/// Delivers events until `stop` turns true. Each webhook has a turn of its own, so that a slow target holds up no other.
pub(super) async fn run(platform: Platform, render: RenderEvent, mut stop: watch::Receiver<bool>) {
    let mut events = platform.inner.events.subscribe();
    let mut turns: JoinSet<TurnEnd> = JoinSet::new();
    let mut busy: HashSet<WebhookId> = HashSet::new();
    let mut scans: HashMap<WebhookId, Scan> = HashMap::new();
    let mut next_look = Instant::now();
    let is_alone = platform.inner.store.nodes().is_none();
    let longest = if is_alone { MAX_LOOK_INTERVAL } else { MAX_LOOK_INTERVAL_AMONG_NODES };
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = turns.join_next(), if !turns.is_empty() => {
                if let Ok(TurnEnd { id, scan }) = ended {
                    busy.remove(&id);
                    scans.extend(scan.map(|scan| (id, scan)));
                }
                // There may be more to do, or another time at which there is.
                next_look = next_look.min(Instant::now() + LOOK_PAUSE);
                continue;
            }
            () = sleep_until(next_look) => {}
            _ = events.changed() => {}
            () = platform.inner.webhooks_changed.notified() => {}
        }
        next_look = Instant::now() + longest;
        match due(&platform, &busy, &scans).await {
            Ok((webhooks, next)) => {
                if let Some(next) = next {
                    next_look = next_look.min(Instant::now() + next.max(LOOK_PAUSE));
                }
                for id in webhooks {
                    busy.insert(id);
                    turns.spawn(turn(platform.clone(), render, id, scans.get(&id).cloned()));
                }
            }
            Err(e) => tracing::error!(error = %e, "webhooks can't be looked through"),
        }
        sleep(LOOK_PAUSE).await;
    }
    turns.shutdown().await;
}

/// Returns the webhooks that have something to do now, or may have, and the time until the next attempt of the others.
async fn due(
    platform: &Platform,
    busy: &HashSet<WebhookId>,
    scans: &HashMap<WebhookId, Scan>,
) -> Result<(Vec<WebhookId>, Option<Duration>)> {
    let mut rows = platform.inner.store.rows().await?;
    let webhooks = rows.enabled_webhooks().await?;
    if webhooks.is_empty() {
        return Ok((Vec::new(), None));
    }
    let (last, attempts, now) = (rows.last_event().await?, rows.next_attempts().await?, platform.now());
    let (mut due, mut next) = (Vec::new(), None);
    for webhook in webhooks {
        // Without access, a webhook rests until its app has it again.
        let Some(filter) = filter_of(platform, &webhook).filter(|_| !busy.contains(&webhook.id)) else { continue };
        let in_turn = attempts.get(&(webhook.id, false)).copied();
        let from = scans.get(&webhook.id).map_or(webhook.position, |scan| scan.from(&webhook, &filter));
        let times = [in_turn, attempts.get(&(webhook.id, true)).copied()];
        if times.iter().flatten().any(|at| *at <= now) || (in_turn.is_none() && from < last) {
            due.push(webhook.id);
        } else if let Some(first) = times.into_iter().flatten().min() {
            let wait = first.since(now);
            next = Some(next.map_or(wait, |next: Duration| next.min(wait)));
        }
    }
    Ok((due, next))
}

async fn turn(platform: Platform, render: RenderEvent, id: WebhookId, mut scan: Option<Scan>) -> TurnEnd {
    for _ in 0..DELIVERIES_PER_TURN {
        match deliver_one(&platform, render, id, &mut scan).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(e) => {
                tracing::error!(error = %e, webhook = id.get(), "a webhook can't be served");
                sleep(FAILED_TURN_PAUSE).await;
                break;
            }
        }
    }
    TurnEnd { id, scan }
}

/// Attempts one delivery of a webhook; returns whether there may be another.
async fn deliver_one(platform: &Platform, render: RenderEvent, id: WebhookId, scan: &mut Option<Scan>) -> Result<bool> {
    let mut rows = platform.inner.store.rows().await?;
    let Some(webhook) = rows.webhook(id).await?.filter(|webhook| webhook.made.enabled) else { return Ok(false) };
    let Some(filter) = filter_of(platform, &webhook) else { return Ok(false) };
    let now = platform.now();
    let in_turn = rows.waiting_delivery(id).await?;
    let is_due = |delivery: &&Delivery| delivery.next_attempt.is_none_or(|at| at <= now);
    let waiting = match in_turn.as_ref().filter(is_due) {
        Some(delivery) => Some(delivery.clone()),
        None => rows.due_replay(id, now).await?,
    };
    if let Some(delivery) = waiting {
        let event = rows.event(delivery.event_id).await?;
        drop(rows);
        return attempt(platform, render, webhook, Some(delivery), event).await;
    }
    if in_turn.is_some() {
        return Ok(false);
    }
    let after = scan.as_ref().map_or(webhook.position, |scan| scan.from(&webhook, &filter));
    let batch = batch_after(&mut rows, &filter, after, 1).await?;
    drop(rows);
    let Some(event) = batch.events.into_iter().next() else {
        *scan = Some(Scan { position: webhook.position, filter, scanned: batch.position });
        return Ok(false);
    };
    attempt(platform, render, webhook, None, Some(event)).await
}

/// Returns which events a webhook gets; `None` if its app has no access now.
fn filter_of(platform: &Platform, webhook: &Webhook) -> Option<EventFilter> {
    let made = &webhook.made;
    let mut kinds: Vec<EventKind> = if made.all_apps {
        EventKind::ALL.iter().map(|(kind, _)| *kind).collect()
    } else {
        platform.inner.tokens.caller_of_app(&made.app_id, platform.now()).ok()?.event_kinds()
    };
    // Tests are delivered out of turn, to the one webhook that is tried out.
    kinds.retain(|kind| *kind != EventKind::Test && (made.kinds.is_empty() || made.kinds.contains(kind)));
    let app_id = (!made.all_apps).then(|| made.app_id.clone());
    Some(EventFilter { app_id, kinds: Some(kinds), library_id: made.library_id, from: None, to: None })
}

/// Posts an event to its target and records what became of it. Returns whether the webhook may go on.
async fn attempt(
    platform: &Platform,
    render: RenderEvent,
    webhook: Webhook,
    delivery: Option<Delivery>,
    event: Option<Event>,
) -> Result<bool> {
    let began_at = platform.now();
    let Some(event) = event else {
        // Deleted by age while it waited.
        let Some(delivery) = delivery else { return Ok(false) };
        let error = Some("the event was deleted by age".to_owned());
        let attempt = DeliveryAttempt { time: began_at, status: None, duration_ms: 0, error };
        record(platform, &webhook, Subject::Known(delivery), attempt, true).await?;
        return Ok(true);
    };
    let begun = Instant::now();
    let posted = post(platform, render, &webhook, &event, began_at).await?;
    let (status, error) = match posted {
        // Other webhooks of the app use all its slots: the target was not asked.
        Err(PostError::Busy) => {
            sleep(FAILED_TURN_PAUSE).await;
            return Ok(true);
        }
        Ok(status) if rules::is_success(status) => (Some(status), None),
        Ok(status @ 300..400) => (Some(status), Some(format!("status {status}: redirects are not followed"))),
        Ok(status) => (Some(status), Some(format!("status {status}"))),
        Err(e) => (None, Some(e.to_string())),
    };
    let duration_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    let attempt = DeliveryAttempt { time: began_at, status, duration_ms, error };
    let subject = delivery.map_or(Subject::New(event.id, event.data.kind()), Subject::Known);
    record(platform, &webhook, subject, attempt, false).await?;
    Ok(true)
}

async fn post(
    platform: &Platform,
    render: RenderEvent,
    webhook: &Webhook,
    event: &Event,
    now: UnixMillis,
) -> Result<Result<u16, PostError>> {
    let app_id = &webhook.made.app_id;
    let secret = platform.inner.vault.open(&sealed_for(app_id), &webhook.made.secret)?;
    let (body, kind) = render(event);
    let mut headers = HeaderMap::new();
    let values = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (SIGNATURE, rules::signature(&secret, now.seconds(), &body)),
        (EVENT_ID, event.id.to_string()),
        (EVENT, kind),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    let poster = platform.inner.fetchers.events.load_full();
    Ok(poster.post(app_id, &webhook.made.url, headers, Bytes::from(body)).await)
}

/// What was attempted.
enum Subject {
    /// A delivery that waited.
    Known(Delivery),
    /// The next event.
    New(EventId, EventKind),
}

/// Records an attempt, and what it means for the delivery and the webhook.
async fn record(
    platform: &Platform,
    webhook: &Webhook,
    subject: Subject,
    attempt: DeliveryAttempt,
    is_final: bool,
) -> Result<()> {
    let settings = platform.inner.settings.load().webhooks.clone();
    let (id, position) = (webhook.id, webhook.position);
    let (now, created_at) = (platform.now(), attempt.time);
    let jitter = f64::from(u16::from_be_bytes(random::bytes::<2>()?)) / f64::from(u16::MAX);
    let recorded: Result<()> = platform
        .inner
        .store
        .write_always(move |tx| {
            Box::pin(async move {
                // It may be deleted or changed meanwhile. If its owner moved the position, that counts.
                let Some(mut webhook) = tx.webhook(id).await? else { return Ok(()) };
                let known = match subject {
                    Subject::Known(delivery) => tx.delivery(id, delivery.id).await?,
                    Subject::New(..) if webhook.position != position => None,
                    Subject::New(event_id, kind) => {
                        webhook.position = event_id;
                        let new = NewDelivery { webhook_id: id, event_id, kind, is_replay: false, created_at };
                        Some(tx.insert_delivery(new).await.map_err(or_missing(Missing::Webhook))?)
                    }
                };
                let Some(mut delivery) = known else { return Ok(()) };
                if is_final {
                    rules::give_up(&mut delivery, &mut webhook, &settings);
                } else {
                    rules::conclude(&mut delivery, &mut webhook, attempt.status, now, jitter, &settings);
                }
                tx.write_delivery(&delivery, Some(attempt)).await.map_err(or_missing(Missing::Delivery))?;
                tx.write_webhook(&webhook).await.map_err(or_missing(Missing::Webhook))?;
                if delivery.id.get() % FORGET_INTERVAL == 0 {
                    tx.forget_deliveries(id, settings.keep_deliveries).await?;
                }
                Ok::<_, Error>(())
            })
        })
        .await;
    recorded
}
