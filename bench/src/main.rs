//! How fast parts of AICP are that `aicp bench` does not measure.
//!
//! See `bench/README.md` for what is measured and what the numbers mean.

mod decode;
mod dialects;
mod recognition;
mod signing;
mod statistics;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What can go wrong here is told to the person who runs it, and nothing else.
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
    /// Write the photograph that everything is measured on
    Photo {
        /// The file
        file: PathBuf,
    },
    /// Write down what files look like once they are decoded
    Decode(decode::Request),
    /// Measure what spoilt pictures do to recognition
    Recognition(recognition::Request),
    /// Measure statistics over many logged calls
    Statistics(statistics::Request),
    /// Measure the clouds' calls as the data grows
    Dialects(dialects::Request),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Command::Photo { file } => write_photo(&cli, file),
        Command::Decode(request) => decode::run(request),
        Command::Recognition(request) => recognition::run(&cli, request),
        Command::Statistics(request) => statistics::run(&cli, request),
        Command::Dialects(request) => dialects::run(&cli, request),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn write_photo(cli: &Cli, file: &Path) -> Outcome<()> {
    let photo = aicp_measure::photo::of_usual_size(&cli.samples.join("people/obama/obama.jpg"))?;
    std::fs::write(file, photo).map_err(|e| format!("{}: {e}", file.display()).into())
}
