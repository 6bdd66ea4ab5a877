//! Settings: defaults < TOML file < environment < command line.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use aicp_dialects::aicp::Listener;
use aicp_platform::{Area, Capabilities, Control, FetchLimits, FriendRequests, Network};
use aicp_vision::{PrecisionChoice, RuntimeChoice};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::engines::Engines;
use crate::{Error, Result};

/// Environment variables begin with this; `__` goes a level down: `AICP_RECOGNITION__THRESHOLD`.
const ENV_PREFIX: &str = "AICP_";

/// Variables whose values are taken as they are, even if they look like numbers.
const VERBATIM: [(&str, &str); 3] = [
    ("AICP_ADMIN_TOKEN", "admin_token"),
    ("AICP_ENGINES__CLOUDWALK__APP_ID", "engines.cloudwalk.app_id"),
    ("AICP_ENGINES__CLOUDWALK__APP_SECRET", "engines.cloudwalk.app_secret"),
];

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of database, pictures and keys.
    pub data_dir: PathBuf,
    /// Addresses to listen on.
    #[serde(deserialize_with = "one_or_many")]
    pub listen: Vec<Listen>,
    /// Base of the links in answers; by default the `Host` of the request.
    pub public_url: Option<String>,
    /// Folder of models and runtime library.
    pub models_dir: PathBuf,
    /// The ONNX Runtime library, if not the one in the models folder.
    pub ort_lib: Option<PathBuf>,
    /// The admin token; by default one is made at the first start and kept in the data folder.
    pub admin_token: Option<Secret>,
    /// Recognition.
    pub recognition: Recognition,
    /// Quality.
    pub quality: Quality,
    /// Sections 2 and 3 of the AICP manual.
    pub legacy: Legacy,
    /// Links to pictures.
    pub links: Links,
    /// Inference.
    pub vision: Vision,
    /// HTTP.
    pub http: Http,
    /// Logs.
    pub log: Log,
    /// What apps may be granted.
    pub authorization: Authorization,
    /// Call log and statistics.
    pub statistics: Statistics,
    /// Section 9 of the AICP manual.
    pub face_api: FaceApi,
    /// Console users.
    pub console: Console,
    /// Who does the biometrics of libraries.
    pub engines: Engines,
    /// Writes that wait for their engine.
    pub outbox: Outbox,
    /// Pictures that are fetched from addresses that callers name.
    pub fetch: Fetch,
    /// The face calls of JD Cloud.
    pub jdcloud: JdCloud,
    /// The face library of LinkVisual.
    pub linkvisual: LinkVisual,
    /// Friends, friend groups and accounts of Tencent IM.
    pub tencent_im: TencentIm,
}

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
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vision {
    /// Worker threads; 0: one a core.
    pub workers: usize,
    /// Calls that may wait for a worker; 0: 32 a worker.
    pub queue: usize,
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
    /// Seconds from the start of a connection, or from an answer on it, to the end of the next request's head.
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

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            listen: vec![Listen { address: SocketAddr::from(([127, 0, 0, 1], 9012)), dialect: Dialect::Auto }],
            public_url: None,
            models_dir: "models".into(),
            ort_lib: None,
            admin_token: None,
            recognition: Recognition::default(),
            quality: Quality::default(),
            legacy: Legacy::default(),
            links: Links::default(),
            vision: Vision::default(),
            http: Http::default(),
            log: Log::default(),
            authorization: Authorization::default(),
            statistics: Statistics::default(),
            face_api: FaceApi::default(),
            console: Console::default(),
            engines: Engines::default(),
            outbox: Outbox::default(),
            fetch: Fetch::default(),
            jdcloud: JdCloud::default(),
            linkvisual: LinkVisual::default(),
            tencent_im: TencentIm::default(),
        }
    }
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
        Self { login_liveness: LoginLiveness::Normal, attempts_per_minute }
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
        Self { anonymous: None, app_id: "legacy".into(), autocreate_library: true }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { body_memory_mib: 512, max_connections: 4096, idle_seconds: 75, trusted_proxies: Vec::new() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

/// A text that never shows in logs or in `config show`.
#[derive(Clone, Deserialize)]
pub struct Secret(#[serde(deserialize_with = "text_or_number")] String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

/// Which dialect a listener speaks on paths that several share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Section 3 of the AICP manual.
    Legacy,
    /// Section 7.
    Micro,
    /// Section 7 if a token was sent, else section 3.
    Auto,
}

impl From<Dialect> for Listener {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Legacy => Self::Legacy,
            Dialect::Micro => Self::Micro,
            Dialect::Auto => Self::Auto,
        }
    }
}

