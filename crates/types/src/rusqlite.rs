//! Storage of ids and times in SQLite, as integers.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

macro_rules! integer {
    ($($name:ident),+ $(,)?) => {$(
        impl FromSql for crate::$name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value.as_i64().map(Self::new)
            }
        }

        impl ToSql for crate::$name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.get().into())
            }
        }
    )+};
}

integer!(
    AccountId,
    ConsoleUserId,
    DeviceId,
    FaceId,
    FileId,
    FriendGroupId,
    GroupId,
    KeyId,
    LibraryId,
    OutboxId,
    PersonId,
    PublicId,
    SyncRelationId,
    TraceId,
    UnixMillis,
);
