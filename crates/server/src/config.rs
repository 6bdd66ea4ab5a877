//! Settings. Precedence: command line, environment, TOML file, defaults.
//!
//! Each crate declares its sections; [`Config`] nests them and adds those of the server itself.

mod list;
mod listen;
mod live;
mod sections;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use aicp_dialects::aicp::{FaceApi, Legacy, Listener};
use aicp_dialects::{LinkSettings, jdcloud, linkvisual, tencent_im};
use aicp_engines::EngineSettings;
use aicp_platform::settings::{
    Authorization, Console, Events, Fetch, Jobs, Outbox, Quality, Recognition, RecognitionLog, RegistrationPolicy,
    Settings, Statistics, Webhooks,
};
use aicp_platform::{MasterKeys, SettingSource};
use aicp_settings::{Secret, Section, if_set, list, settings, when};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::{Dict, Value};
use serde::Serialize;

use crate::{Error, Result, engines, logging};
pub use list::{default_file, markdown_table};
pub use listen::{Encryption, Listen, Service};
pub(crate) use live::Live;
pub(crate) use sections::SQLITE;
pub use sections::{Changes, Database, Http, Log, LogFormat, Objects, Search, Tls, Tracing};

/// Prefix of environment variables. `__` separates levels: `AICP_RECOGNITION__THRESHOLD`.
const ENV_PREFIX: &str = "AICP_";

/// Variables whose values stay text, even if they look like numbers.
const VERBATIM: [(&str, &str); 11] = [
    ("AICP_ADMIN_TOKEN", "admin_token"),
    ("AICP_SECRET_KEY", "secret_key"),
    ("AICP_DATABASE__URL", "database.url"),
    ("AICP_OBJECTS__URL", "objects.url"),
    ("AICP_OBJECTS__ACCESS_KEY", "objects.access_key"),
    ("AICP_OBJECTS__SECRET_KEY", "objects.secret_key"),
    ("AICP_BACKUP__PASSPHRASE", "backup.passphrase"),
    ("AICP_BACKUP__ACCESS_KEY", "backup.access_key"),
    ("AICP_BACKUP__SECRET_KEY", "backup.secret_key"),
    ("AICP_ENGINES__CLOUDWALK__APP_ID", "engines.cloudwalk.app_id"),
    ("AICP_ENGINES__CLOUDWALK__APP_SECRET", "engines.cloudwalk.app_secret"),
];

settings! {
    /// All settings.
    pub struct Config {
        /// Folder of database, pictures and keys.
        data_dir: PathBuf = "data".into(),
        /// Addresses to listen on, each `ADDR[=legacy|micro|auto|metrics][+plain|+mtls]`; `metrics` serves
        /// `/metrics`, `/healthz` and `/readyz` alone, without a token.
        #[serde(deserialize_with = "list")]
        listen: Vec<Listen> = vec![Listen {
            address: SocketAddr::from(([127, 0, 0, 1], 9012)),
            service: Service::Calls(Listener::Auto),
            encryption: Encryption::IfSet,
        }] => when("at least one address", |listen: &Vec<Listen>| !listen.is_empty()),
        /// Base URL of links in answers; set it behind a proxy. Unset: from the `Host` of the request.
        public_url: Option<String> = None => if_set(when("an http:// or https:// address", |url: &String| {
            url.starts_with("http://") || url.starts_with("https://")
        })),
        /// Folder of models and runtime library.
        models_dir: PathBuf = "models".into(),
        /// Path of the ONNX Runtime library; it is not checked against the manifest. Unset: the one in the models
        /// folder.
        ort_lib: Option<PathBuf> = None,
        /// Admin token, of at least 16 random characters; better set as `AICP_ADMIN_TOKEN`. Unset: generated at the first
        /// start and stored in the data folder.
        admin_token: Option<Secret> = None
            => if_set(when("not blank", |token: &Secret| !token.reveal().trim().is_empty())),
        /// Secret keys of 64 hex digits each, the current one first, separated by commas or spaces; set them as
        /// `AICP_SECRET_KEY`. Unset: those of `secret.key` in the data folder.
        secret_key: Option<Secret> = None => if_set(when("keys of 64 hex digits", |keys: &Secret| {
            MasterKeys::parse(keys.reveal()).is_some()
        })),
        /// Recognition.
        recognition: Recognition,
        /// Quality.
        quality: Quality,
        /// Sections 2 and 3 of the AICP manual.
        legacy: Legacy,
        /// Links to pictures.
        links: LinkSettings,
        /// Inference.
        vision: aicp_vision::Settings,
        /// The database, if it is not in the data folder.
        database: Database,
        /// Pictures of a PostgreSQL database, and what else its nodes share.
        objects: Objects,
        /// Search in memory.
        search: Search,
        /// HTTP server.
        http: Http,
        /// TLS of the listeners.
        tls: Tls,
        /// Logging.
        log: Log,
        /// Traces of calls.
        tracing: Tracing,
        /// Changes of settings while the server runs.
        settings: Changes,
        /// Capabilities that apps can be granted.
        authorization: Authorization,
        /// Call log and statistics.
        statistics: Statistics,
        /// Section 9 of the AICP manual.
        face_api: FaceApi,
        /// Console users.
        console: Console,
        /// Biometric engines.
        engines: EngineSettings,
        /// Outbox: writes that wait for their engine.
        outbox: Outbox,
        /// Jobs: long work, such as imports.
        jobs: Jobs,
        /// Backups (`aicp backup`).
        backup: aicp_backup::Settings,
        /// Downloads from addresses that callers name.
        fetch: Fetch,
        /// Log of events, and the streams that follow it.
        events: Events,
        /// Webhooks: events that are posted to targets of apps.
        webhooks: Webhooks,
        /// Logs of recognitions, which apps switch on per library.
        recognition_log: RecognitionLog,
        /// The face calls of JD Cloud.
        jdcloud: jdcloud::Settings,
        /// The face library of LinkVisual.
        linkvisual: linkvisual::Settings,
        /// Friends, friend groups and accounts of Tencent IM.
        tencent_im: tencent_im::Settings,
        /// Our own REST API.
        api: aicp_api::Settings,
    }
}

