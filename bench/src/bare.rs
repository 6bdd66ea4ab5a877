//! The networks of a 1:N call alone: numbers in, numbers out; no picture, no scaling, nothing made of the result.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use aicp_vision::manifest::{Manifest, Role, read_verified};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::onnx::Shapes;
use crate::runtime::{Model, Runtime};
use crate::stages::Random;
use crate::timing::{Timing, repeat};

/// What to measure.
#[derive(Debug, Args)]
pub struct Request {
    /// Folder of models and runtime library
    #[arg(long)]
    pub models: PathBuf,
    /// Width of the detector's input
    #[arg(long)]
    pub detector_width: u32,
    /// Height of the detector's input
    #[arg(long)]
    pub detector_height: u32,
    /// Times that each network is run
    #[arg(long)]
    pub iterations: u32,
}

/// What the networks take.
#[derive(Debug, Serialize, Deserialize)]
pub struct BareModels {
    /// Each network.
    pub models: Vec<Timing>,
    /// The medians together.
    pub sum_p50_ms: f64,
}

/// Measures in a process of its own.
pub fn measure(request: &Request) -> Outcome<BareModels> {
    let output = Command::new(std::env::current_exe()?)
        .arg("bare-models")
        .arg("--models")
        .arg(&request.models)
        .args(["--detector-width", &request.detector_width.to_string()])
        .args(["--detector-height", &request.detector_height.to_string()])
        .args(["--iterations", &request.iterations.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("bare-models can't be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("bare-models: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Measures in this process and prints JSON.
pub fn run(request: &Request) -> Outcome<()> {
    let manifest = Manifest::embedded()?;
    let library = manifest.runtime().ok_or("no ONNX Runtime library is listed for this architecture")?;
    let runtime = Runtime::load(&request.models.join(&library.file))?;
    let (width, height) = (request.detector_width as usize, request.detector_height as usize);
    let networks = [
        (Role::Detector, Shapes::AnySize, [1, 3, height, width], 255.0),
        (Role::Landmarks, Shapes::Fixed, [1, 1, 64, 64], 1.0),
        (Role::Embedder, Shapes::Fixed, [1, 3, 112, 112], 1.0),
    ];
    let mut random = Random(1);
    let mut models = Vec::new();
    for (role, shapes, shape, largest) in networks {
        let entry = manifest.model(role)?;
        let file = read_verified(&request.models, &entry.file, &entry.sha256)?;
        let mut model = Model::load(&runtime, &entry.file, &file, shapes)?;
        let input: Vec<f32> = (0..shape.iter().product()).map(|_| random.number().abs() * largest).collect();
        let name = format!("{} {}x{}", entry.file, shape[3], shape[2]);
        models.push(repeat(&name, request.iterations, || {
            let read = |outputs: &[crate::runtime::Output<'_>]| {
                Some(outputs.iter().map(|output| output.shape.len() + output.data.len()).sum::<usize>())
            };
            model.run(shape, &input, read).map(|numbers| {
                std::hint::black_box(numbers);
            })
        })?);
    }
    let sum_p50_ms = models.iter().map(|timing| timing.p50_ms).sum();
    serde_json::to_writer(std::io::stdout().lock(), &BareModels { models, sum_p50_ms })?;
    writeln!(std::io::stdout())?;
    Ok(())
}
