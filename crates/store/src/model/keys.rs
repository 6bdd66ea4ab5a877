//! Keys that clients of other interfaces sign with.

use std::fmt;

use aicp_types::{KeyId, UnixMillis};

use super::Withheld;

/// A key to make. `Debug` leaves out the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The app that owns it.
    pub app_id: String,
    /// Which interface it is for; opaque here.
    pub kind: String,
    /// What the client sends; unique over all keys of the kind.
    pub name: String,
    /// The secret, sealed by the caller; opaque here.
    pub secret_sealed: Vec<u8>,
    /// Whether MD5 signatures are taken.
    pub allow_md5: bool,
    /// Whether a signed request may be sent again.
    pub allow_replay: bool,
    /// Calls in a second; none: any number.
    pub calls_per_second: Option<u32>,
    /// Calls in a day; none: any number.
    pub calls_per_day: Option<u64>,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app_id, kind, name, secret_sealed: _, allow_md5, allow_replay, .. } = self;
        f.debug_struct("NewKey")
            .field("app_id", app_id)
            .field("kind", kind)
            .field("name", name)
            .field("secret_sealed", &Withheld)
            .field("allow_md5", allow_md5)
            .field("allow_replay", allow_replay)
            .field("calls_per_second", &self.calls_per_second)
            .field("calls_per_day", &self.calls_per_day)
            .field("created_at", &self.created_at)
            .finish()
    }
}

/// A key, as it comes from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Row id; never reused.
    pub id: KeyId,
    /// What it was made as.
    pub made: NewKey,
    /// When it was revoked, in milliseconds since the epoch.
    pub revoked_at: Option<UnixMillis>,
    /// What was counted of its calls last.
    pub usage: KeyUsage,
}

/// Calls made with a key on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// Days since 1970-01-01, in whatever zone the caller counts by.
    pub day: i64,
    /// Calls on that day.
    pub calls: i64,
}

/// Something a client signed with that must not be taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedSignature {
    /// Row id of the key.
    pub key_id: KeyId,
    /// What names it; the caller sees to it that two different ones have different digests.
    pub digest: [u8; 16],
    /// Milliseconds since the epoch; from then on it may be forgotten.
    pub expires_at: UnixMillis,
}
