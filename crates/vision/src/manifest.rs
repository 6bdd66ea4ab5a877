//! The manifest of model files: purpose, source and checksum of each.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::recognisability::Weights;
use crate::{Error, Result};

const EMBEDDED: &str = include_str!("../../../models/models.toml");

/// Purpose of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Detects face boxes and five landmarks in a picture.
    Detector,
    /// Computes the embedding of an aligned face.
    Embedder,
    /// Computes 68 landmarks of a face crop.
    Landmarks,
    /// Computes the probability that a face crop is live.
    Liveness,
    /// Estimates yaw, pitch and roll of a face crop.
    Pose,
}

/// One model of the manifest.
#[derive(Debug, Clone, Deserialize)]
pub struct ModelEntry {
    /// Purpose of the model.
    pub role: Role,
    /// File name in the models folder.
    pub file: String,
    /// Key of the package that contains it.
    pub package: String,
    /// Lower-case hex SHA-256 of the file.
    pub sha256: String,
    /// Algorithm name recorded in templates of this model.
    pub algorithm: String,
    /// Provider name recorded in templates of this model.
    pub provider: String,
    /// Version recorded in templates of this model.
    pub version: String,
    /// Description of the inputs and outputs.
    pub contract: String,
}

/// The ONNX Runtime library for one processor architecture.
#[derive(Debug, Clone, Deserialize)]
pub struct RuntimeEntry {
    /// Processor architecture in Rust's spelling (`x86_64`, `aarch64`).
    pub arch: String,
    /// File name in the models folder.
    pub file: String,
    /// Lower-case hex SHA-256 of the file.
    pub sha256: String,
}

/// One library of the runtime's plugin, for one processor architecture.
#[derive(Debug, Clone, Deserialize)]
pub struct PluginEntry {
    /// Processor architecture in Rust's spelling.
    pub arch: String,
    /// Path in the models folder, including the plugin's folder.
    pub file: String,
    /// Lower-case hex SHA-256 of the file.
    pub sha256: String,
}

/// A registry package.
#[derive(Debug, Clone, Deserialize)]
pub struct PackageEntry {
    /// `pypi` or `npm`.
    pub registry: String,
    /// Package name in the registry.
    pub name: String,
    /// Pinned version.
    pub version: String,
    /// SPDX licence expression.
    pub licence: String,
}

/// Data of the recognisability judge.
#[derive(Debug, Clone, Deserialize)]
pub struct RecognisabilityEntry {
    /// File name in the models folder of the source tree; the file is embedded in the binary.
    pub file: String,
    /// Lower-case hex SHA-256 of the file.
    pub sha256: String,
    /// Algorithm name of the embedder that the data are for.
    pub algorithm: String,
    /// The kind of spoilt faces of each mean, in the order of the file.
    pub kinds: Vec<String>,
    /// Weights of the evidence.
    pub weights: Weights,
    /// The cover detectors.
    pub covers: CoversEntry,
}

/// Data of the cover detectors.
#[derive(Debug, Clone, Deserialize)]
pub struct CoversEntry {
    /// File name in the models folder of the source tree; the file is embedded in the binary.
    pub file: String,
    /// Lower-case hex SHA-256 of the file.
    pub sha256: String,
}

/// The whole manifest, `models/models.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// Registry packages by key.
    pub package: std::collections::BTreeMap<String, PackageEntry>,
    /// The models.
    pub model: Vec<ModelEntry>,
    /// Data of the recognisability judge.
    pub recognisability: RecognisabilityEntry,
    /// The ONNX Runtime libraries.
    pub runtime: Vec<RuntimeEntry>,
    /// The libraries of the OpenVINO plugin; for each architecture the first is the one to load.
    pub plugin: Vec<PluginEntry>,
}

impl Manifest {
    /// The manifest that this binary was built with.
    ///
    /// # Errors
    /// [`Error::Manifest`] if the file in the source tree was broken at build time.
    pub fn embedded() -> Result<Self> {
        toml::from_str(EMBEDDED).map_err(|e| Error::Manifest(e.to_string()))
    }

    /// The model with the given role.
    ///
    /// # Errors
    /// [`Error::Manifest`] if the manifest has none.
    pub fn model(&self, role: Role) -> Result<&ModelEntry> {
        self.model
            .iter()
            .find(|entry| entry.role == role)
            .ok_or_else(|| Error::Manifest(format!("no model has the role {role:?}")))
    }

