//! Parameter parsing. Clients put parameters in the query, the body or both. The body may be JSON, JSON inside a JSON
//! string, or a form with unescaped base64. The content type is ignored.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use percent_encoding::percent_decode;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Number;

use crate::field_name::FieldName;
use crate::lenient::{Lenient, Reader, Text};

/// Maximum length in bytes of texts other than pictures, which are stored and come back in answers.
const MAX_TEXT: usize = 4096;
/// Maximum number of fields in a body; one with more is rejected. Keeps memory use proportional to the body.
const MAX_FIELDS: usize = 64;
/// UTF-8 byte order mark, which some clients send and which has no meaning (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Parameter of the wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Parameter value as sent.
#[derive(Clone, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(Number),
    Boolean(bool),
    Null,
    /// Object, array, or bytes that are not UTF-8.
    Other,
}

impl fmt::Debug for Value<'_> {
    /// Keeps pictures out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "text",
            Self::Number(_) => "number",
            Self::Boolean(_) => "boolean",
            Self::Null => "null",
            Self::Other => "other",
        })
    }
}

impl<'a> Value<'a> {
    fn of_bytes(bytes: Cow<'a, [u8]>) -> Self {
        let text = match bytes {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).ok(),
        };
        text.map_or(Self::Other, Self::Text)
    }

    fn is_missing(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Number(_) | Self::Boolean(_) | Self::Other => false,
        }
    }
}

/// Query string as sent. Not `Debug`, as it may hold a secret that a client put there.
#[derive(Clone, Copy)]
pub(super) struct RawQuery<'a>(&'a str);

impl<'a> RawQuery<'a> {
    pub fn of(query: &'a str) -> Self {
        Self(query)
    }

    /// Whether a parameter is present, even if empty.
    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// Returns the first non-empty text of a parameter.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    fn value(&self, name: &str) -> Option<Value<'a>> {
        self.values(name).find(|value| !value.is_missing())
    }

    fn values(&self, name: &str) -> impl Iterator<Item = Value<'a>> {
        let decoded = |bytes: &'a [u8]| -> Cow<'a, [u8]> {
            if bytes.contains(&b'+') {
                let spaced: Vec<u8> = bytes.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
                Cow::Owned(percent_decode(&spaced).collect())
            } else {
                percent_decode(bytes).into()
            }
        };
        let named = pairs(self.0.as_bytes()).filter(move |(key, _)| *decoded(key) == *name.as_bytes());
        named.map(move |(_, value)| Value::of_bytes(decoded(value)))
    }
}

/// Splits a form at `&`, and each part at its first `=`, into names and values.
fn pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
    })
}

/// Parameters in a body, by name. The first non-missing value of repeated names wins.
#[derive(Debug, Default)]
struct Fields<'a>(HashMap<Cow<'a, str>, Value<'a>>);

impl<'a> Fields<'a> {
    /// Parses a form; `None` if a name is not UTF-8 or has control characters, as in UTF-16 text, multipart bodies and
    /// raw pictures.
    fn of_form(form: &'a [u8]) -> Option<Self> {
        let mut fields = Self::default();
        for (name, value) in pairs(form) {
            if std::str::from_utf8(name).ok()?.chars().any(char::is_control) {
                return None;
            }
            // A plus stays a plus, as clients send base64 unescaped.
            let decoded = |bytes| Value::of_bytes(percent_decode(bytes).into());
            // A name that does not decode to UTF-8 is ignored, as no call asks for it.
            if let Value::Text(name) = decoded(name) {
                fields.add(name, decoded(value)).ok()?;
            }
        }
        Some(fields)
    }

    fn add(&mut self, name: Cow<'a, str>, value: Value<'a>) -> Result<(), TooManyFields> {
        if self.0.len() == MAX_FIELDS && !self.0.contains_key(&name) {
            return Err(TooManyFields);
        }
        let known = self.0.entry(name).or_insert(Value::Null);
        if known.is_missing() {
            *known = value;
        }
        Ok(())
    }

    fn value(&self, name: &str) -> Option<Value<'_>> {
        self.0.get(name).filter(|value| !value.is_missing()).map(borrowed)
    }
}

/// Error for a body with more than [`MAX_FIELDS`] fields.
struct TooManyFields;

/// Parsed body.
#[derive(Debug)]
enum Content<'a> {
    /// No parameters, in any of the forms that clients use.
    Empty,
    Json(Fields<'a>),
    Form(Fields<'a>),
    /// Unreadable: invalid JSON, a list, doubly quoted text, invalid names or too many fields.
    Broken,
    /// Too large for the call and therefore not stored.
    TooLarge,
}

/// Parameters of a call.
pub(super) struct Params<'a> {
    query: RawQuery<'a>,
    content: Content<'a>,
}

/// Prepares a body for [`Params::of`]: the content of a JSON string, or any other body unchanged. `None` for an invalid
/// JSON string.
pub(super) fn unquoted(body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii();
    if !body.starts_with(b"\"") {
        return Some(Cow::Borrowed(body));
    }
    match serde_json::from_slice(body).ok()? {
        Value::Text(Cow::Borrowed(text)) => Some(Cow::Borrowed(text.as_bytes().trim_ascii())),
        Value::Text(Cow::Owned(text)) => {
            let mut bytes = text.into_bytes();
            bytes.truncate(bytes.trim_ascii_end().len());
            bytes.drain(..bytes.len() - bytes.trim_ascii_start().len());
            Some(Cow::Owned(bytes))
        }
        _ => None,
    }
}

