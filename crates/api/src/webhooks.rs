//! Webhooks: events that are posted to a target.

use aicp_platform::{
    Caller, Delivery, DeliveryAttempt, DeliveryReport, DeliveryState, Error, EventKind, Missing, Platform, Webhook,
    WebhookData,
};
use aicp_types::{DeliveryId, LibraryId, WebhookId};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::events::{Kind, event_id};
use crate::input::{Ids, Json, Query, Who};
use crate::libraries::check_text;
use crate::pages::{self, Page};
use crate::problem::{Problem, Result};
use crate::revision::{self, Revision};
use crate::tags;
use crate::times::rfc3339;

/// Maximum length of the address of a target, in characters.
const MAX_URL: usize = 2048;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks, create_webhook))
        .routes(routes!(get_webhook, update_webhook, delete_webhook))
        .routes(routes!(list_deliveries))
        .routes(routes!(replay_delivery))
        .routes(routes!(replay_events))
        .routes(routes!(test_webhook))
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownWebhook {
    /// Id.
    #[schema(example = "1")]
    id: String,
    /// App that owns it.
    app_id: String,
    /// Whether it gets the events of all apps: an administrator made it for no app.
    all_apps: bool,
    /// Where the events go.
    url: String,
    /// Only events of these kinds; empty: all that the app sees.
    kinds: Vec<Kind>,
    /// Only events of this library.
    library_id: Option<String>,
    /// Description.
    description: Option<String>,
    /// Whether events are delivered.
    enabled: bool,
    /// Why it was disabled, if the platform did it.
    disabled_by: Option<String>,
    /// Last event that was taken up; the later ones are still to be delivered.
    last_event_id: String,
    /// Number of failed deliveries since the last success.
    failures: u32,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Webhook> for ShownWebhook {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            app_id: webhook.made.app_id,
            all_apps: webhook.made.all_apps,
            url: webhook.made.url,
            kinds: webhook.made.kinds.into_iter().map(Kind::from).collect(),
            library_id: webhook.made.library_id.map(|id| id.to_string()),
            description: webhook.made.description,
            enabled: webhook.made.enabled,
            disabled_by: webhook.disabled_by,
            last_event_id: webhook.position.to_string(),
            failures: webhook.failures,
            created_at: rfc3339(webhook.made.created_at),
        }
    }
}

/// Returns the revision of what an update can change.
fn revision(webhook: &Webhook) -> Revision {
    let made = &webhook.made;
    let kinds: Vec<Kind> = made.kinds.iter().map(|kind| Kind::from(*kind)).collect();
    let library_id = made.library_id.map(LibraryId::get);
    Revision::of(&(&made.url, &kinds, library_id, &made.description, made.enabled))
}

/// A webhook to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"url": "https://example.com/aicp", "kinds": ["recognition"]}))]
struct NewWebhook {
    /// Where the events go: an http or https address. Only public addresses are called, unless the setting
    /// `webhooks.allow_private` says otherwise.
    #[schema(min_length = 1, max_length = 2048)]
    url: String,
    /// Only events of these kinds; all if it is empty or left out.
    #[serde(default)]
    #[schema(max_items = 20)]
    kinds: Vec<Kind>,
    /// Only events of this library.
    library_id: Option<String>,
    /// Description.
    #[schema(max_length = 256)]
    description: Option<String>,
    /// App that owns it. Only an administrator may name another app than its own.
    app_id: Option<String>,
}

/// A new webhook with its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedWebhook {
    #[serde(flatten)]
    webhook: ShownWebhook,
    /// Key of the signatures. It is shown only here.
    #[schema(example = "whsec_cGF0aWVuY2UgaXMgYSB2aXJ0dWUgYnV0IG5vdCBoZXJl")]
    secret: String,
}

/// Create a webhook
///
/// It gets the events from now on, each as a POST with the JSON of the event as in the log, signed in the header
/// `X-AICP-Signature`. An app can have 20.
#[utoipa::path(post, path = "/webhooks", tag = tags::EVENTS, security(("token" = ["events"])), request_body = NewWebhook,
    responses((status = CREATED, description = "The webhook and its secret", body = CreatedWebhook, headers(("Location" = String), ("ETag" = String)))))]
