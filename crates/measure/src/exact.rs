//! The truth that a search is judged by: every probe against every template in single precision.
//!
//! The product of the two matrices goes in blocks that stay in the caches; the templates are made again block by block,
//! so that a library may be larger than memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::machine::Threads;
use crate::templates::{DIMENSIONS, Templates};
use crate::{Error, Result};

/// Probes and rows of one tile: what the sums of fit the registers of AVX-512, and twice those of AVX2.
const TILE_PROBES: usize = 8;
const TILE_ROWS: usize = 32;
/// Rows that all probes are compared with before the next are made: 1 MiB.
const BLOCK: usize = 512;
/// Best rows kept of each probe. More than are asked for, as those of nearly equal scores are compared in double
/// precision.
pub const KEPT: usize = 16;

/// A row and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The row.
    pub row: usize,
    /// The cosine.
    pub score: f64,
}

/// The best [`KEPT`] rows of each probe, best first, equal scores by row. Found in single precision; the scores of those
/// found, and so their order, are in double precision.
///
/// # Errors
/// [`Error::Request`] if a probe has another number of dimensions than the templates.
pub fn nearest(templates: &Templates, probes: &[Vec<f32>], threads: Threads) -> Result<Vec<Vec<Scored>>> {
    if probes.iter().any(|probe| probe.len() != DIMENSIONS) {
        return Err(Error::Request(format!("probes need {DIMENSIONS} numbers")));
    }
    let packed = pack_probes(probes);
    let next_block = AtomicUsize::new(0);
    let found = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads.get()).map(|_| scope.spawn(|| work(templates, &packed, probes.len(), &next_block))).collect();
        workers.into_iter().map(|worker| worker.join().ok()).collect::<Option<Vec<_>>>()
    });
    let found = found.ok_or_else(|| Error::Request("a comparing thread ended early".to_owned()))?;
    let share = probes.len().div_ceil(threads.get()).max(1);
    let mut nearest = vec![Vec::new(); probes.len()];
    thread::scope(|scope| {
        for (number, nearest) in nearest.chunks_mut(share).enumerate() {
            let found = &found;
            scope.spawn(move || {
                for (offset, nearest) in nearest.iter_mut().enumerate() {
                    let probe = number * share + offset;
                    let rows = found.iter().flat_map(|best| best[probe].rows.iter().map(|&(_, row)| row));
                    *nearest = in_double_precision(templates, &probes[probe], rows);
                    nearest.truncate(KEPT);
                }
            });
        }
    });
    Ok(nearest)
}

/// The cosines of a probe to some rows in double precision, the best first.
pub fn in_double_precision(templates: &Templates, probe: &[f32], rows: impl IntoIterator<Item = usize>) -> Vec<Scored> {
    let mut template = vec![0.0; DIMENSIONS];
    let mut scored: Vec<Scored> = rows
        .into_iter()
        .map(|row| {
            templates.row(row, &mut template);
            let score = template.iter().zip(probe).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            Scored { row, score }
        })
        .collect();
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    scored
}

/// The best rows of a probe that one thread has met.
#[derive(Clone)]
struct Best {
    /// Best first.
    rows: Vec<(f32, usize)>,
    /// What a row has to reach to be among them.
    floor: f32,
}

impl Best {
    fn offer(&mut self, score: f32, row: usize) {
        let place = self.rows.partition_point(|&(s, r)| (s, std::cmp::Reverse(r)) > (score, std::cmp::Reverse(row)));
        self.rows.insert(place, (score, row));
        self.rows.truncate(KEPT);
        if self.rows.len() == KEPT {
            self.floor = self.rows[KEPT - 1].0;
        }
    }
}

type Tile = [[f32; TILE_ROWS]; TILE_PROBES];

