//! One network by itself, for measuring what a call takes besides its networks.

use crate::Result;
use crate::manifest::{Manifest, Role, read_verified};
use crate::models::{ModelPaths, runtime_library};
use crate::onnx::Shapes;
use crate::runtime::{Model, Runtime};

/// A network as a worker loads it, without what is around it: numbers in, nothing out. Belongs to the thread that
/// loaded it.
pub struct BareModel(Model);

impl BareModel {
    /// Loads the network with this role.
    ///
    /// # Errors
    /// Whatever is wrong with its file or the runtime library.
    pub fn load(paths: &ModelPaths, role: Role) -> Result<Self> {
        let manifest = Manifest::embedded()?;
        let runtime = Runtime::load(&runtime_library(&manifest, paths)?)?;
        let entry = manifest.model(role)?;
        let file = read_verified(&paths.folder, &entry.file, &entry.sha256)?;
        let shapes = if role == Role::Detector { Shapes::AnySize } else { Shapes::Fixed };
        Ok(Self(Model::load(&runtime, &entry.file, &file, shapes)?))
    }

    /// Runs it once on an input of this shape (batch, channels, height, width).
    ///
    /// # Errors
    /// [`crate::Error::Model`] if the shape does not fit.
    pub fn run(&mut self, shape: [usize; 4], input: &[f32]) -> Result<()> {
        self.0.run(shape, input, |_| Some(()))
    }
}
