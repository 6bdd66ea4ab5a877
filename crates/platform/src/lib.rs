//! Every use case, as plain async functions: libraries, people, recognition, pictures, apps and their grants, the call
//! log and its statistics, console users, accounts and their friends, and the outbox of writes that wait for an engine.
//!
//! The rules are here: who may do what, what is unique, in which order things are written. A use case takes the
//! [`App`] that asks and answers with rows of the store and similarities of the engine. No HTTP status and no field
//! name of any wire protocol is known here.

mod apps;
mod background;
mod calls;
mod capabilities;
mod console;
mod devices;
mod directory;
mod engines;
mod error;
mod gates;
mod ids;
mod judgements;
mod keys;
mod libraries;
mod locks;
mod members;
mod outbox;
mod people;
mod pictures;
mod random;
mod recognition;
mod scans;
mod secrets;
mod social;
mod statistics;
mod thresholds;
mod user_groups;
mod users;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use aicp_engines::{
    Assessment, Components, Cover, DescribedFace, Dimensions, Examination, ExaminedFace, FacePredicate, Format, Grade,
    HeadPose, Liveness, Point, Quality, Rect, SeenFace, Similarity, Unrecognisable,
};
pub use aicp_fetch::{Limits as FetchLimits, Network};
pub use aicp_store::{
    CallTotal, Counts, DeviceName, DirectoryEntry, DirectoryFace, DirectoryFilter, Face, Group, GroupKind, Library,
    LibraryCounts, LoggedCall, OutboxFilter, Page, Person, PersonChanges, Profile, SyncRelation,
};
pub use aicp_store::{Finding, Report as CheckReport};
pub use apps::{App, ExtendedGrant, TokenError};
pub use background::Background;
pub use calls::Call;
pub use capabilities::{Area, Capabilities};
pub use console::{Registration, Session};
pub use directory::{NewDirectoryUser, user_id_of};
pub use engines::{BUILTIN, Engines};
pub use error::{Error, Result};
pub use gates::{Control, Gates, LIVENESS_THRESHOLDS, QualityFault, RecognitionGate};
pub use keys::{AccessKey, KeyInfo, KeyOptions, KeyScheme, KeyText, Keyring, NewKey, QuotaError, SignatureUse};
pub use members::NewMember;
pub use outbox::{EngineHealth, OutboxEntry};
pub use people::{EnrolledPerson, Imported, MissingLibrary};
pub use pictures::StoredPicture;
pub use recognition::{FaceMatches, Identification, Match, Threshold};
pub use secrets::{MasterKey, new_token};
pub use social::{
    Account, CustomValue, Friend, FriendError, FriendFields, FriendGroup, FriendGroups, FriendOutcome, FriendPage,
    FriendRequests, KnownFriend, Members, NewAccount, Relation, Sequences, Sides, Social, SocialLimits, UserIds,
};
pub use statistics::{Bucket, BucketTotal, CallFilter, SingleCalls};
pub use thresholds::{LibraryThreshold, threshold_for};
pub use users::{MissingUser, OldFaces, UserFace, face_token, token_of_face};

use aicp_engines::{Builtin, TemplateRow};
use aicp_fetch::Fetcher;
use aicp_store::{AddedFace, Algorithm, Change, NewTemplate, Observer, Store, TemplateRow as StoredTemplate};
use aicp_types::{Clock, LibraryId, Node, PersonId, UnixMillis};
use apps::Tokens;
use calls::CallLog;
use console::LoginThrottle;
use ids::Ids;
use jiff::tz::TimeZone;
use keys::Keys;
use libraries::OldestLibraries;
use locks::{Digest, KeyedLock};
use scans::Scans;
use secrets::{Signer, Vault};
use social::RememberedGroups;
use thresholds::ToldOf;
use tokio::sync::{Notify, Semaphore};

/// The largest number of people that one recognition answers.
pub const MAX_TOP_N: usize = 100;
/// Faces enrolled so much later than now were dated by a clock that was wrong.
const AHEAD: Duration = Duration::from_secs(60);
/// App that the admin token acts for. Nobody else can have this name.
pub const ADMIN_APP: &str = "admin";

