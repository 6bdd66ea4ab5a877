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
mod tests {
    use super::*;
    use base64::Engine;
    use proptest::prelude::*;

    fn fields(json: &str) -> Fields<'_> {
        Input::parse(json.as_bytes()).expect("JSON").object().expect("object")
    }

    #[test]
    fn numbers_and_texts_stand_for_each_other() {
        let f = fields(r#"{"a":5,"b":"7","c":" 8 ","d":1.0,"e":"x","f":[1],"g":1.5,"h":"","i":null}"#);
        assert_eq!(f.text(&["a"]), Ok(Some("5".into())));
        assert_eq!(f.integer(&["a"]), Ok(Some(5)));
        assert_eq!(f.integer(&["b"]), Ok(Some(7)));
        assert_eq!(f.integer(&["c"]), Ok(Some(8)));
        assert_eq!(f.integer(&["d"]), Ok(Some(1)));
        assert_eq!(f.integer(&["e"]), Err(Failure::message("e格式错误")));
        assert_eq!(f.text(&["f"]), Err(Failure::message("f格式错误")));
        assert_eq!(f.integer(&["g"]), Err(Failure::message("g格式错误")));
        assert_eq!(f.integer(&["h"]), Ok(None));
        assert_eq!(f.integer(&["i"]), Ok(None));
        assert_eq!(f.required_text(&["h"]), Err(Failure::message("h不能为空")));
        assert_eq!(f.required_text(&["missing"]), Err(Failure::message("missing不能为空")));
    }

    #[test]
    fn the_manuals_name_wins_over_an_alias_and_the_last_of_a_repeated_key() {
        let f = fields(r#"{"cust_name":"alias","name":"own","idIccid":"1","idIccid":"2","custId":null,"cust_id":"3"}"#);
        assert_eq!(f.text(&["name", "cust_name"]), Ok(Some("own".into())));
        assert_eq!(f.text(&["idIccid", "id_iccid"]), Ok(Some("2".into())));
        assert_eq!(f.text(&["custId", "cust_id"]), Ok(Some("3".into())));
    }

    #[test]
    fn base64_is_read_with_prefix_spaces_and_without_padding() {
        for text in ["aGVsbG8=", "aGVsbG8", " aGVs\\nbG8= ", "data:image/png;base64,aGVsbG8="] {
            let json = format!(r#"{{"image":"{text}"}}"#);
            let f = fields(&json);
            assert_eq!(f.picture("image"), Ok(Bytes::from_static(b"hello")), "{text}");
        }
        for text in [r#""""#, r#"" ""#, r#""***""#, "5", "null", r#""data:image/png;base64,""#] {
            let json = format!(r#"{{"image":{text}}}"#);
            let f = fields(&json);
            assert_eq!(f.picture("image"), Err(PictureError::Unusable), "{text}");
        }
    }

    #[test]
    fn the_size_limit_counts_base64_without_spaces() {
        let at_limit = "A".repeat(MAX_BASE64);
        let json = format!(r#"{{"image":" {at_limit}\n"}}"#);
        assert!(fields(&json).picture("image").is_ok());
        let json = format!(r#"{{"image":"{at_limit}A"}}"#);
        assert_eq!(fields(&json).picture("image"), Err(PictureError::TooLarge));
    }

    #[test]
    fn long_texts_and_numbers_that_lose_digits_are_refused() {
        let at_limit = "字".repeat(MAX_TEXT / 3);
        let json =
            format!(r#"{{"a":"{at_limit}","b":"{at_limit}字","c":119020199000123456789,"d":18446744073709551615}}"#);
        let f = fields(&json);
        assert_eq!(f.text(&["a"]), Ok(Some(at_limit)));
        assert_eq!(f.text(&["b"]), Err(Failure::message("b格式错误")));
        assert_eq!(f.text(&["c"]), Err(Failure::message("c格式错误")));
        assert_eq!(f.text(&["d"]), Ok(Some("18446744073709551615".into())));
        assert!(!format!("{f:?}").contains('字'));
    }

    #[test]
    fn arrays_keep_their_first_items_and_their_length() {
        let json = format!(r#"[{{"image":"aGk="}},5{}]"#, ",{}".repeat(20));
        let input = Input::parse(json.as_bytes()).expect("JSON");
        let Input::Array { items, count } = input else { panic!("an array") };
        assert_eq!((items.len(), count), (MAX_ITEMS, 22));
        let first = items[0].as_ref().expect("an object");
        assert_eq!(first.picture("image"), Ok(Bytes::from_static(b"hi")));
        assert_eq!(items[1], None);
    }

    #[test]
    fn lists_of_texts_are_read_and_others_refused() {
        let many = vec!["1"; 5000].join(",");
        let json =
            format!(r#"{{"a":["x",7,null,"y,z"],"b":"x","c":[["x"]],"d":[{{}}],"e":[true],"f":[{many}],"g":[]}}"#);
        let f = fields(&json);
        assert_eq!(f.texts(&["a"]), Ok(vec!["x".into(), "7".into(), "y,z".into()]));
        assert_eq!(f.texts(&["b"]), Ok(vec!["x".into()]));
        assert_eq!(f.texts(&["f"]).map(|texts| texts.len()), Ok(MAX_LIST));
        assert_eq!((f.texts(&["g"]), f.texts(&["missing"])), (Ok(vec![]), Ok(vec![])));
        for name in ["c", "d", "e"] {
            assert!(f.texts(&[name]).is_err(), "{name}");
        }
        assert!(f.text(&["a"]).is_err());
    }

    #[test]
    fn a_body_of_many_fields_keeps_a_bounded_number() {
        let many: Vec<String> = (0..5000).map(|i| format!(r#""k{i}":{i}"#)).collect();
        let json = format!("{{{},\"k0\":\"last\"}}", many.join(","));
        let f = fields(&json);
        assert_eq!(f.0.len(), MAX_FIELDS);
        assert_eq!(f.text(&["k0"]), Ok(Some("last".into())));
    }

    #[test]
    fn what_is_no_object_or_array_is_malformed() {
        for body in ["", " ", "5", "\"x\"", "null", "{", "{\"a\":\"\\ud800\"}"] {
            assert_eq!(Input::parse(body.as_bytes()), Err(malformed()), "{body}");
        }
        assert_eq!(Input::parse(b"{\"a\":\"\xff\"}"), Err(malformed()));
        let deep = format!("{}{}", "[".repeat(4000), "]".repeat(4000));
        assert_eq!(Input::parse(deep.as_bytes()), Err(malformed()));
    }

    /// What a field says, read off a full JSON tree.
    fn naive_text(tree: &serde_json::Value, name: &str) -> Result<Option<String>, ()> {
        use serde_json::Value;
        match tree.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(()),
        }
    }

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-1e9f64..1e9).prop_map(Into::into),
            "[a-z\"\\\\/\u{0}-\u{1f}字 ]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::hash_map("[a-d]{1,2}", inner, 0..4)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn fields_read_as_off_a_full_tree(tree in proptest::collection::hash_map("[a-d]", json_value(), 0..5)) {
            let tree = serde_json::Value::Object(tree.into_iter().collect());
            let json = tree.to_string();
            let f = fields(&json);
            for name in ["a", "b", "c", "d"] {
                prop_assert_eq!(f.text(&[name]).map_err(drop), naive_text(&tree, name), "{} of {}", name, json);
            }
        }

        #[test]
        fn no_bytes_make_parsing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Input::parse(&bytes);
        }

        #[test]
        fn base64_comes_back_however_it_is_wrapped(
            bytes in proptest::collection::vec(any::<u8>(), 1..200), width in 1usize..80, prefix in any::<bool>(), pad in any::<bool>(),
        ) {
            let mut text = base64::engine::general_purpose::STANDARD.encode(&bytes);
            if !pad {
                text = text.trim_end_matches('=').to_owned();
            }
            let lines: Vec<String> =
                text.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            let prefix = if prefix { "data:image/png;base64," } else { "" };
            let json = serde_json::json!({ "image": format!("{prefix}{}", lines.join("\r\n")) }).to_string();
            prop_assert_eq!(fields(&json).picture("image"), Ok(Bytes::from(bytes)));
        }
    }
}
