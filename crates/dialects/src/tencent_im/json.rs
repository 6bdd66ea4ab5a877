//! JSON bodies, parsed in bounded memory: a byte of JSON could otherwise become a hundred. Fields that no command reads
//! are checked and dropped, and the number of the stored values is limited.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer as Parser, Number};

use crate::lenient::{Lenient, Reader, Text};

/// Names of all fields that commands read.
pub(super) const NAMES: [&str; 31] = [
    "AccountList",
    "Accounts",
    "AddFriendItem",
    "AddSource",
    "AddTime",
    "AddType",
    "AddWording",
    "CheckItem",
    "CheckType",
    "CustomItem",
    "CustomSequence",
    "DeleteItem",
    "DeleteType",
    "FaceUrl",
    "ForceAddFlags",
    "From_Account",
    "GroupName",
    "Identifier",
    "LastSequence",
    "NeedFriend",
    "Nick",
    "Remark",
    "SnsItem",
    "StandardSequence",
    "StartIndex",
    "Tag",
    "TagList",
    "To_Account",
    "UpdateItem",
    "UserID",
    "Value",
];
/// Maximum number of stored values of a body. A call with 1000 friends and all their fields has fewer.
const MAX_VALUES: usize = 200_000;

/// JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    /// An integer.
    Number(Number),
    List(Vec<Value<'a>>),
    Object(Object<'a>),
    /// A value that no command reads: a boolean or a fraction.
    Other,
}

/// Fields with known names. Of a repeated name the last value counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Object<'a>(Vec<(&'static str, Value<'a>)>);

/// Reason why a body was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyParseError {
    /// The body is not JSON.
    #[error("no JSON")]
    NotJson,
    /// The body is JSON, but holds more values than any call needs.
    #[error("more than {MAX_VALUES} values")]
    TooMany,
}

/// Parses a body.
///
/// # Errors
/// [`BodyParseError`].
pub(super) fn parse(body: &[u8]) -> Result<Value<'_>, BodyParseError> {
    let mut room = ValueBudget { left: MAX_VALUES, is_over: false };
    let mut parser = Parser::from_slice(body);
    let value = Lenient(ValueReader(Some(&mut room))).deserialize(&mut parser).map_err(|_| BodyParseError::NotJson)?;
    parser.end().map_err(|_| BodyParseError::NotJson)?;
    if room.is_over { Err(BodyParseError::TooMany) } else { Ok(value) }
}

impl Value<'_> {
    /// Returns the string, if the value is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> Object<'a> {
    /// Returns a field, if it is present.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Returns an iterator over the fields.
    #[cfg(fuzzing)]
    pub fn into_fields(self) -> impl Iterator<Item = (&'static str, Value<'a>)> {
        self.0.into_iter()
    }

    fn set(&mut self, name: &'static str, value: Value<'a>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }
}

/// Number of values that may still be stored.
struct ValueBudget {
    left: usize,
    is_over: bool,
}

impl ValueBudget {
    /// Takes the room of one value; returns false if none is left.
    fn take(&mut self) -> bool {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => self.is_over = true,
        }
        !self.is_over
    }
}

/// Reads a value. Without room it validates the JSON and returns [`Value::Other`].
struct ValueReader<'r>(Option<&'r mut ValueBudget>);

impl<'de> Reader<'de> for ValueReader<'_> {
    type Value = Value<'de>;

    fn other(self) -> Self::Value {
        Value::Other
    }

    fn null(self) -> Self::Value {
        Value::Null
    }

    fn number(self, number: Number) -> Self::Value {
        if number.is_f64() { Value::Other } else { Value::Number(number) }
    }

    fn text(self, text: Text<'de, '_>) -> Self::Value {
        if self.0.is_some() { Value::Text(text.kept()) } else { Value::Other }
    }

    fn list<A: SeqAccess<'de>>(mut self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(member) = members.next_element_seed(Lenient(ValueReader(self.0.as_deref_mut())))? {
            if self.0.as_mut().is_some_and(|room| room.take()) {
                list.push(member);
            }
        }
        list.shrink_to_fit();
        Ok(if self.0.is_some() { Value::List(list) } else { Value::Other })
    }

    fn object<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut object = Object::default();
        while let Some(name) = fields.next_key_seed(NameReader)? {
            let room = self.0.as_deref_mut().filter(|_| name.is_some());
            let value = fields.next_value_seed(Lenient(ValueReader(room)))?;
            if let Some(name) = name
                && self.0.as_mut().is_some_and(|room| room.take())
            {
                object.set(name, value);
            }
        }
        object.0.shrink_to_fit();
        Ok(if self.0.is_some() { Value::Object(object) } else { Value::Other })
    }
}

