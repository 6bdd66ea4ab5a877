//! JSON values that are read as far as a call needs them. A value of a kind that the call does not read is checked and
//! dropped. `serde_json` bounds the depth; each reader bounds what it keeps.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// Reader of one JSON value. Each kind of value is [`Reader::other`] unless the reader takes it.
pub(crate) trait Reader<'de>: Sized {
    /// What is kept of the value.
    type Value;

    /// Reads a value of a kind that is not kept.
    fn other(self) -> Self::Value;

    fn null(self) -> Self::Value {
        self.other()
    }

    fn boolean(self, _: bool) -> Self::Value {
        self.other()
    }

    /// Reads a number. One that is not an integer of 64 bits is an `f64`, which may have lost digits.
    fn number(self, _: Number) -> Self::Value {
        self.other()
    }

    fn text(self, _: Text<'de, '_>) -> Self::Value {
        self.other()
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }

    fn object<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }
}

/// Text of a value: part of the body, or without its escapes in a buffer of the parser.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text<'de, 't> {
    OfBody(&'de str),
    OfParser(&'t str),
}

impl<'de> Text<'de, '_> {
    /// Returns the text.
    pub fn get(&self) -> &str {
        match self {
            Self::OfBody(text) => text,
            Self::OfParser(text) => text,
        }
    }

    /// Returns the text to keep; copies it only if it had escapes.
    pub fn kept(self) -> Cow<'de, str> {
        match self {
            Self::OfBody(text) => Cow::Borrowed(text),
            Self::OfParser(text) => Cow::Owned(text.to_owned()),
        }
    }
}

/// Lets a [`Reader`] read from a parser.
pub(crate) struct Lenient<R>(pub R);

impl<'de, R: Reader<'de>> DeserializeSeed<'de> for Lenient<R> {
    type Value = R::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<R::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Reader<'de>> Visitor<'de> for Lenient<R> {
    type Value = R::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<R::Value, E> {
        Ok(self.0.null())
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<R::Value, E> {
        Ok(self.0.boolean(boolean))
    }

    fn visit_u64<E>(self, number: u64) -> Result<R::Value, E> {
        Ok(self.0.number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<R::Value, E> {
        Ok(self.0.number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<R::Value, E> {
        Ok(match Number::from_f64(number) {
            Some(number) => self.0.number(number),
            None => self.0.other(),
        })
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<R::Value, E> {
        Ok(self.0.text(Text::OfBody(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<R::Value, E> {
        Ok(self.0.text(Text::OfParser(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<R::Value, A::Error> {
        self.0.list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<R::Value, A::Error> {
        self.0.object(fields)
    }
}
