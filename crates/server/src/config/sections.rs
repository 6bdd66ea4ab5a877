//! The sections of the settings and what they are by default.

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

/// What is fetched from addresses that callers name. Only public addresses are, unless their network is allowed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fetch {
    /// Networks, such as `10.1.0.0/16`, that are not public but may be fetched from all the same.
    #[serde(deserialize_with = "texts")]
    pub allowed_networks: Vec<String>,
    /// Bytes that a picture may have.
    pub max_bytes: usize,
    /// Seconds that one fetch may take, redirects and body included.
    pub timeout_s: u32,
    /// Pictures that are being fetched, or were and are being worked on, at once; a quarter of them for each app. More wait
    /// for at most half of `timeout_s`.
    pub at_once: usize,
    /// File of certificates (PEM) of authorities that are trusted beside the well-known ones.
    pub extra_roots_file: Option<PathBuf>,
}

/// How the face calls of JD Cloud are served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JdCloud {
    /// Seconds that the clock of a client may be off.
    pub clock_skew_s: u32,
    /// Libraries that an app may have before `faceGroupCreate` makes no more.
    pub max_groups: u64,
    /// Faces (people, as each has one there) that a library may have before `faceCreate` adds no more.
    pub max_faces: u64,
}

/// How the face library of LinkVisual is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkVisual {
    /// Calls of one action that an app may make in a second.
    pub calls_per_second: NonZeroU32,
}

/// How friends, friend groups and accounts of Tencent IM are served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TencentIm {
    /// Calls of one command that an app may make in a second; of the account commands but `account_import` half as many.
    pub calls_per_second: NonZeroU32,
    /// User ids that may call for their app.
    pub admins: Vec<String>,
    /// Whether `group_get` lists all groups even if the caller's sequence is the current one.
    pub always_full_list: bool,
    /// What becomes of a `friend_add` that is not forced: `AllowAny`, `NeedConfirm` or `DenyAny`.
    pub allow_type: AllowType,
}

/// What becomes of somebody's wish to have an account as a friend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllowType {
    /// It is granted.
    AllowAny,
    /// It is kept until the account says yes.
    NeedConfirm,
    /// It is refused.
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

/// What apps may be granted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Authorization {
    /// The areas that each capability id opens; a file that has this table replaces the ids that it names.
    pub capabilities: BTreeMap<String, Vec<String>>,
}

/// Call log and statistics.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Statistics {
    /// IANA name of the zone whose days, weeks and months are counted by.
    pub zone: String,
    /// Single calls are kept for so many days, 0: for ever; what was counted of them stays.
    pub retention_days: u32,
    /// Single calls that one answer lists at most, the latest.
    pub max_rows: u32,
}

/// How section 9 of the AICP manual is served.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaceApi {
    /// Whether calls without a token are answered; they act for `legacy.app_id`.
    pub anonymous: bool,
    /// Whether `timestamp` counts seconds instead of milliseconds.
    pub timestamp_in_seconds: bool,
    /// Groups (libraries) that an app may have, 0: any number.
    pub max_groups: u64,
    /// Faces that a user may have, 0: any number.
    pub max_faces_per_user: usize,
}

/// Console users.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Console {
    /// How sure it must be that a face which logs in is live: `none`, `low`, `normal` or `high`.
    pub login_liveness: LoginLiveness,
    /// Logins and registrations that one address, or one name, may try in a minute.
    pub attempts_per_minute: NonZeroU32,
    /// Who may register users: `off`, `admin` or `open`. Unset: anybody where every listener is on loopback, else who has the
    /// admin token.
    pub registration: Option<Registration>,
    /// Users that there may be.
    pub max_users: u64,
}

/// Who may register console users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody.
    Off,
    /// Whoever sends the admin token.
    Admin,
    /// Anybody.
    Open,
}

/// How sure it must be that a face is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginLiveness {
    /// Not looked at.
    None,
    /// Probability 0.05.
    Low,
    /// Probability 0.3.
    Normal,
    /// Probability 0.9.
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

/// Writes that wait for their engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbox {
    /// Whether they are worked off by themselves once the engine answers again.
    pub auto_replay: bool,
    /// How often, in seconds, engines are asked whether they answer.
    pub interval_s: u32,
}

