//! The engines, and the choice of one for each library.

use std::sync::Arc;

pub use aicp_backends::BUILTIN;

use aicp_backends::{Builtin, Engine, LibraryRef, RemoteEngine};
use aicp_store::Algorithm;

use crate::{Caller, Library, Missing, Platform, Result};

/// The configured engines.
pub struct Engines {
    builtin: Builtin,
    remote: Vec<Arc<dyn RemoteEngine>>,
    all: Vec<Engine>,
    default: usize,
}

impl Engines {
    /// Creates the set of the built-in engine and the remote ones. New libraries and calls without a library use
    /// `default`.
    ///
    /// # Errors
    /// [`Missing::Engine`] if no engine is called `default`.
    pub fn new(builtin: Builtin, remote: Vec<Arc<dyn RemoteEngine>>, default: &str) -> Result<Self> {
        let here = Engine::Builtin(builtin.clone());
        let all: Vec<Engine> = std::iter::once(here).chain(remote.iter().cloned().map(Engine::Remote)).collect();
        let default = all.iter().position(|engine| engine.name() == default).ok_or(Missing::Engine)?;
        Ok(Self { builtin, remote, all, default })
    }

    pub(crate) fn builtin(&self) -> &Builtin {
        &self.builtin
    }

    /// Returns the algorithm of the built-in engine.
    pub(crate) fn algorithm(&self) -> Algorithm {
        let algorithm = self.builtin.algorithm();
        Algorithm {
            name: algorithm.name.clone(),
            provider: algorithm.provider.clone(),
            version: algorithm.version.clone(),
        }
    }

    pub(crate) fn default(&self) -> &Engine {
        &self.all[self.default]
    }

    pub(crate) fn named(&self, name: &str) -> Result<&Engine> {
        self.all.iter().find(|engine| engine.name() == name).ok_or(Missing::Engine.into())
    }

    /// Returns the remote engines.
    pub(crate) fn remote(&self) -> &[Arc<dyn RemoteEngine>] {
        &self.remote
    }

    /// Returns the remote engine of this name.
    pub(crate) fn remote_named(&self, name: &str) -> Result<&Arc<dyn RemoteEngine>> {
        self.remote.iter().find(|engine| engine.name() == name).ok_or(Missing::Engine.into())
    }
}

impl From<Builtin> for Engines {
    /// The built-in engine alone.
    fn from(builtin: Builtin) -> Self {
        Self { all: vec![Engine::Builtin(builtin.clone())], remote: Vec::new(), builtin, default: 0 }
    }
}

impl Platform {
    /// Returns the engine of a library and records it for the call.
    pub(crate) fn engine_of(&self, caller: &Caller, library: &Library) -> Result<&Engine> {
        let engine = self.inner.engines.named(&library.engine)?;
        caller.note_engine(engine.name());
        Ok(engine)
    }

    /// Records the engine of a library as that of the call. Must come before other engines are recorded, as the first
    /// one counts.
    ///
    /// # Errors
    /// [`Missing::Engine`] if the engine is not configured.
    pub fn note_engine_of(&self, caller: &Caller, library: &Library) -> Result<()> {
        self.engine_of(caller, library).map(drop)
    }

    /// Returns the default engine, for a call without a library, and records it for the call.
    pub(crate) fn default_engine(&self, caller: &Caller) -> &Engine {
        let engine = self.inner.engines.default();
        caller.note_engine(engine.name());
        engine
    }

    /// Returns the label of the default engine, for calls that ended before an engine was recorded.
    pub fn default_engine_name(&self) -> &str {
        self.inner.engines.default().name()
    }
}

/// Returns the identity of a library at its engine.
pub(crate) fn library_ref(library: &Library) -> LibraryRef {
    LibraryRef {
        row: library.id,
        engine_id: library.engine_key.clone(),
        name: library.name.clone(),
        description: library.description.clone(),
    }
}
