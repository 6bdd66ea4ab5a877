//! Benchmarks of parts of AICP that `aicp bench` does not measure.
//!
//! `bench/README.md` describes the measurements and their results.

mod decode;
mod dialects;
mod import;
mod metrics;
mod recognition;
mod signing;
mod statistics;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aicp_measure::photo;
use aicp_vision::ModelPaths;
use clap::{Parser, Subcommand};

/// Result of a benchmark. Errors are only printed.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures AICP and writes the numbers down
#[derive(Debug, Parser)]
#[command(name = "aicp-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The server program
    #[arg(long, value_name = "FILE", default_value = "target/release/aicp")]
    aicp: PathBuf,
    /// Folder of models and runtime library
    #[arg(long, value_name = "DIR", default_value = "models")]
    models: PathBuf,
    /// Folder of sample pictures
    #[arg(long, value_name = "DIR", default_value = "samples")]
    samples: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a photograph to measure on
    Photo {
        /// The file
        file: PathBuf,
        /// Width in pixels
        #[arg(long, default_value_t = photo::WIDTH)]
        width: u16,
        /// Height in pixels
        #[arg(long, default_value_t = photo::HEIGHT)]
        height: u16,
    },
    /// Fill a new data folder with people
    People {
        /// The folder
        folder: PathBuf,
        /// Number of people
        #[arg(long, default_value_t = 1_000_000)]
        people: usize,
    },
    /// Write down what files look like once they are decoded
    Decode(decode::Request),
    /// Measure what spoilt pictures do to recognition
    Recognition(recognition::Request),
    /// Measure statistics over many logged calls
    Statistics(statistics::Request),
    /// Measure the clouds' calls as the data grows
    Dialects(dialects::Request),
    /// Measure a large import, and kill one
    Import(import::Request),
    /// Measure what the metrics of a recognition cost
    Metrics(metrics::Request),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Command::Photo { file, width, height } => write_photo(&cli, file, *width, *height),
        Command::People { folder, people } => fill(&cli, folder, *people),
        Command::Decode(request) => decode::run(request),
        Command::Recognition(request) => recognition::run(&cli, request),
        Command::Statistics(request) => statistics::run(&cli, request),
        Command::Dialects(request) => dialects::run(&cli, request),
        Command::Import(request) => import::run(&cli, request),
        Command::Metrics(request) => metrics::run(request),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn fill(cli: &Cli, folder: &Path, people: usize) -> Outcome<()> {
    let photo = photo::of_default_size(&cli.samples.join("people/obama/obama.jpg"))?;
    let models = ModelPaths { folder: cli.models.clone(), runtime: None };
    Ok(aicp_measure::service::fill(folder, people, &photo, &models)?)
}

fn write_photo(cli: &Cli, file: &Path, width: u16, height: u16) -> Outcome<()> {
    let photo = photo::of_size(&cli.samples.join("people/obama/obama.jpg"), width, height)?;
    std::fs::write(file, photo).map_err(|e| format!("{}: {e}", file.display()).into())
}
