//! Apps and their keys.

use std::num::NonZeroU32;

use aicp_platform::{KeyInfo, KeyKind, KeyOptions, NewKey};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::answers::{Failure, json};
use crate::Context;
use crate::body::{BodyError, UnreadBody};

/// Bodies may have this many bytes.
const MAX_BODY: usize = 16 << 10;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AppOut {
    app_id: String,
}

pub(super) async fn apps(State(context): State<Context>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Apps {
        apps: Vec<AppOut>,
    }
    let apps = context.platform.app_ids().await?.into_iter().map(|app_id| AppOut { app_id });
    Ok(json(StatusCode::OK, &Apps { apps: apps.collect() }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyOut {
    id: String,
    kind: &'static str,
    allow_md5: bool,
    allow_replay: bool,
    calls_per_second: Option<NonZeroU32>,
    calls_per_day: Option<u64>,
    created_at: String,
    revoked_at: Option<String>,
}

impl From<KeyInfo> for KeyOut {
    fn from(key: KeyInfo) -> Self {
        let KeyOptions { allow_md5, allow_replay, calls_per_second, calls_per_day } = key.options;
        Self {
            id: key.id,
            kind: key.kind.name(),
            allow_md5,
            allow_replay,
            calls_per_second,
            calls_per_day,
            created_at: rfc3339(key.created_ms),
            revoked_at: key.revoked_ms.map(rfc3339),
        }
    }
}

pub(super) async fn list(State(context): State<Context>, Path(app_id): Path<String>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    struct Keys {
        keys: Vec<KeyOut>,
    }
    let keys = context.platform.keys(&app_id).await?.into_iter().map(KeyOut::from);
    Ok(json(StatusCode::OK, &Keys { keys: keys.collect() }))
}

/// What a key is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    kind: String,
    #[serde(default)]
    allow_md5: bool,
    #[serde(default)]
    allow_replay: bool,
    calls_per_second: Option<NonZeroU32>,
    calls_per_day: Option<u64>,
}

/// A key with its secret, under the names of its vendor.
#[derive(Serialize)]
#[serde(untagged)]
enum MadeOut {
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

impl MadeOut {
    fn new(kind: KeyKind, NewKey { id, secret }: NewKey) -> Self {
        match kind {
            KeyKind::JdCloud => Self::JdCloud { access_key: id, secret_key: secret },
            KeyKind::Alibaba => Self::Alibaba { access_key_id: id, access_key_secret: secret },
            KeyKind::TencentIm => Self::TencentIm { sdkappid: id.parse().unwrap_or_default(), key: secret },
        }
    }
}

pub(super) async fn make(
    State(context): State<Context>,
    Path(app_id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let mut body = UnreadBody::new(&parts.headers, body);
    let wanted = read(&context, &mut body).await;
    body.discard().await;
    let wanted = wanted?;
    let kind = KeyKind::named(&wanted.kind)
        .ok_or_else(|| Failure::bad_request("kind must be jdcloud, alibaba or tencent-im"))?;
    if wanted.allow_md5 && kind != KeyKind::JdCloud {
        return Err(Failure::bad_request("allowMd5 is for jdcloud keys alone"));
    }
    let options = KeyOptions {
        allow_md5: wanted.allow_md5,
        allow_replay: wanted.allow_replay,
        calls_per_second: wanted.calls_per_second,
        calls_per_day: wanted.calls_per_day,
    };
    let made = context.platform.make_key(&app_id, kind, options).await?;
    Ok(json(StatusCode::CREATED, &MadeOut::new(kind, made)))
}

async fn read(context: &Context, body: &mut UnreadBody) -> Result<Wanted, Failure> {
    let held = context.budget.read(body, MAX_BODY).await.map_err(|e| match e {
        BodyError::TooLarge => Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", "the body is too large"),
        BodyError::Broken => Failure::bad_request("the body broke off"),
        BodyError::Busy => Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "busy"),
    })?;
    serde_json::from_slice(&held.bytes).map_err(|e| Failure::bad_request(format!("the body is not as wanted: {e}")))
}

pub(super) async fn revoke(
    State(context): State<Context>,
    Path((app_id, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    context.platform.revoke_key(&app_id, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn rfc3339(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}
