//! Which engine does the biometrics of a library.

use std::sync::Arc;

use aicp_engines::{Builtin, Engine, LibraryRef};
use aicp_store::Algorithm;

use crate::{App, Error, Library, Platform, Result};

/// Name of the engine that runs in this process, as a library stores it.
pub const BUILTIN: &str = "builtin";

/// The engines that libraries can name.
pub struct Engines {
    builtin: Builtin,
    all: Vec<Arc<dyn Engine>>,
    default: usize,
}

impl Engines {
    /// The engine of this process and those behind the network. New libraries and calls without a library go to
    /// `default`.
    ///
    /// # Errors
    /// [`Error::NoEngine`] if none is named so.
    pub fn new(builtin: Builtin, remote: Vec<Arc<dyn Engine>>, default: &str) -> Result<Self> {
        let here: Arc<dyn Engine> = Arc::new(builtin.clone());
        let all: Vec<_> = std::iter::once(here).chain(remote).collect();
        let default = all.iter().position(|engine| engine.name() == default).ok_or(Error::NoEngine)?;
        Ok(Self { builtin, all, default })
    }

    pub(crate) fn builtin(&self) -> &Builtin {
        &self.builtin
    }

    /// What the engine of this process makes templates with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        let algorithm = self.builtin.algorithm();
        Algorithm {
            name: algorithm.name.clone(),
            provider: algorithm.provider.clone(),
            version: algorithm.version.clone(),
        }
    }

    pub(crate) fn default(&self) -> &Arc<dyn Engine> {
        &self.all[self.default]
    }

    pub(crate) fn named(&self, name: &str) -> Result<&Arc<dyn Engine>> {
        self.all.iter().find(|engine| engine.name() == name).ok_or(Error::NoEngine)
    }

    /// Those behind the network.
    pub(crate) fn remote(&self) -> &[Arc<dyn Engine>] {
        &self.all[1..]
    }
}

impl From<Builtin> for Engines {
    /// The engine of this process alone.
    fn from(builtin: Builtin) -> Self {
        Self { all: vec![Arc::new(builtin.clone())], builtin, default: 0 }
    }
}

impl Platform {
    /// The engine of a library.
    pub(crate) fn engine_of(&self, app: &App, library: &Library) -> Result<&Arc<dyn Engine>> {
        let engine = self.inner.engines.named(&library.engine)?;
        app.note_engine(engine.name());
        Ok(engine)
    }

    /// Notes that a call is about a library's engine, before anything else of the call notes another one.
    ///
    /// # Errors
    /// [`Error::NoEngine`] if it is not configured.
    pub fn note_engine_of(&self, app: &App, library: &Library) -> Result<()> {
        self.engine_of(app, library).map(drop)
    }

    /// The engine of a call that is about no library.
    pub(crate) fn default_engine(&self, app: &App) -> &Arc<dyn Engine> {
        let engine = self.inner.engines.default();
        app.note_engine(engine.name());
        engine
    }

    /// Name of the engine of calls that were refused before they chose one.
    pub fn default_engine_name(&self) -> &str {
        self.inner.engines.default().name()
    }
}

/// A library as its engine knows it.
pub(crate) fn library_ref(library: &Library) -> LibraryRef {
    LibraryRef {
        row: library.id,
        engine_id: library.engine_key.clone(),
        name: library.name.clone(),
        description: library.description.clone(),
    }
}
