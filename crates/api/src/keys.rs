//! Lists of apps and keys, shared with the command line.

use std::num::NonZeroU32;

use aicp_platform::{KeyInfo, KeyOptions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::times::rfc3339;

/// An app.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownApp {
    /// Id of the app.
    pub app_id: String,
}

/// List of all apps.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names are those of KeyInfo and KeyOptions")]
pub struct ShownKey {
    pub id: String,
    pub kind: String,
    pub allow_md5: bool,
    pub allow_replay: bool,
    #[schema(value_type = Option<u64>)]
    pub calls_per_second: Option<NonZeroU32>,
    pub calls_per_day: Option<u64>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub revoked_at: Option<String>,
}

/// List of an app's keys.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
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
