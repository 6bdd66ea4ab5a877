//! Settings of the engines.

use std::sync::Arc;
use std::time::Duration;

use aicp_backends::Builtin;
use aicp_engines::{Cloudwalk, CloudwalkSettings, Koala, KoalaPaths, KoalaSettings, RemoteEngine, RemoteSettings};
use aicp_platform::BUILTIN;
use serde::{Deserialize, Serialize};

use crate::config::Secret;
use crate::{Error, Result};

/// Biometric engines.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engines {
    /// Engine of new libraries that name none, and of calls without a library.
    pub default: String,
    /// Connection to a 考拉悠然 server.
    pub koala: KoalaConfig,
    /// Connection to a 云从 server.
    pub cloudwalk: CloudwalkConfig,
}

impl Default for Engines {
    fn default() -> Self {
        Self { default: BUILTIN.to_owned(), koala: KoalaConfig::default(), cloudwalk: CloudwalkConfig::default() }
    }
}

/// Connection settings and error codes of a remote engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Remote {
    /// Connection timeout in milliseconds.
    pub connect_timeout_ms: u64,
    /// Timeout of a call in milliseconds.
    pub timeout_ms: u64,
    /// Maximum number of retries of a call that may be repeated.
    pub retries: u32,
    /// Maximum number of concurrent calls.
    pub concurrency: usize,
    /// Circuit breaker: number of consecutive calls without an answer after which it opens.
    pub breaker_failures: u32,
    /// Milliseconds for which the circuit breaker stays open.
    pub breaker_pause_ms: u64,
    /// Similarity above which two faces match, 0..1 on the engine's own scale. Unset: the general threshold.
    pub threshold: Option<f32>,
    /// Vendor codes meaning "the picture can't be decoded or shows no face".
    pub bad_picture_codes: Vec<i64>,
    /// Vendor codes meaning "library not found".
    pub library_missing_codes: Vec<i64>,
    /// Vendor codes meaning "library exists already".
    pub library_exists_codes: Vec<i64>,
    /// Vendor codes meaning "face not found".
    pub face_missing_codes: Vec<i64>,
}

impl Default for Remote {
    fn default() -> Self {
        let RemoteSettings { connect_timeout, timeout, retries, concurrency, breaker_failures, breaker_pause, .. } =
            RemoteSettings::new("");
        let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let KoalaSettings {
            bad_picture_codes, library_missing_codes, library_exists_codes, face_missing_codes, ..
        } = KoalaSettings::new("");
        Self {
            connect_timeout_ms: milliseconds(connect_timeout),
            timeout_ms: milliseconds(timeout),
            retries,
            concurrency,
            breaker_failures,
            breaker_pause_ms: milliseconds(breaker_pause),
            threshold: None,
            bad_picture_codes,
            library_missing_codes,
            library_exists_codes,
            face_missing_codes,
        }
    }
}

impl Remote {
    fn settings(&self, url: &str) -> RemoteSettings {
        RemoteSettings {
            url: url.to_owned(),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            timeout: Duration::from_millis(self.timeout_ms),
            retries: self.retries,
            concurrency: self.concurrency,
            breaker_failures: self.breaker_failures,
            breaker_pause: Duration::from_millis(self.breaker_pause_ms),
        }
    }
}

/// Settings of a 考拉悠然 server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KoalaConfig {
    /// Base address, such as `http://127.0.0.1:39081/`. Unset: the engine is not used.
    pub url: Option<String>,
    /// Connection settings and error codes.
    pub remote: Remote,
    /// Paths of its operations.
    pub paths: KoalaPaths,
}

/// Settings of a 云从 server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CloudwalkConfig {
    /// Base address, such as `http://127.0.0.1:7000/`. Unset: the engine is not used.
    pub url: Option<String>,
    /// Connection settings and error codes.
    pub remote: Remote,
    /// `app_id` of every call, if the server requires one.
    pub app_id: Option<String>,
    /// `app_secret` of every call, if the server requires one.
    pub app_secret: Option<Secret>,
    /// Key of the quality score in the server's answers.
    pub quality_key: String,
}

impl Default for CloudwalkConfig {
    fn default() -> Self {
        let quality_key = CloudwalkSettings::new("").quality_key;
        Self { url: None, remote: Remote::default(), app_id: None, app_secret: None, quality_key }
    }
}

impl Engines {
    /// Validates the settings.
    ///
    /// # Errors
    /// [`Error::Config`] with the name of the wrong setting.
    pub fn check(&self) -> Result<()> {
        for (name, remote) in [("koala", &self.koala.remote), ("cloudwalk", &self.cloudwalk.remote)] {
            let wrong = |what: &str| Err(Error::Config(format!("engines.{name}.remote.{what}")));
            if remote.threshold.is_some_and(|threshold| !(0.0..=1.0).contains(&threshold)) {
                return wrong("threshold must be in 0..1");
            }
            if remote.connect_timeout_ms == 0 || remote.timeout_ms <= remote.connect_timeout_ms {
                return wrong("timeout_ms must be more than connect_timeout_ms, and that more than 0");
            }
            if remote.concurrency == 0 || remote.breaker_failures == 0 {
                return wrong("concurrency and breaker_failures must be 1 or more");
            }
        }
        let engines = self.remote()?;
        let is_known = self.default == BUILTIN || engines.iter().any(|engine| engine.name() == self.default);
        if is_known { Ok(()) } else { Err(Error::Config("engines.default must name an engine with a url".to_owned())) }
    }

    /// Creates the engines.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Platform`].
    pub fn open(&self, builtin: Builtin) -> Result<aicp_platform::Engines> {
        Ok(aicp_platform::Engines::new(builtin, self.remote()?, &self.default)?)
    }

    fn remote(&self) -> Result<Vec<Arc<dyn RemoteEngine>>> {
        let mut engines: Vec<Arc<dyn RemoteEngine>> = Vec::new();
        let wrong = |name: &'static str| move |e: aicp_engines::Error| Error::Config(format!("engines.{name}: {e}"));
        if let Some(url) = self.koala.url.as_ref().filter(|url| !url.is_empty()) {
            let remote = &self.koala.remote;
            let koala = Koala::new(KoalaSettings {
                remote: remote.settings(url),
                threshold: remote.threshold,
                paths: self.koala.paths.clone(),
                bad_picture_codes: remote.bad_picture_codes.clone(),
                library_missing_codes: remote.library_missing_codes.clone(),
                library_exists_codes: remote.library_exists_codes.clone(),
                face_missing_codes: remote.face_missing_codes.clone(),
            });
            engines.push(Arc::new(koala.map_err(wrong("koala"))?));
        }
        if let Some(url) = self.cloudwalk.url.as_ref().filter(|url| !url.is_empty()) {
            let remote = &self.cloudwalk.remote;
            let cloudwalk = Cloudwalk::new(CloudwalkSettings {
                remote: remote.settings(url),
                threshold: remote.threshold,
                app_id: self.cloudwalk.app_id.clone(),
                app_secret: self.cloudwalk.app_secret.as_ref().map(|secret| secret.reveal().to_owned()),
                quality_key: self.cloudwalk.quality_key.clone(),
                bad_picture_codes: remote.bad_picture_codes.clone(),
                library_missing_codes: remote.library_missing_codes.clone(),
                library_exists_codes: remote.library_exists_codes.clone(),
                face_missing_codes: remote.face_missing_codes.clone(),
            });
            engines.push(Arc::new(cloudwalk.map_err(wrong("cloudwalk"))?));
        }
        Ok(engines)
    }
}
