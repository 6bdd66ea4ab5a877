//! Durations of calls in buckets, from which percentiles are told.
//!
//! Up to 31 ms each millisecond is a bucket of its own. Above that, each power of two is divided into 16 buckets of equal
//! width, and the middle of a bucket stands for all durations in it: it differs from them by at most 1/32. Buckets of the same
//! number add up over kinds of calls and over time.

use std::collections::BTreeMap;

/// Durations that have buckets of their own, in milliseconds.
const EXACT_MS: i64 = 32;
/// Longest duration that is told from longer ones, in milliseconds: 24 days.
const MAX_MS: i64 = (1 << 31) - 1;
/// Buckets of a power of two, as a power of two.
const BITS: u32 = 4;

/// Returns the bucket of a duration.
pub(crate) fn bucket_of(ms: i64) -> i64 {
    let ms = ms.clamp(0, MAX_MS);
    if ms < EXACT_MS {
        return ms;
    }
    let shift = ms.ilog2() - BITS;
    (i64::from(shift) << BITS) + (ms >> shift)
}

/// Returns the duration that stands for a bucket, in milliseconds.
fn middle_of(bucket: i64) -> i64 {
    if bucket < EXACT_MS {
        return bucket.max(0);
    }
    let shift = (bucket >> BITS) - 1;
    let first = ((bucket & ((1 << BITS) - 1)) + (1 << BITS)) << shift;
    first + ((1 << shift) - 1) / 2
}

/// Percentiles of the durations of calls, in milliseconds: the share of calls in percent that took at most so long. Above
/// 31 ms they are off by at most 1/32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Number of calls whose durations are known: those since durations are recorded.
    pub count: u64,
    /// The median.
    pub p50: i64,
    /// 90 in 100 took at most so long.
    pub p90: i64,
    /// 95 in 100 took at most so long.
    pub p95: i64,
    /// 99 in 100 took at most so long.
    pub p99: i64,
}

/// Numbers of calls by the bucket of their duration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram(BTreeMap<i64, u64>);

impl Histogram {
    /// Adds calls to a bucket.
    pub fn add(&mut self, bucket: i64, count: u64) {
        let known = self.0.entry(bucket).or_default();
        *known = known.saturating_add(count);
    }

    /// Returns the percentiles; `None` without calls.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let count = self.0.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
        let at = |percent| self.percentile(count, percent);
        Some(Percentiles { count, p50: at(50)?, p90: at(90)?, p95: at(95)?, p99: at(99)? })
    }

    /// Returns the duration of the call at the nearest rank.
    fn percentile(&self, count: u64, percent: u64) -> Option<i64> {
        let rank = (u128::from(count) * u128::from(percent)).div_ceil(100).max(1);
        let mut sum = 0;
        let bucket = self.0.iter().find(|(_, count)| {
            sum += u128::from(**count);
            sum >= rank
        });
        bucket.map(|(bucket, _)| middle_of(*bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the durations at the nearest ranks of sorted durations.
    fn naive(durations: &[i64]) -> [i64; 4] {
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        [50, 90, 95, 99].map(|percent| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1])
    }

    fn assert_close(durations: &[i64]) {
        let mut histogram = Histogram::default();
        durations.iter().for_each(|ms| histogram.add(bucket_of(*ms), 1));
        let told = histogram.percentiles().expect("there are calls");
        assert_eq!(told.count, durations.len() as u64);
        for (told, exact) in [told.p50, told.p90, told.p95, told.p99].into_iter().zip(naive(durations)) {
            assert!((told - exact).abs() * 32 <= exact, "{told} stands for {exact}");
            assert!(exact >= EXACT_MS || told == exact, "{told} is not {exact}");
        }
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_a_naive_sort_within_the_error(
            durations in prop::collection::vec(prop_oneof![0..64i64, 0..5_000i64, 0..=MAX_MS], 1..300)
        ) {
            assert_close(&durations);
        }

        #[test]
        fn a_middle_is_in_its_bucket_and_close_to_all_of_it(ms in 0..=MAX_MS) {
            let bucket = bucket_of(ms);
            prop_assert_eq!(bucket_of(middle_of(bucket)), bucket);
            prop_assert!((middle_of(bucket) - ms).abs() * 32 <= ms);
        }
    }

    #[test]
    fn buckets_ascend_without_a_gap_and_end() {
        let mut last = -1;
        for ms in 0..200_000 {
            let bucket = bucket_of(ms);
            assert!(bucket == last || bucket == last + 1, "{ms}: {last} {bucket}");
            last = bucket;
        }
        assert_eq!((bucket_of(MAX_MS), bucket_of(i64::MAX), bucket_of(i64::MIN)), (447, 447, 0));
        assert_eq!(Histogram::default().percentiles(), None);
    }
}
