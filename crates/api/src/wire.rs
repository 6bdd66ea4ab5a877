//! Request and response bodies, shared with the command line.

use std::num::NonZeroU32;

use aicp_platform::{KeyInfo, KeyOptions, LibraryThreshold};
use aicp_types::UnixMillis;
use serde::{Deserialize, Serialize};

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

fn rfc3339(time: UnixMillis) -> String {
    time.timestamp().to_string()
}
