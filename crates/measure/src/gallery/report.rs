//! The numbers as JSON and as a table.

use std::io::Write;

use serde::Serialize;

use crate::Result;
use crate::machine::Machine;
use crate::timing::Timing;

const MIB: f64 = 1_048_576.0;

/// Everything that was seen. Times of a search are for the five people most like a probe.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub people: usize,
    pub dimensions: usize,
    pub threads: usize,
    pub probes: usize,
    pub templates: Made,
    /// What the processor searches with.
    pub kernel: String,
    /// Seconds to put all templates in, by one thread, without making them.
    pub load_s: f64,
    /// Growth of the resident set.
    pub memory_bytes: u64,
    pub bytes_per_template: f64,
    /// What one search reads.
    pub bytes_scanned: usize,
    /// Memory read from end to end by one thread, the best pass of the run.
    pub read_bandwidth_bytes_per_s: f64,
    pub read_bandwidth_all_threads_bytes_per_s: f64,
    /// Bytes scanned over the median search.
    pub scan_bytes_per_s: f64,
    /// The same over the bandwidth of the same moment; the median of ten moments.
    pub scan_fraction_of_bandwidth: f64,
    /// One by one on one thread.
    pub search: Timing,
    pub search_by_threads: ByThreads,
    pub batch: Batch,
    pub recall_at_1: f64,
    pub recall_at_5: f64,
    pub exactness: Exactness,
    /// Medians, one template at a time.
    pub insert_us: f64,
    pub remove_us: f64,
    pub writing: Option<Writing>,
}

/// How the templates were made.
#[derive(Debug, Serialize)]
pub struct Made {
    pub seed: u64,
    /// Real embeddings that templates were made of.
    pub real_seeds: usize,
    /// Share of templates that are a real embedding moved by noise; the others point anywhere.
    pub resampled_share: f64,
    /// Cosine of those to their real embedding, evenly spread.
    pub cosine_to_seed: [f32; 2],
}

/// Searches by all threads.
#[derive(Debug, Serialize)]
pub struct ByThreads {
    pub one_at_a_time: Timing,
    /// How much sooner one probe is answered than by one thread (medians).
    pub times_one_thread: f64,
    /// Probes under way all the time in `many`.
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
    /// Throughput over that of one by one.
    pub times_one_by_one: f64,
}

/// What is found against what a comparison with every template in single precision finds.
#[derive(Debug, Default, Serialize)]
pub struct Exactness {
    pub probes: usize,
    #[serde(skip)]
    pub recall_at_1: f64,
    #[serde(skip)]
    pub recall_at_5: f64,
    /// Rows taken as right since their score is that of the last right one but for the rounding of single precision.
    pub equal_within_rounding: usize,
    /// Between a score found and the same in double precision.
    pub largest_score_error: f64,
    /// Seconds that the comparison took.
    pub verify_s: f64,
}

/// Searches by one thread while another writes, beside the same without.
#[derive(Debug, Serialize)]
pub struct Writing {
    /// Insertions and removals that were done in a second.
    pub writes_per_second: f64,
    pub idle: Timing,
    pub search: Timing,
    pub p50_ratio: f64,
    pub p99_ratio: f64,
}

impl Report {
    /// Writes it as one line of JSON or as a table.
    pub fn write(&self, json: bool, out: &mut impl Write) -> Result<()> {
        if json {
            return Ok(writeln!(out, "{}", serde_json::to_string(self)?)?);
        }
        let gib = |bytes_per_s: f64| bytes_per_s / 1e9;
        writeln!(out, "{}", self.machine.line())?;
        let Made { real_seeds, resampled_share, .. } = self.templates;
        let resampled = resampled_share * 100.0;
        writeln!(
            out,
            "{} templates of {} numbers, {resampled:.0} % around {real_seeds} real faces; kernel {}",
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
            self.recall_at_1,
            self.recall_at_5,
            self.exactness.probes,
            self.exactness.verify_s,
            self.exactness.largest_score_error
        )?;
        writeln!(out, "insert {:.1} us, remove {:.1} us", self.insert_us, self.remove_us)?;
        Ok(())
    }
}
