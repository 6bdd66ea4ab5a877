//! OpenVINO as a plugin of ONNX Runtime: detection of the plugin and set-up of its sessions.

use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::memory::DeviceType;
use ort::session::builder::SessionBuilder;

use super::Precision;
use crate::manifest::{Manifest, verify};

/// The plugin's name for its execution provider.
const PROVIDER: &str = "OpenVINOExecutionProvider";
/// ONNX Runtime's name for its own kernels.
const OWN_PROVIDER: &str = "CPUExecutionProvider";
/// The name under which the plugin is registered; the choice is arbitrary.
const REGISTRATION: &str = "openvino";

/// Returns the path of the plugin's library after verifying all its files and the processor's features.
///
/// # Errors
/// A readable reason why the plugin can't be used.
pub fn find(manifest: &Manifest, folder: &Path) -> Result<PathBuf, String> {
    let mut files = manifest.plugin();
    let first = files.next().ok_or_else(|| format!("there is no plugin for {}", std::env::consts::ARCH))?;
    if !has_avx2() {
        return Err("this processor has no AVX2".to_owned());
    }
    for entry in std::iter::once(first).chain(files) {
        verify(folder, &entry.file, &entry.sha256).map_err(|e| e.to_string())?;
    }
    // The runtime would resolve a relative path against the folder of its own library.
    std::path::absolute(folder.join(&first.file)).map_err(|e| e.to_string())
}

/// Loads the plugin into the runtime.
///
/// # Errors
/// The message of the runtime or the plugin.
pub fn register(environment: &Environment, library: &Path) -> Result<(), String> {
    environment.register_ep_library(REGISTRATION, library).map_err(|e| e.to_string())?;
    // Without OpenVINO's CPU plugin the library still loads, but offers no device.
    let knows_this_processor = environment.devices().any(|device| is_processor(&device));
    if knows_this_processor {
        Ok(())
    } else {
        Err("it has no device for this processor; it supports those of Intel".to_owned())
    }
}

/// Assigns a session to ONNX Runtime's own kernels, explicitly, as it might select a plugin by itself.
pub fn assign_to_onnxruntime(builder: SessionBuilder, environment: &Environment) -> Result<SessionBuilder, ort::Error> {
    let own = environment.devices().filter(|device| device.ep().is_ok_and(|name| name == OWN_PROVIDER));
    Ok(builder.with_devices(own, None)?)
}

/// Assigns a session to OpenVINO, in this precision and on one thread.
pub fn assign_to_openvino(
    builder: SessionBuilder,
    environment: &Environment,
    precision: Precision,
) -> Result<SessionBuilder, ort::Error> {
    let hint = match precision {
        Precision::F32 => "f32",
        Precision::Bf16 => "bf16",
    };
    // No pinning: there are many workers, and the operating system schedules them better.
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

/// Whether the processor has AMX for bf16 and the kernel enables it. With AMX bf16 halves the time, without it gains
/// little. Linux lists the feature only if both hold.
pub fn has_amx() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| {
        let flags = text.lines().find(|line| line.starts_with("flags"));
        flags.is_some_and(|line| line.split_ascii_whitespace().any(|flag| flag == "amx_bf16"))
    })
}
