//! Description of the machine, and the memory use of processes.

use serde::Serialize;

use crate::{Error, Result};

/// Instruction sets that affect the speed of networks and searches.
const EXTENSIONS: [&str; 8] =
    ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp"];

/// Unit of processor time in /proc, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A number of threads, at least one.
pub type Threads = std::num::NonZeroUsize;

/// Description of the measured machine.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Model name of the processor.
    pub cpu: String,
    /// Number of processors available to this program.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Available instruction sets out of those that matter here, by the kernel's names.
    pub extensions: Vec<String>,
    /// Size of the largest cache in KiB; 0 if unknown.
    pub last_level_cache_kib: u64,
    /// When the kernel uses pages of 2 MiB instead of 4 KiB: `always`, `madvise`, `never`; empty if unknown.
    pub huge_pages: String,
    /// Kernel release.
    pub kernel: String,
    /// Load average of the minute before the measurement; above 0.5 other processes disturbed it.
    pub load_before: f64,
}

impl Machine {
    /// Describes this machine.
    ///
    /// # Errors
    /// [`Error::File`] if there is no /proc.
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

    /// Returns a one-line summary.
    pub fn line(&self) -> String {
        let Self { cpu, cores, memory_mib, extensions, load_before, .. } = self;
        format!("{cpu}, {cores} cores, {memory_mib} MiB, {}; load before: {load_before}", extensions.join(" "))
    }
}

/// Returns the current resident set of this process in bytes.
///
/// # Errors
/// [`Error::File`] if there is no /proc.
pub fn resident_bytes() -> Result<u64> {
    let status = read("/proc/self/status")?;
    Ok(number_in(&status, "VmRSS").ok_or_else(|| Error::Request("no VmRSS in /proc/self/status".to_owned()))? * 1024)
}

/// Returns the peak resident set of a process in bytes.
///
/// # Errors
/// [`Error::File`] if there is no such process.
pub fn peak_memory_bytes(process: u32) -> Result<u64> {
    let status = read(&format!("/proc/{process}/status"))?;
    Ok(number_in(&status, "VmHWM").ok_or_else(|| Error::Request("no VmHWM in /proc".to_owned()))? * 1024)
}

/// Returns the processor time that a process has used, in seconds, of all its threads.
///
/// # Errors
/// [`Error::File`] if there is no such process.
pub fn cpu_seconds(process: u32) -> Result<f64> {
    let stat = read(&format!("/proc/{process}/stat"))?;
    // The second field, the name, may contain spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    match ticks[..] {
        [user, system] => Ok((user + system) / TICKS_PER_SECOND),
        _ => Err(Error::Request("no processor time in /proc".to_owned())),
    }
}

/// Returns the number of a line `name: number kB` in a file of /proc.
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
