//! Logs of recognitions: what was found, with a picture of the face, for a set time. Off unless an app switches it on for a
//! library.
//!
//! A recognition puts a copy of its picture into a bounded queue and never waits. One task cuts the faces out and stores
//! them. When the queue is full, or its pictures take too much memory, further recognitions are left out and counted.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use aicp_backends::{Builtin, Photo};
use aicp_store::{Act, NewRecognition, NewRecognitionMatch, Recognition, RecognitionFilter, RecognitionLogging, Store};
use aicp_types::{Clock, LibraryId, RecognitionEntryId};
use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::audit::state;
use crate::error::{or_existing, or_missing};
use crate::libraries::library_target;
use crate::live_settings::LiveSettings;
use crate::{
    Caller, EnrolOptions, Enrolled, Enrolment, Error, Existing, Inner, Library, LibraryKey, Match, Missing, PersonData,
    Platform, Rect, Result, SeenFace,
};

/// Maximum width and height of the picture of an entry, in pixels. The face takes half of it: about 60 pixels between the
/// eyes, enough to enrol it.
pub const MAX_ENTRY_SIDE: u32 = 384;
/// Days for which entries are kept, unless the app says otherwise.
pub const DEFAULT_KEEP_DAYS: u32 = 7;
/// Maximum number of days for which entries are kept.
pub const MAX_KEEP_DAYS: u32 = 365;
/// Maximum number of recognitions that wait.
const MAX_WAITING: usize = 256;
/// Maximum size of the pictures that wait, in KiB.
const MAX_WAITING_KIB: usize = 64 << 10;
/// Maximum number of faces of a picture that are logged, the largest first.
const MAX_FACES: usize = 20;
/// Maximum number of people of an entry.
const MAX_MATCHES: usize = 5;
/// Interval between deletions of old entries.
const DELETE_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of entries deleted per transaction.
const DELETE_BATCH_ROWS: u64 = 500;
/// Interval between log lines about recognitions that were left out.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_hours(24);
const KIB: usize = 1024;

/// Handle of the task that writes the logs.
pub(crate) struct RecognitionLog {
    /// Libraries whose recognitions are logged.
    enabled: ArcSwap<HashMap<LibraryId, RecognitionLogging>>,
    /// Serialises changes of `enabled`.
    changes: Mutex<()>,
    queue: mpsc::Sender<Message>,
    memory: Arc<Semaphore>,
    left_out: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
    task: Mutex<Option<JoinHandle<()>>>,
}

enum Message {
    Search(Box<Search>),
    Close,
}

/// A recognition to log.
struct Search {
    picture: Bytes,
    /// Faces and their entries.
    faces: Vec<(Option<Rect>, Vec<NewRecognition>)>,
    _memory: OwnedSemaphorePermit,
}

/// Follows the other nodes, which may log the recognitions of a library from now on.
pub(crate) async fn follow(inner: Weak<Inner>, libraries_changed: Arc<Notify>) {
    loop {
        libraries_changed.notified().await;
        let Some(inner) = inner.upgrade() else { return };
        let log = &inner.recognition_log;
        let _changing = log.changes.lock().await;
        let loggings = async { inner.store.rows().await?.recognition_loggings().await };
        match loggings.await {
            Ok(loggings) => {
                let enabled = loggings.into_iter().filter(|(_, logging)| logging.enabled).collect();
                log.enabled.store(Arc::new(enabled));
            }
            Err(error) => tracing::warn!(%error, "it is not known which recognitions are to be logged"),
        }
    }
}

