//! Changes of settings while the program runs: each is a value in the database, an entry of the history and one of the audit
//! log, in one transaction.

use std::sync::Arc;

use aicp_store::{Algorithm, NewSettingChange, SettingChange, Store, StoredSetting, Tx};
use aicp_types::{Clock, SettingChangeId};
use serde_json::Value;

use crate::live_settings::{Rejection, SettingInfo, SettingRules, StoredSettings};
use crate::{ADMIN_APP, Act, BadInput, Caller, Missing, Platform, Refusal, Result};

/// Maximum length of a reason in characters.
pub const MAX_REASON_CHARS: usize = 500;
/// Maximum length of a value in bytes, as JSON.
const MAX_VALUE_BYTES: usize = 64 << 10;

/// Reads the values that the database has for settings.
///
/// # Errors
/// [`crate::Internal::Store`].
pub async fn stored_settings(store: &Store) -> Result<StoredSettings> {
    let stored = store.rows().await?.stored_settings().await?;
    Ok(stored.into_iter().map(|setting| (setting.name.clone(), Arc::new(setting))).collect())
}

/// Changes settings: of a server, or, while no server has the data folder open, of the folder.
pub struct SettingEditor {
    store: Store,
    rules: Arc<dyn SettingRules>,
    clock: Arc<dyn Clock>,
    /// Algorithm of the templates in the galleries; `None`: there are no galleries.
    algorithm: Option<Algorithm>,
}

impl SettingEditor {
    /// Changes the settings of a store that no server has open. Only who works on this machine can open one.
    pub fn new(store: Store, rules: Arc<dyn SettingRules>, clock: Arc<dyn Clock>) -> Self {
        Self { store, rules, clock, algorithm: None }
    }

    /// As [`Platform::set_setting`] for a local command.
    ///
    /// # Errors
    /// As [`Platform::set_setting`].
    pub async fn set(&self, name: &str, value: &Value, reason: &str) -> Result<Option<SettingChange>> {
        self.set_by(&Caller::local(ADMIN_APP), name, value, reason).await
    }

    /// As [`Platform::unset_setting`] for a local command.
    ///
    /// # Errors
    /// As [`Platform::unset_setting`].
    pub async fn unset(&self, name: &str, reason: &str) -> Result<SettingChange> {
        self.unset_by(&Caller::local(ADMIN_APP), name, reason).await
    }

    /// As [`Platform::undo_setting`] for a local command.
    ///
    /// # Errors
    /// As [`Platform::undo_setting`].
    pub async fn undo(&self, id: SettingChangeId, reason: Option<&str>) -> Result<SettingChange> {
        self.undo_by(&Caller::local(ADMIN_APP), id, reason).await
    }

