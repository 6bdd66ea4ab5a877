//! The buffer of events that no transaction records, its writer, and the signal that there are new events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aicp_store::{EventData, NewEvent, RecognisedFace, RecognisedPerson, Store};
use aicp_types::{Clock, EventId, LibraryId};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::streams::StreamSlots;
use crate::live_settings::LiveSettings;
use crate::{Caller, Library, Match};

/// Maximum delay between an event and its write.
const MAX_FLUSH_DELAY: Duration = Duration::from_millis(200);
/// Capacity of the buffer in events, of up to about 20 KB each, mostly 200 bytes.
const BUFFER_EVENTS: usize = 1 << 12;
/// Maximum number of events per transaction: other writes wait for its end.
const BATCH: usize = 500;
/// Pause after a failed write.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Maximum number of attempts to write what the store refuses, and during shut-down of any write.
const MAX_FINAL_ATTEMPTS: u32 = 3;
/// Maximum number of old events deleted per transaction.
const DELETE_BATCH_ROWS: u64 = 2000;
/// Interval between deletions of old events.
const DELETE_INTERVAL: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_hours(24);
/// Maximum number of people in the event of a recognition, for each face.
const MAX_MATCHES: usize = 5;

/// Handle of the log. Clones share it.
#[derive(Clone)]
pub(crate) struct EventLog(Arc<Shared>);

struct Shared {
    buffer: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
    is_closing: Arc<AtomicBool>,
    task: Mutex<Option<JoinHandle<()>>>,
    clock: Arc<dyn Clock>,
    /// Counts writes with events.
    signal: watch::Sender<u64>,
    /// Turns true when the streams have to end.
    end: watch::Sender<bool>,
    slots: StreamSlots,
}

enum Message {
    Event(Box<NewEvent>),
    Close,
}

impl EventLog {
    pub fn start(store: Store, clock: Arc<dyn Clock>, settings: LiveSettings) -> Self {
        let (buffer, messages) = mpsc::channel(BUFFER_EVENTS);
        let (dropped, is_closing) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let writer = Writer {
            store,
            clock: Arc::clone(&clock),
            dropped: Arc::clone(&dropped),
            is_closing: Arc::clone(&is_closing),
            settings: settings.clone(),
        };
        Self(Arc::new(Shared {
            buffer,
            dropped,
            is_closing,
            task: Mutex::new(Some(tokio::spawn(writer.run(messages)))),
            clock,
            signal: watch::Sender::new(0),
            end: watch::Sender::new(false),
            slots: StreamSlots::default(),
        }))
    }

    /// Records an event soon. Never waits.
    pub fn push(&self, event: NewEvent) {
        if self.0.buffer.try_send(Message::Event(Box::new(event))).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records that an engine was found reachable, or not.
    pub fn push_engine_health(&self, engine: &str, is_up: bool) {
        let data = EventData::EngineHealth { engine: engine.to_owned(), is_up };
        self.push(NewEvent { time: self.0.clock.now(), app_id: None, library_id: None, data });
    }

    /// Records a recognition: an event for each library in which somebody was found. If nobody was found, one event, of the
    /// library if only one was searched. Hidden libraries are not told of.
    pub fn push_recognition<'a>(
        &self,
        caller: &Caller,
        libraries: &[Library],
        faces: impl Iterator<Item = &'a [Match]> + Clone,
    ) {
        if libraries.iter().any(|library| library.hidden) {
            return;
        }
        let time = self.0.clock.now();
        let push = |library_id: Option<LibraryId>, faces: Vec<RecognisedFace>| {
            let data = EventData::Recognition { faces };
            // An event of a library belongs to the app of the library.
            let app_id = library_id.is_none().then(|| caller.app_id().to_owned());
            self.push(NewEvent { time, app_id, library_id, data });
        };
        let mut found: Vec<LibraryId> = faces.clone().flatten().map(|found| found.person.library_id).collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            let only = if let [library] = libraries { Some(library.id) } else { None };
            push(only, faces.map(|_| RecognisedFace::default()).collect());
            return;
        }
        for library_id in found {
            let in_library = faces.clone().map(|matches| {
                let matches = matches.iter().filter(|found| found.person.library_id == library_id).take(MAX_MATCHES);
                RecognisedFace { matches: matches.map(recognised).collect() }
            });
            push(Some(library_id), in_library.collect());
        }
    }

    /// Tells the followers that there are new events.
    pub fn notify(&self) {
        self.0.signal.send_modify(|writes| *writes = writes.wrapping_add(1));
    }

    /// Returns a receiver that changes with every write of events.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.signal.subscribe()
    }

    /// Returns a receiver that turns true when streams have to end.
    pub fn ending(&self) -> watch::Receiver<bool> {
        self.0.end.subscribe()
    }

    pub fn slots(&self) -> &StreamSlots {
        &self.0.slots
    }

    /// Ends all streams, now and from now on.
    pub fn end_streams(&self) {
        self.0.end.send_replace(true);
    }

    /// Writes the remaining events and stops the writer.
    pub async fn close(&self) {
        self.end_streams();
        let task = self.0.task.lock().await.take();
        if let Some(task) = task {
            self.0.is_closing.store(true, Ordering::Relaxed);
            let _ = self.0.buffer.send(Message::Close).await;
            let _ = task.await;
        }
    }
}

fn recognised(found: &Match) -> RecognisedPerson {
    RecognisedPerson { person: found.person.public_id, face: found.face.id, similarity: found.similarity }
}

struct Writer {
    store: Store,
    clock: Arc<dyn Clock>,
    dropped: Arc<AtomicU64>,
    /// Set during shut-down: limits the attempts of a failing write.
    is_closing: Arc<AtomicBool>,
    settings: LiveSettings,
}