impl RecognitionLog {
    /// Reads which libraries have a log, and starts the task.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn start(store: Store, builtin: Builtin, clock: Arc<dyn Clock>, settings: LiveSettings) -> Result<Self> {
        let loggings = store.rows().await?.recognition_loggings().await?;
        let enabled = loggings.into_iter().filter(|(_, logging)| logging.enabled).collect();
        let (queue, messages) = mpsc::channel(MAX_WAITING);
        let left_out = Arc::<AtomicU64>::default();
        let writer = Writer { store, builtin, clock: Arc::clone(&clock), left_out: Arc::clone(&left_out), settings };
        Ok(Self {
            enabled: ArcSwap::from_pointee(enabled),
            changes: Mutex::default(),
            queue,
            memory: Arc::new(Semaphore::new(MAX_WAITING_KIB)),
            left_out,
            clock,
            task: Mutex::new(Some(tokio::spawn(writer.run(messages)))),
        })
    }

    /// Logs a recognition soon, in the libraries that have a log. Never waits. A face that somebody of another library
    /// matches is no unknown face.
    pub fn push(&self, libraries: &[Library], photo: &Photo, faces: &[(Option<SeenFace>, &[Match])]) {
        let enabled = self.enabled.load();
        if enabled.is_empty() {
            return;
        }
        let logged: BTreeSet<LibraryId> =
            libraries.iter().map(|library| library.id).filter(|id| enabled.contains_key(id)).collect();
        if logged.is_empty() {
            return;
        }
        let time = self.clock.now();
        let entries = |matches: &[Match]| {
            let entry = |library_id: LibraryId| {
                let of_library = matches.iter().filter(|found| found.person.library_id == library_id);
                let matches: Vec<_> = of_library.take(MAX_MATCHES).map(recognised).collect();
                NewRecognition { library_id, time, matches }
            };
            let all = logged.iter().map(|id| entry(*id));
            all.filter(|entry| matches.is_empty() || !entry.matches.is_empty()).collect::<Vec<_>>()
        };
        let faces = faces.iter().take(MAX_FACES).map(|(face, matches)| (face.map(|face| face.area), entries(matches)));
        let faces: Vec<_> = faces.filter(|(_, entries)| !entries.is_empty()).collect();
        if faces.is_empty() {
            return;
        }
        let kib = u32::try_from(photo.bytes.len().div_ceil(KIB)).unwrap_or(u32::MAX);
        let sent = Arc::clone(&self.memory).try_acquire_many_owned(kib).ok().and_then(|memory| {
            // A copy, because the bytes may hold the memory of a request, or the place of a download.
            let picture = Bytes::copy_from_slice(&photo.bytes);
            let search = Search { picture, faces, _memory: memory };
            self.queue.try_send(Message::Search(Box::new(search))).ok()
        });
        if sent.is_none() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes what waits and stops the task.
    pub async fn close(&self) {
        let task = self.task.lock().await.take();
        if let Some(task) = task {
            let _ = self.queue.send(Message::Close).await;
            let _ = task.await;
        }
    }
}

fn recognised(found: &Match) -> NewRecognitionMatch {
    NewRecognitionMatch { person_id: found.person.id, face_id: found.face.id, similarity: found.similarity }
}

struct Writer {
    store: Store,
    builtin: Builtin,
    clock: Arc<dyn Clock>,
    left_out: Arc<AtomicU64>,
    settings: LiveSettings,
}

impl Writer {
    async fn run(self, mut messages: mpsc::Receiver<Message>) {
        let (mut next_deletion, mut next_report) = (Instant::now(), Instant::now());
        loop {
            match timeout_at(next_deletion, messages.recv()).await {
                Ok(Some(Message::Search(search))) => {
                    if let Err(e) = self.write(*search).await {
                        self.left_out.fetch_add(1, Ordering::Relaxed);
                        tracing::warn!(error = %e, "a recognition can't be logged");
                    }
                }
                Ok(Some(Message::Close) | None) => return,
                Err(_) => {}
            }
            if Instant::now() >= next_report {
                let left_out = self.left_out.swap(0, Ordering::Relaxed);
                if left_out > 0 {
                    tracing::error!(left_out, "the recognition log could not keep up: recognitions are missing in it");
                }
                next_report = Instant::now() + REPORT_INTERVAL;
            }
            if Instant::now() >= next_deletion {
                let rest = self.delete_old().await.unwrap_or_else(|e| {
                    tracing::error!(error = %e, "old entries of recognition logs can't be deleted");
                    false
                });
                next_deletion = Instant::now() + if rest { Duration::ZERO } else { DELETE_INTERVAL };
            }
        }
    }

