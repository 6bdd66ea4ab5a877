//! Durations to percentiles.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What a number of runs of one thing took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Timing {
    /// What was run.
    pub name: String,
    /// How often.
    pub calls: usize,
    /// The median in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// How many in a second, all clients together.
    pub calls_per_second: f64,
}

impl Timing {
    /// The percentiles of some durations that fell into `elapsed` of wall time.
    pub fn new(name: impl Into<String>, mut each: Vec<Duration>, elapsed: Duration) -> Self {
        each.sort_unstable();
        Self {
            name: name.into(),
            calls: each.len(),
            p50_ms: percentile(&each, 50),
            p99_ms: percentile(&each, 99),
            calls_per_second: each.len() as f64 / elapsed.as_secs_f64(),
        }
    }
}

/// Runs something `iterations` times, after a tenth of that to warm up.
pub fn repeat<E>(name: &str, iterations: u32, mut run: impl FnMut() -> Result<(), E>) -> Result<Timing, E> {
    for _ in 0..iterations.div_ceil(10) {
        run()?;
    }
    let mut each = Vec::with_capacity(iterations as usize);
    let begun = Instant::now();
    for _ in 0..iterations {
        let start = Instant::now();
        run()?;
        each.push(start.elapsed());
    }
    Ok(Timing::new(name, each, begun.elapsed()))
}

/// The nearest-rank percentile of sorted durations, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}
