//! Sections of the settings, with their defaults.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use aicp_platform::{Capabilities, Control, FetchLimits, FriendRequests, Network};
use aicp_vision::{PrecisionChoice, RuntimeChoice};
use serde::{Deserialize, Serialize};

use super::values::{Chapter, chapters, text_or_number, texts};
use crate::{Error, Result};

/// Downloads from addresses that callers name. Only public addresses and allowed networks are reachable.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Networks that are reachable although they are not public, such as `10.1.0.0/16`.
    #[serde(deserialize_with = "texts")]
    pub allowed_networks: Vec<String>,
    /// Maximum size of a picture in bytes.
    pub max_bytes: usize,
    /// Maximum duration of a download in seconds, including redirects and body.
    pub timeout_s: u32,
    /// Maximum number of pictures that are being downloaded or processed at once; each app may have a quarter of them.
    /// Further downloads wait for at most half of `timeout_s`.
    pub at_once: usize,
    /// PEM file of certificate authorities that are trusted in addition to the well-known ones.
    pub extra_roots_file: Option<PathBuf>,
}

/// The face interface of JD Cloud.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JdCloud {
    /// Allowed clock difference of a client in seconds.
    pub clock_skew_s: u32,
    /// Maximum number of libraries of an app; `faceGroupCreate` fails beyond it.
    pub max_groups: u64,
    /// Maximum number of faces in a library; `faceCreate` fails beyond it. Each person has one face in this interface.
    pub max_faces: u64,
}

/// The face library of LinkVisual.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkVisual {
    /// Calls per second for each app and action.
    pub calls_per_second: NonZeroU32,
}

/// Friends, friend groups and accounts of Tencent IM.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TencentIm {
    /// Calls per second for each app and command. Account commands other than `account_import` get half of it.
    pub calls_per_second: NonZeroU32,
    /// User ids that may call on behalf of their app.
    pub admins: Vec<String>,
    /// Whether `group_get` lists all groups even if the caller's sequence is the current one.
    pub always_full_list: bool,
    /// Effect of a `friend_add` that is not forced: `AllowAny`, `NeedConfirm` or `DenyAny`.
    pub allow_type: AllowType,
}

/// Handling of friend requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllowType {
    /// The request is accepted.
    AllowAny,
    /// The request is stored until the account accepts it.
    NeedConfirm,
    /// The request is refused.
    DenyAny,
}

impl From<AllowType> for FriendRequests {
    fn from(allow_type: AllowType) -> Self {
        match allow_type {
            AllowType::AllowAny => Self::Granted,
            AllowType::NeedConfirm => Self::Kept,
            AllowType::DenyAny => Self::Refused,
        }
    }
}

/// Capabilities that apps can be granted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authorization {
    /// Areas that each capability id opens. A settings file overrides the ids that it names.
    pub capabilities: BTreeMap<String, Vec<String>>,
}

/// Call log and statistics.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Statistics {
    /// IANA name of the time zone that defines days, weeks and months.
    pub zone: String,
    /// Days after which rows of the call log are deleted; 0: never. The counts that were made from them remain.
    pub retention_days: u32,
    /// Maximum number of call log rows in one answer; the latest are returned.
    pub max_rows: u32,
}

/// Section 9 of the AICP manual.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaceApi {
    /// Whether calls without a token are accepted. They act for `legacy.app_id`.
    pub anonymous: bool,
    /// Whether `timestamp` is in seconds instead of milliseconds.
    pub timestamp_in_seconds: bool,
    /// Maximum number of groups (libraries) of an app; 0: unlimited.
    pub max_groups: u64,
    /// Maximum number of faces of a user; 0: unlimited.
    pub max_faces_per_user: usize,
}

/// Console users.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    /// Liveness check of faces at login: `none`, `low`, `normal` or `high`.
    pub login_liveness: LoginLiveness,
    /// Login and registration attempts per minute, for each address and for each user name.
    pub attempts_per_minute: NonZeroU32,
    /// Who may register: `off`, `admin` or `open`. Default: `open` if all listeners are on loopback, else `admin`.
    pub registration: Option<Registration>,
    /// Maximum number of console users.
    pub max_users: u64,
}

