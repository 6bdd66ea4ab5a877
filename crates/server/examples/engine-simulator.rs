//! `aicp-engine-simulator`, built along with this package's tests, which start it.

use std::process::ExitCode;

fn main() -> ExitCode {
    aicp_engine_simulator::cli::main()
}
