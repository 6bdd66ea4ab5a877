//! The use cases as async functions: libraries, people, recognition, pictures, apps and their grants, the call log and
//! its statistics, console users, accounts and their friends, and the outbox of writes that wait for an engine.
//!
//! The crate holds the rules: permissions, uniqueness and the order of writes. A use case takes the [`Caller`] first,
//! decides what its role may, and returns rows of the store and similarities of the engine. It knows no HTTP status and
//! no field name of any wire protocol.

mod admin_tokens;
mod admission;
mod apps;
mod audit;
mod backend;
mod background;
mod call_log;
mod caller;
mod capabilities;
mod console;
mod devices;
mod downloads;
mod engines;
mod erasure;
mod error;
mod events;
mod examination;
mod follower;
mod gallery_files;
mod gates;
mod groups;
mod idempotency;
mod ids;
mod jobs;
mod judgements;
mod keys;
mod libraries;
mod links;
mod lists;
mod live_settings;
mod loading;
mod locks;
mod minutes;
mod nodes;
mod numbers;
mod operators;
mod outbox;
mod people;
mod pictures;
mod quotas;
mod random;
mod rates;
mod recognition;
mod recognition_log;
mod reembedding;
mod scans;
mod secret_changes;
mod secrets;
mod setting_changes;
pub mod settings;
mod shared;
mod social;
mod statistics;
mod tags;
mod templates;
mod thresholds;
mod throttle_key;
mod user_ids;
mod versioned;
mod webhooks;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use admin_tokens::{AdminTokens, EarlierToken};
pub use admission::Among;
pub use aicp_backends::{
    Assessment, Components, Cover, DescribedFace, Dimensions, Examination, ExaminedFace, FacePredicate, Format, Grade,
    HeadPose, Liveness, Point, Quality, Rect, SeenFace, Similarity, Unrecognisable,
};
pub use aicp_store::{
    Act, Algorithm, AppFilter, AuditEntry, AuditFilter, CallGroup, CallTotal, Counts, DatabaseUsage, Delivery,
    DeliveryAttempt, DeliveryState, DeviceName, DirectoryEntry, DirectoryFace, DirectoryFilter, Event, EventData,
    EventFilter, EventKind, Face, Grant, GrantState, Group, GroupKind, IdOrder, JobItemState, JobState, Library,
    LibraryCounts, LibraryFilter, LogFilter, LoggedCall, NewEvent, NewTemplate, OperatorToken, OperatorTokenKind,
    OutboxAction, OutboxCount, OutboxFilter, OutboxRow, OutboxState, Page, Person, PersonChanges, PersonFilter,
    PersonOrder, PersonText, Profile, Quota, RecognisedFace, RecognisedPerson, Recognition, RecognitionFilter,
    RecognitionLogging, SettingChange, StoredApp, SyncRelation, Webhook, md5_hex,
};
pub use apps::ExtendedGrant;
pub use audit::{AuditCheck, Origin};
pub use backend::FaceCheck;
pub use background::{Background, carry_call};
pub use call_log::CallRecord;
pub use caller::{Caller, TokenError};
pub use capabilities::{Area, Capabilities};
pub use console::{MAX_PASSWORD_BYTES, Registration, Session};
pub use engines::{BUILTIN, Engines};
pub use erasure::{Erasure, ErasureKey};
pub use error::{BadInput, Error, Existing, Internal, Limit, Missing, Refusal, Result};
pub use events::{EventBatch, EventStream, Woken};
pub use gates::{Control, Gates, LIVENESS_THRESHOLDS, QualityFault, RecognitionGate};
pub use idempotency::{IDEMPOTENCY_KEYS_KEPT, KnownRequest};
pub use jobs::{
    ExportContent, ExportFile, ImportSource, Item, ItemDetail, Job, JobKind, JobQuery, Upload, archive_of_export,
    fetch_shared_export, folder_of_jobs,
};
pub use keys::{
    AccessKey, KeyInfo, KeyOptions, KeyScheme, KeyState, KeyText, Keyring, NewKey, QuotaError, SignatureUse,
};
pub use live_settings::{
    LiveSettings, Rejection, SettingInfo, SettingRules, SettingSource, StoredInfo, StoredSettings,
};
pub use minutes::MinuteOfCalls;
pub use numbers::Numbers;
pub use operators::{
    NewOperator, NewSecret, NewSession, OperatorChanges, OperatorInfo, OperatorRole, SignInOffer, SignInPolicy,
};
pub use outbox::{EngineHealth, HealthCheck, OutboxEntry, RetryFilter};
pub use people::{
    EnrolOptions, Enrolled, Enrolment, FaceKey, KnownPerson, LastFace, LibraryKey, MissingLibrary, MissingPerson,
    PersonData, PersonKey, SamePicture, face_token, token_of_face,
};
pub use pictures::{LinkedPicture, StoredPicture};
pub use quotas::{LimitState, QuotaExceeded, QuotaUsage, Window};
pub use recognition::{FaceMatches, Identification, Match};
pub use recognition_log::{DEFAULT_KEEP_DAYS, MAX_ENTRY_SIDE, MAX_KEEP_DAYS};
pub use reembedding::Reembedded;
pub use secret_changes::{KeyUse, KeyUses, NewAdminToken, SecretEditor, SecretFiles};
pub use secrets::{MasterKey, MasterKeys, new_token};
pub use setting_changes::{MAX_REASON_CHARS, SettingEditor, stored_settings};
pub use settings::Settings;
pub use social::{
    Account, CustomValue, Friend, FriendError, FriendFields, FriendGroup, FriendGroups, FriendOutcome, FriendPage,
    FriendRequests, KnownFriend, Members, NewAccount, Relation, Sequences, Sides, Social, SocialLimits, UserIds,
};
pub use statistics::sums::{append_calls, set_zone as set_statistics_zone};
pub use statistics::{Bucket, BucketTotal, CallFilter, GroupStatistics, Percentiles, SingleCalls};
pub use tags::{MAX_TAG_LENGTH, MAX_TAGS, TagError, Tags};
pub use thresholds::{LibraryThreshold, Threshold, threshold_for};
pub use throttle_key::throttle_key;
pub use user_ids::user_id_of;
pub use webhooks::{DeliveryReport, RenderEvent, WebhookData};

