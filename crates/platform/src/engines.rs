//! The engines, and the backend of each library.

use std::sync::Arc;

pub use aicp_backends::BUILTIN;

use aicp_backends::{Builtin, LibraryRef, RemoteEngine};
use aicp_store::Algorithm;

use crate::backend::{LibraryBackend, Local, Remote};
use crate::outbox::Outbox;
use crate::shared::Shared;
use crate::{Caller, Library, Missing, Platform, Result};

/// The configured engines.
pub struct Engines {
    pub(crate) builtin: Builtin,
    pub(crate) remote: Vec<Arc<dyn RemoteEngine>>,
    default: String,
}

impl Engines {
    /// Creates the set of the built-in engine and the remote ones. New libraries and calls without a library use
    /// `default`.
    ///
    /// # Errors
    /// [`Missing::Engine`] if no engine is called `default`.
    pub fn new(builtin: Builtin, remote: Vec<Arc<dyn RemoteEngine>>, default: &str) -> Result<Self> {
        let is_known = default == BUILTIN || remote.iter().any(|engine| engine.name() == default);
        let default = is_known.then(|| default.to_owned()).ok_or(Missing::Engine)?;
        Ok(Self { builtin, remote, default })
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
}

impl From<Builtin> for Engines {
    /// The built-in engine alone.
    fn from(builtin: Builtin) -> Self {
        Self { builtin, remote: Vec::new(), default: BUILTIN.to_owned() }
    }
}

/// One backend for each engine.
pub(crate) struct Backends {
    all: Vec<Arc<dyn LibraryBackend>>,
    default: usize,
}

impl Backends {
    pub fn new(engines: &Engines, shared: &Arc<Shared>, outbox: &Arc<Outbox>) -> Result<Self> {
        let builtin = &engines.builtin;
        let local: Arc<dyn LibraryBackend> = Arc::new(Local::new(builtin.clone(), Arc::clone(shared)));
        let mut all = vec![local];
        for engine in &engines.remote {
            all.push(Arc::new(Remote::new(Arc::clone(engine), Arc::clone(outbox), builtin.clone())));
        }
        let default = all.iter().position(|backend| backend.name() == engines.default).ok_or(Missing::Engine)?;
        Ok(Self { all, default })
    }

    /// Returns the backend of new libraries and of calls without a library.
    pub fn default(&self) -> &dyn LibraryBackend {
        self.all[self.default].as_ref()
    }

    /// Returns the backend of an engine.
    ///
    /// # Errors
    /// [`Missing::Engine`].
    pub fn named(&self, engine: &str) -> Result<&dyn LibraryBackend> {
        let found = self.all.iter().find(|backend| backend.name() == engine);
        found.map(AsRef::as_ref).ok_or(Missing::Engine.into())
    }
}

impl Platform {
    /// Returns the backend of a library and records it for the call.
    pub(crate) fn backend_of(&self, caller: &Caller, library: &Library) -> Result<&dyn LibraryBackend> {
        let backend = self.inner.backends.named(&library.engine)?;
        caller.note_engine(backend.name());
        Ok(backend)
    }

    /// Records the engine of a library as that of the call. Must come before other engines are recorded, as the first
    /// one counts.
    ///
    /// # Errors
    /// [`Missing::Engine`] if the engine is not configured.
    pub fn note_engine_of(&self, caller: &Caller, library: &Library) -> Result<()> {
        self.backend_of(caller, library).map(drop)
    }

    /// Returns the default backend, for a call without a library, and records it for the call.
    pub(crate) fn default_backend(&self, caller: &Caller) -> &dyn LibraryBackend {
        let backend = self.inner.backends.default();
        caller.note_engine(backend.name());
        backend
    }

    /// Returns the label of the default engine, for calls that ended before an engine was recorded.
    pub fn default_engine_name(&self) -> &str {
        self.inner.backends.default().name()
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
