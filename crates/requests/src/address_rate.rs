//! Limit of the calls per second of one client address.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use aicp_platform::throttle_key;

/// Number of counters. Addresses share one by chance; whoever shares with a flood is refused with it, one address in so many.
const COUNTERS: usize = 1 << 16;
const SECOND_NS: u64 = 1_000_000_000;

/// Zero of the counters' times.
static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Limit of the calls per second of one client address (IPv6: of one /64), off until it is [set](Self::set). It takes half a
/// MiB, however many addresses call. Clones share it.
#[derive(Clone, Default)]
pub struct AddressRate(Arc<Rate>);

#[derive(Default)]
struct Rate {
    per_second: AtomicU32,
    /// Decides which addresses share a counter, and differs in each process.
    keys: RandomState,
    /// Each has the time in nanoseconds until which its calls so far are paid for (generic cell rate algorithm).
    counters: OnceLock<Box<[AtomicU64]>>,
}

impl AddressRate {
    /// Sets the limit; 0: unlimited.
    pub fn set(&self, per_second: u32) {
        self.0.per_second.store(per_second, Ordering::Relaxed);
    }

    /// Counts a call. Returns whether the limit admits it; one that is refused does not count.
    pub fn admit(&self, client: IpAddr, now: Instant) -> bool {
        let Rate { per_second, keys, counters } = &*self.0;
        let price = match per_second.load(Ordering::Relaxed) {
            0 => return true,
            calls => SECOND_NS / u64::from(calls),
        };
        let counters = counters.get_or_init(|| (0..COUNTERS).map(|_| AtomicU64::new(0)).collect());
        let counter = usize::try_from(keys.hash_one(throttle_key(client))).unwrap_or_default() % COUNTERS;
        let now = now.saturating_duration_since(*BEGUN).as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let pay = |paid_until: u64| {
            let until = paid_until.max(now).saturating_add(price);
            (until - now <= SECOND_NS).then_some(until)
        };
        counters
            .get(counter)
            .is_none_or(|counter| counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok())
    }
}

impl fmt::Debug for AddressRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressRate").field("per_second", &self.0.per_second).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_has_so_many_calls_in_a_second() {
        let (rate, now) = (AddressRate::default(), *BEGUN + Duration::from_secs(7));
        let at = |milliseconds| now + Duration::from_millis(milliseconds);
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let count =
            |client: &str, milliseconds| (0..10).filter(|_| rate.admit(address(client), at(milliseconds))).count();
        assert_eq!(count("192.0.2.1", 0), 10, "no limit is set");
        rate.set(4);
        assert_eq!(count("192.0.2.1", 0), 4);
        assert_eq!(count("192.0.2.1", 249), 0);
        assert_eq!(count("192.0.2.1", 250), 1);
        assert_eq!(count("192.0.2.1", 1000), 3);
        assert_eq!(count("192.0.2.1", 60_000), 4, "no more than a second is saved");
        assert_eq!(count("::ffff:192.0.2.1", 60_000), 0, "the same address");
        assert_eq!(count("2001:db8:0:1::1", 0), 4);
        assert_eq!(count("2001:db8:0:1:ffff::", 0), 0, "the same network");
        rate.set(0);
        assert_eq!(count("192.0.2.1", 60_000), 10);
        rate.set(1_000_000);
        assert_eq!(count("192.0.2.1", 120_000), 10);
    }

    #[test]
    fn other_addresses_are_hardly_ever_refused_with_a_flood() {
        let (rate, now) = (AddressRate::default(), *BEGUN + Duration::from_secs(7));
        rate.set(1);
        let flood = IpAddr::from([192, 0, 2, 1]);
        assert!(rate.admit(flood, now) && !rate.admit(flood, now));
        let refused = (0..1000_u32).filter(|host| !rate.admit(IpAddr::from((10 << 24 | host).to_be_bytes()), now));
        // 1000 addresses in 65,536 counters: about eight share one.
        assert!(refused.count() < 50);
    }
}
