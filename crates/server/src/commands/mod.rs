//! Implementations of the commands.

pub(crate) mod about;
pub(crate) mod app;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod cert;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod detect;
pub(crate) mod export;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod models;
pub(crate) mod secrets;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod store;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use aicp_backends::{Builtin, LocalIndex};
use aicp_platform::{LiveSettings, Platform, stored_settings};
use aicp_store::Store;
use aicp_types::SystemClock;
use aicp_vision::{Biometrics, FaceModels, ModelPaths, Picture, RuntimeInfo, StartingPool, Vision};
use tokio::runtime::{Builder, Runtime};
use tracing::info;

use crate::config::{Config, Live};
use crate::data_dir::AdminToken;
use crate::database::{self, of_sqlite};
use crate::{Error, Result, data_dir, engines, templates};

/// Starts inference as configured, and waits until the networks are loaded.
fn start_vision(config: &Config, workers: Option<NonZeroUsize>) -> Result<Vision> {
    wait_for_vision(begin_vision(config, workers)?)
}

/// Starts loading the networks.
fn begin_vision(config: &Config, workers: Option<NonZeroUsize>) -> Result<StartingPool> {
    let mut size = config.vision.pool_size();
    if let Some(workers) = workers {
        size.workers = workers;
    }
    Ok(Vision::begin(&model_paths(config), size, config.vision.inference())?)
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

/// Opens the platform on the data folder. `sweeps` tells whether abandoned pictures are looked for, which is for a server.
async fn open_platform(live: &Arc<Live>, vision: Vision, admin_token: &AdminToken, sweeps: bool) -> Result<Platform> {
    let config = live.base();
    let keys = data_dir::master_keys(config)?;
    let no_index = |e| aicp_platform::Error::from(aicp_backends::Error::from(e));
    let store = database::open(config).await?;
    let rotation = templates::rotation(&config.search, &vision, &store);
    let index = LocalIndex::start(vision.dimensions(), rotation).map_err(no_index)?;
    let builtin = Builtin::new(Arc::new(vision), Arc::new(index));
    let settings =
        LiveSettings::new(Arc::<Live>::clone(live), stored_settings(&store).await.map_err(of_sqlite(config))?);
    let (engines, replaceable) = engines::open(&live.load().engines, builtin)?;
    live.follow_with_engines(replaceable);
    if sweeps {
        store.keep_sweeping();
    }
    let platform = Platform::open(store, engines, keys, admin_token.hashes(), settings, Arc::new(SystemClock)).await;
    let platform = platform.map_err(of_sqlite(config))?;
    platform.keep_secrets_in(data_dir::Files::of(config));
    Ok(platform)
}

/// Opens the store of the data folder; `None` if a server has it open.
async fn open_store_unless_served(config: &Config) -> Result<Option<Store>> {
    match database::open(config).await {
        Err(Error::Platform(e)) if e.is_in_use() => Ok(None),
        opened => opened.map(Some),
    }
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