impl Writer {
    async fn run(self, mut messages: mpsc::Receiver<Message>) {
        let mut next_deletion = Instant::now();
        loop {
            let (events, is_closing) = collect_batch(&mut messages, next_deletion).await;
            self.write(events).await;
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                tracing::error!(dropped, "the log of events could not keep up: events are missing in it");
            }
            if is_closing {
                return;
            }
            if Instant::now() >= next_deletion {
                let rest = self.delete_old().await;
                next_deletion = Instant::now() + if rest { Duration::ZERO } else { DELETE_INTERVAL };
            }
        }
    }

    /// Writes events and retries until the store accepts them. Those that it refuses for good, or fails to write during
    /// shut-down, are given up and counted as dropped.
    async fn write(&self, events: Vec<NewEvent>) {
        if events.is_empty() {
            return;
        }
        let mut tries = 0;
        while let Err(e) = self.append(events.clone()).await {
            tries += 1;
            tracing::error!(error = %e, events = events.len(), "events can't be written");
            let is_final = matches!(e, aicp_store::Error::Database(_)) || self.is_closing.load(Ordering::Relaxed);
            if matches!(e, aicp_store::Error::Closed) || (is_final && tries >= MAX_FINAL_ATTEMPTS) {
                self.dropped.fetch_add(events.len() as u64, Ordering::Relaxed);
                return;
            }
            sleep(RETRY_PAUSE).await;
        }
    }

    async fn append(&self, events: Vec<NewEvent>) -> aicp_store::Result<()> {
        let append = self.store.write(move |tx| {
            Box::pin(async move {
                events.into_iter().for_each(|event| tx.record_event(event));
                Ok(())
            })
        });
        append.await
    }

    /// Deletes a batch of old events. Returns whether there may be more.
    async fn delete_old(&self) -> bool {
        let settings = self.settings.load();
        // Zero: as long as there is room.
        let keep = DAY * settings.events.retention_days;
        let before = (!keep.is_zero()).then(|| self.clock.now().saturating_sub(keep));
        let max_events = i64::try_from(settings.events.max_events).unwrap_or(i64::MAX);
        let deleted: aicp_store::Result<u64> = self
            .store
            .remove(move |tx| {
                Box::pin(async move {
                    let up_to = EventId::new(tx.last_event().await?.get().saturating_sub(max_events));
                    tx.delete_events(before, up_to, DELETE_BATCH_ROWS).await
                })
            })
            .await;
        match deleted {
            Ok(deleted) => deleted >= DELETE_BATCH_ROWS,
            Err(aicp_store::Error::Closed) => false,
            Err(e) => {
                tracing::error!(error = %e, "old events can't be deleted");
                false
            }
        }
    }
}

/// Collects events until the batch is full, [`MAX_FLUSH_DELAY`] has passed since the first one, or the log closes. Waits
/// for the first event until `wake`.
async fn collect_batch(messages: &mut mpsc::Receiver<Message>, wake: Instant) -> (Vec<NewEvent>, bool) {
    let mut events = Vec::new();
    let mut until = None;
    while events.len() < BATCH {
        let Ok(message) = timeout_at(until.unwrap_or(wake), messages.recv()).await else { break };
        until = until.or_else(|| Some(Instant::now() + MAX_FLUSH_DELAY));
        match message {
            Some(Message::Event(event)) => events.push(*event),
            Some(Message::Close) | None => return (events, true),
        }
    }
    (events, false)
}

#[cfg(test)]
mod tests {
    use aicp_store::EventFilter;
    use aicp_types::{SystemClock, UnixMillis};

    use super::*;
    use crate::Settings;
    use crate::settings::Events;

    fn with(events: Events) -> LiveSettings {
        Settings { events, ..Settings::default() }.into()
    }

    fn event(number: i64) -> NewEvent {
        let data = EventData::Test;
        NewEvent { time: UnixMillis::new(number), app_id: Some("app".to_owned()), library_id: None, data }
    }

    #[tokio::test]
    async fn what_was_recorded_is_written_before_the_log_closes_and_old_events_go() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let store = aicp_store_sqlite::open(folder.path(), Arc::new(SystemClock)).await.expect("opens");
        let unlimited = Events { retention_days: 0, ..Events::default() };
        let log = EventLog::start(store.clone(), Arc::new(SystemClock), with(unlimited.clone()));
        (0..1500).for_each(|number| log.push(event(number)));
        log.close().await;
        let mut rows = store.rows().await.expect("reads");
        let last = rows.last_event().await.expect("reads");
        let kept =
            rows.events_after(&EventFilter::default(), EventId::new(0), last, false, 10_000).await.expect("reads");
        drop(rows);
        assert_eq!((kept.len(), last.get()), (1500, 1500));
        let settings = Events { max_events: 100, ..unlimited };
        let log = EventLog::start(store.clone(), Arc::new(SystemClock), with(settings));
        // The first thing that a new log does is to delete.
        let mut first = EventId::new(1);
        while first.get() <= 1400 {
            tokio::task::yield_now().await;
            first = store.rows().await.expect("reads").first_event().await.expect("reads").expect("the last is kept");
        }
        assert_eq!(first.get(), 1401);
        log.close().await;
        store.close().await.expect("closes");
    }

    #[tokio::test]
    async fn a_store_that_takes_nothing_holds_nobody_up() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let store = aicp_store_sqlite::open(folder.path(), Arc::new(SystemClock)).await.expect("opens");
        let log = EventLog::start(store.clone(), Arc::new(SystemClock), with(Events::default()));
        store.close().await.expect("closes");
        (0..BUFFER_EVENTS as i64 + 10).for_each(|number| log.push(event(number)));
        log.close().await;
    }
}
