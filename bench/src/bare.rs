//! The networks of a 1:N call alone: numbers in, numbers out; no picture, no scaling, nothing made of the result.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use aicp_measure::{Random, Timing};
use aicp_vision::manifest::Role;
use aicp_vision::{BareModel, ModelPaths};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::Outcome;

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
///
/// The networks run in turn, as in a call: each finds the caches as the others leave them.
pub fn run(request: &Request) -> Outcome<()> {
    let paths = ModelPaths { folder: request.models.clone(), runtime: None };
    let (width, height) = (request.detector_width as usize, request.detector_height as usize);
    let mut random = Random(1);
    let mut networks = Vec::new();
    for (name, role, shape, largest) in [
        ("detector", Role::Detector, [1, 3, height, width], 255.0),
        ("landmarks", Role::Landmarks, [1, 1, 64, 64], 1.0),
        ("embedder", Role::Embedder, [1, 3, 112, 112], 1.0),
    ] {
        let input: Vec<f32> = (0..shape.iter().product()).map(|_| random.number().abs() * largest).collect();
        networks.push((format!("{name} {}x{}", shape[3], shape[2]), BareModel::load(&paths, role)?, shape, input));
    }
    let mut times = vec![Vec::new(); networks.len()];
    for round in 0..request.iterations + request.iterations.div_ceil(10) {
        for ((_, model, shape, input), times) in networks.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            model.run(*shape, input)?;
            // The first tenth warms up.
            if round >= request.iterations.div_ceil(10) {
                times.push(begun.elapsed());
            }
        }
    }
    let models: Vec<Timing> = networks
        .iter()
        .zip(times)
        .map(|((name, ..), times)| {
            let elapsed = times.iter().sum();
            Timing::new(name.as_str(), times, elapsed)
        })
        .collect();
    let sum_p50_ms = models.iter().map(|timing| timing.p50_ms).sum();
    serde_json::to_writer(std::io::stdout().lock(), &BareModels { models, sum_p50_ms })?;
    writeln!(std::io::stdout())?;
    Ok(())
}
