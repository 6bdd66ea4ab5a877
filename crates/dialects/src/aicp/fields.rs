//! Reading what clients send: tolerant of strings for numbers, of old names and of line breaks in base64.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::envelope::Failure;
use super::literals;
use crate::base64_text;

/// Base64 text of one picture may have this many characters.
const MAX_BASE64: usize = 2 << 20;
/// Texts other than pictures may have this many bytes: they are stored and come back in answers.
const MAX_TEXT: usize = 4096;
/// Fields of an object beyond this many are passed over, as unknown ones are: a body can't take many times its size
/// in memory.
const MAX_FIELDS: usize = 1024;
/// Objects in an array beyond this many are counted, not kept: no call takes more.
const MAX_ITEMS: usize = 8;
/// Scalars in an array beyond this many are passed over.
const MAX_LIST: usize = 1024;

/// A value as far as any call reads it. Texts are borrowed from the body where they have no escapes.
#[derive(PartialEq)]
enum Scalar<'a> {
    Null,
    Number(Number),
    Text(Cow<'a, str>),
    /// An array of nothing but scalars.
    List(Vec<Scalar<'a>>),
    /// A boolean, an object, or an array with one in it: no field takes one.
    Other,
}

impl fmt::Debug for Scalar<'_> {
    /// Pictures and document numbers stay out of logs.
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

/// A request body.
#[derive(Debug, PartialEq)]
pub(super) enum Input<'a> {
    /// A JSON object.
    Object(Fields<'a>),
    /// A JSON array: its first items, each an object or not, and how many there are.
    Array { items: Vec<Option<Fields<'a>>>, count: usize },
}

impl<'a> Input<'a> {
    /// Parses a body. Of a key that is repeated the last value counts.
    pub fn parse(body: &'a [u8]) -> Result<Self, Failure> {
        match serde_json::from_slice(body) {
            Ok(Node::Object(fields)) => Ok(Self::Object(fields)),
            Ok(Node::Array { items, count, .. }) => Ok(Self::Array { items, count }),
            Ok(Node::Scalar(_)) | Err(_) => Err(malformed()),
        }
    }

    /// The object, where the call takes nothing else.
    pub fn object(self) -> Result<Fields<'a>, Failure> {
        match self {
            Self::Object(fields) => Ok(fields),
            Self::Array { .. } => Err(malformed()),
        }
    }

    /// The object, or none in which nothing is: PHP writes an empty object as an empty array.
    pub fn object_or_empty(self) -> Result<Fields<'a>, Failure> {
        match self {
            Self::Array { count: 0, .. } => Ok(Fields(HashMap::new())),
            other => other.object(),
        }
    }

    /// The array, where the call takes nothing else: its first items, each an object or not, and how many there are.
    pub fn array(self) -> Result<(Vec<Option<Fields<'a>>>, usize), Failure> {
        match self {
            Self::Array { items, count } => Ok((items, count)),
            Self::Object(_) => Err(malformed()),
        }
    }
}

/// A JSON value of which only the two outer levels are kept. Deeper ones are still parsed, so that a broken or too
/// deep body is refused wherever it is broken.
enum Node<'a> {
    Object(Fields<'a>),
    Array { items: Vec<Option<Fields<'a>>>, count: usize, scalars: Option<Vec<Scalar<'a>>> },
    Scalar(Scalar<'a>),
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Scalar(Scalar::Null))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'de>, E> {
        Ok(Node::Scalar(Scalar::Other))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'de>, E> {
        Ok(Node::Scalar(Scalar::Number(value.into())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'de>, E> {
        Ok(Node::Scalar(Scalar::Number(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'de>, E> {
        Ok(Node::Scalar(Number::from_f64(value).map_or(Scalar::Other, Scalar::Number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Scalar(Scalar::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Scalar(Scalar::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
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

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut fields = HashMap::new();
        while let Some((name, node)) = map.next_entry::<Name<'de>, Node<'de>>()? {
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

/// A field name, borrowed where it has no escapes (serde's own `Cow` never borrows).
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

fn malformed() -> Failure {
    Failure::status(StatusCode::BAD_REQUEST, literals::MALFORMED)
}

/// Why there is no picture in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PictureError {
    /// Missing, blank, no text or no base64.
    Unusable,
    /// More base64 than allowed.
    TooLarge,
}

/// The fields of a JSON object. A field that is null counts as absent.
#[derive(Debug, PartialEq)]
pub(super) struct Fields<'a>(HashMap<Cow<'a, str>, Scalar<'a>>);

impl Fields<'_> {
    /// The value of the first of these names that is present: the manual's own name, then its aliases.
    fn value(&self, names: &[&str]) -> Option<&Scalar<'_>> {
        names.iter().filter_map(|name| self.0.get(*name)).find(|value| **value != Scalar::Null)
    }

    /// A text; a number counts as its digits.
    pub fn text(&self, names: &[&str]) -> Result<Option<String>, Failure> {
        match self.value(names) {
            None => Ok(None),
            Some(Scalar::Text(text)) if text.len() <= MAX_TEXT => Ok(Some(text.as_ref().to_owned())),
            // Digits that were lost in reading must not be stored as if they had been sent.
            Some(Scalar::Number(number)) if is_exact(number) => Ok(Some(number.to_string())),
            Some(_) => Err(wrong_format(names)),
        }
    }

    /// A text that must be there and not be blank.
    pub fn required_text(&self, names: &[&str]) -> Result<String, Failure> {
        let text = self.text(names)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| Failure::message(literals::blank(names.first().unwrap_or(&""))))
    }

    /// Texts: the items of an array, or the one text (or number) that stands in its place. Absent, there are none.
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

    /// Whether a field is there at all and not null.
    pub fn has(&self, name: &str) -> bool {
        self.value(&[name]).is_some()
    }

    /// Whether a field is missing, null or blank text.
    pub fn is_blank(&self, name: &str) -> bool {
        match self.value(&[name]) {
            None => true,
            Some(Scalar::Text(text)) => text.trim().is_empty(),
            Some(_) => false,
        }
    }

    /// A whole number, as a number or as text; blank text counts as absent.
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

    /// The bytes of a base64 picture.
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

/// Up to here floats hold every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn is_exact(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.abs() <= EXACT)
}

/// A float that is a whole number which floats hold exactly.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// The bytes of a base64 text.
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
