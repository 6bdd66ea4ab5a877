//! Throttle for UserSigs with a wrong signature.

use aicp_platform::network_of;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Number of failures within [`PERIOD`] after which a caller is throttled.
const MAX_FAILURES: u32 = 60;
/// Window in which failures are counted, and duration of the throttling.
const PERIOD: Duration = Duration::from_secs(60);
/// Maximum number of callers that are tracked.
const MAX_CALLERS: usize = 10_000;

/// Claimed caller and its network: the key of the throttle.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Caller {
    sdk_app_id: u64,
    identifier: String,
    /// IPv4 address, or the /64 network of an IPv6 address.
    network: Option<IpAddr>,
}

impl Caller {
    pub fn new(sdk_app_id: u64, identifier: &str, client: Option<IpAddr>) -> Self {
        Self { sdk_app_id, identifier: identifier.to_owned(), network: client.map(network_of) }
    }
}

#[derive(Debug, Clone, Copy)]
struct FailureCount {
    times: u32,
    /// Time of the first failure of the window; once the limit is reached, the time of the failure that reached it.
    since: Instant,
}

impl FailureCount {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= PERIOD
    }
}

/// Failures of the last minute by caller.
#[derive(Debug, Default)]
pub(super) struct SignatureThrottle(Mutex<HashMap<Caller, FailureCount>>);

impl SignatureThrottle {
    /// Counts a failure.
    pub fn note(&self, caller: &Caller, now: Instant) {
        let mut callers = self.callers();
        if callers.len() >= MAX_CALLERS && !callers.contains_key(caller) {
            callers.retain(|_, failed| !failed.is_over(now));
            if callers.len() >= MAX_CALLERS {
                return;
            }
        }
        let failed = callers.entry(caller.clone()).or_insert(FailureCount { times: 0, since: now });
        if failed.is_over(now) {
            *failed = FailureCount { times: 0, since: now };
        }
        failed.times = failed.times.saturating_add(1);
        if failed.times == MAX_FAILURES {
            failed.since = now;
        }
    }

    /// Returns whether further failures of a caller are throttled.
    pub fn is_throttled(&self, caller: &Caller, now: Instant) -> bool {
        let callers = self.callers();
        callers.get(caller).is_some_and(|failed| failed.times >= MAX_FAILURES && !failed.is_over(now))
    }

    fn callers(&self) -> MutexGuard<'_, HashMap<Caller, FailureCount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(identifier: &str, client: &str) -> Caller {
        Caller::new(1, identifier, Some(client.parse().expect("an address")))
    }

    #[test]
    fn too_many_failures_count_for_one_caller_and_a_minute() {
        let failures = SignatureThrottle::default();
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let admin = caller("admin", "192.0.2.1");
        for _ in 0..59 {
            failures.note(&admin, at(0));
        }
        assert!(!failures.is_throttled(&admin, at(1)));
        failures.note(&admin, at(59));
        assert!(failures.is_throttled(&admin, at(118)), "for a minute from the last one");
        assert!(!failures.is_throttled(&admin, at(119)));
        for other in [caller("root", "192.0.2.1"), caller("admin", "192.0.2.2")] {
            assert!(!failures.is_throttled(&other, at(60)), "{other:?}");
        }
        failures.note(&admin, at(119));
        assert!(!failures.is_throttled(&admin, at(119)), "counted anew");
    }

    #[test]
    fn failures_far_apart_are_not_too_many() {
        let failures = SignatureThrottle::default();
        let begun = Instant::now();
        let admin = caller("admin", "192.0.2.1");
        for second in 0..600 {
            failures.note(&admin, begun + Duration::from_secs(2 * second));
            assert!(!failures.is_throttled(&admin, begun + Duration::from_secs(2 * second)));
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller_and_memory_is_bounded() {
        let failures = SignatureThrottle::default();
        let begun = Instant::now();
        for host in 0..60 {
            failures.note(&caller("admin", &format!("2001:db8:0:1::{host:x}")), begun);
        }
        assert!(failures.is_throttled(&caller("admin", "2001:db8:0:1:ffff::"), begun));
        assert_ne!(caller("admin", "::ffff:192.0.2.1"), caller("admin", "::ffff:192.0.2.2"));
        assert_eq!(caller("admin", "::ffff:192.0.2.1"), caller("admin", "192.0.2.1"));
        for network in 0..MAX_CALLERS + 100 {
            failures.note(&caller("admin", &format!("2001:db8:1:{network:x}::")), begun);
        }
        assert_eq!(failures.callers().len(), MAX_CALLERS);
        assert!(failures.is_throttled(&caller("admin", "2001:db8:0:1::"), begun), "it is still known");
        failures.note(&caller("admin", "192.0.2.1"), begun + PERIOD);
        assert_eq!(failures.callers().len(), 1, "what is over is forgotten");
    }
}
