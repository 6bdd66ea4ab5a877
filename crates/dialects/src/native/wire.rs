//! Request and response bodies, shared with the command line.

use std::num::NonZeroU32;

use aicp_platform::{KeyInfo, KeyOptions, KeyScheme, LibraryThreshold, NewKey};
use aicp_types::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::{jdcloud, linkvisual, tencent_im};

/// An app.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownApp {
    /// Id of the app.
    pub app_id: String,
}

/// List of all apps.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownApps {
    /// Apps in order of creation.
    pub apps: Vec<ShownApp>,
}

impl ShownApps {
    /// Creates the list from app ids.
    pub fn new(ids: Vec<String>) -> Self {
        Self { apps: ids.into_iter().map(|app_id| ShownApp { app_id }).collect() }
    }
}

/// A key without its secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names are those of KeyInfo and KeyOptions")]
pub struct ShownKey {
    pub id: String,
    pub kind: String,
    pub allow_md5: bool,
    pub allow_replay: bool,
    pub calls_per_second: Option<NonZeroU32>,
    pub calls_per_day: Option<u64>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub revoked_at: Option<String>,
}

/// List of an app's keys.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownKeys {
    /// Keys in order of creation.
    pub keys: Vec<ShownKey>,
}

impl ShownKeys {
    /// Redacted view of the keys, safe to show.
    pub fn new(keys: Vec<KeyInfo>) -> Self {
        let keys = keys.into_iter().map(|key| {
            let KeyOptions { allow_md5, allow_replay, calls_per_second, calls_per_day } = key.options;
            ShownKey {
                id: key.id,
                kind: key.kind,
                allow_md5,
                allow_replay,
                calls_per_second,
                calls_per_day,
                created_at: rfc3339(key.created_at),
                revoked_at: key.revoked_at.map(rfc3339),
            }
        });
        Self { keys: keys.collect() }
    }
}

/// A library and its threshold.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownLibrary {
    /// External id.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Name of its engine.
    pub engine: String,
    /// Number of searchable faces; `None` if the engine does not report it.
    pub faces: Option<usize>,
    /// Default threshold of searches, 0..1.
    pub threshold: f32,
    /// Recommended threshold for this number of faces and the wanted FPIR, 0..1; `None` for a vendor's engine.
    pub recommended_threshold: Option<f32>,
}

/// List of an app's libraries.
#[derive(Debug, Serialize)]
pub struct ShownLibraries {
    /// Wanted false-positive identification rate (FPIR), 0..1: the share of strangers for whom a search may name
    /// somebody.
    pub fpir: f64,
    /// Libraries in order of creation.
    pub libraries: Vec<ShownLibrary>,
}

impl ShownLibraries {
    /// Creates the list from libraries and the wanted FPIR.
    pub fn new(fpir: f64, thresholds: Vec<LibraryThreshold>) -> Self {
        let libraries = thresholds.into_iter().map(|LibraryThreshold { library, faces, threshold, recommended }| {
            let (id, name, engine) = (library.external_id, library.name, library.engine);
            ShownLibrary { id, name, engine, faces, threshold, recommended_threshold: recommended }
        });
        Self { fpir, libraries: libraries.collect() }
    }
}

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

fn rfc3339(time: UnixMillis) -> String {
    time.timestamp().to_string()
}
