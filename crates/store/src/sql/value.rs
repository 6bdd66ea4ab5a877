//! Values of columns and parameters.

use aicp_types::{
    AccountId, AuditId, ConsoleUserId, DeliveryId, DeviceId, EventId, FaceId, FileId, FriendGroupId, GroupId, JobId,
    KeyId, LibraryId, OperatorId, OperatorTokenId, OutboxId, PersonId, PublicId, RecognitionEntryId, SettingChangeId,
    SyncRelationId, TraceId, UnixMillis, WebhookId,
};

/// A value of one of the types that every database has.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A whole number; also a flag, an id or a time.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A list of whole numbers; a parameter of `json_each` only.
    Integers(Vec<i64>),
    /// A list of texts; a parameter of `json_each` only.
    Texts(Vec<String>),
}

impl std::fmt::Debug for Value {
    /// Shows only the type: values may be names, secrets or templates.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Integer(_) => "integer",
            Self::Real(_) => "real",
            Self::Text(_) => "text",
            Self::Blob(_) => "blob",
            Self::Integers(_) => "integers",
            Self::Texts(_) => "texts",
        })
    }
}

impl From<&Self> for Value {
    fn from(value: &Self) -> Self {
        value.clone()
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a, T> From<&'a Option<T>> for Value
where
    &'a T: Into<Value>,
{
    fn from(value: &'a Option<T>) -> Self {
        value.as_ref().map_or(Self::Null, Into::into)
    }
}

macro_rules! parameter {
    ($variant:ident($value:ident => $into:expr): $($type:ty),+ $(,)?) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$variant($into)
            }
        }
    )+};
}

parameter!(Integer(number => i64::from(number)): i32, u32, bool);
parameter!(Integer(number => i64::from(*number)): &i32, &u32, &bool);
parameter!(Integer(number => number): i64);
parameter!(Integer(number => *number): &i64);
parameter!(Real(number => f64::from(number)): f32);
parameter!(Real(number => f64::from(*number)): &f32);
parameter!(Text(text => text.to_owned()): &str);
parameter!(Text(text => text.clone()): &String);
parameter!(Text(text => text): String);
parameter!(Blob(bytes => bytes.to_vec()): &[u8], &Vec<u8>, &[u8; 16], &[u8; 32], [u8; 16], [u8; 32]);
parameter!(Blob(bytes => bytes): Vec<u8>);

/// A type that a column can be read as. `None` if the value is of another type or out of range.
pub trait FromValue<'r>: Sized {
    /// Reads a value.
    fn from_value(value: &'r Value) -> Option<Self>;
}

impl<'r, T: FromValue<'r>> FromValue<'r> for Option<T> {
    fn from_value(value: &'r Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

macro_rules! column {
    ($value:ident => $read:expr; $($type:ty),+ $(,)?) => {$(
        impl<'r> FromValue<'r> for $type {
            fn from_value($value: &'r Value) -> Option<Self> {
                $read
            }
        }
    )+};
}

impl Value {
    fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    fn real(&self) -> Option<f64> {
        match self {
            Self::Real(number) => Some(*number),
            // Databases may return whole numbers as integers.
            Self::Integer(number) => Some(*number as f64),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn blob(&self) -> Option<&[u8]> {
        if let Self::Blob(bytes) = self { Some(bytes) } else { None }
    }
}

column!(value => value.integer(); i64);
column!(value => Self::try_from(value.integer()?).ok(); u64, u32);
column!(value => Some(value.integer()? != 0); bool);
column!(value => Some(value.real()? as Self); f32, f64);
column!(value => value.text().map(str::to_owned); String);
column!(value => value.text(); &'r str);
column!(value => value.blob().map(<[u8]>::to_vec); Vec<u8>);
column!(value => value.blob(); &'r [u8]);

macro_rules! typed {
    ($($name:ident),+ $(,)?) => {
        parameter!(Integer(typed => typed.get()): $($name, &$name),+);
        column!(value => value.integer().map(Self::new); $($name),+);
    };
}

typed!(
    AccountId,
    AuditId,
    SettingChangeId,
    ConsoleUserId,
    DeliveryId,
    DeviceId,
    EventId,
    FaceId,
    FileId,
    FriendGroupId,
    GroupId,
    JobId,
    KeyId,
    LibraryId,
    OperatorId,
    OperatorTokenId,
    OutboxId,
    PersonId,
    PublicId,
    RecognitionEntryId,
    SyncRelationId,
    TraceId,
    UnixMillis,
    WebhookId,
);

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: for<'r> FromValue<'r>>(value: impl Into<Value>) -> Option<T> {
        T::from_value(&value.into())
    }

    #[test]
    fn values_come_back_as_they_went_in_or_not_at_all() {
        assert_eq!(read::<i64>(i64::MIN), Some(i64::MIN));
        assert_eq!(read::<u64>(-1i64), None, "out of range");
        assert_eq!(read::<bool>(true), Some(true));
        assert_eq!(read::<f32>(0.1f32), Some(0.1));
        assert_eq!(read::<f32>(1i64), Some(1.0), "databases shorten whole numbers");
        assert_eq!(read::<String>("é"), Some("é".to_owned()));
        assert_eq!(read::<String>(5i64), None);
        assert_eq!(read::<Vec<u8>>(&[1u8; 16]), Some(vec![1; 16]));
        assert_eq!(read::<PersonId>(PersonId::new(7)), Some(PersonId::new(7)));
        assert_eq!(read::<Option<i64>>(None::<i64>), Some(None));
        assert_eq!(read::<i64>(None::<i64>), None, "null is no number");
        assert_eq!(read::<Option<String>>(&Some("x".to_owned())), Some(Some("x".to_owned())));
    }

    #[test]
    fn debug_output_shows_no_value() {
        let value: Value = "secret".into();
        assert_eq!(format!("{value:?}"), "text");
    }
}
