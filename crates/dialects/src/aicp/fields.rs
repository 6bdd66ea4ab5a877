//! Lenient request parsing: strings as numbers, field aliases, line breaks in base64.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess};
use serde_json::Number;

use super::failure::Failure;
use super::literals;
use crate::field_name::FieldName;
use crate::lenient::{Lenient, Reader, Text};
use aicp_requests::base64_text;

/// Maximum length of a picture's base64 text in characters.
const MAX_BASE64: usize = 2 << 20;
/// Maximum length in bytes of texts other than pictures, which are stored and come back in answers.
const MAX_TEXT: usize = 4096;
/// Maximum number of fields read from an object; the others are ignored, like unknown ones. Keeps memory use
/// proportional to the body.
const MAX_FIELDS: usize = 1024;
/// Maximum number of array objects kept; the others are only counted, as no call accepts more.
const MAX_ITEMS: usize = 8;
/// Maximum number of array scalars kept; the others are ignored.
const MAX_LIST: usize = 1024;

/// Scalar field value. Texts without escapes are borrowed from the body.
#[derive(PartialEq)]
enum Scalar<'a> {
    Null,
    Number(Number),
    Text(Cow<'a, str>),
    /// Array of scalars only.
    List(Vec<Scalar<'a>>),
    /// Boolean, object, or array with non-scalar items; no field accepts one.
    Other,
}

impl fmt::Debug for Scalar<'_> {
    /// Keeps pictures and document numbers out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Number(_) => "number",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Other => "other",
        })
    }
}

/// Request body.
#[derive(Debug, PartialEq)]
pub(super) enum Input<'a> {
    /// JSON object.
    Object(Fields<'a>),
    /// JSON array: its first items (`None` if not an object) and the total count.
    Array { items: Vec<Option<Fields<'a>>>, count: usize },
}

impl<'a> Input<'a> {
    /// Parses a body. The last of repeated keys wins.
    pub fn parse(body: &'a [u8]) -> Result<Self, Failure> {
        match serde_json::from_slice(body) {
            Ok(Node::Object(fields)) => Ok(Self::Object(fields)),
            Ok(Node::Array { items, count, .. }) => Ok(Self::Array { items, count }),
            Ok(Node::Scalar(_)) | Err(_) => Err(malformed()),
        }
    }

    /// Returns the object, or fails for an array.
    pub fn object(self) -> Result<Fields<'a>, Failure> {
        match self {
            Self::Object(fields) => Ok(fields),
            Self::Array { .. } => Err(malformed()),
        }
    }

    /// Returns the object, where an empty array counts as an empty object: PHP encodes one this way.
    pub fn object_or_empty(self) -> Result<Fields<'a>, Failure> {
        match self {
            Self::Array { count: 0, .. } => Ok(Fields(HashMap::new())),
            other => other.object(),
        }
    }

    /// Returns the array's first items (`None` if not an object) and the total count, or fails for an object.
    pub fn array(self) -> Result<(Vec<Option<Fields<'a>>>, usize), Failure> {
        match self {
            Self::Array { items, count } => Ok((items, count)),
            Self::Object(_) => Err(malformed()),
        }
    }
}

/// JSON value of which only the two outer levels are kept. Deeper levels are still parsed, so that a malformed or too
/// deep body is always rejected.
enum Node<'a> {
    Object(Fields<'a>),
    Array { items: Vec<Option<Fields<'a>>>, count: usize, scalars: Option<Vec<Scalar<'a>>> },
    Scalar(Scalar<'a>),
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Lenient(NodeReader).deserialize(deserializer)
    }
}

struct NodeReader;

impl<'de> Reader<'de> for NodeReader {
    type Value = Node<'de>;

    fn other(self) -> Node<'de> {
        Node::Scalar(Scalar::Other)
    }

    fn null(self) -> Node<'de> {
        Node::Scalar(Scalar::Null)
    }

    fn number(self, number: Number) -> Node<'de> {
        Node::Scalar(Scalar::Number(number))
    }

    fn text(self, text: Text<'de, '_>) -> Node<'de> {
        Node::Scalar(Scalar::Text(text.kept()))
    }

    fn list<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
        let (mut items, mut count) = (Vec::new(), 0);
        let mut scalars = Some(Vec::new());
        while let Some(node) = seq.next_element::<Node<'de>>()? {
            count += 1;
            let fields = match node {
                Node::Scalar(scalar) => {
                    if let Some(scalars) = scalars.as_mut().filter(|scalars| scalars.len() < MAX_LIST) {
                        scalars.push(scalar);
                    }
                    None
                }
                Node::Object(fields) => {
                    scalars = None;
                    Some(fields)
                }
                Node::Array { .. } => {
                    scalars = None;
                    None
                }
            };
            if items.len() < MAX_ITEMS {
                items.push(fields);
            }
        }
        Ok(Node::Array { items, count, scalars })
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut fields = HashMap::new();
        while let Some((name, node)) = map.next_entry::<FieldName<'de>, Node<'de>>()? {
            if fields.len() < MAX_FIELDS || fields.contains_key(&name.0) {
                let scalar = match node {
                    Node::Scalar(scalar) => scalar,
                    Node::Array { scalars: Some(scalars), .. } => Scalar::List(scalars),
                    Node::Array { .. } | Node::Object(_) => Scalar::Other,
                };
                fields.insert(name.0, scalar);
            }
        }
        Ok(Node::Object(Fields(fields)))
    }
}

