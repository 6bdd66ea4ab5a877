//! Reading what clients send: tolerant of strings for numbers, of old names and of line breaks in base64.

use axum::http::StatusCode;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::envelope::Failure;
use super::literals;

/// Base64 text of one picture may have this many characters.
const MAX_BASE64: usize = 2 << 20;

/// Padding may be missing and the unused last bits set: encoders differ, the picture is the same.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A request body.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    /// A JSON object.
    Object(Fields),
    /// A JSON array.
    Array(Vec<Value>),
}

impl Input {
    /// Parses a body. Of a key that is repeated the last value counts.
    pub fn parse(body: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(body).ok().and_then(Self::of).ok_or_else(malformed)
    }

    /// A value that is an object or an array.
    pub fn of(value: Value) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self::Object(Fields(fields))),
            Value::Array(items) => Some(Self::Array(items)),
            _ => None,
        }
    }

    /// The object, where the call takes nothing else.
    pub fn object(self) -> Result<Fields, Failure> {
        match self {
            Self::Object(fields) => Ok(fields),
            Self::Array(_) => Err(malformed()),
        }
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
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The value of the first of these names that is present: the manual's own name, then its aliases.
    fn value(&self, names: &[&str]) -> Option<&Value> {
        names.iter().filter_map(|name| self.0.get(*name)).find(|value| !value.is_null())
    }

    /// A text; a number counts as its digits.
    pub fn text(&self, names: &[&str]) -> Result<Option<String>, Failure> {
        match self.value(names) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(wrong_format(names)),
        }
    }

    /// A text that must be there and not be blank.
    pub fn required_text(&self, names: &[&str]) -> Result<String, Failure> {
        let text = self.text(names)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| Failure::message(literals::blank(names.first().unwrap_or(&""))))
    }

    /// A whole number, as a number or as text; blank text counts as absent.
    pub fn integer(&self, names: &[&str]) -> Result<Option<i64>, Failure> {
        let parsed = match self.value(names) {
            None => return Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(Value::Number(number)) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Some(_) => None,
        };
        parsed.map(Some).ok_or_else(|| wrong_format(names))
    }

    /// The bytes of a base64 picture.
    pub fn picture(&mut self, name: &str) -> Result<Bytes, PictureError> {
        self.0.remove(name).map_or(Err(PictureError::Unusable), decode_picture)
    }
}

fn wrong_format(names: &[&str]) -> Failure {
    Failure::message(literals::wrong_format(names.first().unwrap_or(&"")))
}

/// A float that is a whole number which floats hold exactly.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// The bytes of a base64 text, with or without a `data:...;base64,` prefix and white space.
fn decode_picture(value: Value) -> Result<Bytes, PictureError> {
    let Value::String(text) = value else { return Err(PictureError::Unusable) };
    let mut text = text.as_str();
    if let Some(rest) = text.trim_start().strip_prefix("data:")
        && let Some((_, data)) = rest.split_once(";base64,")
    {
        text = data;
    }
    let stripped: String;
    if text.bytes().any(|b| b.is_ascii_whitespace()) {
        stripped = text.split_ascii_whitespace().collect();
        text = &stripped;
    }
    if text.is_empty() {
        return Err(PictureError::Unusable);
    }
    if text.len() > MAX_BASE64 {
        return Err(PictureError::TooLarge);
    }
    BASE64.decode(text).map(Bytes::from).map_err(|_| PictureError::Unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> Fields {
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
            let mut f = fields(&format!(r#"{{"image":"{text}"}}"#));
            assert_eq!(f.picture("image"), Ok(Bytes::from_static(b"hello")), "{text}");
        }
        for text in [r#""""#, r#"" ""#, r#""***""#, "5", "null", r#""data:image/png;base64,""#] {
            let mut f = fields(&format!(r#"{{"image":{text}}}"#));
            assert_eq!(f.picture("image"), Err(PictureError::Unusable), "{text}");
        }
    }

    #[test]
    fn the_size_limit_counts_base64_without_spaces() {
        let at_limit = "A".repeat(MAX_BASE64);
        let mut f = Fields(Map::from_iter([("image".to_owned(), Value::String(format!(" {at_limit}\n")))]));
        assert!(f.picture("image").is_ok());
        let mut f = Fields(Map::from_iter([("image".to_owned(), Value::String(format!("{at_limit}A")))]));
        assert_eq!(f.picture("image"), Err(PictureError::TooLarge));
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
}
