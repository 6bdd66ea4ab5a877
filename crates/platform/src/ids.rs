//! Ids that are handed out once.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Error, Result};

/// Snowflakes count from here, in Unix milliseconds (2010-11-04), so that they have 19 digits today.
const SNOWFLAKE_EPOCH_MS: i64 = 1_288_834_974_657;
/// Bits below the milliseconds of a snowflake.
const SNOWFLAKE_BITS: u32 = 22;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// Milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The generators of one process. Each id is larger than all before it, those of earlier runs included, even if the
/// clock is set back.
pub(crate) struct Ids {
    last_snowflake: AtomicI64,
    last_created_ns: AtomicI64,
}

impl Ids {
    /// Generators that go on after the largest ids in the store.
    pub fn after(snowflake: Option<i64>, created_ns: Option<i64>) -> Self {
        Self {
            last_snowflake: AtomicI64::new(snowflake.unwrap_or(0)),
            last_created_ns: AtomicI64::new(created_ns.unwrap_or(0)),
        }
    }

    /// A 19-digit id that grows with time.
    pub fn snowflake(&self) -> i64 {
        next(&self.last_snowflake, now_ms().saturating_sub(SNOWFLAKE_EPOCH_MS) << SNOWFLAKE_BITS)
    }

    /// A unique moment in nanoseconds since the Unix epoch: the current millisecond, and within it a running number
    /// from zero. So millisecond and number together name it too.
    pub fn created_ns(&self) -> i64 {
        next(&self.last_created_ns, now_ms().saturating_mul(NANOS_PER_MILLI))
    }
}

fn next(last: &AtomicI64, floor: i64) -> i64 {
    let step = |last: i64| last.saturating_add(1).max(floor);
    match last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(step(last))) {
        Ok(before) | Err(before) => step(before),
    }
}

/// 32 random lower-case hex digits.
pub(crate) fn random_hex32() -> Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique_across_threads_and_grow() {
        let ids = Ids::after(None, None);
        let all: Vec<Vec<(i64, i64)>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..5000).map(|_| (ids.snowflake(), ids.created_ns())).collect()))
                .collect();
            workers.into_iter().map(|w| w.join().expect("no panic")).collect()
        });
        for one in &all {
            assert!(one.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1));
        }
        let flat: Vec<_> = all.concat();
        assert_eq!(flat.iter().map(|p| p.0).collect::<HashSet<_>>().len(), flat.len());
        assert_eq!(flat.iter().map(|p| p.1).collect::<HashSet<_>>().len(), flat.len());
        assert!(flat.iter().all(|p| p.0.to_string().len() == 19 && p.1.to_string().len() == 19));
    }

    #[test]
    fn a_clock_set_back_repeats_nothing() {
        let future = 8_000_000_000_000_000_000;
        let ids = Ids::after(Some(future), Some(future));
        assert_eq!(ids.snowflake(), future + 1);
        assert_eq!(ids.created_ns(), future + 1);
    }
}
