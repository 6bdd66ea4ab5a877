//! `aicp bench vision`: cost of a picture by stage, compared with the bare networks.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aicp_vision::manifest::Role;
use aicp_vision::{
    DetectedFace, Effort, FaceModels, Inference, MIN_REDUCED_PIXELS, ModelPaths, Picture, PoolSize, Purpose,
    RuntimeInfo, SingleModel, Vision,
};
use clap::Args;
use serde::Serialize;

use crate::machine::Machine;
use crate::random::Random;
use crate::timing::Timing;
use crate::{Error, Result};

/// Rounds in which stages and networks alternate, so that a disturbance of the machine affects all of them.
const ROUNDS: u32 = 10;

/// What to measure.
#[derive(Debug, Args)]
pub struct Request {
    /// The picture
    #[arg(long, value_name = "FILE")]
    pub picture: PathBuf,
    /// Times that each stage is measured
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub iterations: u32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    picture: PictureInfo,
    runtime: RuntimeInfo,
    /// Single stages, each on one thread.
    stages: Vec<Timing>,
    /// A whole recognition: decode, detect the largest face, refine its landmarks, align, embed.
    whole: Timing,
    /// Networks alone on random input, loaded as a worker loads them.
    bare_models: Vec<Timing>,
    bare_models_p50_ms: f64,
    ratio_whole_to_bare_models: f64,
}

#[derive(Debug, Serialize)]
struct PictureInfo {
    file: PathBuf,
    bytes: usize,
    width: u32,
    height: u32,
    faces: usize,
    /// Width and height of the detector's input in each pass for the largest face.
    detector_inputs: Vec<(u32, u32)>,
}

/// Runs the measurement and writes the results to `out`.
///
/// # Errors
/// [`Error`] if the picture or the models cannot be used, or the picture shows no face.
pub fn run(request: &Request, models: &ModelPaths, inference: Inference, out: &mut impl Write) -> Result<()> {
    let machine = Machine::here()?;
    let bytes = std::fs::read(&request.picture).map_err(Error::file(&request.picture))?;
    let (file, iterations) = (request.picture.clone(), request.iterations);
    let paths = models.clone();
    let measured = on_one_worker(models, inference, move |models| {
        let networks = Networks { paths, inference };
        measure(models, &networks, machine, file, &bytes, iterations)
    })?;
    let report = measured?;
    if request.json {
        return Ok(writeln!(out, "{}", serde_json::to_string(&report)?)?);
    }
    report.print(out)
}

/// Runs a job on a pool with a single worker.
fn on_one_worker<T: Send + 'static>(
    paths: &ModelPaths,
    inference: Inference,
    job: impl FnOnce(&mut FaceModels) -> T + Send + 'static,
) -> Result<T> {
    let one = NonZeroUsize::MIN;
    let vision = Vision::start_with(paths, PoolSize { workers: one, queue: one }, inference)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(vision.run(move |models| Ok(job(models))))?)
}

type Run<'a> = Box<dyn FnMut(&mut FaceModels) -> Result<()> + 'a>;

/// Something to measure, in alternation with the others.
struct Stage<'a> {
    name: String,
    run: Run<'a>,
    times: Vec<Duration>,
}

impl<'a> Stage<'a> {
    fn new(name: &str, run: impl FnMut(&mut FaceModels) -> Result<()> + 'a) -> Self {
        Self { name: name.to_owned(), run: Box::new(run), times: Vec::new() }
    }

    fn run_times(&mut self, models: &mut FaceModels, times: u32) -> Result<()> {
        for _ in 0..times {
            let begun = Instant::now();
            (self.run)(models)?;
            self.times.push(begun.elapsed());
        }
        Ok(())
    }

    fn timing(self) -> Timing {
        let elapsed = self.times.iter().sum();
        Timing::new(self.name, self.times, elapsed)
    }
}

fn measure(
    models: &mut FaceModels,
    networks: &Networks,
    machine: Machine,
    file: PathBuf,
    bytes: &[u8],
    iterations: u32,
) -> Result<Report> {
    let picture = Picture::decode(bytes).map_err(|e| Error::Request(format!("{}: {e}", file.display())))?;
    let faces = models.detect(&picture, Effort::Full)?;
    let face = faces.first().ok_or_else(|| Error::Request(format!("{}: no face found", file.display())))?;
    models.take_pass_sizes();
    models.detect_largest(&picture, Effort::Full)?;
    let looks = models.take_pass_sizes();
    let mut whole = vec![Stage::new("whole", |models| recognise(models, bytes))];
    let mut stages = stages(bytes, &picture, face);
    let (mut networks, runtime) = networks.load(&looks)?;
    for stage in whole.iter_mut().chain(&mut stages).chain(&mut networks) {
        stage.run_times(models, iterations.div_ceil(10))?;
        stage.times.clear();
    }
    let mut left = iterations;
    for round in 0..ROUNDS {
        let times = left / (ROUNDS - round);
        left -= times;
        for stage in whole.iter_mut().chain(&mut stages) {
            stage.run_times(models, times)?;
        }
        // The networks alternate as in a call, so that each finds the caches as the others leave them.
        for _ in 0..times {
            networks.iter_mut().try_for_each(|network| network.run_times(models, 1))?;
        }
    }
    let bare_models: Vec<Timing> = networks.into_iter().map(Stage::timing).collect();
    let bare_models_p50_ms = bare_models.iter().map(|timing| timing.p50_ms).sum();
    let whole = whole.remove(0).timing();
    Ok(Report {
        machine,
        picture: PictureInfo {
            file,
            bytes: bytes.len(),
            width: picture.width(),
            height: picture.height(),
            faces: faces.len(),
            detector_inputs: looks,
        },
        runtime,
        ratio_whole_to_bare_models: whole.p50_ms / bare_models_p50_ms,
        stages: stages.into_iter().map(Stage::timing).collect(),
        whole,
        bare_models,
        bare_models_p50_ms,
    })
}

