//! Events: as a stream, and as a log.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::time::Duration;

use aicp_platform::{
    Caller, Error, Event, EventData, EventFilter, EventKind, EventStream, IdOrder, Missing, Platform, Woken,
};
use aicp_requests::trouble;
use aicp_types::{EventId, FaceId, LibraryId, PublicId};
use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::{Instrument, Span};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::authenticate;
use crate::input::{Ids, Query, Who};
use crate::pages::{self, Page, Sort};
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

/// Header by which a client continues a stream.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Maximum number of events that are read at a time.
const BATCH: u64 = 50;
/// Minimum time between two reads of new events.
const READ_PAUSE: Duration = Duration::from_millis(50);
/// Interval at which the credentials of a stream are checked again.
const RECHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Time after which a client should reconnect, in milliseconds.
const RECONNECT_MS: u32 = 2000;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(stream_events)).routes(routes!(list_events)).routes(routes!(get_event))
}

/// Kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// A face was enrolled, of a new person or of a known one.
    FaceEnrolled,
    /// Faces of a person were removed; the person stays.
    FacesRemoved,
    /// A person was removed with all faces.
    PersonRemoved,
    /// A library was removed with all its people.
    LibraryRemoved,
    /// The faces of a picture were searched for.
    Recognition,
    /// An engine was found to answer, or not to. Only administrators see it.
    EngineHealth,
    /// A job changed.
    Job,
    /// A webhook is tried out.
    Test,
}

impl From<EventKind> for Kind {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::FaceEnrolled => Self::FaceEnrolled,
            EventKind::FacesRemoved => Self::FacesRemoved,
            EventKind::PersonRemoved => Self::PersonRemoved,
            EventKind::LibraryRemoved => Self::LibraryRemoved,
            EventKind::Recognition => Self::Recognition,
            EventKind::EngineHealth => Self::EngineHealth,
            EventKind::Job => Self::Job,
            EventKind::Test => Self::Test,
        }
    }
}

impl From<Kind> for EventKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::FaceEnrolled => Self::FaceEnrolled,
            Kind::FacesRemoved => Self::FacesRemoved,
            Kind::PersonRemoved => Self::PersonRemoved,
            Kind::LibraryRemoved => Self::LibraryRemoved,
            Kind::Recognition => Self::Recognition,
            Kind::EngineHealth => Self::EngineHealth,
            Kind::Job => Self::Job,
            Kind::Test => Self::Test,
        }
    }
}

/// An event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownEvent {
    /// Id; later events have greater ones.
    #[schema(example = "17")]
    id: String,
    /// When it happened.
    #[schema(format = DateTime)]
    time: String,
    /// What happened.
    kind: Kind,
    /// App that it concerns; `null` if it concerns no app alone.
    app_id: Option<String>,
    /// Library that it concerns, which may be gone.
    library_id: Option<String>,
    /// What is known of it: ids and numbers. Which fields there are depends on the kind.
    data: EventDetails,
}

/// What is known of an event.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventDetails {
    /// The person, for `faceEnrolled`, `facesRemoved` and `personRemoved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    person_id: Option<String>,
    /// The faces, for `faceEnrolled` and `facesRemoved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    face_ids: Option<Vec<String>>,
    /// The faces of the picture, the largest first, for `recognition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    faces: Option<Vec<EventFace>>,
    /// Name of the engine, for `engineHealth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<String>,
    /// Whether the engine answers, for `engineHealth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_up: Option<bool>,
    /// The job, for `job`.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<String>,
    /// State of the job, for `job`.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// Number of items that are done, for `job`.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    /// Number of all items, for `job`, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

/// A face of a recognition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventFace {
    /// People of the library whom it matches, the most similar first, at most 5. Empty: an unknown face.
    matches: Vec<EventMatch>,
}

/// A person whom a face of a recognition matches.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventMatch {
    /// The person.
    person_id: String,
    /// The present name of the person, in the log alone; missing if the person has none or is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The person's most similar face.
    face_id: String,
    /// Similarity, 0..1.
    similarity: f32,
}

impl ShownEvent {
    /// Adds the names of the people whom a recognition names.
    fn with_names(mut self, names: &HashMap<PublicId, String>) -> Self {
        for found in self.data.faces.iter_mut().flatten().flat_map(|face| &mut face.matches) {
            found.name = PublicId::parse(&found.person_id).and_then(|id| names.get(&id).cloned());
        }
        self
    }
}

impl From<Event> for ShownEvent {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            time: rfc3339(event.time),
            kind: event.data.kind().into(),
            app_id: event.app_id,
            library_id: event.library_id.map(|id| id.to_string()),
            data: event.data.into(),
        }
    }
}

