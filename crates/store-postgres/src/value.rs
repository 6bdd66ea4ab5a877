//! Values on their way to PostgreSQL and back.

use std::borrow::Cow;
use std::error::Error;

use aicp_store::sql::Value;
use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type Unfit = Box<dyn Error + Sync + Send>;

/// A parameter. It becomes what the statement expects of it, as in SQLite.
#[derive(Debug)]
pub(crate) struct Parameter(pub Value);

impl ToSql for Parameter {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Unfit> {
        match &self.0 {
            Value::Null => Ok(IsNull::Yes),
            Value::Integer(number) => match *ty {
                Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
                Type::BOOL => (*number != 0).to_sql(ty, out),
                Type::FLOAT8 => (*number as f64).to_sql(ty, out),
                Type::TEXT => number.to_string().to_sql(ty, out),
                _ => number.to_sql(ty, out),
            },
            // As in SQLite: not a number is no value.
            Value::Real(number) if number.is_nan() => Ok(IsNull::Yes),
            Value::Real(number) if *ty == Type::FLOAT4 => (*number as f32).to_sql(ty, out),
            Value::Real(number) => number.to_sql(ty, out),
            Value::Text(text) => with_nul(text).to_sql(ty, out),
            Value::Blob(bytes) => bytes.to_sql(ty, out),
            Value::Integers(numbers) => numbers.to_sql(ty, out),
            Value::Texts(texts) => texts.iter().map(|text| with_nul(text)).collect::<Vec<_>>().to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A column of a row.
pub(crate) struct Column(pub Value);

impl<'a> FromSql<'a> for Column {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Unfit> {
        Ok(Self(match *ty {
            Type::INT8 => Value::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => Value::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Value::Integer(i16::from_sql(ty, raw)?.into()),
            Type::OID => Value::Integer(u32::from_sql(ty, raw)?.into()),
            Type::BOOL => Value::Integer(bool::from_sql(ty, raw)?.into()),
            Type::NUMERIC => Value::Integer(whole_numeric(raw)?),
            Type::FLOAT8 => Value::Real(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Value::Real(f32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            Type::JSON => Value::Text(without_escapes_of_json(str::from_utf8(raw)?)),
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::BPCHAR | Type::UNKNOWN => {
                Value::Text(without_escapes(str::from_utf8(raw)?))
            }
            _ => return Err(format!("a column of the type {ty}").into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Unfit> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Begins an escape sequence. It is no character, so no text has a use for it.
const ESCAPE: char = '\u{fdd0}';
/// After [`ESCAPE`]: the character of code 0, which PostgreSQL does not store.
const NUL: char = '\u{fdd1}';

/// Escapes what PostgreSQL does not store.
fn with_nul(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().flat_map(|character| match character {
        '\0' => [Some(ESCAPE), Some(NUL)],
        ESCAPE => [Some(ESCAPE), Some(ESCAPE)],
        character => [Some(character), None],
    });
    Cow::Owned(escaped.flatten().collect())
}

/// Undoes [`with_nul`].
fn without_escapes(text: &str) -> String {
    let mut characters = text.chars();
    let unescape = || match characters.next()? {
        ESCAPE => Some(if characters.next() == Some(NUL) { '\0' } else { ESCAPE }),
        character => Some(character),
    };
    if text.contains(ESCAPE) { std::iter::from_fn(unescape).collect() } else { text.to_owned() }
}

/// As [`without_escapes`], of texts within JSON, where the character of code 0 has an escape.
fn without_escapes_of_json(json: &str) -> String {
    without_escapes(json).replace('\0', "\\u0000")
}

/// Reads a number of arbitrary precision, as sums are: digits of base 10,000, the highest first.
fn whole_numeric(raw: &[u8]) -> Result<i64, Unfit> {
    let (words, _) = raw.as_chunks::<2>();
    let words: Vec<i16> = words.iter().map(|word| i16::from_be_bytes(*word)).collect();
    let [count, weight, sign, _, digits @ ..] = words.as_slice() else { return Err("a number that is none".into()) };
    let mut number: i64 = 0;
    for place in 0..=i64::from(*weight) {
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
        let shifted = number.checked_mul(10_000).and_then(|number| number.checked_add(digit.into()));
        number = shifted.ok_or("a number out of range")?;
    }
    if i64::from(*count) > i64::from(*weight) + 1 {
        return Err("a number that is not whole".into());
    }
    match *sign {
        0 => Ok(number),
        0x4000 => Ok(-number),
        _ => Err("a number that is not finite".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(words: &[i16]) -> Option<i64> {
        whole_numeric(&words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn texts_that_postgresql_does_not_store_come_back() {
        for text in ["", "a", "\0", "a\0b\0", "\u{fdd0}", "\u{fdd1}\0\u{fdd0}\u{fdd1}", "\u{fdd0}\u{fdd0}"] {
            assert!(!with_nul(text).contains('\0'));
            assert_eq!(without_escapes(&with_nul(text)), text);
            let json = serde_json::to_string(&with_nul(text)).expect("JSON");
            assert_eq!(serde_json::from_str::<String>(&without_escapes_of_json(&json)).expect("JSON"), text);
        }
    }

    #[test]
    fn sums_are_read_if_they_are_whole_and_in_range() {
        assert_eq!(numeric(&[0, 0, 0, 0]), Some(0));
        assert_eq!(numeric(&[1, 0, 0, 0, 42]), Some(42));
        assert_eq!(numeric(&[2, 1, 0x4000, 0, 12, 3456]), Some(-123_456));
        assert_eq!(numeric(&[1, 2, 0, 0, 5]), Some(500_000_000), "trailing zeros are left out");
        assert_eq!(numeric(&[1, -1, 0, 4, 5000]), None, "0.5");
        assert_eq!(numeric(&[1, 9, 0, 0, 1]), None, "10 to the 36th");
        assert_eq!(numeric(&[0, 0, 0x4000u16 as i16 | 0x8000u16 as i16, 0]), None, "NaN and others");
        assert_eq!(numeric(&[1]), None);
    }
}
