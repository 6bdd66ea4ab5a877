//! A door for the fuzz targets, which see no private function otherwise.

use serde_json::Value as Json;

use super::commands::Service;
use super::fields::{Fields, fields, is_group_name, parse};
use super::json::{self, Value};
use super::usersig::{self, Key};
use super::{commands, is_parsable};

/// A body as it is kept: fields with unknown names are left out, and what no command has a use for is `true`.
pub fn body(body: &[u8]) -> Option<Json> {
    if let Ok(value) = parse(body, Service::Sns)
        && let Ok(fields) = fields(&value, Service::Sns)
    {
        read_all(fields);
    }
    json::parse(body).ok().map(plain)
}

/// Reads the fields in every way that commands do.
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

/// Whether a name is one of a field that is kept.
pub fn is_known(name: &str) -> bool {
    json::NAMES.contains(&name)
}

/// Whether a path has a command.
pub fn path(path: &str) -> bool {
    let is_command = commands::find(path).is_some();
    assert!(!is_command || is_parsable(path), "a command that nobody can call");
    is_command
}

/// The app that digits stand for.
pub fn number(digits: &str) -> Option<u64> {
    usersig::number(digits)
}

/// Checks a UserSig; returns in words how long it lets in.
///
/// # Errors
/// What is wrong, in words.
pub fn verify(text: &str, sdk_app_id: u64, identifier: &str, key: &[u8], now_s: u64) -> Result<String, String> {
    let verified = usersig::verify(text, sdk_app_id, identifier, Key::Good(key), now_s);
    verified.map(|validity| format!("{validity:?}")).map_err(|e| e.to_string())
}
