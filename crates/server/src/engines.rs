//! The engines that the settings name.

use std::sync::Arc;

use aicp_backends::Builtin;
use aicp_engines::{EngineSettings, RemoteEngine};
use aicp_platform::{BUILTIN, Engines};

use crate::{Error, Result};

/// Checks what no single section can: that each engine can be created, and that the default one exists.
///
/// # Errors
/// [`Error::Config`] with the name of the wrong setting.
pub(crate) fn check(settings: &EngineSettings) -> Result<()> {
    let engines = remote(settings)?;
    let default = settings.default.as_str();
    let is_known = default == BUILTIN || engines.iter().any(|engine| engine.name() == default);
    if is_known { Ok(()) } else { Err(Error::Config("engines.default must name an engine with a url".to_owned())) }
}

/// Creates the engines.
///
/// # Errors
/// [`Error::Config`], [`Error::Platform`].
pub(crate) fn open(settings: &EngineSettings, builtin: Builtin) -> Result<Engines> {
    Ok(Engines::new(builtin, remote(settings)?, &settings.default)?)
}

fn remote(settings: &EngineSettings) -> Result<Vec<Arc<dyn RemoteEngine>>> {
    let wrong = |name: &'static str| move |e: aicp_engines::Error| Error::Config(format!("engines.{name}: {e}"));
    let koala = settings.koala.engine().map_err(wrong("koala"))?;
    let cloudwalk = settings.cloudwalk.engine().map_err(wrong("cloudwalk"))?;
    let koala = koala.map(|engine| Arc::new(engine) as Arc<dyn RemoteEngine>);
    let cloudwalk = cloudwalk.map(|engine| Arc::new(engine) as Arc<dyn RemoteEngine>);
    Ok(koala.into_iter().chain(cloudwalk).collect())
}
