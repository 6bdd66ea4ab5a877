//! `aicp models verify`

use std::io::Write;

use aicp_vision::manifest::{Manifest, verify as check};

use crate::config::Config;
use crate::{Error, Result};

/// Verifies the model files against the manifest and prints a line for each.
pub(crate) fn verify(config: &Config) -> Result<()> {
    let manifest = Manifest::embedded()?;
    let mut out = std::io::stdout().lock();
    let mut wrong = 0;
    let needed = manifest.files().map(|file| (file, true));
    for ((file, sha256), is_needed) in needed.chain(manifest.optional_files().map(|file| (file, false))) {
        match check(&config.models_dir, file, sha256) {
            Ok(bytes) => writeln!(out, "ok       {file} ({bytes} bytes, {sha256})")?,
            Err(aicp_vision::Error::MissingFile { .. }) if !is_needed => {
                writeln!(out, "absent   {file} (optional)")?;
            }
            Err(e) => {
                wrong += 1;
                writeln!(out, "WRONG    {file}: {e}")?;
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(Error::ModelFiles(wrong)) }
}
