//! How fast this machine reads memory from one end to the other: the ceiling of a scan.

use std::thread;
use std::time::Instant;

use memmap2::MmapMut;

use crate::machine::Threads;
use crate::{Error, Result};

/// No buffer is smaller, so that it does not fit a core's own caches.
const LEAST_BYTES: usize = 128 << 20;
/// A thread's share is read as so many runs side by side as well, as the processor fetches ahead for each.
const RUNS: usize = 4;
/// Sums kept side by side, so that the compiler can use vector registers.
const LANES: usize = 32;
/// What is read of a run before the next one has its turn, in words.
const STEP: usize = 512;

/// Memory to be read.
pub struct ReadBuffer {
    memory: MmapMut,
}

impl ReadBuffer {
    /// A buffer of so many bytes (128 MiB at least), every page of which is there.
    ///
    /// # Errors
    /// [`Error::Io`] if there is not so much memory.
    pub fn new(bytes: usize) -> Result<Self> {
        let mut memory = MmapMut::map_anon(bytes.max(LEAST_BYTES))?;
        // A kernel without huge pages refuses; then the pages are small ones.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage);
        memory.fill(1);
        Ok(Self { memory })
    }

    /// How many bytes a pass reads.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether there is nothing to read; never.
    pub fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    /// The best of some passes by so many threads, each with a share of its own, in bytes a second.
    ///
    /// Every pass is made twice: with one run a thread from end to end, and with [`RUNS`] side by side.
    ///
    /// # Errors
    /// [`Error::Request`] if a reading thread can't be waited for.
    pub fn read(&self, threads: Threads, passes: usize) -> Result<f64> {
        let mut best = 0.0f64;
        for pass in 0..2 * passes.max(1) {
            let runs = if pass % 2 == 0 { 1 } else { RUNS };
            let begun = Instant::now();
            self.pass(threads, runs)?;
            best = best.max(self.memory.len() as f64 / begun.elapsed().as_secs_f64());
        }
        Ok(best)
    }

    fn pass(&self, threads: Threads, runs: usize) -> Result<()> {
        let (words, _) = self.memory.as_chunks::<8>();
        let share = words.len().div_ceil(threads.get());
        if threads == Threads::MIN {
            std::hint::black_box(sum(words, runs));
            return Ok(());
        }
        thread::scope(|scope| {
            let readers: Vec<_> = words.chunks(share).map(|words| scope.spawn(move || sum(words, runs))).collect();
            readers.into_iter().try_for_each(|reader| {
                let sum = reader.join().map_err(|_| Error::Request("a reading thread ended early".to_owned()))?;
                std::hint::black_box(sum);
                Ok(())
            })
        })
    }
}

/// Adds up every word, `runs` stretches in turn.
fn sum(words: &[[u8; 8]], runs: usize) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // Wide loads are only to be had in functions that are compiled for them, which are unsafe to call.
        #[allow(unsafe_code)]
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has been found to have the feature.
            return unsafe { sum_avx512(words, runs) };
        } else if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has been found to have the feature.
            return unsafe { sum_avx2(words, runs) };
        }
    }
    sum_portable(words, runs)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn sum_avx512(words: &[[u8; 8]], runs: usize) -> u64 {
    sum_portable(words, runs)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2(words: &[[u8; 8]], runs: usize) -> u64 {
    sum_portable(words, runs)
}

#[inline(always)]
fn sum_portable(words: &[[u8; 8]], runs: usize) -> u64 {
    let run = words.len().div_ceil(runs.max(1));
    let mut sums = [0u64; LANES];
    for start in (0..run).step_by(STEP) {
        for first in (0..words.len()).step_by(run.max(1)) {
            let end = (first + run.min(start + STEP)).min(words.len());
            let stretch = words.get(first + start..end).unwrap_or_default();
            let (chunks, rest) = stretch.as_chunks::<LANES>();
            for chunk in chunks {
                for lane in 0..LANES {
                    sums[lane] = sums[lane].wrapping_add(u64::from_ne_bytes(chunk[lane]));
                }
            }
            for (sum, word) in sums.iter_mut().zip(rest) {
                *sum = sum.wrapping_add(u64::from_ne_bytes(*word));
            }
        }
    }
    sums.iter().fold(0, |all, sum| all.wrapping_add(*sum))
}