async fn create_webhook(
    State(platform): State<Platform>,
    Who(caller): Who,
    Json(new): Json<NewWebhook>,
) -> Result<Response> {
    check(&new.url, &new.kinds, new.description.as_deref())?;
    let acting = match &new.app_id {
        Some(app_id) if app_id != caller.app_id() => {
            if !platform.app_ids(&caller).await?.contains(app_id) {
                return Err(Error::from(Missing::App).into());
            }
            platform.act_as(&caller, app_id)?
        }
        _ => caller,
    };
    let data = WebhookData {
        url: new.url,
        kinds: new.kinds.into_iter().map(EventKind::from).collect(),
        library_id: library_id(new.library_id.as_deref())?,
        description: new.description.filter(|text| !text.is_empty()),
    };
    let (webhook, secret) = platform.create_webhook(&acting, data).await?;
    let (revision, location) = (revision(&webhook), format!("/api/v1/webhooks/{}", webhook.id));
    Ok(revision::created(&location, revision, CreatedWebhook { webhook: webhook.into(), secret }))
}

fn check(url: &str, kinds: &[Kind], description: Option<&str>) -> Result<()> {
    check_text("url", Some(url), 1..=MAX_URL)?;
    if kinds.len() > 20 {
        return Err(Problem::field("kinds", "must be at most 20"));
    }
    check_text("description", description, 0..=256)
}

fn library_id(text: Option<&str>) -> Result<Option<LibraryId>> {
    let Some(text) = text else { return Ok(None) };
    Ok(Some(LibraryId::parse(text).ok_or(Error::from(Missing::Library))?))
}

/// Which webhooks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WebhookQuery {
    /// Only webhooks of this app.
    app_id: Option<String>,
    /// Number of webhooks of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List webhooks
///
/// In the order of creation. A caller who sees all apps sees those of all. One with the events of all apps is for administrators.
#[utoipa::path(get, path = "/webhooks", tag = tags::EVENTS, security(("token" = ["events"])), params(WebhookQuery),
    responses((status = OK, description = "A page", body = Page<ShownWebhook>)))]
async fn list_webhooks(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<WebhookQuery>,
) -> Result<axum::Json<Page<ShownWebhook>>> {
    let limit = pages::limit(query.limit)?;
    let after = pages::after(query.cursor.as_deref())?.map(WebhookId::new);
    let rows = platform.webhooks(&caller, query.app_id.as_deref(), after, limit + 1).await?;
    Ok(axum::Json(Page::of(rows, limit, |webhook| webhook.id.get(), ShownWebhook::from)))
}

/// Looks a webhook up by the id in the path.
async fn find(platform: &Platform, caller: &Caller, id: &str) -> Result<Webhook> {
    let id = WebhookId::parse(id).ok_or(Error::from(Missing::Webhook))?;
    Ok(platform.webhook(caller, id).await?)
}

/// Get a webhook
#[utoipa::path(get, path = "/webhooks/{webhook}", tag = tags::EVENTS, security(("token" = ["events"])),
    params(("webhook" = String, Path, description = "Id of the webhook")),
    responses((status = OK, description = "The webhook", body = ShownWebhook, headers(("ETag" = String)))))]
async fn get_webhook(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<Response> {
    let webhook = find(&platform, &caller, &id).await?;
    Ok(revision::tagged(StatusCode::OK, revision(&webhook), ShownWebhook::from(webhook)))
}

/// Changes of a webhook. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"enabled": true}))]
struct WebhookUpdate {
    /// Where the events go.
    #[schema(min_length = 1, max_length = 2048)]
    url: Option<String>,
    /// Only events of these kinds; empty: all.
    #[schema(max_items = 20)]
    kinds: Option<Vec<Kind>>,
    /// Only events of this library; an empty text: of all.
    library_id: Option<String>,
    /// Description; an empty one removes it.
    #[schema(max_length = 256)]
    description: Option<String>,
    /// Whether events are delivered. A webhook that is enabled again goes on with the events since it was disabled, as long as
    /// they are kept.
    enabled: Option<bool>,
}

/// Change a webhook
///
/// With `If-Match`, only if it still has that `ETag`.
#[utoipa::path(patch, path = "/webhooks/{webhook}", tag = tags::EVENTS, security(("token" = ["events"])),
    params(("webhook" = String, Path, description = "Id of the webhook"),
        ("If-Match" = Option<String>, Header, description = "ETag of the webhook")),
    request_body = WebhookUpdate,
    responses((status = OK, description = "The webhook", body = ShownWebhook, headers(("ETag" = String)))))]