/// Who may register console users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody.
    Off,
    /// Holders of the admin token.
    Admin,
    /// Anybody.
    Open,
}

/// Strictness of a liveness check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginLiveness {
    /// No check.
    None,
    /// Minimum probability 0.05.
    Low,
    /// Minimum probability 0.3.
    Normal,
    /// Minimum probability 0.9.
    High,
}

impl From<LoginLiveness> for Control {
    fn from(liveness: LoginLiveness) -> Self {
        match liveness {
            LoginLiveness::None => Self::None,
            LoginLiveness::Low => Self::Low,
            LoginLiveness::Normal => Self::Normal,
            LoginLiveness::High => Self::High,
        }
    }
}

/// Outbox: writes that wait for their engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbox {
    /// Whether waiting writes are replayed automatically once the engine answers again.
    pub auto_replay: bool,
    /// Seconds between health checks of the engines.
    pub interval_s: u32,
}

/// Thresholds of face recognition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recognition {
    /// Similarity above which two faces match, 0..1. 0.80 corresponds to a false-match rate of 1e-4.
    pub threshold: f32,
    /// Maximum number of people in a 1:N answer, 1..=100.
    pub top_n: usize,
    /// Target false-positive identification rate, 0..1: the share of searches for strangers that may return a person.
    /// The threshold then rises with the number of faces searched. Unset: the threshold is always `threshold`.
    pub fpir: Option<f64>,
    /// Minimum recognisability of faces that are enrolled or searched for.
    pub gate: Gate,
    /// Gates of single apps, by app id.
    pub app_gates: HashMap<String, Gate>,
}

/// Minimum recognisability of a face.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// The face carries an identity.
    #[default]
    On,
    /// Badly degraded faces pass, too.
    Loose,
    /// Every face passes.
    Off,
}

impl From<Gate> for aicp_platform::RecognitionGate {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::On => Self::On,
            Gate::Loose => Self::Loose,
            Gate::Off => Self::Off,
        }
    }
}

/// Thresholds of picture quality.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quality {
    /// Quality score from which a picture counts as good, 0..1.
    pub threshold: f32,
}

/// Sections 2 and 3 of the AICP manual, which have no tokens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Legacy {
    /// Whether calls without a token are accepted. Unset: yes, but only if all listeners are on loopback.
    pub anonymous: Option<bool>,
    /// App that calls without a token act for.
    #[serde(deserialize_with = "text_or_number")]
    pub app_id: String,
    /// Whether an enrolment creates the library that it names.
    pub autocreate_library: bool,
    /// Chapters that accept calls without a token. By default they require one, although the manual shows none.
    #[serde(deserialize_with = "chapters")]
    pub open_chapters: Vec<Chapter>,
}

/// Links to pictures in answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// Seconds for which the links of sections 3.5 and 7.8 (`faceDBURL`) are valid; 0: forever.
    pub face_url_seconds: u64,
}

impl Default for Links {
    fn default() -> Self {
        Self { face_url_seconds: 3600 }
    }
}

/// Inference workers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vision {
    /// Number of worker threads; 0: one per core.
    pub workers: usize,
    /// Maximum number of authenticated calls that wait for a worker; half as many others may wait. 0: 32 per worker.
    pub queue: usize,
    /// Maximum seconds that a call waits for a worker.
    pub wait_seconds: u64,
    /// Maximum seconds that a worker spends on a call.
    pub job_seconds: u64,
    /// Runtime of the networks: `auto`, `onnxruntime` or `openvino`. `auto` chooses OpenVINO if its plugin is present
    /// and loads, and the processor has AVX2; otherwise ONNX Runtime.
    pub runtime: RuntimeChoice,
    /// Arithmetic of the networks: `auto`, `f32` or `bf16`. `auto` chooses bf16 if OpenVINO runs and the processor has
    /// AMX; otherwise f32.
    pub precision: PrecisionChoice,
}

