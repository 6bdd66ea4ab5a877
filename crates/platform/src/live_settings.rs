//! The settings in force, which change while the program runs.
//!
//! The base (defaults, file, environment, command line) is read at the start; the database has values that go before it. Who
//! uses a setting reads it from [`LiveSettings`] at the moment of use. What the settings of other crates are, and which
//! values they admit, tells [`SettingRules`], which the program implements.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aicp_store::StoredSetting;
use aicp_types::SettingChangeId;
use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::sync::watch;

use crate::Settings;

/// Values of the database, by the name of the setting.
pub type StoredSettings = BTreeMap<String, Arc<StoredSetting>>;

/// What knows all settings of the program.
pub trait SettingRules: Send + Sync {
    /// Returns which of these values can't count, and why.
    fn rejected(&self, stored: &StoredSettings) -> BTreeMap<String, Rejection>;

    /// Returns the minimum recognisability of the faces in the galleries: that of the loosest gate, with the values that can
    /// count.
    fn least_recognisability(&self, stored: &StoredSettings) -> f32;

    /// Puts the values in force that can count, in what the program holds beside the platform, and returns the settings of
    /// the platform. Must be quick and must not wait: it is called between the commit of a change and its answer.
    fn put_in_force(&self, stored: &StoredSettings) -> Settings;

    /// Describes every setting, in the order of the source. Secrets are masked.
    fn describe(&self, stored: &StoredSettings) -> Vec<SettingInfo>;
}

/// Why a value of the database can't count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such setting.
    #[error("there is no such setting")]
    Unknown,
    /// The setting does not change while the program runs.
    #[error("it changes with a restart only: set it in the settings file or the environment")]
    NeedsRestart,
    /// The base forbids a change.
    #[error("it is fixed by settings.fixed, so that the value of the settings file or the environment counts")]
    Fixed,
    /// The setting does not admit the value.
    #[error("{0}")]
    Value(String),
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingSource {
    /// It is not set.
    Default,
    /// The settings file.
    File,
    /// The environment.
    Environment,
    /// The command line.
    CommandLine,
    /// The database: it was changed while the program ran.
    Database,
}

/// A setting, and where its value comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingInfo {
    /// Name.
    pub name: String,
    /// Value in force; `Null` if it has none.
    pub value: Value,
    /// Where the value comes from.
    pub source: SettingSource,
    /// Value without the database.
    pub base: Value,
    /// Where the base value comes from.
    pub base_source: SettingSource,
    /// Value unless it is set.
    pub default: Value,
    /// Value of the database, and why it does not count, if so.
    pub stored: Option<StoredInfo>,
    /// Whether it may change while the program runs.
    pub applies_at_once: bool,
    /// Whether the base forbids a change.
    pub is_fixed: bool,
    /// What it means.
    pub description: String,
    /// Allowed values, if more than the type restricts them.
    pub must_be: Option<String>,
}

/// A value of the database.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredInfo {
    /// The value.
    pub value: Value,
    /// The change that wrote it.
    pub change_id: SettingChangeId,
    /// Why it does not count; `None` if it does.
    pub ignored: Option<String>,
}

/// The settings in force. Clones share them.
#[derive(Clone)]
pub struct LiveSettings(Arc<Inner>);

struct Inner {
    in_force: ArcSwap<Settings>,
    /// Values of the database, as committed so far.
    stored: Mutex<StoredSettings>,
    rules: Arc<dyn SettingRules>,
    /// Changes after each change of a setting.
    changes: watch::Sender<()>,
}

impl LiveSettings {
    /// Puts the values that the database has in force. Logs those that can't count.
    pub fn new(rules: Arc<dyn SettingRules>, stored: StoredSettings) -> Self {
        for (name, reason) in rules.rejected(&stored) {
            tracing::warn!(setting = name, %reason, "a value of the database is ignored");
        }
        let in_force = ArcSwap::from_pointee(rules.put_in_force(&stored));
        Self(Arc::new(Inner { in_force, stored: Mutex::new(stored), rules, changes: watch::Sender::new(()) }))
    }

    /// Returns the settings in force now.
    pub fn load(&self) -> Arc<Settings> {
        self.0.in_force.load_full()
    }

    /// Returns a receiver that changes when a setting does.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    pub(crate) fn rules(&self) -> Arc<dyn SettingRules> {
        Arc::clone(&self.0.rules)
    }

    /// Describes every setting, in the order of the source.
    pub(crate) fn describe(&self) -> Vec<SettingInfo> {
        // The follower of the changes must not wait for the description.
        let stored = self.0.stored.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.0.rules.describe(&stored)
    }

    /// Puts a committed change in force.
    pub(crate) fn apply(&self, name: &str, setting: Option<&Arc<StoredSetting>>) {
        let mut stored = self.0.stored.lock().unwrap_or_else(PoisonError::into_inner);
        match setting {
            Some(setting) => drop(stored.insert(name.to_owned(), Arc::clone(setting))),
            None => drop(stored.remove(name)),
        }
        self.0.in_force.store(Arc::new(self.0.rules.put_in_force(&stored)));
        drop(stored);
        let value = setting.map_or("that of file, environment or default", |setting| &setting.value);
        tracing::info!(setting = name, value, "a setting was changed");
        self.0.changes.send_replace(());
    }
}

impl From<Settings> for LiveSettings {
    /// Settings that don't change.
    fn from(settings: Settings) -> Self {
        Self::new(Arc::new(Unchanging(settings)), StoredSettings::new())
    }
}

/// Settings that don't change.
struct Unchanging(Settings);

impl SettingRules for Unchanging {
    fn rejected(&self, stored: &StoredSettings) -> BTreeMap<String, Rejection> {
        stored.keys().map(|name| (name.clone(), Rejection::NeedsRestart)).collect()
    }

    fn least_recognisability(&self, _: &StoredSettings) -> f32 {
        self.0.recognition.loosest_gate().least()
    }

    fn put_in_force(&self, _: &StoredSettings) -> Settings {
        self.0.clone()
    }

    fn describe(&self, _: &StoredSettings) -> Vec<SettingInfo> {
        Vec::new()
    }
}
