//! Report of the measurement, as JSON and as a table.

use std::io::Write;

use serde::Serialize;

use super::libraries::ManyLibraries;
use crate::Result;
use crate::machine::Machine;
use crate::templates::Kind;
use crate::timing::Timing;

const MIB: f64 = 1_048_576.0;

/// All results. Search times are for the five people most like a probe.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub people: usize,
    pub dimensions: usize,
    pub threads: usize,
    pub probes: usize,
    pub templates: TemplateSource,
    /// Whether the gallery stores rotated heads.
    pub rotated: bool,
    /// Name of the search kernel.
    pub kernel: String,
    /// Seconds to insert all templates by one thread, without generating them.
    pub load_s: f64,
    /// Growth of the resident set in bytes.
    pub memory_bytes: u64,
    pub bytes_per_template: f64,
    /// Bytes that one search reads.
    pub bytes_scanned: usize,
    /// Best sequential read bandwidth of one thread.
    pub read_bandwidth_bytes_per_s: f64,
    pub read_bandwidth_all_threads_bytes_per_s: f64,
    /// Bytes scanned divided by the median search time.
    pub scan_bytes_per_s: f64,
    /// The same rate divided by the bandwidth measured at the same time; the median of ten rounds.
    pub scan_fraction_of_bandwidth: f64,
    /// Single searches on one thread.
    pub search: Timing,
    pub search_by_threads: ByThreads,
    pub batch: Batch,
    #[serde(flatten)]
    pub recall: Recalls,
    pub exactness: Exactness,
    /// Median time to insert one template, in microseconds.
    pub insert_us: f64,
    /// Median time to remove one template, in microseconds.
    pub remove_us: f64,
    pub writing: Option<Writing>,
    pub libraries: Option<ManyLibraries>,
}

/// Origin of the templates.
#[derive(Debug, Serialize)]
pub struct TemplateSource {
    pub seed: u64,
    pub kind: Kind,
}

/// Searches by all threads.
#[derive(Debug, Serialize)]
pub struct ByThreads {
    pub one_at_a_time: Timing,
    /// Speed-up of a single probe over one thread (ratio of medians).
    pub times_one_thread: f64,
    /// Number of probes in flight in `many`.
    pub in_flight: usize,
    pub many: Timing,
}

/// Searches for several probes at once, by one thread.
#[derive(Debug, Serialize)]
pub struct Batch {
    pub size: usize,
    #[serde(flatten)]
    pub timing: Timing,
    pub probes_per_second: f64,
    /// Throughput relative to single searches.
    pub times_one_by_one: f64,
}

/// Search results compared with brute force in single precision.
#[derive(Debug, Default, Serialize)]
pub struct Exactness {
    pub probes: usize,
    #[serde(skip)]
    pub all: Recalls,
    /// Probes of people in the library.
    pub mates: Recalls,
    /// Probes of others.
    pub strangers: Recalls,
    /// Templates that a search of a large library reads from outside the gallery, to compare them in full.
    pub templates_read_per_probe: f64,
    /// Rows counted as right because their score equals the last right one up to single-precision rounding.
    pub equal_within_rounding: usize,
    /// Largest difference between a score found and the same score in double precision.
    pub largest_score_error: f64,
    /// Seconds that the brute-force comparison took.
    pub verify_s: f64,
}

/// Shares of the people found by brute force that the search found, too.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Recalls {
    pub recall_at_1: f64,
    pub recall_at_5: f64,
}

/// Searches by one thread with and without a concurrent writer.
#[derive(Debug, Serialize)]
pub struct Writing {
    /// Insertions and removals per second that were achieved.
    pub writes_per_second: f64,
    pub idle: Timing,
    pub search: Timing,
    pub p50_ratio: f64,
    pub p99_ratio: f64,
}

