//! Settings. Precedence: command line, environment, TOML file, defaults.

mod sections;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use aicp_dialects::aicp;
use aicp_platform::{Area, Capabilities};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::engines::Engines;
use crate::{Error, Result};
pub use sections::*;
use values::one_or_many;
pub use values::{Chapter, Dialect, Listen, Secret};

/// Prefix of environment variables. `__` separates levels: `AICP_RECOGNITION__THRESHOLD`.
const ENV_PREFIX: &str = "AICP_";

/// Variables whose values stay text, even if they look like numbers.
const VERBATIM: [(&str, &str); 3] = [
    ("AICP_ADMIN_TOKEN", "admin_token"),
    ("AICP_ENGINES__CLOUDWALK__APP_ID", "engines.cloudwalk.app_id"),
    ("AICP_ENGINES__CLOUDWALK__APP_SECRET", "engines.cloudwalk.app_secret"),
];

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of database, pictures and keys.
    pub data_dir: PathBuf,
    /// Addresses to listen on.
    #[serde(deserialize_with = "one_or_many")]
    pub listen: Vec<Listen>,
    /// Base URL of links in answers. Default: from the `Host` of the request.
    pub public_url: Option<String>,
    /// Folder of models and runtime library.
    pub models_dir: PathBuf,
    /// Path of the ONNX Runtime library. Default: the one in the models folder.
    pub ort_lib: Option<PathBuf>,
    /// Admin token. Default: generated at the first start and stored in the data folder.
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
    /// HTTP server.
    pub http: Http,
    /// Logging.
    pub log: Log,
    /// Capabilities that apps can be granted.
    pub authorization: Authorization,
    /// Call log and statistics.
    pub statistics: Statistics,
    /// Section 9 of the AICP manual.
    pub face_api: FaceApi,
    /// Console users.
    pub console: Console,
    /// Biometric engines.
    pub engines: Engines,
    /// Outbox: writes that wait for their engine.
    pub outbox: Outbox,
    /// Downloads from addresses that callers name.
    pub fetch: Fetch,
    /// The face calls of JD Cloud.
    pub jdcloud: JdCloud,
    /// The face library of LinkVisual.
    pub linkvisual: LinkVisual,
    /// Friends, friend groups and accounts of Tencent IM.
    pub tencent_im: TencentIm,
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

/// Settings of the command line.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flags {
    /// `--data-dir`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// `--listen`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<Listen>,
}

/// Settings with their sources.
pub struct Loaded {
    /// The settings.
    pub config: Config,
    figment: Figment,
}

impl Config {
    /// Merges the sources and validates the settings.
    ///
    /// # Errors
    /// [`Error::Config`] with the name of the wrong setting.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Loaded> {
        let defaults = Serialized::defaults(Self::default());
        let known = Figment::from(&defaults).extract::<Dict>().map_err(|e| Error::Config(e.to_string()))?;
        let mut figment = Figment::from(defaults);
        if let Some(file) = file {
            figment = figment.merge(Toml::file_exact(file));
        }
        // Other programs may use the same prefix, so only names of settings count. The variables of `VERBATIM` are
        // merged below, as text.
        let environment = Env::prefixed(ENV_PREFIX)
            .map(|key| key.as_str().replace("__", ".").into())
            .filter(move |key| is_setting(&known, key.as_str()))
            .filter(|key| !VERBATIM.iter().any(|(_, name)| *name == key.as_str().to_ascii_lowercase()));
        figment = figment.merge(environment);
        // Compose files leave a variable out by setting it to nothing, so an empty value counts as unset.
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
        for (name, seconds) in
            [("vision.wait_seconds", self.vision.wait_seconds), ("vision.job_seconds", self.vision.job_seconds)]
        {
            if !(1..=3600).contains(&seconds) {
                return wrong(name, "1 to 3600");
            }
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

    /// Refuses anonymous calls from the network unless they are configured explicitly.
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

    /// Returns whether sections 2, 3 and 5 accept calls without a token.
    pub fn is_anonymous(&self) -> bool {
        self.legacy.anonymous.unwrap_or(true)
    }

    /// Returns who may register console users. Default: everybody if all listeners are on loopback, else the admin.
    pub fn registration(&self) -> aicp::Registration {
        match self.console.registration {
            Some(Registration::Off) => aicp::Registration::Off,
            Some(Registration::Admin) => aicp::Registration::Admin,
            Some(Registration::Open) => aicp::Registration::Open,
            None if self.listen.iter().all(|listen| listen.address.ip().is_loopback()) => aicp::Registration::Open,
            None => aicp::Registration::Admin,
        }
    }

    /// Returns the time zone of the statistics.
    ///
    /// # Errors
    /// [`Error::Config`] if the zone does not exist.
    pub fn zone(&self) -> Result<TimeZone> {
        let wrong = |_| Error::Config(format!("statistics.zone {:?} is no IANA time zone", self.statistics.zone));
        TimeZone::get(&self.statistics.zone).map_err(wrong)
    }

    /// Returns the areas of each capability.
    ///
    /// # Errors
    /// [`Error::Config`] if an area does not exist.
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
    /// Lists the settings as `name = value  # source`, with secrets redacted.
    ///
    /// # Errors
    /// [`Error::Config`] if a value can't be serialized.
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

/// Returns whether a dotted name is a setting.
fn is_setting(known: &Dict, name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    match lower.split_once('.') {
        None => known.contains_key(&lower),
        Some((head, rest)) => matches!(known.get(head), Some(Value::Dict(_, inner)) if is_setting(inner, rest)),
    }
}

#[cfg(test)]
mod tests;