    /// Cuts out the faces of a picture and writes their entries.
    async fn write(&self, search: Search) -> Result<()> {
        let Search { picture, faces, .. } = search;
        let areas: Option<Vec<Rect>> = faces.iter().map(|(area, _)| *area).collect();
        let crops = self.builtin.crop(picture, areas, MAX_ENTRY_SIDE).await?;
        for (crop, (_, entries)) in crops.into_iter().zip(faces) {
            for entry in entries {
                let written: aicp_store::Result<RecognitionEntryId> = self
                    .store
                    .write_with_picture(crop.clone(), move |tx, picture| {
                        Box::pin(async move { tx.insert_recognition(entry, picture).await })
                    })
                    .await;
                match written {
                    // The log was switched off, or the library or a person was removed meanwhile.
                    Ok(_) | Err(aicp_store::Error::NotFound) => {}
                    Err(e) => return Err(e.into()),
                }
            }
        }
        Ok(())
    }

    /// Deletes a batch of old entries of each library. Returns whether there may be more.
    async fn delete_old(&self) -> aicp_store::Result<bool> {
        let loggings = self.store.rows().await?.recognition_loggings().await?;
        let (now, max_entries) = (self.clock.now(), self.settings.load().recognition_log.max_entries);
        let mut has_more = false;
        for (library_id, logging) in loggings {
            let before = now.saturating_sub(DAY * logging.keep_days);
            let old =
                self.store.rows().await?.old_recognitions(library_id, before, max_entries, DELETE_BATCH_ROWS).await?;
            if old.is_empty() {
                continue;
            }
            has_more |= old.len() as u64 >= DELETE_BATCH_ROWS;
            let deleted: aicp_store::Result<u64> =
                self.store.remove(move |tx| Box::pin(async move { tx.delete_recognitions(&old, now).await })).await;
            deleted?;
        }
        Ok(has_more)
    }
}

/// Returns the state that the audit log shows.
fn audited(RecognitionLogging { enabled, keep_days }: RecognitionLogging) -> Option<String> {
    state(&serde_json::json!({ "enabled": enabled, "keepDays": keep_days }))
}