impl Report {
    /// Writes the report as one line of JSON or as a table.
    pub fn write(&self, json: bool, out: &mut impl Write) -> Result<()> {
        if json {
            return Ok(writeln!(out, "{}", serde_json::to_string(self)?)?);
        }
        let gib = |bytes_per_s: f64| bytes_per_s / 1e9;
        writeln!(out, "{}", self.machine.line())?;
        let kind = match self.templates.kind {
            Kind::Faces => "with the spectrum of faces",
            Kind::Random => "of random directions",
        };
        let form = if self.rotated { "rotated heads" } else { "whole" };
        writeln!(
            out,
            "{} templates of {} numbers {kind}; {form}; kernel {}",
            self.people, self.dimensions, self.kernel
        )?;
        writeln!(
            out,
            "loaded in {:.2} s; {:.0} MiB, {:.0} bytes a template",
            self.load_s,
            self.memory_bytes as f64 / MIB,
            self.bytes_per_template
        )?;
        writeln!(
            out,
            "\n{:<36} {:>9} {:>10} {:>10} {:>12}",
            "search, top 5", "searches", "p50 ms", "p99 ms", "probes/s"
        )?;
        let mut row = |name: &str, timing: &Timing, each: usize| {
            let Timing { calls, p50_ms, p99_ms, calls_per_second, .. } = timing;
            let per_second = calls_per_second * each as f64;
            writeln!(out, "{name:<36} {calls:>9} {p50_ms:>10.3} {p99_ms:>10.3} {per_second:>12.1}")
        };
        row("one by one, 1 thread", &self.search, 1)?;
        let by_threads = &self.search_by_threads;
        row(&format!("one by one, {} threads", self.threads), &by_threads.one_at_a_time, 1)?;
        row(&format!("{} at a time, {} threads", by_threads.in_flight, self.threads), &by_threads.many, 1)?;
        row(&format!("{} together, 1 thread", self.batch.size), &self.batch.timing, self.batch.size)?;
        if let Some(writing) = &self.writing {
            row("1 thread, idle", &writing.idle, 1)?;
            row(&format!("1 thread, {:.0} writes/s", writing.writes_per_second), &writing.search, 1)?;
            writeln!(out, "writes cost: p50 x{:.2}, p99 x{:.2}", writing.p50_ratio, writing.p99_ratio)?;
        }
        if let Some(many) = &self.libraries {
            writeln!(
                out,
                "{} libraries of {} in one call: {:.2} ms, {:.2} GB/s",
                many.libraries,
                many.people_each,
                many.timing.p50_ms,
                gib(many.scan_bytes_per_s)
            )?;
        }
        writeln!(
            out,
            "{} threads answer a probe {:.2} times sooner; together {:.2} times the throughput of one by one",
            self.threads, by_threads.times_one_thread, self.batch.times_one_by_one
        )?;
        writeln!(
            out,
            "\na search reads {:.1} MiB, {:.2} GB/s; memory is read at {:.2} GB/s by one thread, {:.2} by {}: {:.0} %",
            self.bytes_scanned as f64 / MIB,
            gib(self.scan_bytes_per_s),
            gib(self.read_bandwidth_bytes_per_s),
            gib(self.read_bandwidth_all_threads_bytes_per_s),
            self.threads,
            self.scan_fraction_of_bandwidth * 100.0
        )?;
        writeln!(
            out,
            "recall@1 {:.6}, recall@5 {:.6} of {} probes against brute force in f32 ({:.1} s); scores off by {:.1e} at most",
            self.recall.recall_at_1,
            self.recall.recall_at_5,
            self.exactness.probes,
            self.exactness.verify_s,
            self.exactness.largest_score_error
        )?;
        let Exactness { mates, strangers, templates_read_per_probe, .. } = &self.exactness;
        writeln!(
            out,
            "mates {:.6}, {:.6}; strangers {:.6}, {:.6}; {templates_read_per_probe:.1} templates read in full per probe",
            mates.recall_at_1, mates.recall_at_5, strangers.recall_at_1, strangers.recall_at_5
        )?;
        writeln!(out, "insert {:.1} us, remove {:.1} us", self.insert_us, self.remove_us)?;
        Ok(())
    }
}
