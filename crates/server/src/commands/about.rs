//! What the program says of itself: `aicp version`, shell completions and manual pages.

use std::io::Write;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use serde::Serialize;

use crate::{Error, Result};

/// What the program is built from and for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Build {
    pub version: &'static str,
    pub commit: &'static str,
    target: &'static str,
    databases: [&'static str; 1],
    runtimes: [&'static str; 2],
}

pub(crate) const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    commit: env!("AICP_BUILD_COMMIT"),
    target: env!("AICP_BUILD_TARGET"),
    databases: ["sqlite"],
    runtimes: ["onnxruntime", "openvino"],
};

/// Prints version, commit and what is built in.
pub(crate) fn version(json: bool) -> Result<()> {
    let Build { version, commit, target, databases, runtimes } = BUILD;
    let text = if json {
        serde_json::to_string(&BUILD).map_err(std::io::Error::other)?
    } else {
        format!(
            "aicp {version}\ncommit: {commit}\ntarget: {target}\ndatabases: {}\nruntimes: {}",
            databases.join(", "),
            runtimes.join(", ")
        )
    };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

/// Prints the completions of a shell.
pub(crate) fn completions(mut command: Command, shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "aicp", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}

/// Writes a manual page for each command into a folder.
pub(crate) fn man(command: Command, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    Ok(clap_mangen::generate_to(command.disable_help_subcommand(true), folder)?)
}