/// Settings of the command line.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flags {
    /// `--data-dir`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// `--database`
    pub database: DatabaseFlags,
    /// `--objects`
    pub objects: ObjectsFlags,
    /// `--listen`
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<Listen>,
    /// TLS.
    pub tls: TlsFlags,
}

/// Settings of the command line for the database.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DatabaseFlags {
    /// `--database`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Settings of the command line for pictures.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ObjectsFlags {
    /// `--objects`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Settings of the command line for TLS.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TlsFlags {
    /// `--tls-cert`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// `--tls-key`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
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
        let mut config: Self = figment.extract().map_err(|e| Error::Config(e.to_string()))?;
        config.check().map_err(|wrong| Error::Config(wrong.to_string()))?;
        config.leave_sqlite_to_the_data_folder()?;
        config.check_listeners()?;
        if config.database.url.is_some() && config.secret_key.is_none() {
            let reason = "secret_key must be set with database.url: the same for all nodes, as AICP_SECRET_KEY";
            return Err(Error::Config(reason.to_owned()));
        }
        config.settings.check_names(&Self::list())?;
        logging::check(&config.log)?;
        engines::check(&config.engines)?;
        Ok(Loaded { config, figment })
    }

    /// Takes `sqlite:FILE` for what it is without a setting: the database of the data folder, which belongs together with its lock, its
    /// reserve and its backups.
    ///
    /// # Errors
    /// [`Error::Config`] if it is another file, or if SQLite's pictures are to be in a bucket.
    fn leave_sqlite_to_the_data_folder(&mut self) -> Result<()> {
        if let Some(file) = self.database.url.as_ref().and_then(|url| url.reveal().strip_prefix(SQLITE)) {
            let ours = self.data_dir.join(aicp_store_sqlite::DATABASE);
            let whole = |path: &Path| std::path::absolute(path).map_err(Error::io(path));
            if whole(Path::new(file))? != whole(&ours)? {
                let reason =
                    format!("database.url: SQLite's database is {}: name its folder by --data-dir", ours.display());
                return Err(Error::Config(reason));
            }
            self.database.url = None;
        }
        if self.database.url.is_none() && self.objects.url.as_deref().is_some_and(crate::database::is_bucket) {
            let reason = "objects.url: a bucket needs database.url with PostgreSQL; SQLite's pictures are in a folder";
            return Err(Error::Config(reason.to_owned()));
        }
        Ok(())
    }

    /// Returns the folder of the pictures, unless they are in a bucket.
    pub fn objects_folder(&self) -> PathBuf {
        self.objects.url.as_ref().map_or_else(|| self.data_dir.join(aicp_store_sqlite::OBJECTS), PathBuf::from)
    }

    /// Refuses anonymous calls from the network unless they are configured explicitly.
    ///
    /// # Errors
    /// [`Error::AnonymousOnNetwork`].
    pub fn refuse_open_network(&self) -> Result<()> {
        let network = self.listen.iter().find(|listen| listen.is_open_for_calls());
        match network {
            Some(listen) if self.legacy.anonymous.is_none() => Err(Error::AnonymousOnNetwork(listen.address)),
            _ => Ok(()),
        }
    }

    /// Refuses listeners that want certificates of clients when there is nothing to check them by.
    fn check_listeners(&self) -> Result<()> {
        let mutual = self.listen.iter().find(|listen| listen.encryption == Encryption::Mutual);
        match mutual {
            Some(listen) if self.tls.client_roots_file.is_none() => {
                Err(Error::Config(format!("tls.client_roots_file must be set for the listener {listen}")))
            }
            _ => Ok(()),
        }
    }

    /// Returns who may register console users. Default: everybody if all listeners are on loopback, else the admin.
    fn registration(&self) -> RegistrationPolicy {
        let is_local = !self.listen.iter().any(Listen::is_open_for_calls);
        let default = if is_local { RegistrationPolicy::Open } else { RegistrationPolicy::Admin };
        self.console.registration.unwrap_or(default)
    }

    /// Returns the settings of the platform.
    pub fn platform(&self) -> Settings {
        Settings {
            recognition: self.recognition.clone(),
            quality: self.quality.clone(),
            authorization: self.authorization.clone(),
            statistics: self.statistics.clone(),
            console: Console { registration: Some(self.registration()), ..self.console.clone() },
            outbox: self.outbox.clone(),
            jobs: self.jobs.clone(),
            jobs_folder: aicp_platform::folder_of_jobs(&self.data_dir),
            galleries_folder: self.data_dir.join("galleries"),
            link_life: self.objects.link_seconds.duration(),
            fetch: self.fetch.clone(),
            events: self.events.clone(),
            webhooks: self.webhooks.clone(),
            recognition_log: self.recognition_log.clone(),
            legacy_app: self.legacy.app_id.clone(),
            anonymous: self.legacy.is_anonymous(),
            max_libraries: self.face_api.max_groups,
            max_faces_a_user: self.face_api.max_faces_per_user,
            friend_requests: self.tencent_im.allow_type.into(),
        }
    }
}

