//! The settings in force: the base with the values that the database has.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aicp_engines::ReplaceableEngine;
use aicp_platform::{Rejection, SettingInfo, SettingRules, SettingSource, Settings, StoredInfo, StoredSettings};
use aicp_requests::AddressRate;
use aicp_settings::{Section, Setting};
use aicp_store::StoredSetting;
use arc_swap::ArcSwap;
use figment::Figment;
use figment::providers::Serialized;
use figment::value::{Dict, Value};

use super::{Config, Loaded, list};
use crate::limits::ConnectionLimits;
use crate::{Error, Result, engines, logging};

/// The settings of the program: the base that it was started with, and what is in force with the values of the database.
pub(crate) struct Live {
    base: Loaded,
    /// The values of the base. Secrets are in it.
    base_values: Dict,
    settings: Vec<Setting>,
    in_force: ArcSwap<Config>,
    /// Limits of the connections, once there are some.
    limits: OnceLock<ConnectionLimits>,
    /// Limit of the calls per address, once there are listeners.
    address_rate: OnceLock<AddressRate>,
    /// The vendors' engines, once they are in use.
    engines: OnceLock<Vec<Arc<ReplaceableEngine>>>,
}

impl Live {
    /// Begins with the base alone.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if a value can't be read.
    pub fn new(base: Loaded) -> Result<Self> {
        let base_values = base.values()?;
        Ok(Self {
            in_force: ArcSwap::from_pointee(base.config.clone()),
            base,
            base_values,
            settings: Config::list(),
            limits: OnceLock::new(),
            address_rate: OnceLock::new(),
            engines: OnceLock::new(),
        })
    }

    /// Returns the settings in force now.
    pub fn load(&self) -> Arc<Config> {
        self.in_force.load_full()
    }

    /// Returns the settings of the base.
    pub fn base(&self) -> &Config {
        &self.base.config
    }

    /// Makes the limits of connections follow.
    pub fn follow_with_limits(&self, limits: ConnectionLimits) {
        let _ = self.limits.set(limits);
    }

    /// Makes the limit of the calls per address follow.
    pub fn follow_with_address_rate(&self, rate: AddressRate) {
        rate.set(self.load().http.calls_per_second_per_address);
        let _ = self.address_rate.set(rate);
    }

    /// Makes the vendors' engines follow.
    pub fn follow_with_engines(&self, engines: Vec<Arc<ReplaceableEngine>>) {
        let _ = self.engines.set(engines);
    }

    /// Lists the settings with these values of the database as `name = value  # source`, with secrets masked: all, or those
    /// that differ from their defaults. Values that do not count are told in comments.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if a value can't be serialized.
    pub fn list(&self, stored: &StoredSettings, only_differences: bool) -> Result<String> {
        let (config, rejected) = self.resolve(stored);
        let counting: Vec<&str> =
            stored.keys().filter(|name| !rejected.contains_key(*name)).map(String::as_str).collect();
        let mut lines = self.base.list(&config, &counting, only_differences)?;
        lines.extend(rejected.iter().map(|(name, reason)| format!("# {name} of the database is ignored: {reason}")));
        Ok(lines.join("\n"))
    }

    /// Returns the settings with these values of the database, and which of the values can't count.
    fn resolve(&self, stored: &StoredSettings) -> (Config, BTreeMap<String, Rejection>) {
        let (mut candidates, mut rejected) = (Vec::new(), BTreeMap::new());
        for (name, setting) in stored {
            match self.candidate(setting) {
                Ok(value) => candidates.push((setting.change_id, name.as_str(), value)),
                Err(reason) => drop(rejected.insert(name.clone(), reason)),
            }
        }
        if let Ok(config) = self.with(candidates.iter().map(|(_, name, value)| (*name, value))) {
            return (config, rejected);
        }
        // One by one, the oldest first, until no more go with the others.
        candidates.sort_by_key(|(change_id, ..)| *change_id);
        let (mut accepted, mut config) = (Vec::new(), self.base.config.clone());
        loop {
            let (before, mut refused) = (candidates.len(), Vec::new());
            for (change_id, name, value) in candidates {
                let all = accepted.iter().map(|(name, value)| (*name, value)).chain([(name, &value)]);
                match self.with(all) {
                    Ok(with_it) => {
                        config = with_it;
                        accepted.push((name, value));
                    }
                    Err(reason) => refused.push(((change_id, name, value), reason)),
                }
            }
            if refused.is_empty() || refused.len() == before {
                let reason = |((_, name, _), reason): ((_, &str, _), _)| (name.to_owned(), Rejection::Value(reason));
                rejected.extend(refused.into_iter().map(reason));
                return (config, rejected);
            }
            candidates = refused.into_iter().map(|(candidate, _)| candidate).collect();
        }
    }

