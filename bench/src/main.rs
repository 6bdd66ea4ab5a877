//! How fast AICP is: each stage alone, the bare networks, and whole calls over HTTP.
//!
//! See `bench/README.md` for what is measured and what the numbers mean.

mod bare;
mod dialects;
mod photo;
mod report;
mod server;
mod signing;
mod stages;
mod statistics;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What can go wrong here is told to the person who runs it, and nothing else.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures AICP and writes the numbers down
#[derive(Debug, Parser)]
#[command(name = "aicp-bench", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The server program
    #[arg(long, value_name = "FILE", default_value = "target/release/aicp")]
    aicp: PathBuf,
    /// Folder of models and runtime library
    #[arg(long, value_name = "DIR", default_value = "models")]
    models: PathBuf,
    /// Folder of sample pictures
    #[arg(long, value_name = "DIR", default_value = "samples")]
    samples: PathBuf,
    /// Where the numbers go, as JSON
    #[arg(long, value_name = "FILE", default_value = "bench/results/latest.json")]
    out: PathBuf,
    /// Times that each stage is measured
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    iterations: u32,
    /// Calls that each client makes
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    calls: u32,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the networks alone and print JSON; a process holds one runtime, so this is one of its own
    #[command(hide = true)]
    BareModels(bare::Request),
    /// Measure statistics over many logged calls
    Statistics(statistics::Request),
    /// Measure the clouds' calls as the data grows
    Dialects(dialects::Request),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Some(Command::BareModels(request)) => bare::run(request),
        Some(Command::Statistics(request)) => statistics::run(&cli, request),
        Some(Command::Dialects(request)) => dialects::run(&cli, request),
        None => run(&cli),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Outcome<()> {
    let machine = aicp_measure::Machine::here()?;
    let photo = photo::make(&cli.samples)?;
    let stages = stages::measure(&cli.models, &photo, cli.iterations)?;
    let bare_models = bare::measure(&bare::Request {
        models: cli.models.clone(),
        detector_width: photo.detector_input.0,
        detector_height: photo.detector_input.1,
        iterations: cli.iterations,
    })?;
    let served = server::measure(&cli.aicp, &cli.models, &cli.samples, &photo.jpeg, cli.calls)?;
    let report = report::Report::new(machine, &photo, stages, bare_models, served);
    report.save(&cli.out)?;
    report.print(&mut std::io::stdout().lock())?;
    Ok(())
}
