//! The machine that is measured on, and what this process holds of it.

use serde::Serialize;

use crate::{Error, Result};

/// Instruction sets that decide how fast networks and searches are.
const EXTENSIONS: [&str; 8] =
    ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp"];

/// A number of threads, at least one.
pub type Threads = std::num::NonZeroUsize;

/// What was measured on.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's own name.
    pub cpu: String,
    /// Processors that this program may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Those of the instruction sets that matter here which the processor has, by the kernel's names.
    pub extensions: Vec<String>,
    /// The largest cache, in KiB; 0 where the system does not say.
    pub last_level_cache_kib: u64,
    /// When the kernel gives pages of 2 MiB instead of 4 KiB: `always`, `madvise`, `never`; empty where it does not say.
    pub huge_pages: String,
    /// The kernel's release.
    pub kernel: String,
    /// Processes that wanted to run in the minute before, on average; over 0.5 others disturbed the measurement.
    pub load_before: f64,
}

impl Machine {
    /// This machine.
    ///
    /// # Errors
    /// [`Error::File`] where there is no /proc.
    pub fn here() -> Result<Self> {
        let cpus = read("/proc/cpuinfo")?;
        let field = |names: &[&str]| {
            cpus.lines()
                .filter_map(|line| line.split_once(':'))
                .find_map(|(name, value)| names.contains(&name.trim()).then(|| value.trim().to_owned()))
        };
        let flags = field(&["flags", "Features"]).unwrap_or_default();
        let has = |name: &&str| flags.split(' ').any(|flag| flag == *name);
        let huge_pages = read("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
        let chosen = huge_pages.split(['[', ']']).nth(1).unwrap_or_default();
        Ok(Self {
            cpu: field(&["model name"]).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: number_in(&read("/proc/meminfo")?, "MemTotal").unwrap_or(0) / 1024,
            extensions: EXTENSIONS.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect(),
            last_level_cache_kib: last_level_cache_kib(),
            huge_pages: chosen.to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            load_before: read("/proc/loadavg")?.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
        })
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let Self { cpu, cores, memory_mib, extensions, load_before, .. } = self;
        format!("{cpu}, {cores} cores, {memory_mib} MiB, {}; load before: {load_before}", extensions.join(" "))
    }
}

/// Memory that this process has in use now (the resident set), in bytes.
///
/// # Errors
/// [`Error::File`] where there is no /proc.
pub fn resident_bytes() -> Result<u64> {
    let status = read("/proc/self/status")?;
    Ok(number_in(&status, "VmRSS").ok_or_else(|| Error::Request("no VmRSS in /proc/self/status".to_owned()))? * 1024)
}

/// The most memory that a process had in use so far, in bytes.
///
/// # Errors
/// [`Error::File`] if there is no such process.
pub fn peak_memory_bytes(process: u32) -> Result<u64> {
    let status = read(&format!("/proc/{process}/status"))?;
    Ok(number_in(&status, "VmHWM").ok_or_else(|| Error::Request("no VmHWM in /proc".to_owned()))? * 1024)
}

/// The number in a line `name: number kB` of a file of /proc.
fn number_in(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

fn last_level_cache_kib() -> u64 {
    let size = |index: usize| -> Option<u64> {
        let text = read(&format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size")).ok()?;
        text.trim().strip_suffix('K')?.parse().ok()
    };
    (0..8).filter_map(size).max().unwrap_or(0)
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(Error::file(path))
}
