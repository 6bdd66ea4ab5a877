//! Implementations of the commands.

pub(crate) mod app;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod detect;
pub(crate) mod import;
pub(crate) mod models;
pub(crate) mod serve;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aicp_backends::{Builtin, LocalIndex};
use aicp_platform::{Platform, Settings};
use aicp_store::Store;
use aicp_types::SystemClock;
use aicp_vision::{
    Biometrics, FaceModels, Inference, ModelPaths, Picture, PoolSize, RuntimeInfo, StartingPool, Vision,
};
use tokio::runtime::{Builder, Runtime};
use tracing::info;

use crate::config::Config;
use crate::{Error, Result, data_dir};

/// Starts inference as configured, and waits until the networks are loaded.
fn start_vision(config: &Config, workers: Option<NonZeroUsize>) -> Result<Vision> {
    wait_for_vision(begin_vision(config, workers)?)
}

/// Starts loading the networks.
fn begin_vision(config: &Config, workers: Option<NonZeroUsize>) -> Result<StartingPool> {
    let defaults = PoolSize::for_this_machine();
    let workers = workers.or(NonZeroUsize::new(config.vision.workers)).unwrap_or(defaults.workers);
    let queue = NonZeroUsize::new(config.vision.queue).unwrap_or(defaults.queue);
    Ok(Vision::begin(&model_paths(config), PoolSize { workers, queue }, inference(config))?)
}

fn wait_for_vision(starting: StartingPool) -> Result<Vision> {
    let vision = starting.wait()?;
    let RuntimeInfo { name, version, precision, not_openvino } = vision.runtime();
    let version = version.as_deref().unwrap_or("of unknown version");
    let but = not_openvino.as_ref().map(|reason| format!("; not on OpenVINO: {reason}")).unwrap_or_default();
    info!("networks run on {name} {version} in {precision}{but}");
    Ok(vision)
}

fn model_paths(config: &Config) -> ModelPaths {
    ModelPaths { folder: config.models_dir.clone(), runtime: config.ort_lib.clone() }
}

fn inference(config: &Config) -> Inference {
    Inference { runtime: config.vision.runtime, precision: config.vision.precision }
}

/// Opens the platform on the data folder.
async fn open_platform(config: &Config, vision: Vision, admin_token: &str) -> Result<Platform> {
    let key = data_dir::master_key(config)?;
    let settings = Settings {
        threshold: config.recognition.threshold,
        top_n: config.recognition.top_n,
        fpir: config.recognition.fpir,
        gate: config.recognition.gate.into(),
        app_gates: config.recognition.app_gates.iter().map(|(app, gate)| (app.clone(), (*gate).into())).collect(),
        quality_threshold: config.quality.threshold,
        legacy_app: config.legacy.app_id.clone(),
        anonymous: config.is_anonymous(),
        capabilities: config.capabilities()?,
        zone: config.zone()?,
        retention_days: config.statistics.retention_days,
        max_call_rows: config.statistics.max_rows,
        auto_replay: config.outbox.auto_replay,
        outbox_interval: Duration::from_secs(config.outbox.interval_s.into()),
        login_liveness: config.console.login_liveness.into(),
        login_attempts: config.console.attempts_per_minute,
        max_users: config.console.max_users,
        max_libraries: config.face_api.max_groups,
        max_faces_a_user: config.face_api.max_faces_per_user,
        friend_requests: config.tencent_im.allow_type.into(),
        fetch: config.fetch.limits()?,
    };
    let no_index = |e| aicp_platform::Error::from(aicp_backends::Error::from(e));
    let index = LocalIndex::start(vision.dimensions()).map_err(no_index)?;
    let builtin = Builtin::new(Arc::new(vision), Arc::new(index));
    let engines = config.engines.open(builtin)?;
    let store = open_store(config).await?;
    Ok(Platform::open(store, engines, &key, admin_token, settings, Arc::new(SystemClock)).await?)
}

/// Opens the store of the data folder.
async fn open_store(config: &Config) -> Result<Store> {
    let opened = aicp_store_sqlite::open(&config.data_dir, Arc::new(SystemClock)).await;
    opened.map_err(|source| {
        let is_database_error = source.is_database_error();
        let source = aicp_platform::Error::from(source);
        match is_database_error {
            true => Error::Database { path: config.data_dir.join(data_dir::DATABASE), source },
            false => source.into(),
        }
    })
}

fn async_runtime() -> Result<Runtime> {
    Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)
}

/// Decodes a picture file and runs `job` on it, on one worker.
fn on_picture<T: Send + 'static>(
    vision: &Vision,
    path: &Path,
    job: impl FnOnce(&mut FaceModels, Picture) -> aicp_vision::Result<T> + Send + 'static,
) -> Result<T> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    async_runtime()?
        .block_on(vision.run(move |models| job(models, Picture::decode(&bytes)?)))
        .map_err(|source| Error::Picture { path: path.to_owned(), source })
}
