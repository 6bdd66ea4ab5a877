//! `aicp app ...`

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use aicp_api::{ShownApps, ShownKeys};
use aicp_dialects::{CreatedKey, KeyRequest};
use aicp_platform::Keyring;
use aicp_types::SystemClock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{async_runtime, open_store_unless_served};
use crate::config::Config;
use crate::{Error, Result, control, data_dir};

/// Prints every app.
pub(crate) fn list(config: &Config, json: bool) -> Result<()> {
    let apps = on_keys(config, async |keys| Ok(as_json(&ShownApps::new(keys.app_ids().await?))), Server::apps)?;
    if json {
        return print(&apps);
    }
    let ShownApps { apps } = from_json(apps)?;
    for app in apps {
        writeln!(std::io::stdout(), "{}", app.app_id)?;
    }
    Ok(())
}

/// Prints the keys of an app.
pub(crate) fn keys(config: &Config, app: &str, json: bool) -> Result<()> {
    let keys = on_keys(
        config,
        async |keys| Ok(as_json(&ShownKeys::new(keys.list(app).await?))),
        |server| server.call("GET", &format!("/apps/{}/keys", escaped(app)), None),
    )?;
    if json {
        return print(&keys);
    }
    let ShownKeys { keys } = from_json(keys)?;
    for key in keys {
        let state = key.revoked_at.map_or("active".to_owned(), |at| format!("revoked {at}"));
        writeln!(std::io::stdout(), "{}\t{}\t{}\t{state}", key.id, key.kind, key.created_at)?;
    }
    Ok(())
}

/// Creates a key and prints it with its secret.
pub(crate) fn add_key(config: &Config, app: &str, wanted: &KeyRequest, json: bool) -> Result<()> {
    let (kind, options) = wanted.check().map_err(|reason| Error::Server(reason.to_owned()))?;
    let made = on_keys(
        config,
        async |keys| Ok(as_json(&CreatedKey::new(kind, keys.make(app, kind.scheme(), options).await?))),
        |server| server.call("POST", &format!("/apps/{}/keys", escaped(app)), Some(as_json(wanted))),
    )?;
    if json {
        return print(&made);
    }
    for (name, value) in made.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(std::io::stdout(), "{name}: {text}")?;
    }
    Ok(())
}

/// Revokes a key.
pub(crate) fn revoke_key(config: &Config, app: &str, id: &str) -> Result<()> {
    on_keys(
        config,
        async |keys| Ok(keys.revoke(app, id).await.map(|()| Value::Null)?),
        |server| server.call("DELETE", &format!("/apps/{}/keys/{}", escaped(app), escaped(id)), None),
    )?;
    Ok(())
}

/// Runs an operation on the data folder, or through the server that has it open.
fn on_keys(
    config: &Config,
    here: impl AsyncFnOnce(&Keyring) -> Result<Value>,
    there: impl FnOnce(&Server) -> Result<Value>,
) -> Result<Value> {
    data_dir::check_parts(config, false)?;
    let outcome = async_runtime()?.block_on(async {
        let master_keys = data_dir::master_keys(config)?;
        let Some(store) = open_store_unless_served(config).await? else { return Ok::<_, Error>(None) };
        let keys = Keyring::new(store, master_keys, Arc::new(SystemClock));
        let outcome = here(&keys).await;
        keys.close().await?;
        outcome.map(Some)
    })?;
    match outcome {
        Some(outcome) => Ok(outcome),
        None => there(&Server::of(config)),
    }
}

/// Running server on the same data folder.
pub(super) struct Server {
    socket: PathBuf,
}

impl Server {
    /// Returns the server that has the data folder open, which is known to be so.
    pub fn of(config: &Config) -> Self {
        Self { socket: data_dir::control_socket(config) }
    }

    /// Returns the server that has the data folder open, if one does.
    pub fn running(config: &Config) -> Option<Self> {
        let socket = data_dir::control_socket(config);
        std::os::unix::net::UnixStream::connect(&socket).is_ok().then_some(Self { socket })
    }

    /// Lists the apps, page by page.
    fn apps(&self) -> Result<Value> {
        let mut apps = Vec::new();
        let mut path = "/apps?limit=1000".to_owned();
        loop {
            let page = self.call("GET", &path, None)?;
            let items = page["items"].as_array().into_iter().flatten();
            apps.extend(items.filter_map(|app| app["appId"].as_str().map(str::to_owned)));
            match page["next"].as_str() {
                Some(next) => path = format!("/apps?limit=1000&cursor={next}"),
                None => return Ok(as_json(&ShownApps::new(apps))),
            }
        }
    }

    /// Calls an operation of the API.
    pub fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let path = format!("/api/v1{path}");
        let answer = async_runtime()?.block_on(control::ask(&self.socket, method, &path, body));
        let (status, body) =
            answer.map_err(|e| Error::Server(format!("the data folder is in use, but no server can be asked: {e}")))?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        let reason =
            answer["fields"][0]["reason"].as_str().or(answer["title"].as_str()).unwrap_or("it gives no reason");
        Err(Error::Server(format!("the server refused ({status}): {reason}")))
    }
}

/// Percent-encodes a path segment.
pub(super) fn escaped(text: &str) -> String {
    let kept = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if kept(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

pub(super) fn print(value: &Value) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{value}")?)
}

pub(super) fn as_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

pub(super) fn from_json<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| Error::Server(format!("the server answers something else: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_without_their_database_are_left_alone() {
        let folder = tempfile::tempdir().expect("temp dir");
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let picture = folder.path().join("objects/00/picture");
        std::fs::create_dir_all(folder.path().join("objects/00")).expect("made");
        std::fs::write(&picture, "x").expect("written");
        assert!(matches!(list(&config, false), Err(Error::MissingPart { .. })));
        assert!(matches!(revoke_key(&config, "app", "key"), Err(Error::MissingPart { .. })));
        assert!(picture.exists() && !folder.path().join(data_dir::DATABASE).exists());
    }
}