/// What can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Two faces are one person if their similarity is above this, 0..1; an engine may have a threshold of its own.
    pub threshold: Similarity,
    /// How many people a recognition answers at most, 1..=[`MAX_TOP_N`].
    pub top_n: usize,
    /// A picture is good enough if its quality score is at least this, 0..1.
    pub quality_threshold: f32,
    /// Share of strangers, 0..1, that a search may name by mistake: the threshold then rises with the faces that are searched.
    pub fpir: Option<f64>,
    /// How recognisable a face must be.
    pub gate: RecognitionGate,
    /// Apps of which less, or more, is asked than of all.
    pub app_gates: HashMap<String, RecognitionGate>,
    /// App that calls without a token act for, where they are allowed. Nobody else can have this name.
    pub legacy_app: String,
    /// Whether calls without a token are allowed.
    pub anonymous: bool,
    /// What each capability opens.
    pub capabilities: Capabilities,
    /// Zone whose days the statistics count by.
    pub zone: TimeZone,
    /// Single calls are kept for so many days; 0: for ever. The statistics remain.
    pub retention_days: u32,
    /// Single calls that one question about them answers at most, the latest.
    pub max_call_rows: u32,
    /// Whether writes that waited for an engine are worked off once it answers again.
    pub auto_replay: bool,
    /// How often the engines are asked whether they answer.
    pub outbox_interval: Duration,
    /// How sure it must be that a face which logs in is live.
    pub login_liveness: Control,
    /// Logins and registrations that one address, or one name, may try in a minute.
    pub login_attempts: NonZeroU32,
    /// Console users that there may be.
    pub max_users: u64,
    /// Libraries that an app may have; 0: any number.
    pub max_libraries: u64,
    /// Faces that a user may have; 0: any number.
    pub max_faces_a_user: usize,
    /// What becomes of somebody's wish to have an account as a friend.
    pub friend_requests: FriendRequests,
    /// Which pictures are fetched from addresses that callers name, and how much of them.
    pub fetch: FetchLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threshold: 0.80,
            top_n: 1,
            quality_threshold: 0.5,
            fpir: None,
            gate: RecognitionGate::On,
            app_gates: HashMap::new(),
            legacy_app: "legacy".to_owned(),
            anonymous: true,
            capabilities: Capabilities::default(),
            zone: TimeZone::fixed(jiff::tz::offset(8)),
            retention_days: 0,
            max_call_rows: 50_000,
            auto_replay: true,
            outbox_interval: Duration::from_secs(5),
            login_liveness: Control::Normal,
            login_attempts: NonZeroU32::MIN.saturating_add(29),
            max_users: 10_000,
            max_libraries: 0,
            max_faces_a_user: 0,
            friend_requests: FriendRequests::Granted,
            fetch: FetchLimits::default(),
        }
    }
}

impl Settings {
    /// How recognisable a face must be for an app.
    pub fn gate_of(&self, app: &str) -> RecognitionGate {
        self.app_gates.get(app).copied().unwrap_or(self.gate)
    }

    /// The gate of the app that asks least. What it lets in is found wherever it is.
    pub(crate) fn loosest_gate(&self) -> RecognitionGate {
        let gates = self.app_gates.values().copied().chain([self.gate]);
        gates.min_by(|a, b| a.least().total_cmp(&b.least())).unwrap_or_default()
    }
}

/// The use cases. Clones share everything.
#[derive(Clone)]
pub struct Platform {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    engines: Engines,
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    ids: Ids,
    signer: Signer,
    vault: Vault,
    tokens: Tokens,
    calls: CallLog,
    keys: Arc<Keys>,
    login_throttle: LoginThrottle,
    /// Serialises the engine writes of a library, by its row id.
    library_writes: KeyedLock<LibraryId>,
    /// Serialises enrolments under one user name or of one picture, so that neither is enrolled twice.
    identity_locks: KeyedLock<Digest>,
    /// Serialises changes of a person, by row id.
    person_locks: KeyedLock<PersonId>,
    scans: Scans,
    oldest: Arc<OldestLibraries>,
    friend_groups: Arc<RememberedGroups>,
    outbox_news: Arc<Notify>,
    single_calls: Arc<Semaphore>,
    health: Mutex<HashMap<String, bool>>,
    told_of_threshold: ToldOf,
    settings: Settings,
}

