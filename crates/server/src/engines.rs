//! The engines that the settings name.

use std::sync::Arc;

use aicp_backends::Builtin;
use aicp_engines::{EngineSettings, RemoteEngine, ReplaceableEngine};
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

/// Checks settings that are to replace others while the engines are used: there must be the same engines.
///
/// # Errors
/// [`Error::Config`] with the name of the wrong setting.
pub(crate) fn check_replaceable(settings: &EngineSettings, base: &EngineSettings) -> Result<()> {
    check(settings)?;
    let is_used = |url: &Option<String>| url.as_ref().is_some_and(|url| !url.is_empty());
    let urls = |settings: &EngineSettings| [is_used(&settings.koala.url), is_used(&settings.cloudwalk.url)];
    if urls(settings) == urls(base) {
        return Ok(());
    }
    Err(Error::Config("an engine is added or left out with a restart only".to_owned()))
}

/// Whether the settings of the engines differ.
pub(crate) fn differ(a: &EngineSettings, b: &EngineSettings) -> bool {
    // Secrets are masked; they change with a restart only.
    format!("{a:?}") != format!("{b:?}")
}

/// Creates the engines, and returns the remote ones also by themselves, for [`replace`].
///
/// # Errors
/// [`Error::Config`], [`Error::Platform`].
pub(crate) fn open(settings: &EngineSettings, builtin: Builtin) -> Result<(Engines, Vec<Arc<ReplaceableEngine>>)> {
    let replaceable: Vec<_> = remote(settings)?.into_iter().map(|it| Arc::new(ReplaceableEngine::new(it))).collect();
    let engines = replaceable.iter().map(|engine| Arc::clone(engine) as Arc<dyn RemoteEngine>).collect();
    Ok((Engines::new(builtin, engines, &settings.default)?, replaceable))
}

/// Replaces the clients of the engines.
pub(crate) fn replace(engines: &[Arc<ReplaceableEngine>], settings: &EngineSettings) {
    match remote(settings) {
        // Each takes the client of its name.
        Ok(clients) => clients.iter().for_each(|client| engines.iter().for_each(|it| it.replace(Arc::clone(client)))),
        // A file of certificate authorities is gone since the check.
        Err(e) => tracing::error!(error = %e, "the engines keep the settings of before"),
    }
}

fn remote(settings: &EngineSettings) -> Result<Vec<Arc<dyn RemoteEngine>>> {
    let wrong = |name: &'static str| move |e: aicp_engines::Error| Error::Config(format!("engines.{name}: {e}"));
    let koala = settings.koala.engine().map_err(wrong("koala"))?;
    let cloudwalk = settings.cloudwalk.engine().map_err(wrong("cloudwalk"))?;
    let koala = koala.map(|engine| Arc::new(engine) as Arc<dyn RemoteEngine>);
    let cloudwalk = cloudwalk.map(|engine| Arc::new(engine) as Arc<dyn RemoteEngine>);
    Ok(koala.into_iter().chain(cloudwalk).collect())
}
