//! Keys with which clients of other interfaces sign requests.

use std::fmt;

use aicp_types::{KeyId, UnixMillis};

use super::Redacted;

/// A key to create. `Debug` omits the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    /// App that owns the key.
    pub app_id: String,
    /// Interface that the key is for; opaque here.
    pub kind: String,
    /// Id that the client sends, unique over all keys of the kind.
    pub name: String,
    /// Secret, encrypted by the caller; opaque here.
    pub secret_sealed: Vec<u8>,
    /// Whether MD5 signatures are accepted.
    pub allow_md5: bool,
    /// Whether a signed request may be sent again.
    pub allow_replay: bool,
    /// Maximum calls per second; `None`: no limit.
    pub calls_per_second: Option<u32>,
    /// Maximum calls per day; `None`: no limit.
    pub calls_per_day: Option<u64>,
    /// When the key is created.
    pub created_at: UnixMillis,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app_id, kind, name, secret_sealed: _, allow_md5, allow_replay, .. } = self;
        f.debug_struct("NewKey")
            .field("app_id", app_id)
            .field("kind", kind)
            .field("name", name)
            .field("secret_sealed", &Redacted)
            .field("allow_md5", allow_md5)
            .field("allow_replay", allow_replay)
            .field("calls_per_second", &self.calls_per_second)
            .field("calls_per_day", &self.calls_per_day)
            .field("created_at", &self.created_at)
            .finish()
    }
}

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Row id; never reused.
    pub id: KeyId,
    /// The key as it was created.
    pub made: NewKey,
    /// When the key was revoked.
    pub revoked_at: Option<UnixMillis>,
    /// Last stored usage.
    pub usage: KeyUsage,
}

/// Number of calls with a key on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// Day, in days since 1970-01-01 in the time zone of the caller.
    pub day: i64,
    /// Calls on that day.
    pub calls: i64,
}

/// A signature that must not be accepted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedSignature {
    /// Key that signed.
    pub key_id: KeyId,
    /// Digest of the signature, which the caller computes such that different signatures have different digests.
    pub digest: [u8; 16],
    /// When the signature may be deleted.
    pub expires_at: UnixMillis,
}
