//! A single network, for measuring the share of inference in a call's time.

use crate::Result;
use crate::detector::Network;
use crate::manifest::{Manifest, Role, read_verified};
use crate::models::ModelPaths;
use crate::onnx::Shapes;
use crate::runtime::{Inference, Model, Runtime, RuntimeInfo};

/// A network as a worker loads it, without pre- and post-processing; its outputs are discarded. Belongs to the thread
/// that loaded it.
pub struct SingleModel {
    network: Loaded,
    runtime: RuntimeInfo,
}

enum Loaded {
    Detector(Network),
    Other(Model),
}

impl SingleModel {
    /// Loads the network with this role on the default runtime.
    ///
    /// # Errors
    /// Any error of its file or the runtime library.
    pub fn load(paths: &ModelPaths, role: Role) -> Result<Self> {
        Self::load_with(paths, role, Inference::default())
    }

    /// Loads the network with this role.
    ///
    /// # Errors
    /// As [`SingleModel::load`].
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

    /// Runs the network once on an input of this shape (batch, channels, height, width).
    ///
    /// # Errors
    /// [`crate::Error::Model`] if the shape does not fit.
    pub fn run(&mut self, shape: [usize; 4], input: &[f32]) -> Result<()> {
        match &mut self.network {
            Loaded::Detector(network) => network.run(shape, input, |_| Some(())),
            Loaded::Other(model) => model.run(shape, input, |_| Some(())),
        }
    }

    /// The runtime that runs the network.
    pub fn runtime(&self) -> &RuntimeInfo {
        &self.runtime
    }
}
