//! Settings that were changed while the server runs.

use aicp_types::{SettingChangeId, UnixMillis};

/// A value that the database has for a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSetting {
    /// Name of the setting.
    pub name: String,
    /// Value, as JSON.
    pub value: String,
    /// The change that wrote it.
    pub change_id: SettingChangeId,
}

/// A change of a setting, before it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSettingChange {
    /// When it was made.
    pub at: UnixMillis,
    /// Name of the setting.
    pub name: String,
    /// Value from now on, as JSON; `None`: the database has none.
    pub value: Option<String>,
    /// Who made it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The change that this one takes back.
    pub undoes: Option<SettingChangeId>,
}

/// A change of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    /// Number of the change.
    pub id: SettingChangeId,
    /// Value of the database before, as JSON; `None`: it had none.
    pub old_value: Option<String>,
    /// The change as it was made.
    pub made: NewSettingChange,
}