/// An address and its dialect: `ADDR[=legacy|micro|auto]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub address: SocketAddr,
    /// What.
    pub dialect: Dialect,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, dialect) = text.rsplit_once('=').unwrap_or((text, "auto"));
        let address =
            address.parse().map_err(|_| format!("{address:?} is no address and port such as 127.0.0.1:9012"))?;
        let dialect = match dialect {
            "legacy" => Dialect::Legacy,
            "micro" => Dialect::Micro,
            "auto" => Dialect::Auto,
            other => return Err(format!("{other:?} is none of legacy, micro, auto")),
        };
        Ok(Self { address, dialect })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = match self.dialect {
            Dialect::Legacy => "legacy",
            Dialect::Micro => "micro",
            Dialect::Auto => "auto",
        };
        write!(f, "{}={dialect}", self.address)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A list, or one text with commas between (as an environment variable has it).
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Listen>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    let texts = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => text.split(',').map(|t| t.trim().to_owned()).collect(),
        OneOrMany::Many(texts) => texts,
    };
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

/// A text, or a number that stands for its digits: in the environment the two look alike. No error shows the value.
pub(crate) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(String),
        Number(u64),
    }
    match TextOrNumber::deserialize(deserializer) {
        Ok(TextOrNumber::Text(text)) => Ok(text),
        Ok(TextOrNumber::Number(number)) => Ok(number.to_string()),
        Err(_) => Err(serde::de::Error::custom("a text is wanted")),
    }
}

/// A list of texts, or one text with commas between (as an environment variable has it).
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => {
            text.split(',').map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
        }
        OneOrMany::Many(texts) => texts,
    })
}

impl Fetch {
    /// The networks that may be fetched from though they are not public.
    fn networks(&self) -> Result<Vec<Network>> {
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

/// What the command line sets.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flags {
    /// `--data-dir`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<Listen>,
}

/// The settings and where each came from.
pub struct Loaded {
    /// The settings.
    pub config: Config,
    figment: Figment,
}

impl Config {
    /// Puts the settings together and checks them.
    ///
    /// # Errors
    /// [`Error::Config`] with the name of the setting.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Loaded> {
        let defaults = Serialized::defaults(Self::default());
        let known = Figment::from(&defaults).extract::<Dict>().map_err(|e| Error::Config(e.to_string()))?;
        let mut figment = Figment::from(defaults);
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        // Other programs' variables may begin alike: only names of settings count. A token of digits stays a text.
        let environment = Env::prefixed(ENV_PREFIX)
            .map(|key| key.as_str().replace("__", ".").into())
            .filter(move |key| is_setting(&known, key.as_str()))
            .filter(|key| !VERBATIM.iter().any(|(_, name)| *name == key.as_str().to_ascii_lowercase()));
        figment = figment.merge(environment);
        // Set to nothing counts as not set: that is how compose files leave a variable out.
        for (variable, name) in VERBATIM {
            if let Some(text) = std::env::var(variable).ok().filter(|text| !text.trim().is_empty()) {
                figment = figment.merge((name, text));
            }
        }
        figment = figment.merge(Serialized::defaults(flags));
        let config: Self = figment.extract().map_err(|e| Error::Config(e.to_string()))?;
        config.check()?;
        Ok(Loaded { config, figment })
    }

