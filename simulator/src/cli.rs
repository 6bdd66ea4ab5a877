//! The command line.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use aicp_vision::{Inference, ModelPaths, PoolSize, RuntimeChoice, Vision};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Options, Vendor, start};

/// A stand-in for a vendor's face engine: real answers, and faults on demand.
#[derive(Debug, Parser)]
#[command(name = "aicp-engine-simulator", version)]
struct Cli {
    /// Address to listen on; port 0: any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:39081")]
    listen: SocketAddr,
    /// Whose REST to speak
    #[arg(long, value_name = "VENDOR")]
    speak: Vendor,
    /// Folder of the journal
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Cloudwalk: give faces ids of the engine's own, as newer servers do
    #[arg(long)]
    ignore_caller_ids: bool,
    /// Make an unknown library when a face is added to it
    #[arg(long)]
    any_library: bool,
    /// Cloudwalk: the app_id that calls must have
    #[arg(long, value_name = "ID", requires = "app_secret")]
    app_id: Option<String>,
    /// Cloudwalk: the app_secret that calls must have
    #[arg(long, value_name = "SECRET", requires = "app_id", env = "AICP_SIMULATOR_APP_SECRET", hide_env_values = true)]
    app_secret: Option<String>,
    /// Folder of models and runtime library
    #[arg(long, value_name = "DIR", default_value = "models")]
    models_dir: PathBuf,
    /// The ONNX Runtime library, if not the one in the models folder
    #[arg(long, value_name = "FILE", env = "AICP_ORT_LIB")]
    ort_lib: Option<PathBuf>,
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

/// Runs the simulator with the options of the command line, until SIGTERM or SIGINT.
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<(), Box<dyn Error>> {
    let mut size = PoolSize::for_this_machine();
    size.workers = cli.workers.unwrap_or(size.workers);
    // ONNX Runtime starts fastest, and the simulated engine may be slow.
    let inference = Inference { runtime: RuntimeChoice::OnnxRuntime, ..Inference::default() };
    let vision = Vision::start_with(&ModelPaths { folder: cli.models_dir, runtime: cli.ort_lib }, size, inference)?;
    let options = Options {
        listen: cli.listen,
        speak: cli.speak,
        data_dir: cli.data_dir,
        ignore_caller_ids: cli.ignore_caller_ids,
        any_library: cli.any_library,
        credentials: cli.app_id.zip(cli.app_secret),
    };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        // Handlers are installed before the ready message, so that no signal is missed.
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let running = start(options, vision).await?;
        writeln!(std::io::stdout(), "listening on {}", running.address())?;
        std::io::stdout().flush()?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        running.stop().await;
        Ok(())
    })
}
