//! Settings of the use cases, in sections.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use aicp_settings::{Seconds, at_least, if_set, list, settings, when, within};
use jiff::tz::{Offset, TimeZone};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use aicp_fetch::{Network, Settings as Fetch};

use crate::{Area, Capabilities, Control, FriendRequests, RecognitionGate, Similarity};

/// Maximum number of people that one recognition returns.
pub const MAX_TOP_N: usize = 100;

/// Settings of the platform.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Face recognition.
    pub recognition: Recognition,
    /// Picture quality.
    pub quality: Quality,
    /// Capabilities that apps can be granted.
    pub authorization: Authorization,
    /// Call log and statistics.
    pub statistics: Statistics,
    /// Console users.
    pub console: Console,
    /// Writes that wait for their engine.
    pub outbox: Outbox,
    /// Jobs.
    pub jobs: Jobs,
    /// Folder of the files of jobs.
    pub jobs_folder: PathBuf,
    /// Folder of the files of large galleries.
    pub galleries_folder: PathBuf,
    /// Life of a link to a picture in a bucket; zero: pictures are read through this server.
    pub link_life: Duration,
    /// Downloads from addresses that callers name.
    pub fetch: Fetch,
    /// Log of events.
    pub events: Events,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Logs of recognitions.
    pub recognition_log: RecognitionLog,
    /// App that calls without a token act for, if they are allowed; reserved.
    pub legacy_app: String,
    /// Whether calls without a token are allowed.
    pub anonymous: bool,
    /// Maximum number of libraries of an app; 0: unlimited.
    pub max_libraries: u64,
    /// Maximum number of faces of a user; 0: unlimited.
    pub max_faces_a_user: usize,
    /// Handling of friend requests.
    pub friend_requests: FriendRequests,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            recognition: Recognition::default(),
            quality: Quality::default(),
            authorization: Authorization::default(),
            statistics: Statistics::default(),
            console: Console::default(),
            outbox: Outbox::default(),
            jobs: Jobs::default(),
            jobs_folder: PathBuf::from("data/jobs"),
            galleries_folder: PathBuf::from("data/galleries"),
            link_life: Duration::ZERO,
            fetch: Fetch::default(),
            events: Events::default(),
            webhooks: Webhooks::default(),
            recognition_log: RecognitionLog::default(),
            legacy_app: "legacy".to_owned(),
            anonymous: true,
            max_libraries: 0,
            max_faces_a_user: 0,
            friend_requests: FriendRequests::Granted,
        }
    }
}

settings! {
    /// Thresholds of face recognition.
    pub struct Recognition {
        /// Similarity above which two faces match; 0.80 corresponds to a false-match rate of 1e-4. An engine may have a
        /// threshold of its own.
        #[applies(at_once)]
        threshold: Similarity = 0.80 => when("in 0..1", |share| (0.0..=1.0).contains(share)),
        /// Maximum number of people in a 1:N answer of section 7.
        #[applies(at_once)]
        top_n: usize = 1 => within(1..=MAX_TOP_N),
        /// Target false-positive identification rate: the share of searches for strangers that may return a person. The
        /// threshold then rises with the number of faces searched (docs/recognition.md). Unset: the threshold is always
        /// `recognition.threshold`.
        #[applies(at_once)]
        fpir: Option<f64> = None => if_set(when("above 0 and at most 1", |fpir| *fpir > 0.0 && *fpir <= 1.0)),
        /// Minimum recognisability of faces to be enrolled and to match: `on`, `loose` or `off` (docs/recognition.md).
        #[applies(at_once)]
        gate: RecognitionGate = RecognitionGate::On,
        /// Gates of single apps, by app id, such as `{ kiosk = "loose" }`; they override `recognition.gate`.
        #[applies(at_once)]
        app_gates: HashMap<String, RecognitionGate> = HashMap::new(),
    }
}

settings! {
    /// Thresholds of picture quality.
    pub struct Quality {
        /// Quality score from which a picture counts as good.
        #[applies(at_once)]
        threshold: f32 = 0.5 => when("in 0..1", |share| (0.0..=1.0).contains(share)),
    }
}

