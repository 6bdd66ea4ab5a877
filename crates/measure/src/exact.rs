//! Ground truth for a search: compares every probe with every template in single precision.
//!
//! The matrix product runs in blocks that stay in the caches. The templates are generated block by block, so that a
//! library may be larger than memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::machine::Threads;
use crate::templates::{DIMENSIONS, Templates};
use crate::{Error, Result};

/// Probes per tile. The sums of a tile fit the registers of AVX-512, but need twice those of AVX2.
const TILE_PROBES: usize = 8;
/// Rows per tile.
const TILE_ROWS: usize = 32;
/// Rows compared with all probes before the next are generated: 1 MiB.
const BLOCK: usize = 512;
/// Best rows kept per probe: more than are requested, because nearly equal scores are compared again in double
/// precision.
pub const MAX_RANKED: usize = 16;

/// A row and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The row.
    pub row: usize,
    /// Cosine.
    pub score: f64,
}

/// Returns the best [`MAX_RANKED`] rows of each probe, best first, equal scores by row. The rows are selected in single
/// precision, but scored and ordered in double precision.
///
/// # Errors
/// [`Error::Request`] if a probe does not have [`DIMENSIONS`] numbers.
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
                    nearest.truncate(MAX_RANKED);
                }
            });
        }
    });
    Ok(nearest)
}

/// Returns the cosines of a probe to these rows in double precision, best first.
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

/// Best rows of a probe, as found by one thread.
#[derive(Clone)]
struct Best {
    /// Best first.
    rows: Vec<(f32, usize)>,
    /// Least score of a new row.
    floor: f32,
}

impl Best {
    fn offer(&mut self, score: f32, row: usize) {
        let place = self.rows.partition_point(|&(s, r)| (s, std::cmp::Reverse(r)) > (score, std::cmp::Reverse(row)));
        self.rows.insert(place, (score, row));
        self.rows.truncate(MAX_RANKED);
        if self.rows.len() == MAX_RANKED {
            self.floor = self.rows[MAX_RANKED - 1].0;
        }
    }
}

type Tile = [[f32; TILE_ROWS]; TILE_PROBES];

fn work(templates: &Templates, packed: &[f32], probes: usize, next_block: &AtomicUsize) -> Vec<Best> {
    let mut best = vec![Best { rows: Vec::with_capacity(MAX_RANKED + 1), floor: f32::NEG_INFINITY }; probes];
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

/// Packs probes in groups of [`TILE_PROBES`]: the first numbers of all, then the second ones. The last group is padded
/// with zeros.
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

/// Packs rows in panels of [`TILE_ROWS`]: the first numbers of all, then the second ones.
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

/// Returns the fastest multiplication kernel of this processor.
fn kernel() -> fn(&[f32], &[f32]) -> Tile {
    #[cfg(target_arch = "x86_64")]
    {
        // Functions compiled for wide registers are unsafe to call.
        #[allow(unsafe_code)]
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has this feature, as checked above.
            return |probes, rows| unsafe { x86::multiply_avx512(probes, rows) };
        } else if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has these features, as checked above.
            return |probes, rows| unsafe { x86::multiply_avx2(probes, rows) };
        }
    }
    multiply
}

/// Returns the dot products of a group of probes with a panel of rows.
fn multiply(probes: &[f32], rows: &[f32]) -> Tile {
    let (probes, _) = probes.as_chunks::<TILE_PROBES>();
    let (rows, _) = rows.as_chunks::<TILE_ROWS>();
    let mut sums = [[0.0f32; TILE_ROWS]; TILE_PROBES];
    for (probe, sums) in sums.iter_mut().enumerate() {
        for (probes, row) in probes.iter().zip(rows) {
            for lane in 0..TILE_ROWS {
                sums[lane] += probes[probe] * row[lane];
            }
        }
    }
    sums
}