    /// As [`Platform::setting_changes`] for a local command.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn changes(
        &self,
        name: Option<&str>,
        below: Option<SettingChangeId>,
        limit: u64,
    ) -> Result<Vec<SettingChange>> {
        Ok(self.store.rows().await?.setting_changes(name, below, limit).await?)
    }

    /// Closes the data folder.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn close(self) -> Result<()> {
        Ok(self.store.close().await?)
    }

    async fn set_by(&self, caller: &Caller, name: &str, value: &Value, reason: &str) -> Result<Option<SettingChange>> {
        let value = value.to_string();
        if value.len() > MAX_VALUE_BYTES {
            return Err(BadInput::SettingValue(format!("it has more than {MAX_VALUE_BYTES} bytes")).into());
        }
        let change = self.change(caller, name, Some(value), check_reason(reason)?, None);
        let (terms, act) = (self.terms(), self.act(caller, "setting.set", name));
        let set = self.store.write(move |tx| {
            Box::pin(async move {
                let stored = stored_in(tx).await?;
                if stored.get(&change.name).is_some_and(|known| Some(&known.value) == change.value.as_ref()) {
                    return Ok(None);
                }
                write(tx, &terms, stored, change, act).await.map(Some)
            })
        });
        set.await
    }

    async fn unset_by(&self, caller: &Caller, name: &str, reason: &str) -> Result<SettingChange> {
        let change = self.change(caller, name, None, check_reason(reason)?, None);
        let (terms, act) = (self.terms(), self.act(caller, "setting.unset", name));
        // As a removal: it must be possible on a full disk.
        let unset = self.store.remove(move |tx| {
            Box::pin(async move {
                let stored = stored_in(tx).await?;
                if !stored.contains_key(&change.name) {
                    return Err(Missing::SettingValue.into());
                }
                write(tx, &terms, stored, change, act).await
            })
        });
        unset.await
    }

    async fn undo_by(&self, caller: &Caller, id: SettingChangeId, reason: Option<&str>) -> Result<SettingChange> {
        let reason = reason.map_or_else(|| Ok(format!("undoes change {id}")), check_reason)?;
        let change = self.change(caller, "", None, reason, Some(id));
        let (terms, act) = (self.terms(), self.act(caller, "setting.undo", ""));
        let undone = self.store.write(move |tx| {
            Box::pin(async move {
                let undone = tx.setting_change(id).await?.ok_or(Missing::SettingChange)?;
                let name = undone.made.name;
                let last = tx.setting_changes(Some(&name), None, 1).await?.into_iter().next();
                if let Some(last) = last.filter(|last| last.id != id) {
                    return Err(Refusal::SettingChanged { name, id: last.id }.into());
                }
                let act = Act { target: target(&name), ..act };
                let change = NewSettingChange { name, value: undone.old_value, ..change };
                let stored = stored_in(tx).await?;
                write(tx, &terms, stored, change, act).await
            })
        });
        undone.await
    }

    fn terms(&self) -> Terms {
        Terms { rules: Arc::clone(&self.rules), algorithm: self.algorithm.clone() }
    }

    fn act(&self, caller: &Caller, action: &str, name: &str) -> Act {
        Act { app_id: None, ..caller.act(self.clock.now(), action, target(name)) }
    }

    fn change(
        &self,
        caller: &Caller,
        name: &str,
        value: Option<String>,
        reason: String,
        undoes: Option<SettingChangeId>,
    ) -> NewSettingChange {
        let (name, actor) = (name.to_owned(), caller.name().to_owned());
        NewSettingChange { at: self.clock.now(), name, value, actor, reason, undoes }
    }
}

/// What a change is checked by.
struct Terms {
    rules: Arc<dyn SettingRules>,
    algorithm: Option<Algorithm>,
}

/// Returns how the audit log names a setting.
fn target(name: &str) -> String {
    format!("setting {name}")
}

/// Returns a reason without spaces around it.
///
/// # Errors
/// [`BadInput::Reason`].
fn check_reason(reason: &str) -> Result<String> {
    let reason = reason.trim();
    let is_good = (1..=MAX_REASON_CHARS).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
    if is_good { Ok(reason.to_owned()) } else { Err(BadInput::Reason { most: MAX_REASON_CHARS }.into()) }
}

async fn stored_in(tx: &mut Tx) -> Result<StoredSettings> {
    let stored = tx.stored_settings().await?;
    Ok(stored.into_iter().map(|setting| (setting.name.clone(), Arc::new(setting))).collect())
}