    fn check(&self) -> Result<()> {
        let wrong = |name: &str, wanted: &str| Err(Error::Config(format!("{name} must be {wanted}")));
        if self.listen.is_empty() {
            return wrong("listen", "at least one address");
        }
        if !(0.0..=1.0).contains(&self.recognition.threshold) {
            return wrong("recognition.threshold", "in 0..1");
        }
        if !(1..=aicp_platform::MAX_TOP_N).contains(&self.recognition.top_n) {
            return wrong("recognition.top_n", "in 1..=100");
        }
        if self.recognition.fpir.is_some_and(|fpir| !(fpir > 0.0 && fpir <= 1.0)) {
            return wrong("recognition.fpir", "above 0 and at most 1");
        }
        if !(0.0..=1.0).contains(&self.quality.threshold) {
            return wrong("quality.threshold", "in 0..1");
        }
        if self.legacy.app_id.trim().is_empty() || self.legacy.app_id == aicp_platform::ADMIN_APP {
            return wrong("legacy.app_id", "a name of its own");
        }
        if !(16..=1 << 20).contains(&self.http.body_memory_mib) {
            return wrong("http.body_memory_mib", "in 16..=1048576");
        }
        self.zone()?;
        self.capabilities()?;
        self.engines.check()?;
        self.fetch.networks()?;
        if !(1..=64 << 20).contains(&self.fetch.max_bytes) {
            return wrong("fetch.max_bytes", "in 1..=67108864");
        }
        if !(1..=600).contains(&self.fetch.timeout_s) {
            return wrong("fetch.timeout_s", "in 1..=600");
        }
        if !(1..=1024).contains(&self.fetch.at_once) {
            return wrong("fetch.at_once", "in 1..=1024");
        }
        if self.statistics.max_rows == 0 {
            return wrong("statistics.max_rows", "1 or more");
        }
        if self.outbox.interval_s == 0 {
            return wrong("outbox.interval_s", "1 or more");
        }
        if self.http.max_connections == 0 {
            return wrong("http.max_connections", "1 or more");
        }
        if !(1..=86_400).contains(&self.http.idle_seconds) {
            return wrong("http.idle_seconds", "1 to 86400");
        }
        if self.admin_token.as_ref().is_some_and(|token| token.reveal().trim().is_empty()) {
            return wrong("admin_token", "not blank");
        }
        if self.public_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return wrong("public_url", "an http:// or https:// address");
        }
        Ok(())
    }

    /// Refuses to answer calls without a token from the network unless that was set on purpose.
    ///
    /// # Errors
    /// [`Error::AnonymousOnNetwork`].
    pub fn refuse_open_network(&self) -> Result<()> {
        let network = self.listen.iter().find(|listen| !listen.address.ip().is_loopback());
        match network {
            Some(listen) if self.legacy.anonymous.is_none() => Err(Error::AnonymousOnNetwork(listen.address)),
            _ => Ok(()),
        }
    }

    /// Whether calls without a token are allowed in sections 2, 3 and 5.
    pub fn is_anonymous(&self) -> bool {
        self.legacy.anonymous.unwrap_or(true)
    }

    /// The zone of the statistics.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none of that name.
    pub fn zone(&self) -> Result<TimeZone> {
        let wrong = |_| Error::Config(format!("statistics.zone {:?} is no IANA time zone", self.statistics.zone));
        TimeZone::get(&self.statistics.zone).map_err(wrong)
    }

    /// What each capability opens.
    ///
    /// # Errors
    /// [`Error::Config`] if it is to open what there is not.
    pub fn capabilities(&self) -> Result<Capabilities> {
        let mut areas_of_ids = BTreeMap::new();
        for (id, names) in &self.authorization.capabilities {
            let areas = names.iter().map(|name| {
                let wrong = || Error::Config(format!("authorization.capabilities.{id}: there is no area {name:?}"));
                Area::named(name).ok_or_else(wrong)
            });
            areas_of_ids.insert(id.clone(), areas.collect::<Result<Vec<_>>>()?);
        }
        Ok(Capabilities::new(areas_of_ids))
    }
}

impl Loaded {
    /// Every setting as `name = value  # where it came from`, secrets masked.
    ///
    /// # Errors
    /// [`Error::Config`] if a value can't be written.
    pub fn describe(&self) -> Result<String> {
        let masked = Figment::from(Serialized::defaults(&self.config));
        let settings: Dict = masked.extract().map_err(|e| Error::Config(e.to_string()))?;
        let mut lines = Vec::new();
        self.describe_into("", &settings, &mut lines);
        Ok(lines.join("\n"))
    }

    fn describe_into(&self, prefix: &str, settings: &Dict, lines: &mut Vec<String>) {
        for (name, value) in settings {
            let name = format!("{prefix}{name}");
            if let Value::Dict(_, inner) = value {
                self.describe_into(&format!("{name}."), inner, lines);
                continue;
            }
            let source = match self.figment.find_metadata(&name) {
                Some(m) if m.name.contains("TOML") => {
                    m.source.as_ref().map_or_else(|| "file".to_owned(), ToString::to_string)
                }
                Some(m) if m.name.contains("environment") || m.name.contains("Env") => "environment".to_owned(),
                _ if name == "admin_token" && std::env::var_os("AICP_ADMIN_TOKEN").is_some() => {
                    "environment".to_owned()
                }
                Some(m) if m.name.contains("Flags") => "flag".to_owned(),
                _ => "default".to_owned(),
            };
            let value = match value {
                Value::Empty(..) => "(unset)".to_owned(),
                value => serde_json::to_string(value).unwrap_or_default(),
            };
            lines.push(format!("{name} = {value}  # {source}"));
        }
    }
}

