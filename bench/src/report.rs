//! The numbers as a table and as JSON.

use std::io::Write;
use std::path::Path;

use aicp_measure::{Machine, Timing};
use serde::Serialize;

use crate::Outcome;
use crate::bare::BareModels;
use crate::photo::Photo;
use crate::server::Served;

/// The whole call should take no longer than this many times the bare networks.
const AIM: f64 = 1.25;

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
        let cores = self.machine.cores;
        writeln!(out, "{}", self.machine.line())?;
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
