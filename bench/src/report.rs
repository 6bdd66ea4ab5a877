//! The numbers as a table and as JSON.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::Outcome;
use crate::bare::BareModels;
use crate::photo::Photo;
use crate::server::Served;
use crate::timing::Timing;

/// The whole call should take no longer than this many times the bare networks.
const AIM: f64 = 1.25;

/// What was measured on.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The processor's own name.
    pub cpu: String,
    /// Processors that this program may use.
    pub cores: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Processes that wanted to run in the minute before, on average; over 0.5 others disturbed the measurement.
    pub load_before: f64,
}

impl Machine {
    /// This machine.
    pub fn here() -> Outcome<Self> {
        let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
        let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
        let memory = proc_number(&std::fs::read_to_string("/proc/meminfo")?, "MemTotal");
        let load = std::fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            cpu: cpu.unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: memory.unwrap_or(0) / 1024,
            load_before: load.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
        })
    }
}

/// The number in a line `name: number kB` of a file of /proc.
pub fn proc_number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[derive(Debug, Serialize)]
struct PhotoFacts {
    width: u32,
    height: u32,
    jpeg_bytes: usize,
    detector_input: (u32, u32),
}

/// All numbers.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    photo: PhotoFacts,
    stages: Vec<Timing>,
    bare_models: BareModels,
    http: Served,
    whole_call_p50_ms: f64,
    ratio_whole_call_to_bare_models: f64,
    throughput_scaling: f64,
    peak_memory_mib: f64,
}

impl Report {
    /// Puts the parts together.
    pub fn new(machine: Machine, photo: &Photo, stages: Vec<Timing>, bare_models: BareModels, http: Served) -> Self {
        let whole = http.one_client.timing.p50_ms;
        Self {
            machine,
            photo: PhotoFacts {
                width: photo.width,
                height: photo.height,
                jpeg_bytes: photo.jpeg.len(),
                detector_input: photo.detector_input,
            },
            whole_call_p50_ms: whole,
            ratio_whole_call_to_bare_models: whole / bare_models.sum_p50_ms,
            throughput_scaling: http.client_a_core.timing.calls_per_second / http.one_client.timing.calls_per_second,
            peak_memory_mib: http.peak_memory_mib,
            stages,
            bare_models,
            http,
        }
    }

    /// Writes the JSON; the file appears whole or not at all.
    pub fn save(&self, path: &Path) -> Outcome<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let part = path.with_extension("tmp");
        std::fs::write(&part, serde_json::to_string_pretty(self)? + "\n")?;
        Ok(std::fs::rename(&part, path)?)
    }

    /// Prints the table.
    pub fn print(&self, out: &mut impl Write) -> Outcome<()> {
        let Machine { cpu, cores, memory_mib, load_before } = &self.machine;
        writeln!(out, "{cpu}, {cores} cores, {memory_mib} MiB; load before: {load_before}")?;
        let PhotoFacts { width, height, jpeg_bytes, detector_input: (w, h) } = &self.photo;
        writeln!(out, "photo: {width}x{height}, {jpeg_bytes} bytes; the detector sees {w}x{h}")?;
        let http =
            [&self.http.without_vision, &self.http.one_client, &self.http.client_a_core].map(|load| &load.timing);
        let groups: [(&str, Vec<&Timing>); 3] = [
            ("stage, 1 thread", self.stages.iter().collect()),
            ("bare model, 1 thread", self.bare_models.models.iter().collect()),
            ("HTTP", http.to_vec()),
        ];
        for (title, timings) in groups {
            writeln!(out, "\n{title:<30} {:>7} {:>10} {:>10} {:>10}", "calls", "p50 ms", "p99 ms", "calls/s")?;
            for Timing { name, calls, p50_ms, p99_ms, calls_per_second } in timings {
                writeln!(out, "{name:<30} {calls:>7} {p50_ms:>10.3} {p99_ms:>10.3} {calls_per_second:>10.1}")?;
            }
        }
        writeln!(out, "\nbare models together     {:>8.2} ms", self.bare_models.sum_p50_ms)?;
        writeln!(out, "whole call               {:>8.2} ms", self.whole_call_p50_ms)?;
        writeln!(out, "whole call / bare models {:>8.3} (aim: at most {AIM})", self.ratio_whole_call_to_bare_models)?;
        writeln!(out, "throughput scaling       {:>8.2} on {cores} cores", self.throughput_scaling)?;
        writeln!(out, "peak memory              {:>8.0} MiB", self.peak_memory_mib)?;
        Ok(())
    }
}