fn work(templates: &Templates, packed: &[f32], probes: usize, next_block: &AtomicUsize) -> Vec<Best> {
    let mut best = vec![Best { rows: Vec::with_capacity(KEPT + 1), floor: f32::NEG_INFINITY }; probes];
    let mut rows = vec![0.0; BLOCK * DIMENSIONS];
    let mut panels = vec![0.0; BLOCK * DIMENSIONS];
    let kernel = kernel();
    loop {
        let first = next_block.fetch_add(1, Ordering::Relaxed) * BLOCK;
        if first >= templates.people() {
            return best;
        }
        let count = BLOCK.min(templates.people() - first);
        for (offset, row) in rows.chunks_exact_mut(DIMENSIONS).take(count).enumerate() {
            templates.row(first + offset, row);
        }
        pack_rows(&rows, &mut panels);
        for (group, probe_panel) in packed.chunks_exact(TILE_PROBES * DIMENSIONS).enumerate() {
            let best = &mut best[group * TILE_PROBES..probes.min((group + 1) * TILE_PROBES)];
            for (panel_number, panel) in panels.chunks_exact(TILE_ROWS * DIMENSIONS).enumerate() {
                let first_of_panel = panel_number * TILE_ROWS;
                if first_of_panel >= count {
                    break;
                }
                let tile = kernel(probe_panel, panel);
                for (scores, best) in tile.iter().zip(best.iter_mut()) {
                    if scores.iter().fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a }) < best.floor {
                        continue;
                    }
                    let scores = scores.iter().enumerate().take(count - first_of_panel);
                    for (lane, &score) in scores {
                        if score >= best.floor {
                            best.offer(score, first + first_of_panel + lane);
                        }
                    }
                }
            }
        }
    }
}

/// Probes in groups of [`TILE_PROBES`], the first numbers of all, then the second ones; the last group filled up with
/// zeros.
fn pack_probes(probes: &[Vec<f32>]) -> Vec<f32> {
    let mut packed = vec![0.0; probes.len().div_ceil(TILE_PROBES) * TILE_PROBES * DIMENSIONS];
    for (number, probe) in probes.iter().enumerate() {
        let (group, lane) = (number / TILE_PROBES, number % TILE_PROBES);
        for (dimension, &value) in probe.iter().enumerate() {
            packed[(group * DIMENSIONS + dimension) * TILE_PROBES + lane] = value;
        }
    }
    packed
}

/// Rows in panels of [`TILE_ROWS`], the first numbers of all, then the second ones.
fn pack_rows(rows: &[f32], panels: &mut [f32]) {
    for (panel, rows) in panels.chunks_exact_mut(TILE_ROWS * DIMENSIONS).zip(rows.chunks_exact(TILE_ROWS * DIMENSIONS))
    {
        for (lane, row) in rows.chunks_exact(DIMENSIONS).enumerate() {
            for (dimension, &value) in row.iter().enumerate() {
                panel[dimension * TILE_ROWS + lane] = value;
            }
        }
    }
}

/// The fastest product of a group of probes and a panel of rows on this processor.
fn kernel() -> fn(&[f32], &[f32]) -> Tile {
    #[cfg(target_arch = "x86_64")]
    {
        // Wide registers are only used in functions that are compiled for them, which are unsafe to call.
        #[allow(unsafe_code)]
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has been found to have the feature.
            return |probes, rows| unsafe { multiply_avx512(probes, rows) };
        } else if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has been found to have the features.
            return |probes, rows| unsafe { multiply_avx2(probes, rows) };
        }
    }
    |probes, rows| multiply::<TILE_PROBES>(probes, rows, 0, |a, b, sum| a * b + sum)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,fma")]
fn multiply_avx512(probes: &[f32], rows: &[f32]) -> Tile {
    multiply::<TILE_PROBES>(probes, rows, 0, f32::mul_add)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_avx2(probes: &[f32], rows: &[f32]) -> Tile {
    // Eight sums a register and sixteen registers: two probes at a time fit.
    let mut tile = [[0.0; TILE_ROWS]; TILE_PROBES];
    for first in (0..TILE_PROBES).step_by(2) {
        let part = multiply::<2>(probes, rows, first, f32::mul_add);
        tile[first..first + 2].copy_from_slice(&part);
    }
    tile
}

/// The dot products of `N` probes of a group, from `first` on, with a panel of rows.
#[inline(always)]
fn multiply<const N: usize>(
    probes: &[f32],
    rows: &[f32],
    first: usize,
    add: impl Fn(f32, f32, f32) -> f32,
) -> [[f32; TILE_ROWS]; N] {
    let (probes, _) = probes.as_chunks::<TILE_PROBES>();
    let (rows, _) = rows.as_chunks::<TILE_ROWS>();
    let mut sums = [[0.0f32; TILE_ROWS]; N];
    for (probes, row) in probes.iter().zip(rows) {
        for probe in 0..N {
            for lane in 0..TILE_ROWS {
                sums[probe][lane] = add(probes[first + probe], row[lane], sums[probe][lane]);
            }
        }
    }
    sums
}