async fn update_webhook(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    headers: HeaderMap,
    Json(update): Json<WebhookUpdate>,
) -> Result<Response> {
    let webhook = find(&platform, &caller, &id).await?;
    check(
        update.url.as_deref().unwrap_or(&webhook.made.url),
        update.kinds.as_deref().unwrap_or_default(),
        update.description.as_deref(),
    )?;
    let library = match update.library_id.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(id) => Some(library_id(Some(id))?),
    };
    let wanted = revision::wanted(&headers)?;
    let changed = platform
        .update_webhook(&caller, webhook.id, move |webhook| {
            if !wanted.admits(&revision(webhook)) {
                return false;
            }
            let made = &mut webhook.made;
            made.url = update.url.clone().unwrap_or_else(|| made.url.clone());
            if let Some(kinds) = &update.kinds {
                made.kinds = kinds.iter().map(|kind| EventKind::from(*kind)).collect();
            }
            made.library_id = library.unwrap_or(made.library_id);
            if let Some(description) = &update.description {
                made.description = Some(description.clone()).filter(|text| !text.is_empty());
            }
            made.enabled = update.enabled.unwrap_or(made.enabled);
            true
        })
        .await?;
    let webhook = changed.ok_or_else(Problem::precondition_failed)?;
    Ok(revision::tagged(StatusCode::OK, revision(&webhook), ShownWebhook::from(webhook)))
}

/// Delete a webhook
///
/// With its deliveries.
#[utoipa::path(delete, path = "/webhooks/{webhook}", tag = tags::EVENTS, security(("token" = ["events"])),
    params(("webhook" = String, Path, description = "Id of the webhook")),
    responses((status = NO_CONTENT, description = "It is deleted")))]
async fn delete_webhook(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<Response> {
    let webhook = find(&platform, &caller, &id).await?;
    platform.delete_webhook(&caller, webhook.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Progress {
    /// It is attempted, for the first time or again.
    Waiting,
    /// The target took the event: it answered with a status of 200 to 299.
    Delivered,
    /// It was given up.
    Failed,
}

impl From<DeliveryState> for Progress {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Waiting => Self::Waiting,
            DeliveryState::Delivered => Self::Delivered,
            DeliveryState::Failed => Self::Failed,
        }
    }
}

impl From<Progress> for DeliveryState {
    fn from(state: Progress) -> Self {
        match state {
            Progress::Waiting => Self::Waiting,
            Progress::Delivered => Self::Delivered,
            Progress::Failed => Self::Failed,
        }
    }
}

/// A delivery of an event to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownDelivery {
    /// Id.
    id: String,
    /// The event, which may be deleted by age.
    event_id: String,
    /// Kind of the event.
    kind: Kind,
    /// Whether it was asked for, out of turn.
    is_replay: bool,
    /// State.
    state: Progress,
    /// When the event was taken up.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is attempted next, while it waits.
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
    /// The attempts, in order.
    attempts: Vec<ShownAttempt>,
}

/// An attempt at a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownAttempt {
    /// When it began.
    #[schema(format = DateTime)]
    time: String,
    /// HTTP status of the answer, if there was one.
    status: Option<u16>,
    /// Duration in milliseconds.
    duration_ms: i64,
    /// Why it failed; `null`: it succeeded.
    error: Option<String>,
}

impl From<DeliveryAttempt> for ShownAttempt {
    fn from(attempt: DeliveryAttempt) -> Self {
        let DeliveryAttempt { time, status, duration_ms, error } = attempt;
        Self { time: rfc3339(time), status, duration_ms, error }
    }
}

