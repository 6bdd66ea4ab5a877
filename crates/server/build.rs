//! Notes the commit that the program is built from, and follows the files of the console.

use std::path::Path;
use std::process::Command;

/// Names the commit where there is no repository, such as in a container's build.
const VARIABLE: &str = "AICP_COMMIT";
/// What `npm run build` makes of the console.
const CONSOLE: &str = "../../console/dist";

fn main() {
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let given = std::env::var(VARIABLE).ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(commit_of_repository).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=AICP_BUILD_COMMIT={commit}");
    println!("cargo:rustc-env=AICP_BUILD_TARGET={}", std::env::var("TARGET").unwrap_or_default());
    // A folder that is missing would count as changed each time. Without its files the program has no console.
    let _ = std::fs::create_dir_all(CONSOLE);
    println!("cargo:rerun-if-changed={CONSOLE}");
}

fn commit_of_repository() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // The log of the head changes with every commit and every switch of branches.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    Some(commit)
}