use aicp_backends::Builtin;
use aicp_store::Store;
use aicp_types::{Clock, UnixMillis};
use apps::Tokens;
use arc_swap::ArcSwap;
use call_log::CallLog;
use console::LoginThrottle;
use downloads::Fetchers;
use engines::Backends;
use events::EventLog;
use follower::{Backlog, Follower, Progress};
use gallery_files::GalleryFiles;
use ids::Ids;
use jobs::Jobs;
use keys::Keys;
use libraries::LibraryCache;
use locks::Locks;
use minutes::Minutes;
use numbers::RecentCounts;
use operators::OperatorDirectory;
use outbox::Outbox;
use people::DirectoryCache;
use quotas::Quotas;
use rates::AppRates;
use recognition_log::RecognitionLog;
use scans::Scans;
use secrets::Vault;
use shared::Shared;
use social::FriendGroupCache;
use thresholds::WarnedLibraries;
use tokio::sync::{Notify, Semaphore};

/// Lead of the newest face over the clock from which the start warns of a wrong clock.
const MAX_CLOCK_LEAD: Duration = Duration::from_secs(60);
/// App that the admin token acts for; reserved.
pub const ADMIN_APP: &str = "admin";

/// The use cases. Clones share everything.
#[derive(Clone)]
pub struct Platform {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    shared: Arc<Shared>,
    builtin: Builtin,
    backends: Backends,
    outbox: Arc<Outbox>,
    fetchers: Arc<Fetchers>,
    /// Told when a webhook was changed, or is asked for a delivery.
    webhooks_changed: Notify,
    vault: Vault,
    admin_tokens: Arc<ArcSwap<AdminTokens>>,
    /// Where secrets are stored, once that is known.
    secret_files: OnceLock<Arc<dyn SecretFiles>>,
    tokens: Arc<Tokens>,
    operators: Arc<OperatorDirectory>,
    call_log: CallLog,
    minutes: Minutes,
    recent_counts: RecentCounts,
    events: EventLog,
    recognition_log: RecognitionLog,
    keys: Arc<Keys>,
    quotas: Arc<Quotas>,
    rates: AppRates,
    login_throttle: LoginThrottle,
    /// Serialise enrolments under one user id or of one picture, which prevents duplicates, and changes of a person.
    locks: Arc<Locks>,
    scans: Scans,
    libraries: Arc<LibraryCache>,
    directory: Arc<DirectoryCache>,
    friend_groups: Arc<FriendGroupCache>,
    single_calls: Arc<Semaphore>,
    warned_libraries: WarnedLibraries,
    jobs: Jobs,
    settings: LiveSettings,
    progress: Arc<Progress>,
    backlog: Arc<tokio::sync::Mutex<Backlog>>,
    gallery_files: Arc<GalleryFiles>,
    /// Life of a link to a picture in a bucket.
    link_life: Duration,
}