settings! {
    /// Capabilities that apps can be granted.
    pub struct Authorization {
        /// Areas that each capability id opens: `libraries`, `people`, `recognition`, `compare`, `quality`, `detect`,
        /// `groups`, `faces`, `statistics`, `social`, `templates` (docs/aicp-dialect.md). A settings file overrides the ids that it
        /// names.
        capabilities: Capabilities = Capabilities::default(),
    }
}

settings! {
    /// Call log and statistics.
    pub struct Statistics {
        /// IANA name of the time zone that defines days, weeks and months.
        zone: Zone = Zone::shanghai(),
        /// Days after which single calls are deleted; 0: never. The counts that were made from them remain.
        #[applies(at_once)]
        retention_days: u32 = 365,
        /// Maximum number of single calls in one answer; the latest are returned.
        #[applies(at_once)]
        max_rows: u32 = 50_000 => at_least(1),
    }
}

settings! {
    /// Console users, and the sign-in of operators.
    pub struct Console {
        /// Whether operators may sign in by a face alone, for a session that only looks. Nobody can before an operator has a
        /// face. A face beside the password is asked for in any case.
        #[applies(at_once)]
        face_sign_in: bool = true,
        /// Liveness check of faces at login and sign-in, and of the faces that operators get: `none`, `low`, `normal` or
        /// `high`.
        #[applies(at_once)]
        login_liveness: Control = Control::Normal,
        /// Login and registration attempts per minute, for each address (IPv6: for each /64) and for each user name; also of all
        /// operators together who sign in by a face alone.
        #[applies(at_once)]
        attempts_per_minute: NonZeroU32 = NonZeroU32::MIN.saturating_add(29),
        /// Who may register (10.1): `off`, `admin` (with the admin token in the header `token`) or `open`. Unset: `open`
        /// if all listeners are on loopback, else `admin`.
        #[applies(at_once)]
        registration: Option<RegistrationPolicy> = None,
        /// Maximum number of console users.
        #[applies(at_once)]
        max_users: u64 = 10_000,
    }
}

settings! {
    /// Outbox: writes that wait for their engine.
    pub struct Outbox {
        /// Whether waiting writes are replayed automatically once the engine answers again.
        #[applies(at_once)]
        auto_replay: bool = true,
        /// Seconds between health checks of the engines.
        #[applies(at_once)]
        interval_s: Seconds = Seconds::new(5) => at_least(Seconds::new(1)),
    }
}

settings! {
    /// Jobs: long work, such as imports.
    pub struct Jobs {
        /// Maximum number of jobs that run at a time; others wait. One app has at most all but one of them, and at least one.
        #[applies(at_once)]
        concurrent: usize = 2 => within(1..=16),
        /// Maximum number of jobs of an app that have not ended.
        #[applies(at_once)]
        max_open: u64 = 32 => within(1..=10_000),
        /// Maximum size of an uploaded archive in MiB.
        #[applies(at_once)]
        max_upload_mib: usize = 4096 => within(1..=1 << 20),
        /// Maximum number of files of an import.
        #[applies(at_once)]
        max_files: u64 = 200_000 => within(1..=2_000_000),
        /// Maximum size of all files of an archive together, unpacked, in MiB; also of an export.
        #[applies(at_once)]
        max_unpacked_mib: usize = 16_384 => within(1..=1 << 22),
        /// Folders of this machine below which imports may read, such as `["/srv/faces"]`. Empty: none.
        #[serde(deserialize_with = "list")]
        import_roots: Vec<PathBuf> = Vec::new(),
        /// Hours after which the archive of an export is deleted.
        #[applies(at_once)]
        export_hours: u32 = 24 => within(1..=8760),
        /// Days after which jobs that have ended are deleted, with their reports.
        #[applies(at_once)]
        retention_days: u32 = 30 => within(1..=3650),
        /// Seconds for which the deletion of a library can be cancelled, where it is requested with that possibility, as the
        /// console does.
        #[applies(at_once)]
        deletion_delay_s: Seconds = Seconds::new(10) => within(Seconds::new(1)..=Seconds::new(86_400)),
    }
}