impl Platform {
    /// Opens the data folder, makes every stored face findable and is then ready. Of the admin token only the hash is
    /// kept.
    ///
    /// # Errors
    /// [`Error::Store`] if the folder can't be opened or another process has it open.
    pub async fn open(
        data_dir: &Path,
        engines: impl Into<Engines>,
        key: &MasterKey,
        admin_token: &str,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let engines = engines.into();
        let fetcher = Fetcher::new(settings.fetch.clone()).map_err(Error::Fetching)?;
        let oldest = Arc::<OldestLibraries>::default();
        let friend_groups = Arc::<RememberedGroups>::default();
        let feed: Arc<dyn Observer> = Arc::new(Feed {
            engine: engines.builtin().clone(),
            algorithm: engines.algorithm(),
            oldest: Arc::clone(&oldest),
            friend_groups: Arc::clone(&friend_groups),
        });
        let store = Store::open(data_dir, Arc::clone(&clock), Some(feed), settings.zone.clone()).await?;
        let now = clock.now();
        for app in [ADMIN_APP, &settings.legacy_app] {
            store.ensure_app(app, now).await?;
        }
        let last = store.last_ids().await?;
        let ahead = last.file.map_or(Duration::ZERO, |file| file.created().since(now));
        if ahead > AHEAD {
            tracing::warn!(
                seconds = ahead.as_secs(),
                "faces were enrolled at later times than the clock shows: new ones are dated after them"
            );
        }
        let vault = Vault::new(key);
        let keys = Arc::new(Keys::load(&store, &vault, Arc::clone(&clock)).await?);
        keys.start(store.clone()).await;
        let inner = Inner {
            ids: Ids::after(last, Node::default(), Arc::clone(&clock)),
            signer: Signer::new(key),
            vault,
            tokens: Tokens::new(admin_token),
            calls: CallLog::start(store.clone(), Arc::clone(&clock), settings.retention_days),
            keys,
            login_throttle: LoginThrottle::new(settings.login_attempts),
            library_writes: KeyedLock::default(),
            identity_locks: KeyedLock::default(),
            person_locks: KeyedLock::default(),
            scans: Scans::default(),
            oldest,
            friend_groups,
            outbox_news: Arc::default(),
            single_calls: Arc::new(Semaphore::new(statistics::SINGLE_CALLS_AT_ONCE)),
            health: Mutex::default(),
            told_of_threshold: ToldOf::default(),
            store,
            clock,
            engines,
            fetcher,
            settings,
        };
        inner.load_templates().await?;
        let platform = Self { inner: Arc::new(inner) };
        platform.load_grants().await?;
        Ok(platform)
    }

    /// The present moment.
    pub fn now(&self) -> UnixMillis {
        self.inner.clock.now()
    }

    /// What was set.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// How much is stored.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn counts(&self) -> Result<Counts> {
        Ok(self.inner.store.counts().await?)
    }

    /// Whether the store answers reads and its writer is alive.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn ping(&self) -> Result<()> {
        Ok(self.inner.store.ping().await?)
    }

    /// How long the workers of the built-in engine have been at their jobs without one being done, if that is longer than a job
    /// may take.
    pub fn recognition_stuck_for(&self) -> Option<Duration> {
        self.inner.engines.builtin().stuck_for()
    }

    /// Starts to look after the engines behind the network, until the returned task is closed.
    pub fn look_after_engines(&self) -> Background {
        let inner = Arc::downgrade(&self.inner);
        Background::start(|stop| outbox::look_after(inner, stop))
    }

    /// Starts to judge the faces that were enrolled before faces were judged, until all are or the returned task is closed.
    pub fn judge_old_faces(&self) -> Background {
        let inner = Arc::downgrade(&self.inner);
        Background::start(|stop| judgements::judge_all(inner, stop))
    }

    /// Finishes the writes under way, those about calls and keys too, and closes the store.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn close(&self) -> Result<()> {
        self.inner.calls.close().await;
        self.inner.keys.close().await;
        Ok(self.inner.store.close().await?)
    }
}

