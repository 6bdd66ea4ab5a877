//! The inference runtime. All code that depends on ONNX Runtime, or on OpenVINO as its plugin, is in this folder.

mod openvino;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use serde::{Deserialize, Serialize};

use crate::manifest::{Manifest, Role, verify};
use crate::models::ModelPaths;
use crate::onnx::{self, Shapes};
use crate::{Error, Result};

/// The requested runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeChoice {
    /// OpenVINO if its plugin exists and loads and the processor has AVX2, otherwise ONNX Runtime.
    #[default]
    Auto,
    /// ONNX Runtime with its own kernels.
    OnnxRuntime,
    /// OpenVINO, without a fallback.
    OpenVino,
}

/// The requested arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionChoice {
    /// bf16 if the runtime is OpenVINO and the processor has AMX, otherwise f32.
    #[default]
    Auto,
    /// 32-bit floats.
    F32,
    /// bf16 products with 32-bit sums; not available with ONNX Runtime's own kernels.
    Bf16,
}

/// The requested runtime and arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inference {
    /// The runtime.
    pub runtime: RuntimeChoice,
    /// The arithmetic.
    pub precision: PrecisionChoice,
}

/// The arithmetic of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// bf16 products with 32-bit sums.
    Bf16,
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

/// The runtime in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuntimeInfo {
    /// `ONNX Runtime` or `OpenVINO`.
    pub name: &'static str,
    /// The version in the manifest; `None` for a library from elsewhere.
    pub version: Option<String>,
    /// The requested arithmetic; networks that gain nothing from it stay in f32.
    pub precision: Precision,
    /// Why OpenVINO is not in use, unless the caller excluded it.
    pub not_openvino: Option<String>,
}

/// The runtime library of the process; a second load returns the first.
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

struct Loaded {
    environment: Environment,
    /// The result of registering the plugin, once that was tried.
    plugin: Option<Result<(), String>>,
}

/// The loaded runtime.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    is_openvino: bool,
    info: RuntimeInfo,
    /// The version of ONNX Runtime.
    onnxruntime_version: Option<String>,
}

fn onnxruntime_info(version: Option<String>, not_openvino: Option<String>) -> RuntimeInfo {
    RuntimeInfo { name: "ONNX Runtime", version, precision: Precision::F32, not_openvino }
}

impl Runtime {
    /// Loads the shared library, or returns the loaded one, and selects the runtime and the arithmetic.
    ///
    /// # Errors
    /// [`Error::Runtime`] if a required library is missing, broken or too old; [`Error::NoBf16`].
    pub fn load(manifest: &Manifest, paths: &ModelPaths, wanted: Inference) -> Result<Self> {
        let library = library(manifest, paths)?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = match loaded.as_mut() {
            Some(loaded) => loaded,
            None => loaded.insert(Loaded { environment: initialise(&library)?, plugin: None }),
        };
        let plugin = match wanted.runtime {
            RuntimeChoice::OnnxRuntime => None,
            RuntimeChoice::Auto | RuntimeChoice::OpenVino => {
                Some(openvino::find(manifest, &paths.folder).and_then(|plugin| loaded.plug_in(&plugin)))
            }
        };
        let environment = loaded.environment.clone();
        let onnxruntime_version = if paths.runtime.is_none() { manifest.version_of("onnxruntime") } else { None };
        match plugin {
            Some(Ok(())) => {
                let precision = match wanted.precision {
                    PrecisionChoice::F32 => Precision::F32,
                    PrecisionChoice::Bf16 => Precision::Bf16,
                    PrecisionChoice::Auto if openvino::has_amx() => Precision::Bf16,
                    PrecisionChoice::Auto => Precision::F32,
                };
                let version = manifest.version_of("openvino");
                let info = RuntimeInfo { name: "OpenVINO", version, precision, not_openvino: None };
                Ok(Self { environment, is_openvino: true, info, onnxruntime_version })
            }
            Some(Err(reason)) if wanted.runtime == RuntimeChoice::OpenVino => {
                let path =
                    manifest.plugin().next().map_or_else(|| paths.folder.clone(), |e| paths.folder.join(&e.file));
                Err(Error::Runtime { path, reason: format!("OpenVINO was asked for, but {reason}") })
            }
            None if wanted.precision == PrecisionChoice::Bf16 => Err(Error::NoBf16),
            plugin => {
                let info = onnxruntime_info(onnxruntime_version.clone(), plugin.and_then(Result::err));
                Ok(Self { environment, is_openvino: false, info, onnxruntime_version })
            }
        }
    }