/// Recognises the largest face of a picture file.
fn recognise(models: &mut FaceModels, bytes: &[u8]) -> Result<()> {
    std::hint::black_box(models.recognise_file(bytes, Effort::Full)?);
    Ok(())
}

fn stages<'a>(bytes: &'a [u8], picture: &'a Picture, face: &'a DetectedFace) -> Vec<Stage<'a>> {
    vec![
        Stage::new("decode", |_| Ok(Picture::decode(bytes).map(drop)?)),
        Stage::new("(decode with image-rs)", |_| by_image_rs(bytes)),
        Stage::new("(decode for a first look)", |_| Ok(Picture::decode_at_least(bytes, MIN_REDUCED_PIXELS).map(drop)?)),
        Stage::new("detect the largest face", |models| Ok(models.detect_largest(picture, Effort::Full).map(drop)?)),
        Stage::new("(detect all faces)", |models| Ok(models.detect(picture, Effort::Full).map(drop)?)),
        Stage::new("landmarks + align + embed", |models| Ok(models.embed(picture, face, Purpose::Probe).map(drop)?)),
    ]
}

/// Decodes the same file with another decoder.
fn by_image_rs(bytes: &[u8]) -> Result<()> {
    let decoded = image::load_from_memory(bytes).map_err(|e| Error::Request(format!("image-rs: {e}")))?;
    std::hint::black_box(decoded.into_rgb8());
    Ok(())
}

/// Source of the networks, and how they run.
struct Networks {
    paths: ModelPaths,
    inference: Inference,
}

impl Networks {
    /// Loads the networks of a recognition, with one detector per pass; also returns the runtime.
    fn load<'a>(&self, looks: &[(u32, u32)]) -> Result<(Vec<Stage<'a>>, RuntimeInfo)> {
        let mut random = Random(1);
        let looks = looks
            .iter()
            .map(|&(width, height)| ("detector", Role::Detector, [1, 3, height as usize, width as usize], 255.0));
        let others = [
            ("landmarks", Role::Landmarks, [1, 1, 64, 64], 1.0),
            ("landmarks again", Role::Landmarks, [1, 1, 64, 64], 1.0),
            ("embedder", Role::Embedder, [1, 3, 112, 112], 1.0),
        ];
        let mut stages = Vec::new();
        let mut runtime = None;
        for (name, role, shape, largest) in looks.chain(others) {
            let mut network = SingleModel::load_with(&self.paths, role, self.inference)?;
            runtime = Some(network.runtime().clone());
            let input: Vec<f32> = (0..shape.iter().product()).map(|_| random.number().abs() * largest).collect();
            let name = format!("{name} {}x{}", shape[3], shape[2]);
            stages.push(Stage::new(&name, move |_| Ok(network.run(shape, &input)?)));
        }
        let runtime = runtime.ok_or_else(|| Error::Request("there is no network".to_owned()))?;
        Ok((stages, runtime))
    }
}

impl Report {
    fn print(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out, "{}", self.machine.line())?;
        let PictureInfo { file, bytes, width, height, faces, detector_inputs } = &self.picture;
        let looks: Vec<String> = detector_inputs.iter().map(|(w, h)| format!("{w}x{h}")).collect();
        writeln!(
            out,
            "{}: {width}x{height}, {bytes} bytes, {faces} face(s); the detector is given {}",
            file.display(),
            looks.join(", then ")
        )?;
        let RuntimeInfo { name, version, precision, .. } = &self.runtime;
        let version = version.as_deref().unwrap_or("of unknown version");
        writeln!(out, "networks run by {name} {version} in {precision}")?;
        let groups = [("1 thread", &self.stages), ("bare networks, 1 thread", &self.bare_models)];
        for (title, timings) in groups {
            writeln!(out, "\n{title:<30} {:>7} {:>10} {:>10}", "times", "p50 ms", "p99 ms")?;
            for Timing { name, calls, p50_ms, p99_ms, .. } in timings {
                writeln!(out, "{name:<30} {calls:>7} {p50_ms:>10.3} {p99_ms:>10.3}")?;
            }
        }
        let Timing { p50_ms, p99_ms, calls_per_second, .. } = &self.whole;
        writeln!(out, "\nwhole                {p50_ms:>10.3} ms (p99 {p99_ms:.3}), {calls_per_second:.1} a second")?;
        writeln!(out, "bare networks        {:>10.3} ms", self.bare_models_p50_ms)?;
        writeln!(out, "whole / bare         {:>10.3}", self.ratio_whole_to_bare_models)?;
        Ok(())
    }
}
