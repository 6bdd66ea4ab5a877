//! OpenVINO as a plugin of ONNX Runtime: whether this machine has it, and how its sessions are set up.

use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::memory::DeviceType;
use ort::session::builder::SessionBuilder;

use super::Precision;
use crate::manifest::{Manifest, verify};

/// What the plugin calls itself.
const PROVIDER: &str = "OpenVINOExecutionProvider";
/// What ONNX Runtime calls its own kernels.
const OWN_PROVIDER: &str = "CPUExecutionProvider";
/// The name under which the plugin is registered; any would do.
const REGISTRATION: &str = "openvino";

/// The plugin's library in the models folder, once every file of it was found right and the processor is fit for it.
///
/// # Errors
/// Why it can't be used here, for people.
pub fn find(manifest: &Manifest, folder: &Path) -> Result<PathBuf, String> {
    let mut files = manifest.plugin();
    let first = files.next().ok_or_else(|| format!("there is no plugin for {}", std::env::consts::ARCH))?;
    if !has_avx2() {
        return Err("this processor has no AVX2".to_owned());
    }
    for entry in std::iter::once(first).chain(files) {
        verify(folder, &entry.file, &entry.sha256).map_err(|e| e.to_string())?;
    }
    // The runtime would look for a relative path beside its own library.
    std::path::absolute(folder.join(&first.file)).map_err(|e| e.to_string())
}

/// Loads the plugin into the runtime.
///
/// # Errors
/// What the runtime or the plugin said, for people.
pub fn register(environment: &Environment, library: &Path) -> Result<(), String> {
    environment.register_ep_library(REGISTRATION, library).map_err(|e| e.to_string())?;
    // Without its processor plugin the library loads all the same, but knows no device.
    let knows_this_processor = environment.devices().any(|device| is_processor(&device));
    if knows_this_processor { Ok(()) } else { Err("it finds no device".to_owned()) }
}

/// A session that is run by ONNX Runtime itself. Said explicitly, as it may pick a plugin of its own accord.
pub fn refuse(builder: SessionBuilder, environment: &Environment) -> Result<SessionBuilder, ort::Error> {
    let own = environment.devices().filter(|device| device.ep().is_ok_and(|name| name == OWN_PROVIDER));
    Ok(builder.with_devices(own, None)?)
}

/// A session that OpenVINO runs in this precision on one thread.
pub fn choose(
    builder: SessionBuilder,
    environment: &Environment,
    precision: Precision,
) -> Result<SessionBuilder, ort::Error> {
    let hint = match precision {
        Precision::F32 => "f32",
        Precision::Bf16 => "bf16",
    };
    // Workers are many and the system knows better than a library where they run: no pinning.
    let config = format!(
        r#"{{"CPU":{{"INFERENCE_PRECISION_HINT":"{hint}","INFERENCE_NUM_THREADS":"1","NUM_STREAMS":"1","ENABLE_CPU_PINNING":"NO"}}}}"#
    );
    let options = [(format!("{PROVIDER}.load_config"), config)];
    Ok(builder.with_devices(environment.devices().filter(is_processor), Some(&options))?)
}

fn is_processor(device: &ort::device::Device<'_>) -> bool {
    device.ep().is_ok_and(|name| name == PROVIDER) && device.hardware_device().ty() == DeviceType::CPU
}

fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Whether the processor multiplies matrices of bf16 by itself (AMX) and the system lets it: then bf16 halves the time,
/// elsewhere it gains little. Linux lists the feature only if both hold.
pub fn has_amx() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| {
        let flags = text.lines().find(|line| line.starts_with("flags"));
        flags.is_some_and(|line| line.split_ascii_whitespace().any(|flag| flag == "amx_bf16"))
    })
}
