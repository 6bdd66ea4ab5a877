//! What goes in and out, as the command line has it too.

use std::num::NonZeroU32;

use aicp_platform::{KeyInfo, KeyKind, KeyOptions, LibraryThreshold, NewKey};
use aicp_types::UnixMillis;
use serde::{Deserialize, Serialize};

/// An app.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownApp {
    /// Its id.
    pub app_id: String,
}

/// Every app.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownApps {
    /// In the order in which they were made.
    pub apps: Vec<ShownApp>,
}

impl ShownApps {
    /// The apps of these ids.
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

/// The keys of an app.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownKeys {
    /// In the order in which they were made.
    pub keys: Vec<ShownKey>,
}

impl ShownKeys {
    /// What may be shown of these keys.
    pub fn new(keys: Vec<KeyInfo>) -> Self {
        let keys = keys.into_iter().map(|key| {
            let KeyOptions { allow_md5, allow_replay, calls_per_second, calls_per_day } = key.options;
            ShownKey {
                id: key.id,
                kind: key.kind.name().to_owned(),
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
    /// The app's own name for it.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Name of its engine.
    pub engine: String,
    /// Faces that may be found; `None` if its engine does not tell.
    pub faces: Option<usize>,
    /// Threshold of a search that names none, 0..1.
    pub threshold: f32,
    /// Threshold that goes with so many faces and the wanted share of strangers, 0..1; `None` for a vendor's engine.
    pub recommended_threshold: Option<f32>,
}

/// The libraries of an app.
#[derive(Debug, Serialize)]
pub struct ShownLibraries {
    /// Share of strangers that a search is meant to name at most.
    pub fpir: f64,
    /// In the order in which they were made.
    pub libraries: Vec<ShownLibrary>,
}

impl ShownLibraries {
    /// What is shown of these.
    pub fn new(fpir: f64, thresholds: Vec<LibraryThreshold>) -> Self {
        let libraries = thresholds.into_iter().map(|LibraryThreshold { library, faces, threshold, recommended }| {
            let (id, name, engine) = (library.external_id, library.name, library.engine);
            ShownLibrary { id, name, engine, faces, threshold, recommended_threshold: recommended }
        });
        Self { fpir, libraries: libraries.collect() }
    }
}

/// What a key is to be.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are those of KeyOptions")]
pub struct WantedKey {
    /// Name of a [`KeyKind`].
    pub kind: String,
    #[serde(default)]
    pub allow_md5: bool,
    #[serde(default)]
    pub allow_replay: bool,
    pub calls_per_second: Option<NonZeroU32>,
    pub calls_per_day: Option<u64>,
}

impl WantedKey {
    /// Kind and options, if they go together.
    ///
    /// # Errors
    /// What is wrong, for who asked.
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

/// A key with its secret, under the names of its vendor. Not `Debug`, as a secret belongs into no log.
#[derive(Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names are the vendors'")]
pub enum MadeKey {
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

impl MadeKey {
    /// A new key of a kind.
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