settings! {
    /// Log of events, and the streams that follow it.
    pub struct Events {
        /// Days after which events are deleted; 0: only for want of room.
        #[applies(at_once)]
        retention_days: u32 = 30,
        /// Maximum number of events that are kept.
        #[applies(at_once)]
        max_events: u64 = 1_000_000 => at_least(1),
        /// Maximum number of streams at once.
        #[applies(at_once)]
        max_streams: usize = 256,
        /// Maximum number of streams of one app at once.
        #[applies(at_once)]
        max_streams_per_app: usize = 32,
        /// Seconds between two signs of life in a stream.
        #[applies(at_once)]
        heartbeat_s: Seconds = Seconds::new(15) => within(Seconds::new(1)..=Seconds::new(3600)),
    }
}

settings! {
    /// Webhooks: events that are posted to targets of apps.
    #[derive(PartialEq)]
    pub struct Webhooks {
        /// Whether targets may be in private networks, and on this machine.
        allow_private: bool = false,
        /// Maximum duration of an attempt in seconds.
        #[applies(at_once)]
        timeout_s: Seconds = Seconds::new(10) => within(Seconds::new(1)..=Seconds::new(60)),
        /// Maximum number of attempts at once; each app may have a quarter of them, and at least one.
        #[applies(at_once)]
        at_once: usize = 64 => within(1..=1024),
        /// Seconds between the first attempt of a delivery and the second. Each later pause is twice as long, up to an
        /// hour.
        #[applies(at_once)]
        retry_s: Seconds = Seconds::new(5) => within(Seconds::new(1)..=Seconds::new(3600)),
        /// Seconds after which a delivery is not attempted again and has failed.
        #[applies(at_once)]
        give_up_after_s: Seconds = Seconds::new(86_400) => within(Seconds::new(1)..=Seconds::new(604_800)),
        /// Number of failed deliveries in a row after which a webhook is disabled.
        #[applies(at_once)]
        max_failures: u32 = 3 => at_least(1),
        /// Number of finished deliveries of a webhook that are kept.
        #[applies(at_once)]
        keep_deliveries: u64 = 1000,
    }
}

settings! {
    /// Logs of recognitions, which apps switch on per library.
    pub struct RecognitionLog {
        /// Maximum number of entries of a library; each has a picture of about 30 KB. The oldest make room.
        #[applies(at_once)]
        max_entries: u64 = 100_000 => at_least(1),
    }
}

impl Recognition {
    /// Returns the gate of an app.
    pub fn gate_of(&self, app: &str) -> RecognitionGate {
        self.app_gates.get(app).copied().unwrap_or(self.gate)
    }

    /// Returns the loosest gate of all apps. The galleries hold every face that it admits.
    pub fn loosest_gate(&self) -> RecognitionGate {
        let gates = self.app_gates.values().copied().chain([self.gate]);
        gates.min_by(|a, b| a.least().total_cmp(&b.least())).unwrap_or_default()
    }
}

/// Who may register console users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationPolicy {
    /// Nobody.
    Off,
    /// Holders of the admin token.
    Admin,
    /// Anybody.
    Open,
}

/// Time zone with an IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// Asia/Shanghai, the zone of the manuals.
    fn shanghai() -> Self {
        let name = "Asia/Shanghai";
        // Without a database of zones: the offset that it has had since 1991, before any call was logged.
        let zone = TimeZone::get(name).unwrap_or_else(|_| TimeZone::fixed(Offset::constant(8)));
        Self { name: name.to_owned(), zone }
    }

    /// Returns the time zone.
    pub fn time_zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match TimeZone::get(name) {
            Ok(zone) => Ok(Self { name: name.to_owned(), zone }),
            Err(_) => Err(format!("{name:?} is no IANA time zone")),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Area {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Area {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom(format!("there is no area {name:?}")))
    }
}

impl Serialize for Capabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Capabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::new)
    }
}
