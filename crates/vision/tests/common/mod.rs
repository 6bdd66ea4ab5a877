//! The models and sample pictures of the project, for tests of real networks.

use std::path::{Path, PathBuf};

use aicp_vision::{Error, FaceModels, Picture, Vision};

/// Cosine at the default threshold, a false-match rate of 1e-4.
pub const SAME: f32 = 0.435;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Reads a sample picture by its path in `samples`.
pub fn read(sample: &str) -> Picture {
    let bytes = std::fs::read(root().join("samples").join(sample)).expect("samples are fetched: run `make setup`");
    Picture::decode(&bytes).expect("a picture")
}

/// Runs a job on a pool and waits for it.
pub fn on<T: Send + 'static>(
    vision: &Vision,
    job: impl FnOnce(&mut FaceModels) -> Result<T, Error> + Send + 'static,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(vision.run(job)).expect("the job succeeds")
}