    /// The same library without OpenVINO, as the fallback when OpenVINO's sessions fail.
    pub fn without_openvino(&self, reason: String) -> Self {
        let info = onnxruntime_info(self.onnxruntime_version.clone(), Some(reason));
        Self { is_openvino: false, info, ..self.clone() }
    }

    /// Whether OpenVINO runs some of the networks.
    pub fn is_openvino(&self) -> bool {
        self.is_openvino
    }

    /// Name, version and arithmetic of the runtime.
    pub fn info(&self) -> &RuntimeInfo {
        &self.info
    }

    /// The arithmetic in which OpenVINO runs a network; `None` if ONNX Runtime runs it.
    ///
    /// Measured per network: in f32, OpenVINO is faster only on networks with PReLU. In bf16 it is faster on all but
    /// the landmark network, which takes only half a millisecond. Networks without a gain stay with ONNX Runtime, which
    /// starts ten times faster.
    fn openvino_for(&self, role: Role) -> Option<Precision> {
        let precision = self.info.precision;
        let gains = match role {
            Role::Embedder | Role::Liveness => true,
            Role::Detector | Role::Pose => precision == Precision::Bf16,
            Role::Landmarks => false,
        };
        (self.is_openvino && gains).then_some(precision)
    }

    /// Whether a network with this role is loaded for one input size only.
    pub fn wants_fixed_sizes(&self, role: Role) -> bool {
        self.openvino_for(role).is_some()
    }
}

impl Loaded {
    fn plug_in(&mut self, plugin: &Path) -> Result<(), String> {
        let environment = &self.environment;
        self.plugin.get_or_insert_with(|| openvino::register(environment, plugin)).clone()
    }
}

fn initialise(library: &Path) -> Result<Environment> {
    let failed = |e: String| Error::Runtime { path: library.to_owned(), reason: e };
    let environment = ort::init_from(library)
        .map_err(|e| failed(e.to_string()))?
        .with_name("aicp")
        .with_telemetry(false)
        .build()
        .map_err(|e| failed(e.to_string()))?;
    environment.set_log_level(LogLevel::Error);
    Ok(environment)
}

/// The path of the runtime library, verified if it comes from the manifest.
fn library(manifest: &Manifest, paths: &ModelPaths) -> Result<PathBuf> {
    if let Some(path) = &paths.runtime {
        return Ok(path.clone());
    }
    let entry = manifest.runtime().ok_or_else(|| {
        Error::Manifest(format!("no ONNX Runtime library is listed for {}: set AICP_ORT_LIB", std::env::consts::ARCH))
    })?;
    verify(&paths.folder, &entry.file, &entry.sha256)?;
    Ok(paths.folder.join(&entry.file))
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
    /// Must be called on the thread that will run the network: the runtime disables denormal arithmetic for the calling
    /// thread only.
    pub fn load(runtime: &Runtime, role: Role, name: &str, file: &[u8], shapes: Shapes) -> Result<Self> {
        let failed = |reason: String| Error::Model { model: name.to_owned(), reason };
        let prepared = onnx::prepare(file, shapes).map_err(|_| failed("the file is no ONNX model".to_owned()))?;
        let openvino = if shapes == Shapes::AnySize { None } else { runtime.openvino_for(role) };
        let session = Session::builder(&runtime.environment)
            .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::All)?))
            .and_then(|b| Ok(b.with_intra_threads(1)?))
            .and_then(|b| Ok(b.with_inter_threads(1)?))
            .and_then(|b| Ok(b.with_flush_to_zero()?))
            // Input sizes are arbitrary: a memory plan for each size seen would grow without bound.
            .and_then(|b| Ok(b.with_memory_pattern(shapes != Shapes::AnySize)?))
            .and_then(|b| match openvino {
                Some(precision) => openvino::assign_to_openvino(b, &runtime.environment, precision),
                None => openvino::assign_to_onnxruntime(b, &runtime.environment),
            })
            .and_then(|mut b| b.commit_from_memory(&prepared))
            .map_err(|e| failed(e.to_string()))?;
        let input = match session.inputs() {
            [only] => only.name().to_owned(),
            many => return Err(failed(format!("it has {} inputs instead of one", many.len()))),
        };
        let outputs = session.outputs().iter().map(|o| o.name().to_owned()).collect();
        Ok(Self { name: name.to_owned(), input, outputs, session })
    }

    /// Runs the network once and passes its outputs, in the order of the file, to `read`.
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