impl Loaded {
    /// Lists settings as `name = value  # source`, with secrets redacted: all, or those that differ from their defaults.
    /// `of_database` names those whose value is not of the base.
    fn list(&self, config: &Config, of_database: &[&str], only_differences: bool) -> Result<Vec<String>> {
        let (mut settings, mut defaults) = (BTreeMap::new(), BTreeMap::new());
        flatten("", &list::values(config)?, &mut settings);
        flatten("", &list::values(&Config::default())?, &mut defaults);
        settings.retain(|name, value| !only_differences || defaults.get(name) != Some(value));
        let is_of = |name: &str, setting: &str| {
            name.strip_prefix(setting).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let line = |(name, value): (String, String)| {
            let is_of_database = of_database.iter().any(|setting| is_of(&name, setting));
            let source = if is_of_database { "database".to_owned() } else { self.source(&name) };
            format!("{name} = {value}  # {source}")
        };
        Ok(settings.into_iter().map(line).collect())
    }

    /// Returns the values of all settings; secrets are in it.
    fn values(&self) -> Result<Dict> {
        self.figment.extract().map_err(|e| Error::Config(e.to_string()))
    }

    /// Returns where the value of a setting comes from.
    fn kind_of_source(&self, name: &str) -> SettingSource {
        match self.source(name).as_str() {
            "default" => SettingSource::Default,
            "environment" => SettingSource::Environment,
            "flag" => SettingSource::CommandLine,
            // The path of the file.
            _ => SettingSource::File,
        }
    }

    /// Describes where the value of a setting comes from.
    fn source(&self, name: &str) -> String {
        match self.figment.find_metadata(name) {
            Some(m) if m.name.contains("TOML") => {
                m.source.as_ref().map_or_else(|| "file".to_owned(), ToString::to_string)
            }
            Some(m) if m.name.contains("environment") || m.name.contains("Env") => "environment".to_owned(),
            _ if is_set_verbatim(name) => "environment".to_owned(),
            Some(m) if m.name.contains("Flags") => "flag".to_owned(),
            _ => "default".to_owned(),
        }
    }
}

/// Whether a setting has its value from a variable of [`VERBATIM`].
fn is_set_verbatim(name: &str) -> bool {
    let is_set = |variable| std::env::var(variable).is_ok_and(|text| !text.trim().is_empty());
    VERBATIM.iter().any(|(variable, known)| *known == name && is_set(variable))
}

/// Collects the values of settings by their dotted names.
fn flatten(prefix: &str, settings: &Dict, values: &mut BTreeMap<String, String>) {
    for (name, value) in settings {
        let name = format!("{prefix}{name}");
        match value {
            Value::Dict(_, inner) => flatten(&format!("{name}."), inner, values),
            Value::Empty(..) => drop(values.insert(name, "(unset)".to_owned())),
            value => drop(values.insert(name, serde_json::to_string(value).unwrap_or_default())),
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
