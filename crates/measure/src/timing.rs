//! Percentiles of durations.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Durations of repeated runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Timing {
    /// Name of what was run.
    pub name: String,
    /// Number of runs.
    pub calls: usize,
    /// Shortest duration in milliseconds: the time without disturbance.
    pub best_ms: f64,
    /// The median in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// Runs per second, all clients together.
    pub calls_per_second: f64,
}

impl Timing {
    /// Computes the percentiles of durations that were measured within `elapsed` of wall time.
    pub fn new(name: impl Into<String>, mut each: Vec<Duration>, elapsed: Duration) -> Self {
        each.sort_unstable();
        Self {
            name: name.into(),
            calls: each.len(),
            best_ms: each.first().map_or(0.0, |d| d.as_secs_f64() * 1000.0),
            p50_ms: percentile(&each, 50),
            p99_ms: percentile(&each, 99),
            calls_per_second: each.len() as f64 / elapsed.as_secs_f64(),
        }
    }
}

/// Returns the nearest-rank percentile of sorted durations, in milliseconds.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}
