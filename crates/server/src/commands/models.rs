//! `aicp models verify`

use std::io::Write;

use aicp_api::ShownModel;
use aicp_vision::manifest::{Manifest, PackageEntry, Role, verify as check};

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

/// Lists the files of this machine's installation, as the manifest has them.
pub(crate) fn shown() -> Result<Vec<ShownModel>> {
    let manifest = Manifest::embedded()?;
    let package = |key: &str| manifest.package.get(key);
    let id = |package: &PackageEntry| format!("{}:{}@{}", package.registry, package.name, package.version);
    let models = manifest.model.iter().map(|model| ShownModel {
        purpose: purpose(model.role).to_owned(),
        file: model.file.clone(),
        sha256: model.sha256.clone(),
        package: package(&model.package).map(id),
        licence: package(&model.package).map(|package| package.licence.clone()),
        algorithm: Some(model.algorithm.clone()),
        version: Some(model.version.clone()),
        contract: Some(model.contract.clone()),
    });
    let library = |purpose: &str, key: &str, file: &str, sha256: &str| ShownModel {
        purpose: purpose.to_owned(),
        file: file.to_owned(),
        sha256: sha256.to_owned(),
        package: package(key).map(id),
        licence: package(key).map(|package| package.licence.clone()),
        algorithm: None,
        version: package(key).map(|package| package.version.clone()),
        contract: None,
    };
    let runtime = manifest.runtime().map(|entry| library("runtime", "onnxruntime", &entry.file, &entry.sha256));
    let plugin = manifest.plugin().map(|entry| library("plugin", "openvino", &entry.file, &entry.sha256));
    Ok(models.chain(runtime).chain(plugin).collect())
}

fn purpose(role: Role) -> &'static str {
    match role {
        Role::Detector => "detector",
        Role::Embedder => "embedder",
        Role::Landmarks => "landmarks",
        Role::Liveness => "liveness",
        Role::Pose => "pose",
    }
}