impl Platform {
    /// Starts on an open store and loads every stored template into the galleries. Only the hash of the admin token is
    /// kept in memory.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn open(
        store: Store,
        engines: impl Into<Engines>,
        keys: impl Into<MasterKeys>,
        admin_tokens: impl Into<AdminTokens>,
        settings: impl Into<LiveSettings>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let (engines, live) = (engines.into(), settings.into());
        let (vault, admin_tokens) = (Vault::new(keys), Arc::new(ArcSwap::from_pointee(admin_tokens.into())));
        let settings = live.load();
        let fetchers = Arc::new(Fetchers::new(&settings)?);
        let now = clock.now();
        for app in [ADMIN_APP, &settings.legacy_app] {
            apps::ensure_app(&store, app.to_owned(), now).await?;
        }
        let zone = settings.statistics.zone.time_zone().clone();
        let of_nodes = store.clone();
        let prepare = store.write_always(move |tx| {
            Box::pin(async move {
                // Known since the transaction has begun.
                if of_nodes.nodes().is_none_or(|nodes| nodes.answering() == 1) {
                    // A first attempt that did not end was interrupted by the end of the last run.
                    tx.list_interrupted_outbox(UnixMillis::new(i64::MAX)).await?;
                }
                statistics::sums::set_zone(tx, &zone).await
            })
        });
        prepare.await?;
        let last = store.rows().await?.last_ids().await?;
        let ahead = last.file.map_or(Duration::ZERO, |file| file.created().since(now));
        if ahead > MAX_CLOCK_LEAD {
            tracing::warn!(
                seconds = ahead.as_secs(),
                "faces were enrolled at later times than the clock shows: new ones are dated after them"
            );
        }
        let keys = Arc::new(Keys::load(&store, &vault, Arc::clone(&clock)).await?);
        keys.start(store.clone()).await;
        let quotas = Arc::new(Quotas::load(&store).await?);
        quotas.start(store.clone()).await;
        let tokens = Arc::new(
            Tokens::load(&store, Arc::clone(&admin_tokens), settings.authorization.capabilities.clone()).await?,
        );
        let operators = Arc::new(OperatorDirectory::load(&store, Arc::clone(&admin_tokens), now).await?);
        let (libraries, directory) = (Arc::<LibraryCache>::default(), Arc::<DirectoryCache>::default());
        let friend_groups = Arc::<FriendGroupCache>::default();
        let events = EventLog::start(store.clone(), Arc::clone(&clock), live.clone());
        // Loading begins later, so it has at least these changes.
        let backlog = Backlog::after(store.rows().await?.last_sequence().await?);
        let progress = backlog.progress();
        let backlog = Arc::new(tokio::sync::Mutex::new(backlog));
        let gallery_files =
            Arc::new(GalleryFiles::new(settings.galleries_folder.clone(), settings.recognition.loosest_gate().least()));
        let libraries_changed = Arc::<Notify>::default();
        store.observe(Arc::new(Follower {
            engine: engines.builtin.clone(),
            backlog: Arc::clone(&backlog),
            algorithm: engines.algorithm(),
            vault: vault.clone(),
            keys: Arc::clone(&keys),
            tokens: Arc::clone(&tokens),
            operators: Arc::clone(&operators),
            quotas: Arc::clone(&quotas),
            libraries: Arc::clone(&libraries),
            directory: Arc::clone(&directory),
            friend_groups: Arc::clone(&friend_groups),
            events: events.clone(),
            settings: live.clone(),
            fetchers: Arc::clone(&fetchers),
            gallery_files: Arc::clone(&gallery_files),
            libraries_changed: Arc::clone(&libraries_changed),
        }));
        let shared = Arc::new(Shared {
            store: store.clone(),
            ids: Ids::after(last, store.node(), Arc::clone(&clock)),
            clock: Arc::clone(&clock),
            algorithm: engines.algorithm(),
        });
        let locks = Arc::new(Locks::new(store.clone()));
        let outbox =
            Arc::new(Outbox::new(Arc::clone(&shared), engines.remote.clone(), live.clone(), Arc::clone(&locks)));
        let inner = Inner {
            backends: Backends::new(&engines, &shared, &outbox)?,
            vault,
            admin_tokens,
            secret_files: OnceLock::new(),
            tokens,
            operators,
            call_log: CallLog::start(
                store.clone(),
                Arc::clone(&clock),
                settings.statistics.zone.time_zone().clone(),
                live.clone(),
            ),
            minutes: Minutes::default(),
            recent_counts: RecentCounts::default(),
            events,
            recognition_log: RecognitionLog::start(
                store.clone(),
                engines.builtin.clone(),
                Arc::clone(&clock),
                live.clone(),
            )
            .await?,
            keys,
            quotas,
            rates: AppRates::default(),
            login_throttle: LoginThrottle::default(),
            locks,
            scans: Scans::default(),
            libraries,
            directory,
            friend_groups,
            single_calls: Arc::new(Semaphore::new(statistics::MAX_CONCURRENT_CALL_QUERIES)),
            warned_libraries: WarnedLibraries::default(),
            jobs: Jobs::new(settings.jobs_folder.clone(), store.clone()),
            store,
            shared,
            builtin: engines.builtin,
            outbox,
            fetchers,
            progress,
            backlog,
            gallery_files,
            link_life: settings.link_life,
            webhooks_changed: Notify::new(),
            settings: live,
        };
        inner.load_templates().await?;
        let inner = Arc::new(inner);
        if let Some(nodes) = inner.store.nodes() {
            nodes.flush_by(nodes::flush_of(&inner));
            tokio::spawn(recognition_log::follow(Arc::downgrade(&inner), libraries_changed));
            nodes.join().await?;
        }
        Ok(Self { inner })
    }

    /// Returns the current time.
    pub fn now(&self) -> UnixMillis {
        self.inner.shared.now()
    }

    /// Returns the settings in force now.
    pub fn settings(&self) -> Arc<Settings> {
        self.inner.settings.load()
    }

    /// Returns the algorithm of the templates of the built-in engine.
    pub fn algorithm(&self) -> &Algorithm {
        &self.inner.shared.algorithm
    }

    /// Returns the names of all engines, the built-in one first.
    pub fn engine_names(&self) -> Vec<String> {
        let remote = self.engine_health().into_iter().map(|health| health.engine);
        std::iter::once(BUILTIN.to_owned()).chain(remote).collect()
    }

    /// Tells how much space the database takes.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn database_usage(&self) -> Result<DatabaseUsage> {
        Ok(self.inner.store.database_usage().await?)
    }

    /// Counts the stored objects.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn counts(&self) -> Result<Counts> {
        Ok(self.inner.store.rows().await?.counts().await?)
    }

    /// Checks that the store answers reads and that its writer is alive.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn ping(&self) -> Result<()> {
        Ok(self.inner.store.ping().await?)
    }

    /// Returns the time since the built-in engine last finished a job, if jobs are running and it exceeds the limit of
    /// a job.
    pub fn recognition_stuck_for(&self) -> Option<Duration> {
        self.inner.builtin.stuck_for()
    }

    /// Starts the health checks of remote engines; they run until the returned task is closed.
    pub fn start_engine_monitor(&self) -> Background {
        let (outbox, settings) = (Arc::downgrade(&self.inner.outbox), self.inner.settings.clone());
        let (events, store) = (self.inner.events.clone(), self.inner.store.clone());
        Background::start(move |stop| async move {
            let of_reports = outbox.clone();
            let report = move |stop| outbox::report_health(of_reports.clone(), events.clone(), stop);
            tokio::join!(
                outbox::monitor_engines(outbox, settings, stop.clone()),
                nodes::on_one_node(store, "engine events", stop, report)
            );
        })
    }

    /// Starts to compute the missing recognisability of faces enrolled by older versions; runs until all are done or
    /// the returned task is closed.
    pub fn start_judging_faces(&self) -> Background {
        let inner = Arc::downgrade(&self.inner);
        let store = self.inner.store.clone();
        Background::start(|stop| {
            nodes::on_one_node(store, "judgements", stop, move |stop| judgements::judge_all(inner.clone(), stop))
        })
    }

    /// Finishes pending writes, including those of the call log, of events and of signatures, and closes the store.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn close(&self) -> Result<()> {
        self.inner.call_log.close().await;
        self.inner.recognition_log.close().await;
        self.inner.events.close().await;
        self.inner.keys.close().await;
        self.inner.quotas.close().await;
        Ok(self.inner.store.close().await?)
    }
}
