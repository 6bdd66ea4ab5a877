//! Public entry points for the fuzz targets, which can't call private functions.

use serde_json::Value as Json;

use super::commands::Service;
use super::fields::{Fields, fields, is_group_name, parse};
use super::json::{self, Value};
use super::usersig::{self, Key};
use super::{commands, is_parsable};

/// Parses a body; unknown fields are dropped, and values that no command reads become `true`.
pub fn body(body: &[u8]) -> Option<Json> {
    if let Ok(value) = parse(body, Service::Sns)
        && let Ok(fields) = fields(&value, Service::Sns)
    {
        read_all(fields);
    }
    json::parse(body).ok().map(plain)
}

/// Reads the fields with every accessor.
fn read_all(read: Fields<'_>) {
    for name in ["From_Account", "To_Account", "GroupName", "AddFriendItem", "StartIndex", "Tag"] {
        let _ = (read.text(name), read.number(name), read.list(name), read.account(name), read.accounts(name, 100));
        let _ = read.text(name).is_ok_and(|text| text.is_some_and(is_group_name));
        for object in read.objects(name, 100).into_iter().flatten().flatten() {
            let _ = (object.text(name), object.required_text("To_Account"));
        }
    }
}

fn plain(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text) => text.into(),
        Value::Number(number) => number.into(),
        Value::List(list) => list.into_iter().map(plain).collect(),
        Value::Object(object) => object.into_fields().map(|(name, value)| (name.to_owned(), plain(value))).collect(),
        Value::Other => Json::Bool(true),
    }
}

/// Returns whether a field name is known.
pub fn is_known(name: &str) -> bool {
    json::NAMES.contains(&name)
}

/// Returns whether a path has a command.
pub fn path(path: &str) -> bool {
    let is_command = commands::find(path).is_some();
    assert!(!is_command || is_parsable(path), "a command that nobody can call");
    is_command
}

/// Parses an app id.
pub fn number(digits: &str) -> Option<u64> {
    usersig::number(digits)
}

/// Verifies a UserSig; returns its validity as text.
///
/// # Errors
/// The reason of the failure as text.
pub fn verify(text: &str, sdk_app_id: u64, identifier: &str, key: &[u8], now_s: u64) -> Result<String, String> {
    let verified = usersig::verify(text, sdk_app_id, identifier, Key::Good(key), now_s);
    verified.map(|validity| format!("{validity:?}")).map_err(|e| e.to_string())
}
