//! `aicp`: the face-identity platform in one binary. See `aicp help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    aicp_server::cli::main()
}
