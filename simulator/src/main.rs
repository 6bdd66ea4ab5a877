//! `aicp-engine-simulator`: see the library's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    aicp_engine_simulator::cli::main()
}