/// Who is the same person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recognition {
    /// Similarity above which two faces are one person, 0..1. 0.80 stands for a false-match rate of 1e-4.
    pub threshold: f32,
    /// People that a 1:N answer holds at most, 1..=100.
    pub top_n: usize,
    /// Share of strangers, 0..1, that a search may name by mistake: the threshold then rises with the faces searched. Unset:
    /// it stays what `threshold` says.
    pub fpir: Option<f64>,
    /// How recognisable a face must be to be enrolled and to match anybody.
    pub gate: Gate,
    /// Apps of which something else is asked, by their ids.
    pub app_gates: HashMap<String, Gate>,
}

/// How recognisable a face must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// It carries an identity.
    #[default]
    On,
    /// It may be spoilt badly.
    Loose,
    /// It may be anything.
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

/// Which picture is good enough.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quality {
    /// Quality score from which a picture is good, 0..1.
    pub threshold: f32,
}

/// How sections 2 and 3 of the AICP manual, which know no token, are served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Legacy {
    /// Whether calls without a token are answered. Unset: yes, but only where every listener is on loopback.
    pub anonymous: Option<bool>,
    /// App that calls without a token act for.
    #[serde(deserialize_with = "text_or_number")]
    pub app_id: String,
    /// Whether an enrolment makes the library that it names.
    pub autocreate_library: bool,
    /// Chapters for which the manual shows no token, but one is wanted unless they are named here.
    #[serde(deserialize_with = "chapters")]
    pub open_chapters: Vec<Chapter>,
}

/// Links to pictures in answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// Seconds that the links of sections 3.5 and 7.8 (`faceDBURL`) are good; 0: for ever.
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
    /// Worker threads; 0: one a core.
    pub workers: usize,
    /// Calls of callers with credentials that may wait for a worker, half as many of others; 0: 32 a worker.
    pub queue: usize,
    /// Seconds that a call may wait for a worker.
    pub wait_seconds: u64,
    /// Seconds that a worker may take for a call.
    pub job_seconds: u64,
    /// What runs the networks: `auto` (OpenVINO where its plugin is there, loads, and the processor has AVX2; else ONNX
    /// Runtime), `onnxruntime` or `openvino`.
    pub runtime: RuntimeChoice,
    /// Arithmetic of the networks: `auto` (bf16 where OpenVINO runs and the processor has AMX; else f32), `f32` or
    /// `bf16`.
    pub precision: PrecisionChoice,
}

/// Bounds of the HTTP server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Memory that all request bodies together may take, in MiB.
    pub body_memory_mib: usize,
    /// Open connections of all listeners together.
    pub max_connections: usize,
    /// Open connections of one address, or calls under way of one client of a trusted proxy; 0: a quarter of `max_connections`.
    pub max_connections_per_address: usize,
    /// Seconds that a connection which is kept open may wait for its next request.
    pub idle_seconds: u64,
    /// Addresses of proxies whose `X-Forwarded-For` is believed: then the call log and the limits on logins see the
    /// client, not the proxy.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Logs go to stderr.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// Filter in the syntax of `tracing-subscriber`, such as `info` or `aicp_dialects=debug,info`.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
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
        Self { calls_per_second: NonZeroU32::MIN.saturating_add(99) }
    }
}

impl Default for TencentIm {
    fn default() -> Self {
        let admins = vec!["administrator".to_owned(), "admin".to_owned()];
        Self {
            calls_per_second: NonZeroU32::MIN.saturating_add(199),
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
        let attempts_per_minute = NonZeroU32::MIN.saturating_add(29);
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
    /// The networks that may be fetched from though they are not public.
    pub(super) fn networks(&self) -> Result<Vec<Network>> {
        let network = |text: &String| {
            text.parse().map_err(|_| Error::Config(format!("fetch.allowed_networks: {text:?} is no network")))
        };
        self.allowed_networks.iter().map(network).collect()
    }

    /// The bounds of fetching.
    ///
    /// # Errors
    /// [`Error::Config`], or [`Error::Io`] if the file of authorities can't be read.
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
