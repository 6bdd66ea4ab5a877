//! `aicp config show|diff|set|unset|history|undo`

use std::io::Write;
use std::sync::Arc;

use aicp_api::ShownSettingChange;
use aicp_platform::{SettingEditor, StoredSettings};
use aicp_store::StoredSetting;
use aicp_types::{SettingChangeId, SystemClock};
use serde_json::{Value, json};

use super::app::{Server, as_json, escaped, from_json, print};
use super::{async_runtime, open_store_unless_served};
use crate::config::Live;
use crate::{Error, Result, data_dir, database};

/// Prints the settings with the values that the database has, if these can be read: all, or those that differ from their
/// defaults.
pub(crate) fn show(live: &Live, only_differences: bool) -> Result<()> {
    let stored = stored(live).unwrap_or_else(|e| {
        let _ = writeln!(std::io::stderr(), "the settings of the database can't be read, and are left out: {e}");
        StoredSettings::new()
    });
    Ok(writeln!(std::io::stdout(), "{}", live.list(&stored, only_differences)?)?)
}

/// Reads the values of the database: from the server that has it open, or else from the file, which is left as it is.
fn stored(live: &Live) -> Result<StoredSettings> {
    let stored = match Server::running(live.base()) {
        Some(server) => {
            let settings = server.call("GET", "/settings", None)?;
            let settings = settings["items"].as_array().into_iter().flatten();
            settings.filter_map(stored_of).collect()
        }
        None => match database::postgres(live.base())? {
            Some(options) => {
                let peek = aicp_store_postgres::peek_at_settings(&options);
                async_runtime()?.block_on(peek).map_err(database::of_postgres)?
            }
            None => aicp_store_sqlite::peek_at_settings(&live.base().data_dir).map_err(aicp_platform::Error::from)?,
        },
    };
    Ok(stored.into_iter().map(|setting| (setting.name.clone(), Arc::new(setting))).collect())
}

/// Reads what the database has for a setting that the API shows.
fn stored_of(shown: &Value) -> Option<StoredSetting> {
    let change_id = SettingChangeId::parse(shown["stored"]["change"].as_str()?)?;
    let (name, value) = (shown["name"].as_str()?.to_owned(), shown["stored"]["value"].to_string());
    Some(StoredSetting { name, value, change_id })
}

/// Gives a setting a value.
pub(crate) fn set(live: &Arc<Live>, name: &str, text: &str, reason: &str) -> Result<()> {
    let value = value_of(text);
    on_settings(
        live,
        async |editor| Ok(editor.set(name, &value, reason).await.map(|_| Value::Null)?),
        |server| server.call("PUT", &path_of(name), Some(json!({"value": value, "reason": reason}))),
    )?;
    Ok(())
}

/// Takes the value of a setting out of the database.
pub(crate) fn unset(live: &Arc<Live>, name: &str, reason: &str) -> Result<()> {
    on_settings(
        live,
        async |editor| Ok(editor.unset(name, reason).await.map(|_| Value::Null)?),
        |server| server.call("DELETE", &format!("{}?reason={}", path_of(name), escaped(reason)), None),
    )?;
    Ok(())
}

/// Takes back a change.
pub(crate) fn undo(live: &Arc<Live>, number: i64, reason: Option<&str>) -> Result<()> {
    on_settings(
        live,
        async |editor| Ok(editor.undo(SettingChangeId::new(number), reason).await.map(|_| Value::Null)?),
        |server| server.call("POST", &format!("/setting-changes/{number}/undo"), Some(json!({"reason": reason}))),
    )?;
    Ok(())
}

/// Prints the changes of one setting or of all, the newest first.
pub(crate) fn history(live: &Arc<Live>, setting: Option<&str>, limit: u64, json: bool) -> Result<()> {
    let changes = on_settings(
        live,
        async |editor| {
            let changes = editor.changes(setting, None, limit).await?;
            Ok(as_json(&changes.into_iter().map(ShownSettingChange::from).collect::<Vec<_>>()))
        },
        |server| {
            let filter = setting.map_or_else(String::new, |name| format!("&setting={}", escaped(name)));
            let mut page = server.call("GET", &format!("/setting-changes?limit={limit}{filter}"), None)?;
            Ok(page["items"].take())
        },
    )?;
    if json {
        return print(&changes);
    }
    for change in from_json::<Vec<ShownSettingChange>>(changes)? {
        let value = |value: &Option<aicp_api::ChangedValue>| {
            value.as_ref().map_or_else(|| "(base)".to_owned(), |value| value.value.get().to_owned())
        };
        let ShownSettingChange { id, at, setting, before, after, actor, reason, undoes } = change;
        let undoes = undoes.map_or_else(String::new, |undone| format!(" (undoes {undone})"));
        let (before, after) = (value(&before), value(&after));
        writeln!(std::io::stdout(), "{id}\t{at}\t{setting}\t{before} -> {after}\t{actor}\t{reason}{undoes}")?;
    }
    Ok(())
}

/// Returns the path of a setting in the API.
fn path_of(name: &str) -> String {
    format!("/settings/{}", escaped(name))
}

/// Reads a value as it is written on the command line: in JSON, in TOML as environment variables have it, or a text.
fn value_of(text: &str) -> Value {
    let toml = || text.parse::<figment::value::Value>().ok().and_then(|value| serde_json::to_value(value).ok());
    serde_json::from_str(text).ok().or_else(toml).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Runs an operation on the data folder, or through the server that has it open.
fn on_settings(
    live: &Arc<Live>,
    here: impl AsyncFnOnce(&SettingEditor) -> Result<Value>,
    there: impl FnOnce(&Server) -> Result<Value>,
) -> Result<Value> {
    let config = live.base();
    data_dir::check_parts(config, false)?;
    let outcome = async_runtime()?.block_on(async {
        // A new folder gets its key first, without which the database would be useless.
        data_dir::master_keys(config)?;
        let Some(store) = open_store_unless_served(config).await? else { return Ok::<_, Error>(None) };
        let editor = SettingEditor::new(store, Arc::<Live>::clone(live), Arc::new(SystemClock));
        let outcome = here(&editor).await;
        editor.close().await?;
        outcome.map(Some)
    })?;
    match outcome {
        Some(outcome) => Ok(outcome),
        None => there(&Server::of(config)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_toml_or_text() {
        for (text, value) in [
            ("0.7", json!(0.7)),
            ("30", json!(30)),
            ("true", json!(true)),
            ("null", Value::Null),
            ("info", json!("info")),
            ("aicp_requests=debug,info", json!("aicp_requests=debug,info")),
            ("http://127.0.0.1:7000/", json!("http://127.0.0.1:7000/")),
            (r#"{"kiosk": "loose"}"#, json!({"kiosk": "loose"})),
            (r#"{kiosk="loose"}"#, json!({"kiosk": "loose"})),
            ("[1, 2]", json!([1, 2])),
            (r#""0.7""#, json!("0.7")),
        ] {
            assert_eq!(value_of(text), value, "{text}");
        }
    }
}
