//! Sequential read bandwidth of memory: the upper limit of a scan.

use std::thread;
use std::time::Instant;

use memmap2::MmapMut;

use crate::machine::Threads;
use crate::{Error, Result};

/// Minimum buffer size in bytes, so that the buffer does not fit a core's own caches.
const MIN_BUFFER_BYTES: usize = 128 << 20;
/// Runs that a thread reads interleaved, as the processor prefetches for each of them.
const RUNS: usize = 4;
/// Parallel sums, so that the compiler can use vector registers.
const LANES: usize = 32;
/// Words read of one run before the next run.
const STEP: usize = 512;
/// Prefetch distances to try, in chunks of [`LANES`] words; 0 leaves prefetching to the processor.
const PREFETCH_CHUNKS: [usize; 2] = [0, 8];

/// Buffer for measuring the read bandwidth.
pub struct ReadBuffer {
    memory: MmapMut,
}

impl ReadBuffer {
    /// Allocates a buffer of this many bytes (at least 128 MiB), with every page resident.
    ///
    /// # Errors
    /// [`Error::Io`] if there is not enough memory.
    pub fn new(bytes: usize) -> Result<Self> {
        let mut memory = MmapMut::map_anon(bytes.max(MIN_BUFFER_BYTES))?;
        // A kernel without huge pages refuses; the pages are then small.
        #[cfg(target_os = "linux")]
        let _ = memory.advise(memmap2::Advice::HugePage);
        memory.fill(1);
        Ok(Self { memory })
    }

    /// Returns the number of bytes that a pass reads.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Returns whether the buffer is empty, which it never is.
    pub fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    /// Returns the best bandwidth of several passes, in bytes per second. Each thread reads a share of its own.
    ///
    /// Each pass is repeated in several ways, because processors differ in what suits them: with one run per thread or
    /// `RUNS` interleaved ones, and with or without software prefetching.
    ///
    /// # Errors
    /// [`Error::Request`] if a reading thread panics.
    pub fn read(&self, threads: Threads, passes: usize) -> Result<f64> {
        let mut best = 0.0f64;
        for _ in 0..passes.max(1) {
            for (runs, ahead) in [1, RUNS].into_iter().flat_map(|runs| PREFETCH_CHUNKS.map(|ahead| (runs, ahead))) {
                let begun = Instant::now();
                self.pass(threads, AccessPattern { runs, ahead })?;
                best = best.max(self.memory.len() as f64 / begun.elapsed().as_secs_f64());
            }
        }
        Ok(best)
    }

    fn pass(&self, threads: Threads, way: AccessPattern) -> Result<()> {
        let (words, _) = self.memory.as_chunks::<8>();
        let share = words.len().div_ceil(threads.get());
        if threads == Threads::MIN {
            std::hint::black_box(sum(words, way));
            return Ok(());
        }
        thread::scope(|scope| {
            let readers: Vec<_> = words.chunks(share).map(|words| scope.spawn(move || sum(words, way))).collect();
            readers.into_iter().try_for_each(|reader| {
                let sum = reader.join().map_err(|_| Error::Request("a reading thread ended early".to_owned()))?;
                std::hint::black_box(sum);
                Ok(())
            })
        })
    }
}

/// Access pattern of a pass.
#[derive(Clone, Copy)]
struct AccessPattern {
    /// Number of interleaved runs.
    runs: usize,
    /// Prefetch distance in chunks.
    ahead: usize,
}

/// Sums up all words.
fn sum(words: &[[u8; 8]], way: AccessPattern) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // Wide loads need functions compiled for them, which are unsafe to call.
        #[allow(unsafe_code)]
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has this feature, as checked above.
            return unsafe { sum_avx512(words, way) };
        } else if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has this feature, as checked above.
            return unsafe { sum_avx2(words, way) };
        }
    }
    sum_portable(words, way)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn sum_avx512(words: &[[u8; 8]], way: AccessPattern) -> u64 {
    sum_portable(words, way)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2(words: &[[u8; 8]], way: AccessPattern) -> u64 {
    sum_portable(words, way)
}

#[inline(always)]
fn sum_portable(words: &[[u8; 8]], way: AccessPattern) -> u64 {
    let run = words.len().div_ceil(way.runs.max(1));
    let mut sums = [0u64; LANES];
    for start in (0..run).step_by(STEP) {
        for first in (0..words.len()).step_by(run.max(1)) {
            let end = (first + run.min(start + STEP)).min(words.len());
            let stretch = words.get(first + start..end).unwrap_or_default();
            let (chunks, rest) = stretch.as_chunks::<LANES>();
            for (number, chunk) in chunks.iter().enumerate() {
                if way.ahead > 0 {
                    prefetch(words, first + start + (number + way.ahead) * LANES);
                }
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

/// Prefetches the chunk that begins at this word.
#[inline(always)]
fn prefetch(words: &[[u8; 8]], first: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(chunk) = words.get(first..first + LANES) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 8;
        for line in chunk.chunks(LINE) {
            // SAFETY: a prefetch is only a hint, and the address is inside the slice.
            #[allow(unsafe_code)]
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (words, first);
}