impl Platform {
    /// Returns how the recognitions of a library are logged.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn recognition_logging(&self, library: &Library) -> Result<RecognitionLogging> {
        let logging = self.inner.store.rows().await?.recognition_logging(library.id).await?;
        Ok(logging.unwrap_or(RecognitionLogging { enabled: false, keep_days: DEFAULT_KEEP_DAYS }))
    }

    /// Changes how the recognitions of a library are logged, by a function, unless that returns false. Entries stay when the
    /// log is switched off, as long as they are kept.
    ///
    /// # Errors
    /// [`Missing::Library`].
    pub async fn update_recognition_logging(
        &self,
        caller: &Caller,
        library: &Library,
        change: impl FnOnce(&mut RecognitionLogging) -> bool + Send + 'static,
    ) -> Result<Option<RecognitionLogging>> {
        let (id, log) = (library.id, &self.inner.recognition_log);
        let act = caller.act(self.now(), "library.recognition-log", library_target(library));
        let _one_at_a_time = log.changes.lock().await;
        let written: Result<Option<RecognitionLogging>> = self
            .inner
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let known = tx.recognition_logging(id).await?;
                    let mut logging =
                        known.unwrap_or(RecognitionLogging { enabled: false, keep_days: DEFAULT_KEEP_DAYS });
                    let before = audited(logging);
                    if !change(&mut logging) {
                        return Ok(None);
                    }
                    tx.set_recognition_logging(id, logging).await.map_err(or_missing(Missing::Library))?;
                    tx.append_act(Act { before, after: audited(logging), ..act }).await?;
                    Ok(Some(logging))
                })
            })
            .await;
        let written = written?;
        if let Some(logging) = written {
            let mut enabled = HashMap::clone(&log.enabled.load());
            match logging.enabled {
                true => drop(enabled.insert(id, logging)),
                false => drop(enabled.remove(&id)),
            }
            log.enabled.store(Arc::new(enabled));
        }
        Ok(written)
    }

    /// Lists the logged recognitions of a library, the latest first.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn recognitions(
        &self,
        library: &Library,
        filter: RecognitionFilter,
        before: Option<RecognitionEntryId>,
        limit: u64,
    ) -> Result<Vec<Recognition>> {
        Ok(self.inner.store.rows().await?.recognitions_before(library.id, filter, before, limit).await?)
    }

    /// Returns a logged recognition.
    ///
    /// # Errors
    /// [`Missing::Entry`].
    pub async fn recognition(&self, library: &Library, id: RecognitionEntryId) -> Result<Recognition> {
        let entry = self.inner.store.rows().await?.recognition(library.id, id).await?;
        entry.ok_or(Missing::Entry.into())
    }

    /// Returns the picture of a logged recognition: a JPEG of the face.
    ///
    /// # Errors
    /// [`Missing::Picture`].
    pub async fn recognition_picture(&self, entry: &Recognition) -> Result<Bytes> {
        self.inner.store.picture(&entry.picture_key).await.map_err(or_missing(Missing::Picture))
    }

    /// Deletes a logged recognition with its picture.
    ///
    /// # Errors
    /// [`Missing::Entry`].
    pub async fn delete_recognition(&self, library: &Library, id: RecognitionEntryId) -> Result<()> {
        self.recognition(library, id).await?;
        let now = self.now();
        let deleted: Result<u64> = self
            .inner
            .store
            .remove(move |tx| Box::pin(async move { Ok(tx.delete_recognitions(&[id], now).await?) }))
            .await;
        if deleted? == 0 { Err(Missing::Entry.into()) } else { Ok(()) }
    }

    /// Enrols the unknown face of a logged recognition as a new person, with the picture of the entry. The entry names the
    /// person from then on.
    ///
    /// # Errors
    /// [`Missing::Entry`]; [`Existing::Person`] if somebody matches already, or the user id is taken; those of
    /// [`Platform::enrol`].
    pub async fn enrol_recognition(
        &self,
        caller: &Caller,
        library: &Library,
        id: RecognitionEntryId,
        person: PersonData,
    ) -> Result<Enrolled> {
        // Of concurrent calls for one entry, one enrols.
        let _same_entry = self.inner.locks.lock(&(library.id, id, "recognition")).await?;
        let entry = self.recognition(library, id).await?;
        if !entry.matches.is_empty() {
            return Err(Error::Exists(Existing::Person));
        }
        let picture = self.recognition_picture(&entry).await?;
        let options = EnrolOptions::default();
        let enrolment = Enrolment { library: LibraryKey::from(library), person, picture, options };
        let enrolled = self.enrol(caller, enrolment).await?;
        let named = NewRecognitionMatch { person_id: enrolled.person.id, face_id: enrolled.face.id, similarity: 1.0 };
        let library_id = library.id;
        let noted: Result<()> = self
            .inner
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let noted = tx.name_recognition(library_id, id, named).await;
                    noted.map_err(or_existing(Existing::Person, Missing::Entry))
                })
            })
            .await;
        match noted {
            // The entry was deleted or named meanwhile; the person is there.
            Ok(()) | Err(Error::Missing(_) | Error::Exists(_)) => Ok(enrolled),
            Err(e) => Err(e),
        }
    }
}