impl Inner {
    async fn load_templates(&self) -> Result<()> {
        let algorithm = self.algorithm();
        let engine = self.engines.builtin().clone();
        let least = self.settings.loosest_gate().least();
        let left_out = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&left_out);
        let admit = move |rows: Vec<StoredTemplate>| {
            let left_out = engine.admit_all(rows.into_iter().map(template_row).collect(), least)?;
            counted.fetch_add(left_out.not_recognisable, Ordering::Relaxed);
            for (library, face) in left_out.damaged {
                tracing::warn!(
                    library = library.get(),
                    face = face.get(),
                    "the template of a face is damaged: the face matches nobody until it is enrolled anew"
                );
            }
            Ok::<_, aicp_engines::Error>(())
        };
        let read = self.store.read_templates(&algorithm, admit).await??;
        let left_out = left_out.load(Ordering::Relaxed);
        if left_out > 0 {
            tracing::warn!(faces = left_out, "enrolled faces that are not recognisable match nobody");
        }
        tracing::info!(templates = read.templates, algorithm = algorithm.name, "galleries are loaded");
        if read.others > 0 {
            tracing::warn!(
                missing = read.others,
                "faces of another algorithm or without a template can't be found; `aicp check` names those without"
            );
        }
        Ok(())
    }

    fn algorithm(&self) -> Algorithm {
        self.engines.algorithm()
    }
}

fn template_row(stored: StoredTemplate) -> TemplateRow {
    TemplateRow {
        library: stored.library_id,
        person: stored.person_id,
        face: stored.face_id,
        vector: stored.vector,
        recognisability: stored.recognisability,
    }
}

/// Reads everything in a data folder that nobody has open, and tells what is not as it was stored. Blocks.
///
/// # Errors
/// [`Error::Store`] if the folder is in use or can't be read.
pub fn check(data_dir: &Path) -> Result<CheckReport> {
    Ok(aicp_store::check(data_dir)?)
}

/// Brings committed changes to the engine's galleries and to what is remembered of libraries and friend groups, in the
/// order of the commits and before the caller is answered: an acknowledged person is found by the next call.
struct Feed {
    engine: Builtin,
    algorithm: Algorithm,
    oldest: Arc<OldestLibraries>,
    friend_groups: Arc<RememberedGroups>,
}

impl Feed {
    /// Whether a template is one of the engine's own. One that came from elsewhere, or was copied, need not be.
    fn can_meet(&self, template: &NewTemplate) -> bool {
        template.algorithm == self.algorithm
    }
}

impl Observer for Feed {
    fn committed(&self, change: &Change) {
        if let Change::FriendGroupsChanged { app_id, user_id } = change {
            self.friend_groups.forget(app_id, user_id);
            return;
        }
        self.oldest.forget();
        match change {
            Change::FaceAdded { library_id, person_id, face_id, template } => {
                if let Some(template) = template.as_deref().filter(|template| self.can_meet(template))
                    && let Err(e) = self.engine.admit(*library_id, *person_id, *face_id, &template.vector)
                {
                    tracing::error!(face = face_id.get(), error = %e, "a stored face can't be found");
                }
            }
            Change::FacesAdded { library_id, faces } => {
                let rows = faces.iter().filter_map(|AddedFace { person_id, face_id, template }| {
                    let template = template.as_deref().filter(|template| self.can_meet(template))?;
                    let vector = template.vector.clone();
                    let recognisability = template.recognisability;
                    Some(TemplateRow {
                        library: *library_id,
                        person: *person_id,
                        face: *face_id,
                        vector,
                        recognisability,
                    })
                });
                // What was added passed the gate of its app.
                match self.engine.admit_all(rows.collect(), 0.0) {
                    Ok(left_out) if left_out.damaged.is_empty() => {}
                    Ok(left_out) => tracing::error!(faces = left_out.damaged.len(), "stored faces can't be found"),
                    Err(e) => tracing::error!(faces = faces.len(), error = %e, "stored faces can't be found"),
                }
            }
            Change::FacesRemoved { library_id, face_ids } => self.engine.forget(*library_id, face_ids),
            Change::LibraryRemoved { library_id } => self.engine.forget_library(*library_id),
            Change::LibraryChanged { .. } | Change::FriendGroupsChanged { .. } => {}
        }
    }
}