impl From<EventData> for EventDetails {
    fn from(data: EventData) -> Self {
        let of_person = |person: PublicId| Self { person_id: Some(person.to_string()), ..Self::default() };
        let texts = |faces: Vec<FaceId>| Some(faces.iter().map(ToString::to_string).collect());
        match data {
            EventData::FaceEnrolled { person, face } => Self { face_ids: texts(vec![face]), ..of_person(person) },
            EventData::FacesRemoved { person, faces } => Self { face_ids: texts(faces), ..of_person(person) },
            EventData::PersonRemoved { person } => of_person(person),
            EventData::Recognition { faces } => {
                let shown = faces.into_iter().map(|face| EventFace {
                    matches: face
                        .matches
                        .into_iter()
                        .map(|found| EventMatch {
                            person_id: found.person.to_string(),
                            name: None,
                            face_id: found.face.to_string(),
                            similarity: found.similarity,
                        })
                        .collect(),
                });
                Self { faces: Some(shown.collect()), ..Self::default() }
            }
            EventData::EngineHealth { engine, is_up } => {
                Self { engine: Some(engine), is_up: Some(is_up), ..Self::default() }
            }
            EventData::Job { job, state, done, total } => {
                Self { job_id: Some(job), state: Some(state), done: Some(done), total, ..Self::default() }
            }
            EventData::LibraryRemoved | EventData::Test => Self::default(),
        }
    }
}

/// Returns an event as JSON, as streams and webhooks send it, and its kind.
pub fn event_json(event: &Event) -> (String, String) {
    let shown = ShownEvent::from(event.clone());
    (serde_json::to_string(&shown).unwrap_or_default(), kind_name(shown.kind))
}

/// Returns the name of a kind in JSON.
pub(crate) fn kind_name(kind: Kind) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Which events a stream has.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamQuery {
    /// Only events of these kinds.
    #[serde(default)]
    kind: Vec<Kind>,
    /// Only events of this library.
    library_id: Option<String>,
    /// Only events of this app.
    app_id: Option<String>,
    /// As the header `Last-Event-ID`, for clients that can't set it. The header counts first.
    last_event_id: Option<String>,
}

/// Follow the events
///
/// As server-sent events (`text/event-stream`), which don't end. `id` is the id of the event, `event` its kind, `data` the
/// event as in the log. An app sees its own events, of the kinds that its capabilities open; a caller who sees all apps
/// sees the events of all.
/// A stream begins with the next event; with `Last-Event-ID`, with the one after that: none is missing and none comes
/// twice. An event `lost` tells that events in between were deleted by age. Comments show that the stream is alive. A
/// stream ends when its token ends, and with the server.
#[utoipa::path(get, path = "/events", tag = tags::EVENTS, security(("token" = ["events"])),
    params(StreamQuery, ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that was seen")),
    responses((status = OK, description = "The stream", content_type = "text/event-stream", body = String)))]
async fn stream_events(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<StreamQuery>,
    parts: Parts,
) -> Result<Response> {
    let filter = filter(query.kind, query.library_id.as_deref(), query.app_id)?;
    let header = parts.headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default().trim());
    let seen = header.or(query.last_event_id.as_deref()).filter(|id| !id.is_empty());
    let seen = seen.map(|id| event_id("Last-Event-ID", id)).transpose()?;
    // Before the position is read, so that no event comes in between.
    let stream = platform.follow_events(&caller)?;
    let position = match seen {
        Some(seen) => seen,
        None => platform.last_event().await?,
    };
    let heartbeat = platform.settings().events.heartbeat_s.duration();
    let now = Instant::now();
    let feed = Feed {
        platform,
        parts,
        caller,
        filter,
        stream,
        position,
        is_new: true,
        is_behind: true,
        heartbeat,
        checked_at: now,
        read_at: None,
        sent_at: now,
    };
    let span = Span::current();
    let chunks = unfold(feed, move |mut feed| {
        let next = async move {
            let chunk = feed.next().await?;
            Some((Ok::<_, Infallible>(Bytes::from(chunk)), feed))
        };
        next.instrument(span.clone())
    });
    let mut response = Response::new(Body::from_stream(chunks));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy must not collect what it passes on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// A stream that is being sent. It reads events as the client takes them, and keeps none.
struct Feed {
    platform: Platform,
    parts: Parts,
    caller: Caller,
    filter: EventFilter,
    stream: EventStream,
    /// Events up to this id are sent, or not wanted.
    position: EventId,
    is_new: bool,
    /// Whether there may be events to read now.
    is_behind: bool,
    heartbeat: Duration,
    checked_at: Instant,
    read_at: Option<Instant>,
    sent_at: Instant,
}