impl<'a> Params<'a> {
    /// Parses a query and a body from [`unquoted`].
    pub fn of(query: RawQuery<'a>, body: Option<&'a [u8]>) -> Self {
        let content = match body {
            None => Content::Broken,
            Some(b"" | b"null" | b"{}") => Content::Empty,
            Some(body) if body.starts_with(b"[") || body.starts_with(b"\"") => Content::Broken,
            Some(body) if body.starts_with(b"{") => {
                serde_json::from_slice(body).map_or(Content::Broken, |Object(fields)| Content::Json(fields))
            }
            Some(body) => Fields::of_form(body).map_or(Content::Broken, Content::Form),
        };
        Self { query, content }
    }

    /// Parses a query whose body is too large for the call.
    pub fn of_too_large(query: RawQuery<'a>) -> Self {
        Self { query, content: Content::TooLarge }
    }

    /// Whether the body is too large for the call.
    pub fn is_too_large(&self) -> bool {
        matches!(self.content, Content::TooLarge)
    }

    /// Whether the body is unreadable or was not stored, so that its parameters are unknown.
    pub fn is_broken(&self) -> bool {
        matches!(self.content, Content::Broken | Content::TooLarge)
    }

    /// Whether the body is a JSON object or empty.
    pub fn is_json(&self) -> bool {
        matches!(self.content, Content::Empty | Content::Json(_))
    }

    /// Whether a parameter is present in query or body, even if empty.
    pub fn has(&self, name: &str) -> bool {
        self.query.has(name) || self.fields().is_some_and(|fields| fields.0.contains_key(name))
    }

    /// Returns a text; a number counts as its digits.
    ///
    /// # Errors
    /// [`Unreadable`] for any other type, a number that is not an integer, or a text longer than [`MAX_TEXT`].
    pub fn text(&self, name: &str) -> Result<Option<String>, Unreadable> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Text(text)) if text.len() <= MAX_TEXT => Ok(Some(text.into_owned())),
            // A number that lost digits in parsing must not be stored as if it had been sent.
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            Some(_) => Err(Unreadable),
        }
    }

    /// Returns a 32-bit integer, sent as a number or as its digits.
    ///
    /// # Errors
    /// [`Unreadable`] for any other value.
    pub fn integer(&self, name: &str) -> Result<Option<i32>, Unreadable> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse().map(Some).map_err(|_| Unreadable) } else { Err(Unreadable) }
    }

    /// Returns a boolean, sent as JSON or as text.
    ///
    /// # Errors
    /// [`Unreadable`] for any other value.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Unreadable> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Boolean(boolean)) => Ok(Some(boolean)),
            Some(Value::Text(text)) => text.to_ascii_lowercase().parse().map(Some).map_err(|_| Unreadable),
            Some(_) => Err(Unreadable),
        }
    }

    /// Returns a text of any length.
    ///
    /// # Errors
    /// [`Unreadable`] for any other type.
    pub fn long_text(&self, name: &str) -> Result<Option<Cow<'_, str>>, Unreadable> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Unreadable),
        }
    }

    /// Returns the first non-missing value; the query precedes the body.
    fn value(&self, name: &str) -> Option<Value<'_>> {
        self.query.value(name).or_else(|| self.fields()?.value(name))
    }

    fn fields(&self) -> Option<&Fields<'a>> {
        match &self.content {
            Content::Empty | Content::Broken | Content::TooLarge => None,
            Content::Json(fields) | Content::Form(fields) => Some(fields),
        }
    }
}

fn borrowed<'b>(value: &'b Value<'_>) -> Value<'b> {
    match value {
        Value::Text(text) => Value::Text(Cow::Borrowed(text)),
        Value::Number(number) => Value::Number(number.clone()),
        Value::Boolean(boolean) => Value::Boolean(*boolean),
        Value::Null => Value::Null,
        Value::Other => Value::Other,
    }
}

/// Parsed JSON object.
struct Object<'a>(Fields<'a>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some((FieldName(name), value)) = map.next_entry()? {
                    fields.add(name, value).map_err(|TooManyFields| Error::custom("too many fields"))?;
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Lenient(ValueReader).deserialize(deserializer)
    }
}

struct ValueReader;

impl<'de> Reader<'de> for ValueReader {
    type Value = Value<'de>;

    fn other(self) -> Value<'de> {
        Value::Other
    }

    fn null(self) -> Value<'de> {
        Value::Null
    }

    fn boolean(self, boolean: bool) -> Value<'de> {
        Value::Boolean(boolean)
    }

    fn number(self, number: Number) -> Value<'de> {
        Value::Number(number)
    }

    fn text(self, text: Text<'de, '_>) -> Value<'de> {
        Value::Text(text.kept())
    }
}

#[cfg(test)]
mod tests;