/// Limits of the HTTP server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Memory limit of all request bodies together, in MiB.
    pub body_memory_mib: usize,
    /// Maximum number of open connections of all listeners together.
    pub max_connections: usize,
    /// Maximum number of open connections of one address, or of concurrent calls of one client behind a trusted proxy.
    /// 0: a quarter of `max_connections`.
    pub max_connections_per_address: usize,
    /// Seconds that a keep-alive connection may wait for its next request.
    pub idle_seconds: u64,
    /// Addresses of trusted proxies. The call log and the login throttle use the client address in their
    /// `X-Forwarded-For`.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Logging to stderr.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Format of the lines: `text` or `json`.
    pub format: LogFormat,
    /// Filter in the syntax of `tracing-subscriber`, such as `info` or `aicp_dialects=debug,info`.
    pub level: String,
}

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human-readable text.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Fetch {
    fn default() -> Self {
        Self { allowed_networks: Vec::new(), max_bytes: 8 << 20, timeout_s: 15, at_once: 32, extra_roots_file: None }
    }
}

impl Default for JdCloud {
    fn default() -> Self {
        Self { clock_skew_s: 300, max_groups: 5, max_faces: 100_000 }
    }
}

impl Default for LinkVisual {
    fn default() -> Self {
        // Evaluated by the compiler: zero would not compile.
        Self { calls_per_second: const { NonZeroU32::new(100).unwrap() } }
    }
}

impl Default for TencentIm {
    fn default() -> Self {
        let admins = vec!["administrator".to_owned(), "admin".to_owned()];
        Self {
            // Evaluated by the compiler: zero would not compile.
            calls_per_second: const { NonZeroU32::new(200).unwrap() },
            admins,
            always_full_list: false,
            allow_type: AllowType::AllowAny,
        }
    }
}

impl Default for Authorization {
    fn default() -> Self {
        let capabilities = Capabilities::default();
        let named =
            capabilities.iter().map(|(id, areas)| (id.to_owned(), areas.iter().map(|a| a.name().to_owned()).collect()));
        Self { capabilities: named.collect() }
    }
}

impl Default for Statistics {
    fn default() -> Self {
        Self { zone: "Asia/Shanghai".into(), retention_days: 365, max_rows: 50_000 }
    }
}

impl Default for Console {
    fn default() -> Self {
        // Evaluated by the compiler: zero would not compile.
        let attempts_per_minute = const { NonZeroU32::new(30).unwrap() };
        Self { login_liveness: LoginLiveness::Normal, attempts_per_minute, registration: None, max_users: 10_000 }
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self { auto_replay: true, interval_s: 5 }
    }
}

impl Default for Recognition {
    fn default() -> Self {
        Self { threshold: 0.80, top_n: 1, fpir: None, gate: Gate::On, app_gates: HashMap::new() }
    }
}

impl Default for Quality {
    fn default() -> Self {
        Self { threshold: 0.5 }
    }
}

impl Default for Legacy {
    fn default() -> Self {
        Self { anonymous: None, app_id: "legacy".into(), autocreate_library: true, open_chapters: Vec::new() }
    }
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            workers: 0,
            queue: 0,
            wait_seconds: 10,
            job_seconds: 20,
            runtime: RuntimeChoice::default(),
            precision: PrecisionChoice::default(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            body_memory_mib: 512,
            max_connections: 4096,
            max_connections_per_address: 0,
            idle_seconds: 75,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

impl Fetch {
    /// Parses the allowed networks.
    pub(super) fn networks(&self) -> Result<Vec<Network>> {
        let network = |text: &String| {
            text.parse().map_err(|_| Error::Config(format!("fetch.allowed_networks: {text:?} is no network")))
        };
        self.allowed_networks.iter().map(network).collect()
    }

    /// Converts the settings to the limits of downloads.
    ///
    /// # Errors
    /// [`Error::Config`], or [`Error::Io`] if the file of certificate authorities can't be read.
    pub(crate) fn limits(&self) -> Result<FetchLimits> {
        let extra_roots = match &self.extra_roots_file {
            Some(file) => vec![std::fs::read(file).map_err(Error::io(file))?],
            None => Vec::new(),
        };
        Ok(FetchLimits {
            max_bytes: self.max_bytes,
            total_time: Duration::from_secs(self.timeout_s.into()),
            at_once: self.at_once,
            allowed_networks: self.networks()?,
            extra_roots,
            ..FetchLimits::default()
        })
    }
}