/// Reads a field name; returns `None` if no command reads the field.
struct NameReader;

impl<'de> DeserializeSeed<'de> for NameReader {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameReader {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(NAMES.into_iter().find(|known| *known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    /// Removes unknown fields; replaces values that no command reads with `true`.
    fn pruned(json: Json) -> Json {
        match json {
            Json::Bool(_) => json!(true),
            Json::Number(number) if number.is_f64() => json!(true),
            Json::Array(list) => list.into_iter().map(pruned).collect(),
            Json::Object(fields) => fields
                .into_iter()
                .filter(|(name, _)| NAMES.contains(&name.as_str()))
                .map(|(name, value)| (name, pruned(value)))
                .collect(),
            other => other,
        }
    }

    /// Converts a parsed value for comparison with the naive reader.
    fn plain(value: Value<'_>) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Text(text) => text.into(),
            Value::Number(number) => number.into(),
            Value::List(list) => list.into_iter().map(plain).collect(),
            Value::Object(Object(fields)) => {
                fields.into_iter().map(|(name, value)| (name.to_owned(), plain(value))).collect()
            }
            Value::Other => json!(true),
        }
    }

    fn assert_like_naive(body: &[u8]) {
        let naive = serde_json::from_slice(body).map(pruned).map_err(|_| BodyParseError::NotJson);
        assert_eq!(parse(body).map(plain), naive, "{}", String::from_utf8_lossy(body));
    }

    /// Generates JSON texts with known, unknown and repeated field names.
    fn texts() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|is| is.to_string()),
            any::<u64>().prop_map(|number| number.to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| json!(number).to_string()),
            "\\PC{0,8}|[\"\\\\\n]{0,3}".prop_map(|text| json!(text).to_string()),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            let name = prop_oneof![Just("To_Account"), Just("Value"), Just("V\\u0061lue"), Just("value"), Just("")];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(|list| format!("[{}]", list.join(","))),
                proptest::collection::vec((name, inner), 0..6).prop_map(|fields| {
                    let fields: Vec<String> =
                        fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{ {}}}", fields.join(" , "))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn bodies_are_read_as_by_a_naive_reader(text in texts()) {
            assert_like_naive(text.as_bytes());
        }

        #[test]
        fn broken_bodies_are_seen_as_by_a_naive_reader(text in texts(), at: prop::sample::Index, byte: u8, cut: bool) {
            let mut body = text.into_bytes();
            let at = at.index(body.len());
            if cut {
                body.truncate(at);
            } else {
                body[at] = byte;
            }
            assert_like_naive(&body);
        }
    }

    #[test]
    fn what_is_not_kept_has_to_be_good_all_the_same() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let (fits, deep) = (deep(100), deep(200));
        for value in
            [r#""\ud800""#, r#""\x""#, "1e999", "01", "nul", "[1,]", "{1:2}", r#"{"a"}"#, "\"\n\"", &fits, &deep]
        {
            for name in ["Value", "unknown"] {
                assert_like_naive(format!(r#"{{"{name}":{value}}}"#).as_bytes());
            }
        }
        assert_eq!(parse(format!(r#"{{"unknown":{deep}}}"#).as_bytes()), Err(BodyParseError::NotJson));
        assert_eq!(parse(b"{\"unknown\":\"\xff\"}"), Err(BodyParseError::NotJson));
    }

    #[test]
    fn as_many_values_are_kept_as_a_call_may_need_and_no_more() {
        let list = |name: &str, of: &str, count: usize| format!(r#"{{"{name}":[{}]}}"#, vec![of; count].join(","));
        for (of, values) in [("0", 1), ("[]", 1), (r#"{"x":[0]}"#, 1), (r#"{"Tag":0}"#, 2), ("[[0],[]]", 4)] {
            // The list itself takes the room of one value.
            let most = (MAX_VALUES - 1) / values;
            let kept = list("Value", of, most);
            assert!(parse(kept.as_bytes()).is_ok(), "{of}");
            let over = list("Value", of, most + 1);
            assert_eq!(parse(over.as_bytes()), Err(BodyParseError::TooMany), "{of}");
            assert_eq!(parse(format!("{over}x").as_bytes()), Err(BodyParseError::NotJson), "{of}");
            assert_eq!(parse(list("unknown", of, 500_000).as_bytes()), Ok(Value::Object(Object::default())), "{of}");
        }
        let repeated = format!("{{{}}}", vec![r#""Tag":0"#; MAX_VALUES + 1].join(","));
        assert_eq!(parse(repeated.as_bytes()), Err(BodyParseError::TooMany), "what was replaced was kept, too");
    }
}
