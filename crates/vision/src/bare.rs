//! One network by itself, for measuring what a call takes besides its networks.

use crate::Result;
use crate::detector::Network;
use crate::manifest::{Manifest, Role, read_verified};
use crate::models::ModelPaths;
use crate::onnx::Shapes;
use crate::runtime::{Inference, Model, Runtime, RuntimeInfo};

/// A network as a worker loads it, without what is around it: numbers in, nothing out. Belongs to the thread that
/// loaded it.
pub struct BareModel {
    network: Loaded,
    runtime: RuntimeInfo,
}

enum Loaded {
    Detector(Network),
    Other(Model),
}

impl BareModel {
    /// Loads the network with this role on the runtime that is chosen by itself.
    ///
    /// # Errors
    /// Whatever is wrong with its file or the runtime library.
    pub fn load(paths: &ModelPaths, role: Role) -> Result<Self> {
        Self::load_with(paths, role, Inference::default())
    }

    /// Loads the network with this role.
    ///
    /// # Errors
    /// As [`BareModel::load`].
    pub fn load_with(paths: &ModelPaths, role: Role, inference: Inference) -> Result<Self> {
        let manifest = Manifest::embedded()?;
        let runtime = Runtime::load(&manifest, paths, inference)?;
        let entry = manifest.model(role)?;
        let file = read_verified(&paths.folder, &entry.file, &entry.sha256)?;
        let network = if role == Role::Detector {
            Loaded::Detector(Network::load(&runtime, &entry.file, &file.into())?)
        } else {
            Loaded::Other(Model::load(&runtime, role, &entry.file, &file, Shapes::Fixed)?)
        };
        Ok(Self { network, runtime: runtime.info().clone() })
    }

    /// Runs it once on an input of this shape (batch, channels, height, width).
    ///
    /// # Errors
    /// [`crate::Error::Model`] if the shape does not fit.
    pub fn run(&mut self, shape: [usize; 4], input: &[f32]) -> Result<()> {
        match &mut self.network {
            Loaded::Detector(network) => network.run(shape, input, |_| Some(())),
            Loaded::Other(model) => model.run(shape, input, |_| Some(())),
        }
    }

    /// What runs it.
    pub fn runtime(&self) -> &RuntimeInfo {
        &self.runtime
    }
}
