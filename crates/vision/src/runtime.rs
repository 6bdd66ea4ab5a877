//! The boundary to the inference runtime: everything that knows ONNX Runtime is in this file.

use std::path::Path;
use std::sync::Mutex;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use crate::onnx::{self, Shapes};
use crate::{Error, Result};

/// A process has one runtime; a second load hands out the first.
static LOADED: Mutex<Option<Environment>> = Mutex::new(None);

/// The loaded ONNX Runtime library.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
}

impl Runtime {
    /// Loads the shared library, or hands out the one loaded before.
    ///
    /// # Errors
    /// [`Error::Runtime`] if the library is missing, broken or too old.
    pub fn load(library: &Path) -> Result<Self> {
        let failed = |reason: String| Error::Runtime { path: library.to_owned(), reason };
        let mut loaded = LOADED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(environment) = loaded.as_ref() {
            return Ok(Self { environment: environment.clone() });
        }
        let environment = ort::init_from(library)
            .map_err(|e| failed(e.to_string()))?
            .with_name("aicp")
            .with_telemetry(false)
            .build()
            .map_err(|e| failed(e.to_string()))?;
        environment.set_log_level(LogLevel::Error);
        *loaded = Some(environment.clone());
        Ok(Self { environment })
    }
}

/// One output of a run: its shape and its numbers in row-major order.
pub(crate) struct Output<'a> {
    pub shape: &'a [i64],
    pub data: &'a [f32],
}

/// A loaded network with one float input and float outputs. It belongs to one thread.
pub(crate) struct Model {
    name: String,
    input: String,
    outputs: Vec<String>,
    session: Session,
}

impl Model {
    /// Loads a network from its file's bytes.
    ///
    /// Must be called on the thread that will run it: the runtime switches denormal arithmetic off for the calling
    /// thread only.
    pub fn load(runtime: &Runtime, name: &str, file: &[u8], shapes: Shapes) -> Result<Self> {
        let failed = |reason: String| Error::Model { model: name.to_owned(), reason };
        let prepared = onnx::prepare(file, shapes).map_err(|_| failed("the file is no ONNX model".to_owned()))?;
        let session = Session::builder(&runtime.environment)
            .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::All)?))
            .and_then(|b| Ok(b.with_intra_threads(1)?))
            .and_then(|b| Ok(b.with_inter_threads(1)?))
            .and_then(|b| Ok(b.with_flush_to_zero()?))
            // Pictures of every size pass through: planning memory for each size seen would only grow.
            .and_then(|b| Ok(b.with_memory_pattern(shapes == Shapes::Fixed)?))
            .and_then(|mut b| b.commit_from_memory(&prepared))
            .map_err(|e| failed(e.to_string()))?;
        let input = match session.inputs() {
            [only] => only.name().to_owned(),
            many => return Err(failed(format!("it has {} inputs instead of one", many.len()))),
        };
        let outputs = session.outputs().iter().map(|o| o.name().to_owned()).collect();
        Ok(Self { name: name.to_owned(), input, outputs, session })
    }

    /// Runs the network once and hands its outputs, in the order of the file, to `read`.
    pub fn run<T>(
        &mut self,
        shape: [usize; 4],
        input: &[f32],
        read: impl FnOnce(&[Output<'_>]) -> Option<T>,
    ) -> Result<T> {
        let name = &self.name;
        let failed = |reason: String| Error::Model { model: name.clone(), reason };
        let tensor = TensorRef::from_array_view((shape, input)).map_err(|e| failed(e.to_string()))?;
        let values =
            self.session.run(ort::inputs![self.input.as_str() => tensor]).map_err(|e| failed(e.to_string()))?;
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for output in &self.outputs {
            let (shape, data) =
                values[output.as_str()].try_extract_tensor::<f32>().map_err(|e| failed(e.to_string()))?;
            outputs.push(Output { shape, data });
        }
        read(&outputs).ok_or_else(|| failed("its outputs have unexpected shapes".to_owned()))
    }
}
