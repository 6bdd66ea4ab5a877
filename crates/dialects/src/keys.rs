//! Keys that sign requests of a dialect: their kinds, a request for a new one, and a new one with its secret.

use std::num::NonZeroU32;

use aicp_platform::{KeyOptions, KeyScheme, NewKey};
use serde::{Deserialize, Serialize};

use crate::{jdcloud, linkvisual, tencent_im};

/// Interface whose requests are signed with keys of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// JD Cloud: access key and secret key.
    JdCloud,
    /// Alibaba Cloud: access key id and access key secret.
    Alibaba,
    /// Tencent IM: `sdkappid` and key.
    TencentIm,
}

impl KeyKind {
    const ALL: [Self; 3] = [Self::JdCloud, Self::Alibaba, Self::TencentIm];

    /// Returns name and shape of the keys.
    pub fn scheme(self) -> &'static KeyScheme {
        match self {
            Self::JdCloud => &jdcloud::KEYS,
            Self::Alibaba => &linkvisual::KEYS,
            Self::TencentIm => &tencent_im::KEYS,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.scheme().name == name)
    }
}

/// Request for a new key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are those of KeyOptions")]
pub struct KeyRequest {
    /// Name of a [`KeyKind`].
    pub kind: String,
    #[serde(default)]
    pub allow_md5: bool,
    #[serde(default)]
    pub allow_replay: bool,
    pub calls_per_second: Option<NonZeroU32>,
    pub calls_per_day: Option<u64>,
}

impl KeyRequest {
    /// Returns kind and options if they are compatible.
    ///
    /// # Errors
    /// Returns a message for the caller if the kind is unknown or an option does not go with it.
    pub fn check(&self) -> Result<(KeyKind, KeyOptions), &'static str> {
        let kind = KeyKind::named(&self.kind).ok_or("kind must be jdcloud, alibaba or tencent-im")?;
        if self.allow_md5 && kind != KeyKind::JdCloud {
            return Err("allowMd5 is for jdcloud keys alone");
        }
        if self.allow_replay && kind == KeyKind::TencentIm {
            return Err("allowReplay is not for tencent-im keys: a UserSig is sent again by its nature");
        }
        let options = KeyOptions {
            allow_md5: self.allow_md5,
            allow_replay: self.allow_replay,
            calls_per_second: self.calls_per_second,
            calls_per_day: self.calls_per_day,
        };
        Ok((kind, options))
    }
}

/// New key with its secret, under the names of its vendor. Not `Debug`, so that the secret can't get into a log.
#[derive(Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names are the vendors'")]
pub enum CreatedKey {
    #[serde(rename_all = "camelCase")]
    JdCloud {
        access_key: String,
        secret_key: String,
    },
    #[serde(rename_all = "camelCase")]
    Alibaba {
        access_key_id: String,
        access_key_secret: String,
    },
    TencentIm {
        sdkappid: u32,
        key: String,
    },
}

impl CreatedKey {
    /// Wraps a new key of a kind.
    pub fn new(kind: KeyKind, NewKey { id, secret }: NewKey) -> Self {
        match kind {
            KeyKind::JdCloud => Self::JdCloud { access_key: id, secret_key: secret },
            KeyKind::Alibaba => Self::Alibaba { access_key_id: id, access_key_secret: secret },
            KeyKind::TencentIm => Self::TencentIm { sdkappid: id.parse().unwrap_or_default(), key: secret },
        }
    }
}
