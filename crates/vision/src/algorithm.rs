//! The algorithm of templates.

use crate::Result;
use crate::manifest::{Manifest, Role};

/// The algorithm of a template; templates of different algorithms can't be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Algorithm {
    /// Name of the model.
    pub name: String,
    /// Provider of the model.
    pub provider: String,
    /// Version of the model.
    pub version: String,
}

impl Algorithm {
    /// Returns that of the manifest, without loading a network.
    ///
    /// # Errors
    /// [`Error::Manifest`](crate::Error::Manifest).
    pub fn embedded() -> Result<Self> {
        let manifest = Manifest::embedded()?;
        let embedder = manifest.model(Role::Embedder)?;
        Ok(Self {
            name: embedder.algorithm.clone(),
            provider: embedder.provider.clone(),
            version: embedder.version.clone(),
        })
    }
}