    /// The runtime library for this machine's architecture, if the manifest has one.
    pub fn runtime(&self) -> Option<&RuntimeEntry> {
        self.runtime.iter().find(|entry| entry.arch == std::env::consts::ARCH)
    }

    /// The plugin's libraries for this machine's architecture, the one to load first; empty if there is no plugin.
    pub fn plugin(&self) -> impl Iterator<Item = &PluginEntry> {
        self.plugin.iter().filter(|entry| entry.arch == std::env::consts::ARCH)
    }

    /// The version of a package by its key.
    pub fn version_of(&self, package: &str) -> Option<String> {
        self.package.get(package).map(|entry| entry.version.clone())
    }

    /// Optional files that speed up this machine's installation: name and expected SHA-256.
    pub fn optional_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.plugin().map(|entry| (entry.file.as_str(), entry.sha256.as_str()))
    }

    /// Required files of this machine's installation: name and expected SHA-256.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.model
            .iter()
            .map(|entry| (entry.file.as_str(), entry.sha256.as_str()))
            .chain(self.runtime().map(|entry| (entry.file.as_str(), entry.sha256.as_str())))
    }
}

/// Reads a file of the models folder and verifies its SHA-256 (lower-case hex).
///
/// # Errors
/// [`Error::MissingFile`], [`Error::Io`] or [`Error::Checksum`].
pub fn read_verified(folder: &Path, file: &str, expected: &str) -> Result<Vec<u8>> {
    let path = folder.join(file);
    let bytes = std::fs::read(&path).map_err(|source| unreadable(&path, source))?;
    compare(path, Sha256::digest(&bytes).as_slice(), expected)?;
    Ok(bytes)
}

/// Lower-case hex SHA-256 of the bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Verifies a file as [`read_verified`] does, without holding it in memory; returns its size in bytes.
///
/// # Errors
/// As [`read_verified`].
pub fn verify(folder: &Path, file: &str, expected: &str) -> Result<u64> {
    let path = folder.join(file);
    let mut hasher = Sha256::new();
    let size = File::open(&path)
        .and_then(|mut file| {
            let mut block = vec![0; 1 << 18];
            let mut size = 0;
            loop {
                match file.read(&mut block)? {
                    0 => return Ok(size),
                    n => {
                        hasher.update(&block[..n]);
                        size += n as u64;
                    }
                }
            }
        })
        .map_err(|source| unreadable(&path, source))?;
    compare(path, hasher.finalize().as_slice(), expected)?;
    Ok(size)
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    let path = path.to_owned();
    if source.kind() == std::io::ErrorKind::NotFound { Error::MissingFile { path } } else { Error::Io { path, source } }
}

fn compare(path: PathBuf, digest: &[u8], expected: &str) -> Result<()> {
    let found = hex::encode(digest);
    if found == expected { Ok(()) } else { Err(Error::Checksum { path, found, expected: expected.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_manifest_names_a_model_for_every_role() {
        let manifest = Manifest::embedded().expect("manifest parses");
        for role in [Role::Detector, Role::Embedder, Role::Landmarks, Role::Liveness, Role::Pose] {
            let entry = manifest.model(role).expect("role present");
            assert_eq!(entry.sha256.len(), 64, "{}", entry.file);
            assert!(manifest.package.contains_key(&entry.package));
        }
    }

    #[test]
    fn a_changed_file_is_refused() {
        let folder = tempfile::tempdir().expect("temp dir");
        std::fs::write(folder.path().join("a"), b"abc").expect("write");
        let right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(read_verified(folder.path(), "a", right).expect("right"), b"abc");
        std::fs::write(folder.path().join("a"), b"abd").expect("write");
        assert!(matches!(read_verified(folder.path(), "a", right), Err(Error::Checksum { .. })));
        assert!(matches!(read_verified(folder.path(), "b", right), Err(Error::MissingFile { .. })));
        assert!(matches!(verify(folder.path(), "a", right), Err(Error::Checksum { .. })));
        assert!(matches!(verify(folder.path(), "b", right), Err(Error::MissingFile { .. })));
        std::fs::write(folder.path().join("a"), b"abc").expect("write");
        assert_eq!(verify(folder.path(), "a", right).expect("right"), 3);
    }
}