impl Feed {
    /// Returns what is sent next, once there is something; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        if std::mem::take(&mut self.is_new) {
            return Some(format!("retry: {RECONNECT_MS}\nid: {}\n\n", self.position));
        }
        loop {
            if self.checked_at.elapsed() >= RECHECK_INTERVAL {
                self.caller = authenticate(&self.platform, &self.parts).ok()?;
                Access::Events.check(&self.caller, true).ok()?;
                self.checked_at = Instant::now();
            }
            if self.is_behind {
                let text = self.read().await?;
                if !text.is_empty() {
                    self.sent_at = Instant::now();
                    return Some(text);
                }
            }
            let silence = self.sent_at.elapsed();
            if silence >= self.heartbeat {
                self.sent_at = Instant::now();
                return Some(format!(": alive\nid: {}\n\n", self.position));
            }
            match self.stream.wait((self.heartbeat - silence).min(RECHECK_INTERVAL)).await {
                Woken::Events => self.is_behind = true,
                Woken::Timeout => {}
                Woken::Ending => return None,
            }
        }
    }

    /// Reads the next events; `None` if that fails.
    async fn read(&mut self) -> Option<String> {
        if let Some(rest) = self.read_at.and_then(|at| READ_PAUSE.checked_sub(at.elapsed())) {
            tokio::time::sleep(rest).await;
        }
        let read = self.platform.events_after(&self.caller, self.filter.clone(), self.position, BATCH).await;
        let batch = read.inspect_err(trouble::log).ok()?;
        self.is_behind = batch.events.len() as u64 == BATCH;
        self.read_at = (!self.is_behind).then(Instant::now);
        let mut text = String::new();
        if batch.has_gap {
            text += "event: lost\ndata: {}\n\n";
        }
        for event in &batch.events {
            let (data, kind) = event_json(event);
            text += &format!("id: {}\nevent: {kind}\ndata: {data}\n\n", event.id);
        }
        self.position = batch.position;
        Some(text)
    }
}

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Only events of these kinds.
    #[serde(default)]
    kind: Vec<Kind>,
    /// Only events of this library.
    library_id: Option<String>,
    /// Only events of this app.
    app_id: Option<String>,
    /// Only events at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only events before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Only events after the one with this id.
    after: Option<String>,
    /// Order of the list.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: Sort,
    /// Number of events of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List events
///
/// In their order, unless `sort` says otherwise. An app sees its own events, of the kinds that its capabilities open; a caller who sees all apps sees the
/// events of all. Events are
/// deleted by age (setting `events.retention_days`).
#[utoipa::path(get, path = "/events/log", tag = tags::EVENTS, security(("token" = ["events"])), params(EventQuery),
    responses((status = OK, description = "A page", body = Page<ShownEvent>)))]
async fn list_events(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<EventQuery>,
) -> Result<axum::Json<Page<ShownEvent>>> {
    let limit = pages::limit(query.limit)?;
    let from = moment("from", query.from.as_deref())?;
    let to = moment("to", query.to.as_deref())?;
    let filter = EventFilter { from, to, ..filter(query.kind, query.library_id.as_deref(), query.app_id)? };
    let after = query.after.as_deref().map(|after| event_id("after", after)).transpose()?;
    let after = after.unwrap_or(EventId::new(0));
    let events = match query.sort.order(query.cursor.as_deref())? {
        IdOrder::Oldest(begin) => {
            let after = begin.map_or(after, EventId::new);
            platform.events_after(&caller, filter, after, limit + 1).await?.events
        }
        IdOrder::Newest(before) => {
            platform.events_before(&caller, filter, after, before.map(EventId::new), limit + 1).await?
        }
    };
    let names = platform.names_of(&matched(&events)).await?;
    let shown = |event| ShownEvent::from(event).with_names(&names);
    Ok(axum::Json(Page::by(events, limit, |event| query.sort.cursor(event.id.get()), shown)))
}

/// Get an event
#[utoipa::path(get, path = "/events/{event}", tag = tags::EVENTS, security(("token" = ["events"])),
    params(("event" = String, Path, description = "Id of the event")),
    responses((status = OK, description = "The event", body = ShownEvent)))]
async fn get_event(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<axum::Json<ShownEvent>> {
    let id = EventId::parse(&id).ok_or(Error::from(Missing::Event))?;
    let event = platform.event(&caller, id).await?;
    let names = platform.names_of(&matched(std::slice::from_ref(&event))).await?;
    Ok(axum::Json(ShownEvent::from(event).with_names(&names)))
}

/// Returns the people whom the recognitions among some events name.
fn matched(events: &[Event]) -> Vec<PublicId> {
    let faces = events.iter().flat_map(|event| match &event.data {
        EventData::Recognition { faces } => faces.as_slice(),
        _ => &[],
    });
    let people: BTreeSet<PublicId> = faces.flat_map(|face| &face.matches).map(|found| found.person).collect();
    people.into_iter().collect()
}

/// Reads the filters that streams and lists have in common.
fn filter(kinds: Vec<Kind>, library_id: Option<&str>, app_id: Option<String>) -> Result<EventFilter> {
    let no_id = || Problem::field("libraryId", "must be the id of a library");
    let library_id = library_id.map(|id| LibraryId::parse(id).ok_or_else(no_id)).transpose()?;
    let kinds = (!kinds.is_empty()).then(|| kinds.into_iter().map(EventKind::from).collect());
    Ok(EventFilter { app_id, kinds, library_id, from: None, to: None })
}

/// Reads the id of an event in a field.
pub(crate) fn event_id(name: &str, text: &str) -> Result<EventId> {
    let id = EventId::parse(text).filter(|id| id.get() >= 0);
    id.ok_or_else(|| Problem::field(name, "must be the id of an event"))
}
