//! Typed ids: one type per kind, so that the compiler rejects mix-ups.

use std::fmt;

use crate::{Snowflake, UnixMillis};

/// Declares an id: a 64-bit number for comparison, storage and display.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        pub struct $name(i64);

        impl $name {
            /// Creates the id with this number.
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// Returns the number.
            pub const fn get(self) -> i64 {
                self.0
            }

            /// Parses exactly the decimal form that [`Display`](fmt::Display) writes: no sign `+`, no leading zero.
            pub fn parse(text: &str) -> Option<Self> {
                let number = text.parse::<i64>().ok()?;
                (number.to_string() == text).then_some(Self(number))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// Declares an id that is a [`Snowflake`].
macro_rules! snowflake {
    ($(#[$doc:meta])* $name:ident) => {
        id!($(#[$doc])* $name);

        impl $name {
            /// Returns the time of creation.
            pub const fn created(self) -> UnixMillis {
                Snowflake::new(self.0).created()
            }
        }

        impl From<Snowflake> for $name {
            fn from(snowflake: Snowflake) -> Self {
                Self(snowflake.get())
            }
        }

        impl From<$name> for Snowflake {
            fn from(id: $name) -> Self {
                Self::new(id.0)
            }
        }
    };
}

id!(
    /// Row id of a library; never reused.
    LibraryId
);
id!(
    /// Row id of a person; never reused. Callers see the [`PublicId`].
    PersonId
);
id!(
    /// Row id of a face; never reused.
    FaceId
);
id!(
    /// Row id of a group of people or of devices, unique among groups of its kind; never reused.
    GroupId
);
id!(
    /// Row id of a device; never reused.
    DeviceId
);
id!(
    /// Row id of a relation between a group of people and a group of devices; never reused.
    SyncRelationId
);
id!(
    /// Row id of an access key; never reused.
    KeyId
);
id!(
    /// Row id of a social account; never reused.
    AccountId
);
id!(
    /// Row id of a social account's group of friends; never reused.
    FriendGroupId
);
id!(
    /// Row id of a console user; never reused.
    ConsoleUserId
);
id!(
    /// Row id of an operator; never reused.
    OperatorId
);
id!(
    /// Row id of a session or token of an operator; never reused.
    OperatorTokenId
);
id!(
    /// Number of an entry of the audit log, from 1 without a gap.
    AuditId
);
id!(
    /// Number of a change of a setting: later changes have greater ones.
    SettingChangeId
);
id!(
    /// Row id of a job; never reused.
    JobId
);
id!(
    /// Id of an event: later events have greater ones.
    EventId
);
id!(
    /// Row id of a webhook; never reused.
    WebhookId
);
id!(
    /// Row id of a delivery to a webhook; never reused.
    DeliveryId
);
id!(
    /// Row id of an entry of a recognition log; never reused.
    RecognitionEntryId
);
snowflake!(
    /// Public id of a person: 19 digits, unique over all libraries.
    PublicId
);
snowflake!(
    /// Id of a face in links to its picture: 19 digits, unique over all faces.
    FileId
);
snowflake!(
    /// Id of an outbox record: 19 digits. The records of a library are replayed in ascending order.
    OutboxId
);
snowflake!(
    /// Id of a logged call: 19 digits.
    TraceId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_written_form_is_parsed() {
        assert_eq!(PublicId::parse("1242738459120549888"), Some(PublicId::new(1_242_738_459_120_549_888)));
        assert_eq!(PublicId::parse("-5"), Some(PublicId::new(-5)));
        for text in ["", "+5", "05", " 5", "5 ", "5.0", "9223372036854775808", "x"] {
            assert_eq!(PublicId::parse(text), None, "{text}");
        }
    }
}