/// Whether a dotted name is one of the settings.
fn is_setting(known: &Dict, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    match lower.split_once('.') {
        None => known.contains_key(&lower),
        Some((head, rest)) => matches!(known.get(head), Some(Value::Dict(_, inner)) if is_setting(inner, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_with_and_without_a_dialect() {
        let listen: Listen = "127.0.0.1:9012".parse().expect("an address");
        assert_eq!(listen.dialect, Dialect::Auto);
        let listen: Listen = "[::1]:8090=legacy".parse().expect("an address");
        assert_eq!((listen.address.port(), listen.dialect), (8090, Dialect::Legacy));
        assert_eq!(listen.to_string(), "[::1]:8090=legacy");
        for wrong in ["", "9012", "localhost:9012", "127.0.0.1:9012=old"] {
            assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
        }
    }

    fn load(toml: &str) -> Result<Loaded> {
        let file = tempfile::NamedTempFile::new().expect("temp file");
        std::fs::write(file.path(), toml).expect("write");
        Config::load(Some(file.path()), &Flags::default())
    }

    #[test]
    fn a_file_overrides_defaults_and_wrong_settings_are_named() {
        let loaded = load("public_url = \"https://example.com\"\n[recognition]\nthreshold = 0.7\n").expect("loads");
        assert_eq!(loaded.config.recognition.threshold, 0.7);
        assert_eq!(loaded.config.recognition.top_n, 1);
        for (toml, name) in [
            ("nonsense = 1", "nonsense"),
            ("[recognition]\nthreshold = 1.5", "recognition.threshold"),
            ("[recognition]\ntop_n = 0", "recognition.top_n"),
            ("[recognition]\nfpir = 0.0", "recognition.fpir"),
            ("listen = [\"nowhere\"]", "nowhere"),
            ("public_url = \"faces\"", "public_url"),
            ("admin_token = \" \"", "admin_token"),
            ("[statistics]\nzone = \"Moon\"", "Moon"),
            ("[authorization.capabilities]\nC1 = [\"everything\"]", "everything"),
            ("[engines]\ndefault = \"koala\"", "engines.default"),
            ("[engines.koala]\nurl = \"ftp://h\"", "engines.koala"),
            ("[engines.koala.remote]\nthreshold = 80", "engines.koala.remote.threshold"),
            ("[engines.cloudwalk.remote]\ntimeout_ms = 0", "engines.cloudwalk.remote.timeout_ms"),
            ("[outbox]\ninterval_s = 0", "outbox.interval_s"),
            ("[http]\ntrusted_proxies = [\"proxy\"]", "trusted_proxies"),
            ("[tencent_im]\nallow_type = \"Anybody\"", "allow_type"),
        ] {
            let message = load(toml).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains(name), "{toml}: {message}");
        }
    }

    #[test]
    fn anonymous_calls_from_the_network_must_be_set_explicitly() {
        let open = "listen = [\"0.0.0.0:9012\"]\n";
        let unset = load(open).expect("only serving is refused");
        assert!(matches!(unset.config.refuse_open_network(), Err(Error::AnonymousOnNetwork(_))));
        let on = load(&format!("{open}[legacy]\nanonymous = true\n")).expect("set on purpose");
        assert!(on.config.is_anonymous());
        assert!(on.config.refuse_open_network().is_ok());
        let off = load(&format!("{open}[legacy]\nanonymous = false\n")).expect("switched off");
        assert!(!off.config.is_anonymous());
    }

    #[test]
    fn digits_are_text_and_a_wrong_token_is_not_shown() {
        let loaded = load("admin_token = 1234567890123456\n[legacy]\napp_id = 10001\n").expect("loads");
        assert_eq!(loaded.config.legacy.app_id, "10001");
        assert_eq!(loaded.config.admin_token.as_ref().map(Secret::reveal), Some("1234567890123456"));
        let message = load("admin_token = [123456789]").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message.contains("a text is wanted") && !message.contains("123456789"), "{message}");
    }

    #[test]
    fn secrets_are_masked() {
        let loaded = load("admin_token = \"a-very-secret-token\"").expect("loads");
        let shown = loaded.describe().expect("shows");
        assert!(shown.contains("admin_token = \"***\""), "{shown}");
        assert!(!shown.contains("a-very-secret-token"));
        assert!(!format!("{:?}", loaded.config).contains("a-very-secret-token"));
    }
}
