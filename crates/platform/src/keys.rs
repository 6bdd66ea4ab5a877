//! Keys that apps own, for clients of interfaces that sign their requests instead of sending a token.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::apps::{App, TokenError};
use crate::{Platform, Result};

/// Which interface a key is for. It opens no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// JD Cloud: access key and secret key.
    JdCloud,
    /// Alibaba Cloud: access key id and access key secret.
    Alibaba,
    /// Tencent IM: `sdkappid` and key.
    TencentIm,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::JdCloud, Self::Alibaba, Self::TencentIm];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::JdCloud => "jdcloud",
            Self::Alibaba => "alibaba",
            Self::TencentIm => "tencent-im",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What a key may do beside the usual, and how often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyOptions {
    /// Whether MD5 signatures, which bind neither path nor body, are taken; JD Cloud alone knows them.
    pub allow_md5: bool,
    /// Whether a signed request may be sent again.
    pub allow_replay: bool,
    /// Calls in a second; none: any number.
    pub calls_per_second: Option<NonZeroU32>,
    /// Calls in a day of the statistics' zone; none: any number.
    pub calls_per_day: Option<u64>,
}

/// A key just made. The secret is shown this once. Not `Debug`, as a secret belongs into no log.
#[derive(Clone)]
pub struct NewKey {
    /// What a client sends.
    pub id: String,
    /// What a client signs with.
    pub secret: String,
}

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// What a client sends.
    pub id: String,
    /// Which interface it is for.
    pub kind: KeyKind,
    /// What it may do.
    pub options: KeyOptions,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
    /// When it was revoked, if it was.
    pub revoked_ms: Option<i64>,
}

/// A key to check signatures with. Not `Debug`, as a secret belongs into no log.
pub struct AccessKey {
    id: String,
    app_id: String,
    secret: String,
    options: KeyOptions,
    is_revoked: bool,
}

impl AccessKey {
    /// What a client sends.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The app that owns it.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// What a client signs with.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What it may do.
    pub fn options(&self) -> KeyOptions {
        self.options
    }

    /// Whether it was revoked: it opens nothing any more.
    pub fn is_revoked(&self) -> bool {
        self.is_revoked
    }
}

/// Why a call with a good key is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// Too many calls in this second.
    #[error("too many calls in a second")]
    Second,
    /// Too many calls today.
    #[error("too many calls in a day")]
    Day,
}

impl Platform {
    /// Makes a key for an app; the app too, if there is none of this id.
    ///
    /// The calls of an app that was granted something are bound by its grant; those of one that never was are not; of
    /// one whose grant was revoked none is made.
    ///
    /// # Errors
    /// [`crate::Error::BadAppId`], [`crate::Error::Store`].
    pub async fn make_key(&self, app_id: &str, kind: KeyKind, options: KeyOptions) -> Result<NewKey> {
        todo!("{app_id} {kind:?} {options:?}")
    }

    /// The keys of an app, revoked ones too, in the order in which they were made.
    ///
    /// # Errors
    /// [`crate::Error::NoApp`].
    pub async fn keys(&self, app_id: &str) -> Result<Vec<KeyInfo>> {
        todo!("{app_id}")
    }

    /// Revokes a key of an app: it opens nothing from now on. One that is revoked is fine.
    ///
    /// # Errors
    /// [`crate::Error::NoApp`], [`crate::Error::NoKey`].
    pub async fn revoke_key(&self, app_id: &str, id: &str) -> Result<()> {
        todo!("{app_id} {id}")
    }

    /// The key that a client names, revoked ones too.
    pub fn access_key(&self, kind: KeyKind, id: &str) -> Option<Arc<AccessKey>> {
        todo!("{kind:?} {id}")
    }

    /// The app that a key acts for, once the signature is checked. What it may do is to be asked with
    /// [`App::require`].
    ///
    /// # Errors
    /// [`TokenError::Unknown`] if the key or the app's grant was revoked, [`TokenError::Expired`] if the grant's time is
    /// over.
    pub fn app_of_key(&self, key: &AccessKey) -> Result<App, TokenError> {
        todo!("{}", key.id)
    }

    /// Whether a key is used with this text (a nonce, a signature) for the first time, as far as the last `keep` goes;
    /// remembers that it was. To be asked only after the signature was checked.
    pub fn is_first_use(&self, key: &AccessKey, text: &str, keep: Duration) -> bool {
        todo!("{} {text} {keep:?}", key.id)
    }

    /// Counts a call made with a key, if it may be made.
    ///
    /// # Errors
    /// [`QuotaError`].
    pub fn count_call(&self, key: &AccessKey) -> Result<(), QuotaError> {
        todo!("{}", key.id)
    }

    /// How many calls a key may still make today; none: any number.
    pub fn calls_left(&self, key: &AccessKey) -> Option<u64> {
        todo!("{}", key.id)
    }

    /// Whether an app may make one more call of this name now, at so many in a second; counts it if so.
    pub fn is_within_rate(&self, app: &App, call: &'static str, per_second: NonZeroU32) -> bool {
        let _: HashMap<(), ()> = HashMap::new();
        todo!("{} {call} {per_second}", app.id())
    }
}