/// Writes a change, if no value is rejected afterwards that was not rejected before. If the loosest gate changes, the
/// galleries get the faces that it admits now, and lose those that it does not.
async fn write(
    tx: &mut Tx,
    Terms { rules, algorithm }: &Terms,
    mut stored: StoredSettings,
    change: NewSettingChange,
    act: Act,
) -> Result<SettingChange> {
    let (before, least_before) = (rules.rejected(&stored), rules.least_recognisability(&stored));
    match &change.value {
        Some(value) => {
            let (name, value) = (change.name.clone(), value.clone());
            // The newest value is the one that is rejected if it does not go with the others.
            let change_id = SettingChangeId::new(i64::MAX);
            stored.insert(name.clone(), Arc::new(StoredSetting { name, value, change_id }));
        }
        None => drop(stored.remove(&change.name)),
    }
    let mut rejected = rules.rejected(&stored);
    if let Some(reason) = rejected.remove(&change.name) {
        return Err(match reason {
            Rejection::Unknown => Missing::Setting.into(),
            Rejection::Value(reason) => BadInput::SettingValue(reason).into(),
            Rejection::NeedsRestart | Rejection::Fixed => Refusal::SettingLocked(reason).into(),
        });
    }
    if let Some((name, reason)) = rejected.into_iter().find(|(name, _)| !before.contains_key(name)) {
        return Err(BadInput::SettingValue(format!("{name} would not be allowed any more: {reason}")).into());
    }
    let made = tx.change_setting(change).await?;
    let least = rules.least_recognisability(&stored);
    if let Some(algorithm) = algorithm
        && least != least_before
    {
        // After the change itself: the follower knows the new gate when it gets the faces.
        tx.announce_minimum_recognisability(algorithm, least_before, least).await?;
    }
    let state = |value: Option<&String>| {
        let value: Option<Value> = value.and_then(|text| serde_json::from_str(text).ok());
        let source = if value.is_some() { "database" } else { "base" };
        crate::audit::state(&serde_json::json!({"source": source, "value": value}))
    };
    let after = serde_json::json!({
        "source": if made.made.value.is_some() { "database" } else { "base" },
        "value": made.made.value.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok()),
        "change": made.id.get(),
        "reason": made.made.reason,
    });
    let (before, after) = (state(made.old_value.as_ref()), crate::audit::state(&after));
    tx.append_act(Act { before, after, ..act }).await?;
    Ok(made)
}

impl Platform {
    fn setting_editor(&self) -> SettingEditor {
        let (store, shared) = (self.inner.store.clone(), &self.inner.shared);
        let (rules, clock) = (self.inner.settings.rules(), Arc::clone(&shared.clock));
        SettingEditor { store, rules, clock, algorithm: Some(shared.algorithm.clone()) }
    }

    /// Describes every setting, with the values in force.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub fn setting_infos(&self, caller: &Caller) -> Result<Vec<SettingInfo>> {
        caller.require_administrator()?;
        Ok(self.inner.settings.describe())
    }

    /// Gives a setting a value, effective with the answer and after a restart. `None`: it has this value already.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]; [`BadInput::Reason`]; [`Missing::Setting`]; [`Refusal::SettingLocked`] if it is fixed or does not
    /// change while the program runs; [`BadInput::SettingValue`] if it does not admit the value.
    pub async fn set_setting(
        &self,
        caller: &Caller,
        name: &str,
        value: &Value,
        reason: &str,
    ) -> Result<Option<SettingChange>> {
        caller.require_administrator()?;
        self.setting_editor().set_by(caller, name, value, reason).await
    }

    /// Takes the value of a setting out of the database: that of file, environment or default counts again.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]; [`BadInput::Reason`]; [`Missing::SettingValue`]; [`BadInput::SettingValue`] if another value of the
    /// database would not be allowed then.
    pub async fn unset_setting(&self, caller: &Caller, name: &str, reason: &str) -> Result<SettingChange> {
        caller.require_administrator()?;
        self.setting_editor().unset_by(caller, name, reason).await
    }

    /// Takes back the last change of a setting.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]; [`Missing::SettingChange`]; [`Refusal::SettingChanged`] if the setting was changed again since;
    /// [`BadInput::SettingValue`] if the value of before is not allowed any more.
    pub async fn undo_setting(
        &self,
        caller: &Caller,
        id: SettingChangeId,
        reason: Option<&str>,
    ) -> Result<SettingChange> {
        caller.require_administrator()?;
        self.setting_editor().undo_by(caller, id, reason).await
    }

    /// Returns the changes of one setting or of all, the newest first, at most `limit`, below `below`.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub async fn setting_changes(
        &self,
        caller: &Caller,
        name: Option<&str>,
        below: Option<SettingChangeId>,
        limit: u64,
    ) -> Result<Vec<SettingChange>> {
        caller.require_administrator()?;
        self.setting_editor().changes(name, below, limit).await
    }
}
