//! Monitor of the system clock. Ids and links contain its time, and the validity of signed calls depends on it, so a
//! jump is logged.

use std::time::{Duration, Instant};

use aicp_types::{Clock, SystemClock};
use tokio::task::JoinHandle;

/// Interval between checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Minimum jump that is reported. Time synchronisation corrects by less.
const MIN_JUMP: Duration = Duration::from_secs(60);

/// Returns by how many milliseconds the clock ran ahead of the elapsed time (negative: behind), if that is a jump.
fn clock_jump(by_clock: i128, passed: Duration) -> Option<i128> {
    let passed = i128::try_from(passed.as_millis()).unwrap_or(i128::MAX);
    let apart = by_clock - passed;
    let least = i128::try_from(MIN_JUMP.as_millis()).unwrap_or(i128::MAX);
    (apart.abs() >= least).then_some(apart)
}

/// Monitors the clock until the returned task is aborted.
pub(crate) fn watch() -> JoinHandle<()> {
    tokio::spawn(async {
        let (mut before, mut begun) = (SystemClock.now(), Instant::now());
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let now = SystemClock.now();
            if let Some(apart) = clock_jump(i128::from(now.get()) - i128::from(before.get()), begun.elapsed()) {
                let seconds = apart / 1000;
                tracing::warn!(seconds, "the clock leapt: what is enrolled now is dated by it");
            }
            (before, begun) = (now, Instant::now());
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_leap_is_one() {
        let five = Duration::from_secs(5);
        for (by_clock, leapt) in [
            (5_000, None),
            (5_900, None),
            (64_999, None),
            (65_000, Some(60_000)),
            (-86_395_000, Some(-86_400_000)),
            (86_405_000, Some(86_400_000)),
        ] {
            assert_eq!(clock_jump(by_clock, five), leapt, "{by_clock}");
        }
    }
}