impl ShownDelivery {
    fn new(delivery: Delivery, attempts: Vec<DeliveryAttempt>) -> Self {
        Self {
            id: delivery.id.to_string(),
            event_id: delivery.event_id.to_string(),
            kind: delivery.kind.into(),
            is_replay: delivery.is_replay,
            state: delivery.state.into(),
            created_at: rfc3339(delivery.created_at),
            next_attempt_at: delivery.next_attempt.map(rfc3339),
            attempts: attempts.into_iter().map(ShownAttempt::from).collect(),
        }
    }
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveryQuery {
    /// Only deliveries in this state.
    state: Option<Progress>,
    /// Number of deliveries of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List the deliveries of a webhook
///
/// With their attempts, the latest first. The last 1000 that are done are kept (setting `webhooks.keep_deliveries`).
#[utoipa::path(get, path = "/webhooks/{webhook}/deliveries", tag = tags::EVENTS, security(("token" = ["events"])),
    params(("webhook" = String, Path, description = "Id of the webhook"), DeliveryQuery),
    responses((status = OK, description = "A page", body = Page<ShownDelivery>)))]
async fn list_deliveries(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    Query(query): Query<DeliveryQuery>,
) -> Result<axum::Json<Page<ShownDelivery>>> {
    let webhook = find(&platform, &caller, &id).await?;
    let limit = pages::limit(query.limit)?;
    let before = pages::after(query.cursor.as_deref())?.map(DeliveryId::new);
    let state = query.state.map(DeliveryState::from);
    let rows = platform.deliveries(&caller, webhook.id, state, before, limit + 1).await?;
    let shown = |DeliveryReport { delivery, attempts }| ShownDelivery::new(delivery, attempts);
    Ok(axum::Json(Page::of(rows, limit, |row| row.delivery.id.get(), shown)))
}

/// Deliver an event once more
///
/// The event of an earlier delivery, out of turn.
#[utoipa::path(post, path = "/webhooks/{webhook}/deliveries/{delivery}/replay", tag = tags::EVENTS, security(("token" = ["events"])),
    params(("webhook" = String, Path, description = "Id of the webhook"), ("delivery" = String, Path, description = "Id of the delivery")),
    responses((status = CREATED, description = "The new delivery", body = ShownDelivery)))]
async fn replay_delivery(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((id, delivery)): Ids<(String, String)>,
) -> Result<Response> {
    let webhook = find(&platform, &caller, &id).await?;
    let delivery = DeliveryId::parse(&delivery).ok_or(Error::from(Missing::Delivery))?;
    let delivery = platform.replay_delivery(&caller, webhook.id, delivery).await?;
    Ok((StatusCode::CREATED, axum::Json(ShownDelivery::new(delivery, Vec::new()))).into_response())
}

/// From which event on to deliver again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Replay {
    /// Id of the first event.
    from_event_id: String,
}

/// Deliver the events from one on again
///
/// In turn, as long as they are kept.
#[utoipa::path(post, path = "/webhooks/{webhook}/replay", tag = tags::EVENTS, security(("token" = ["events"])),
    params(("webhook" = String, Path, description = "Id of the webhook")), request_body = Replay,
    responses((status = OK, description = "The webhook", body = ShownWebhook)))]
async fn replay_events(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    Json(replay): Json<Replay>,
) -> Result<axum::Json<ShownWebhook>> {
    let webhook = find(&platform, &caller, &id).await?;
    let from = event_id("fromEventId", &replay.from_event_id)?;
    Ok(axum::Json(platform.replay_events(&caller, webhook.id, from).await?.into()))
}

/// Send a test event
///
/// An event of kind `test`, to this webhook alone, out of turn.
#[utoipa::path(post, path = "/webhooks/{webhook}/test", tag = tags::EVENTS, security(("token" = ["events"])),
    params(("webhook" = String, Path, description = "Id of the webhook")),
    responses((status = CREATED, description = "The delivery", body = ShownDelivery)))]
async fn test_webhook(State(platform): State<Platform>, Who(caller): Who, Ids(id): Ids<String>) -> Result<Response> {
    let webhook = find(&platform, &caller, &id).await?;
    let delivery = platform.test_webhook(&caller, webhook.id).await?;
    Ok((StatusCode::CREATED, axum::Json(ShownDelivery::new(delivery, Vec::new()))).into_response())
}
