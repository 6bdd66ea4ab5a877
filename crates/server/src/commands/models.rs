//! `aicp models verify`

use std::io::Write;

use aicp_vision::manifest::{Manifest, read_verified};

use crate::config::Config;
use crate::{Error, Result};

/// Checks every file of the manifest, one line each.
pub(crate) fn verify(config: &Config) -> Result<()> {
    let manifest = Manifest::embedded()?;
    let mut out = std::io::stdout().lock();
    let mut wrong = 0;
    for (file, sha256) in manifest.files() {
        match read_verified(&config.models_dir, file, sha256) {
            Ok(bytes) => writeln!(out, "ok       {file} ({} bytes, {sha256})", bytes.len())?,
            Err(e) => {
                wrong += 1;
                writeln!(out, "WRONG    {file}: {e}")?;
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(Error::ModelFiles(wrong)) }
}