fn malformed() -> Failure {
    Failure::status(StatusCode::BAD_REQUEST, literals::MALFORMED)
}

/// Reasons why a request has no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PictureError {
    /// Missing, blank, not text or not base64.
    Unusable,
    /// Base64 longer than allowed.
    TooLarge,
}

/// Fields of a JSON object. A null field counts as absent.
#[derive(Debug, PartialEq)]
pub(super) struct Fields<'a>(HashMap<Cow<'a, str>, Scalar<'a>>);

impl Fields<'_> {
    /// Returns the value of the first name that is present; the manual's name precedes its aliases.
    fn value(&self, names: &[&str]) -> Option<&Scalar<'_>> {
        names.iter().filter_map(|name| self.0.get(*name)).find(|value| **value != Scalar::Null)
    }

    /// Returns a text; a number counts as its digits.
    pub fn text(&self, names: &[&str]) -> Result<Option<String>, Failure> {
        match self.value(names) {
            None => Ok(None),
            Some(Scalar::Text(text)) if text.len() <= MAX_TEXT => Ok(Some(text.as_ref().to_owned())),
            // A number that lost digits in parsing must not be stored as if it had been sent.
            Some(Scalar::Number(number)) if is_exact(number) => Ok(Some(number.to_string())),
            Some(_) => Err(wrong_format(names)),
        }
    }

    /// Returns a text, or fails if it is missing or blank.
    pub fn required_text(&self, names: &[&str]) -> Result<String, Failure> {
        let text = self.text(names)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| Failure::message(literals::blank(names.first().unwrap_or(&""))))
    }

    /// Returns the items of an array, or a single text or number as the only item. Empty if absent.
    pub fn texts(&self, names: &[&str]) -> Result<Vec<String>, Failure> {
        let Some(Scalar::List(items)) = self.value(names) else {
            return Ok(self.text(names)?.into_iter().collect());
        };
        let texts = items.iter().filter(|item| **item != Scalar::Null).map(|item| match item {
            Scalar::Text(text) if text.len() <= MAX_TEXT => Ok(text.as_ref().to_owned()),
            Scalar::Number(number) if is_exact(number) => Ok(number.to_string()),
            _ => Err(wrong_format(names)),
        });
        texts.collect()
    }

    /// Whether a field is present and not null.
    pub fn has(&self, name: &str) -> bool {
        self.value(&[name]).is_some()
    }

    /// Whether a field is missing, null or blank.
    pub fn is_blank(&self, name: &str) -> bool {
        match self.value(&[name]) {
            None => true,
            Some(Scalar::Text(text)) => text.trim().is_empty(),
            Some(_) => false,
        }
    }

    /// Returns an integer, sent as a number or as text; blank text counts as absent.
    pub fn integer(&self, names: &[&str]) -> Result<Option<i64>, Failure> {
        let parsed = match self.value(names) {
            None => return Ok(None),
            Some(Scalar::Text(text)) if text.trim().is_empty() => return Ok(None),
            Some(Scalar::Text(text)) => text.trim().parse().ok(),
            Some(Scalar::Number(number)) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Some(_) => None,
        };
        parsed.map(Some).ok_or_else(|| wrong_format(names))
    }

    /// Decodes a base64 picture.
    pub fn picture(&self, name: &str) -> Result<Bytes, PictureError> {
        match self.0.get(name) {
            Some(Scalar::Text(text)) => decode_picture(text),
            _ => Err(PictureError::Unusable),
        }
    }
}

fn wrong_format(names: &[&str]) -> Failure {
    Failure::message(literals::wrong_format(names.first().unwrap_or(&"")))
}

/// Bound (2^53) up to which `f64` represents every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn is_exact(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.abs() <= EXACT)
}

/// Converts a float to an integer if it represents one exactly.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// Decodes the base64 text of a picture.
fn decode_picture(text: &str) -> Result<Bytes, PictureError> {
    let text = base64_text::cleaned(text);
    if text.is_empty() {
        return Err(PictureError::Unusable);
    }
    if text.len() > MAX_BASE64 {
        return Err(PictureError::TooLarge);
    }
    base64_text::decode(&text).ok_or(PictureError::Unusable)
}

#[cfg(test)]
mod tests;