    /// Returns the value of the database for a setting that may have one.
    fn candidate(&self, stored: &StoredSetting) -> std::result::Result<Value, Rejection> {
        let setting = self.settings.iter().find(|setting| setting.name == stored.name).ok_or(Rejection::Unknown)?;
        if !setting.applies_at_once {
            return Err(Rejection::NeedsRestart);
        }
        if self.base.config.settings.fixes(&setting.name) {
            return Err(Rejection::Fixed);
        }
        let unreadable = |_| Rejection::Value("it is not JSON".to_owned());
        let json: serde_json::Value = serde_json::from_str(&stored.value).map_err(unreadable)?;
        Value::serialize(json).map_err(|e| Rejection::Value(reason(&e)))
    }

    /// Returns the settings of the base with other values.
    ///
    /// # Errors
    /// What is wrong with them.
    fn with<'a>(&self, values: impl Iterator<Item = (&'a str, &'a Value)>) -> std::result::Result<Config, String> {
        let mut all = self.base_values.clone();
        for (name, value) in values {
            put(&mut all, name, value.clone());
        }
        let config: Config = Figment::from(Serialized::defaults(all)).extract().map_err(|e| reason(&e))?;
        config.check().map_err(|wrong| wrong.to_string())?;
        logging::check(&config.log).map_err(text)?;
        if engines::differ(&config.engines, &self.base.config.engines) {
            engines::check_replaceable(&config.engines, &self.base.config.engines).map_err(text)?;
        }
        Ok(config)
    }

    /// Returns a part of the settings as JSON, with secrets masked.
    fn shown(&self, config: &Config) -> BTreeMap<String, serde_json::Value> {
        let values = list::values(config).unwrap_or_default();
        // By its text, which has a number of single precision in the fewest digits.
        let read = |value: &Value| serde_json::from_str(&serde_json::to_string(value).ok()?).ok();
        let json = |setting: &Setting| list::value_of(setting, &values).and_then(read);
        self.settings.iter().map(|setting| (setting.name.clone(), json(setting).unwrap_or_default())).collect()
    }
}

/// Returns why a value can't be read, without where it was found.
fn reason(e: &figment::Error) -> String {
    match e.path.join(".") {
        path if path.is_empty() => e.kind.to_string(),
        path => format!("{path}: {}", e.kind),
    }
}

/// Returns the text of an error of the settings.
fn text(e: Error) -> String {
    match e {
        Error::Config(text) => text,
        other => other.to_string(),
    }
}

/// Sets the value of a dotted name.
fn put(values: &mut Dict, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(values.insert(name.to_owned(), value)),
        Some((section, rest)) => {
            if let Some(Value::Dict(_, inner)) = values.get_mut(section) {
                put(inner, rest, value);
            }
        }
    }
}

impl SettingRules for Live {
    fn rejected(&self, stored: &StoredSettings) -> BTreeMap<String, Rejection> {
        self.resolve(stored).1
    }

    fn least_recognisability(&self, stored: &StoredSettings) -> f32 {
        self.resolve(stored).0.recognition.loosest_gate().least()
    }

    fn put_in_force(&self, stored: &StoredSettings) -> Settings {
        let (config, _) = self.resolve(stored);
        let before = self.in_force.swap(Arc::new(config.clone()));
        if config.log.level != before.log.level
            && let Err(e) = logging::set_level(&config.log)
        {
            tracing::error!(error = %e, "the log keeps its level");
        }
        aicp_traces::set_ratio(config.tracing.sample_ratio);
        if let Some(rate) = self.address_rate.get() {
            rate.set(config.http.calls_per_second_per_address);
        }
        if let Some(limits) = self.limits.get() {
            limits.follow(&config.http);
        }
        if let Some(engines) = self.engines.get()
            && engines::differ(&config.engines, &before.engines)
        {
            engines::replace(engines, &config.engines);
        }
        config.platform()
    }

    fn describe(&self, stored: &StoredSettings) -> Vec<SettingInfo> {
        let (config, mut rejected) = self.resolve(stored);
        let (mut values, mut bases) = (self.shown(&config), self.shown(&self.base.config));
        let mut defaults = self.shown(&Config::default());
        let of = |values: &mut BTreeMap<_, _>, name: &str| values.remove(name).unwrap_or_default();
        let describe = |setting: &Setting| {
            let name = setting.name.as_str();
            let base_source = self.base.kind_of_source(name);
            let stored = stored.get(name).map(|stored| StoredInfo {
                value: serde_json::from_str(&stored.value).unwrap_or_default(),
                change_id: stored.change_id,
                ignored: rejected.remove(name).map(|reason| reason.to_string()),
            });
            let is_stored = stored.as_ref().is_some_and(|stored| stored.ignored.is_none());
            SettingInfo {
                value: of(&mut values, name),
                source: if is_stored { SettingSource::Database } else { base_source },
                base: of(&mut bases, name),
                base_source,
                default: of(&mut defaults, name),
                stored,
                applies_at_once: setting.applies_at_once,
                is_fixed: self.base.config.settings.fixes(name),
                description: setting.doc.clone(),
                must_be: setting.wanted.clone(),
                name: setting.name.clone(),
            }
        };
        self.settings.iter().map(describe).collect()
    }
}
