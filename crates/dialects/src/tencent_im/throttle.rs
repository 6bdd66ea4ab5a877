//! Throttle for UserSigs with a wrong signature.

use aicp_platform::throttle_key;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Number of failures within [`PERIOD`] after which a key is throttled.
const MAX_FAILURES: u32 = 60;
/// Window in which failures are counted, and duration of the throttling.
const PERIOD: Duration = Duration::from_secs(60);
/// Maximum number of keys that are tracked.
const MAX_KEYS: usize = 10_000;

/// What is throttled together: the attempts for a claimed app and user from one network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ThrottleKey {
    sdk_app_id: u64,
    identifier: String,
    /// IPv4 address, or the /64 network of an IPv6 address.
    network: Option<IpAddr>,
}

impl ThrottleKey {
    pub fn new(sdk_app_id: u64, identifier: &str, client: Option<IpAddr>) -> Self {
        Self { sdk_app_id, identifier: identifier.to_owned(), network: client.map(throttle_key) }
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

/// Failures of the last minute by key.
#[derive(Debug, Default)]
pub(super) struct SignatureThrottle(Mutex<HashMap<ThrottleKey, FailureCount>>);

impl SignatureThrottle {
    /// Counts a failure, which weighs as much as there are nodes.
    pub fn note(&self, key: &ThrottleKey, now: Instant, nodes: u32) {
        let mut counts = self.counts();
        if counts.len() >= MAX_KEYS && !counts.contains_key(key) {
            counts.retain(|_, failed| !failed.is_over(now));
            if counts.len() >= MAX_KEYS {
                return;
            }
        }
        let failed = counts.entry(key.clone()).or_insert(FailureCount { times: 0, since: now });
        if failed.is_over(now) {
            *failed = FailureCount { times: 0, since: now };
        }
        let was_throttled = failed.times >= MAX_FAILURES;
        failed.times = failed.times.saturating_add(nodes);
        if failed.times >= MAX_FAILURES && !was_throttled {
            failed.since = now;
        }
    }

    /// Returns whether further failures of a key are throttled.
    pub fn is_throttled(&self, key: &ThrottleKey, now: Instant) -> bool {
        let counts = self.counts();
        counts.get(key).is_some_and(|failed| failed.times >= MAX_FAILURES && !failed.is_over(now))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<ThrottleKey, FailureCount>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(identifier: &str, client: &str) -> ThrottleKey {
        ThrottleKey::new(1, identifier, Some(client.parse().expect("an address")))
    }

    #[test]
    fn too_many_failures_count_for_one_caller_and_a_minute() {
        let throttle = SignatureThrottle::default();
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let admin = key("admin", "192.0.2.1");
        for _ in 0..59 {
            throttle.note(&admin, at(0), 1);
        }
        assert!(!throttle.is_throttled(&admin, at(1)));
        throttle.note(&admin, at(59), 1);
        assert!(throttle.is_throttled(&admin, at(118)), "for a minute from the last one");
        assert!(!throttle.is_throttled(&admin, at(119)));
        for other in [key("root", "192.0.2.1"), key("admin", "192.0.2.2")] {
            assert!(!throttle.is_throttled(&other, at(60)), "{other:?}");
        }
        throttle.note(&admin, at(119), 1);
        assert!(!throttle.is_throttled(&admin, at(119)), "counted anew");
    }

    #[test]
    fn failures_far_apart_are_not_too_many() {
        let throttle = SignatureThrottle::default();
        let begun = Instant::now();
        let admin = key("admin", "192.0.2.1");
        for second in 0..600 {
            throttle.note(&admin, begun + Duration::from_secs(2 * second), 1);
            assert!(!throttle.is_throttled(&admin, begun + Duration::from_secs(2 * second)));
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller_and_memory_is_bounded() {
        let throttle = SignatureThrottle::default();
        let begun = Instant::now();
        for host in 0..60 {
            throttle.note(&key("admin", &format!("2001:db8:0:1::{host:x}")), begun, 1);
        }
        assert!(throttle.is_throttled(&key("admin", "2001:db8:0:1:ffff::"), begun));
        assert_ne!(key("admin", "::ffff:192.0.2.1"), key("admin", "::ffff:192.0.2.2"));
        assert_eq!(key("admin", "::ffff:192.0.2.1"), key("admin", "192.0.2.1"));
        for network in 0..MAX_KEYS + 100 {
            throttle.note(&key("admin", &format!("2001:db8:1:{network:x}::")), begun, 1);
        }
        assert_eq!(throttle.counts().len(), MAX_KEYS);
        assert!(throttle.is_throttled(&key("admin", "2001:db8:0:1::"), begun), "it is still known");
        throttle.note(&key("admin", "192.0.2.1"), begun + PERIOD, 1);
        assert_eq!(throttle.counts().len(), 1, "what is over is forgotten");
    }
}