/// Kernels with explicit registers: otherwise the compiler keeps the sums in memory, which is ten times slower.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };

    use super::{TILE_PROBES, TILE_ROWS, Tile};

    #[target_feature(enable = "avx512f")]
    pub fn multiply_avx512(probes: &[f32], rows: &[f32]) -> Tile {
        const LANES: usize = 16;
        const PARTS: usize = TILE_ROWS / LANES;
        let (probes, _) = probes.as_chunks::<TILE_PROBES>();
        let (rows, _) = rows.as_chunks::<TILE_ROWS>();
        let mut sums = [[_mm512_setzero_ps(); PARTS]; TILE_PROBES];
        for (probes, row) in probes.iter().zip(rows) {
            let (row, _) = row.as_chunks::<LANES>();
            // SAFETY: each chunk has the length of a register.
            #[allow(unsafe_code)]
            let row: [_; PARTS] = std::array::from_fn(|part| unsafe { _mm512_loadu_ps(row[part].as_ptr()) });
            for (sums, &probe) in sums.iter_mut().zip(probes) {
                for (sum, row) in sums.iter_mut().zip(row) {
                    *sum = _mm512_fmadd_ps(_mm512_set1_ps(probe), row, *sum);
                }
            }
        }
        let mut tile = [[0.0; TILE_ROWS]; TILE_PROBES];
        for (out, sums) in tile.iter_mut().zip(sums) {
            for (out, sum) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
                // SAFETY: each chunk has the length of a register.
                #[allow(unsafe_code)]
                unsafe {
                    _mm512_storeu_ps(out.as_mut_ptr(), sum);
                }
            }
        }
        tile
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn multiply_avx2(probes: &[f32], rows: &[f32]) -> Tile {
        const LANES: usize = 8;
        /// Probes at a time: with [`PARTS`] the sums fit the sixteen registers.
        const PROBES: usize = 4;
        /// Parts of a row at a time.
        const PARTS: usize = 2;
        let (probes, _) = probes.as_chunks::<TILE_PROBES>();
        let (rows, _) = rows.as_chunks::<TILE_ROWS>();
        let mut tile = [[0.0; TILE_ROWS]; TILE_PROBES];
        for first_probe in (0..TILE_PROBES).step_by(PROBES) {
            for first_part in (0..TILE_ROWS / LANES).step_by(PARTS) {
                let mut sums = [[_mm256_setzero_ps(); PARTS]; PROBES];
                for (probes, row) in probes.iter().zip(rows) {
                    let (row, _) = row.as_chunks::<LANES>();
                    // SAFETY: each chunk has the length of a register.
                    #[allow(unsafe_code)]
                    let row: [_; PARTS] =
                        std::array::from_fn(|part| unsafe { _mm256_loadu_ps(row[first_part + part].as_ptr()) });
                    for (sums, &probe) in sums.iter_mut().zip(&probes[first_probe..]) {
                        for (sum, row) in sums.iter_mut().zip(row) {
                            *sum = _mm256_fmadd_ps(_mm256_set1_ps(probe), row, *sum);
                        }
                    }
                }
                for (out, sums) in tile[first_probe..].iter_mut().zip(sums) {
                    for (out, sum) in out.as_chunks_mut::<LANES>().0[first_part..].iter_mut().zip(sums) {
                        // SAFETY: each chunk has the length of a register.
                        #[allow(unsafe_code)]
                        unsafe {
                            _mm256_storeu_ps(out.as_mut_ptr(), sum);
                        }
                    }
                }
            }
        }
        tile
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn every_kernel_gives_the_dot_products() {
        let mut random = Random(1);
        let mut numbers = |count: usize| (0..count * DIMENSIONS).map(|_| random.number()).collect::<Vec<_>>();
        let (probes, rows) = (numbers(TILE_PROBES), numbers(TILE_ROWS));
        let wanted: Tile = std::array::from_fn(|probe| {
            std::array::from_fn(|row| {
                (0..DIMENSIONS).map(|d| probes[d * TILE_PROBES + probe] * rows[d * TILE_ROWS + row]).sum()
            })
        });
        let check = |tile: Tile| {
            for (sums, wanted) in tile.iter().flatten().zip(wanted.iter().flatten()) {
                assert!((sums - wanted).abs() < 1e-3, "{sums} instead of {wanted}");
            }
        };
        check(multiply(&probes, &rows));
        check(kernel()(&probes, &rows));
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            // SAFETY: the processor has these features, as checked above.
            check(unsafe { x86::multiply_avx2(&probes, &rows) });
        }
    }
}
