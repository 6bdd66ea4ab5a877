//! Fault injection.

use serde::{Deserialize, Serialize};

/// Faults to inject, the body of `POST /simulator/faults`. Probabilities are 0..1.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Faults {
    /// Probability that the connection is closed before any work is done.
    pub drop_before: f64,
    /// Probability that the connection is closed after the work, without an answer.
    pub drop_after: f64,
    /// Delay between the work and the answer, in milliseconds.
    pub delay_ms: u64,
    /// Probability of HTTP 500 with a plain-text body and no work done.
    pub status500: f64,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Maximum number of faulty calls, not counting delays; `None`: unlimited.
    pub limit: Option<u64>,
    /// Paths, without leading `/`, of the calls that may fail; empty: all.
    pub paths: Vec<String>,
}

/// Outcome chosen for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    DroppedBefore,
    DroppedAfter,
    Status500,
}

/// Chooses the outcome of each call at random.
#[derive(Debug, Default)]
pub(crate) struct FaultInjector {
    faults: Faults,
    state: u64,
    spent: u64,
}

impl FaultInjector {
    pub fn new(faults: Faults) -> Self {
        Self { state: faults.seed, faults, spent: 0 }
    }

    /// Chooses the outcome of a call. Returns it with the delay of the answer in milliseconds.
    pub fn choose_outcome(&mut self, path: &str) -> (Outcome, u64) {
        if !self.faults.paths.is_empty() && !self.faults.paths.iter().any(|p| p == path) {
            return (Outcome::Success, 0);
        }
        // The number of rolls is constant, so that an outcome does not depend on the other probabilities.
        let rolls = [self.next(), self.next(), self.next()];
        let fate = match rolls {
            [before, ..] if before < self.faults.drop_before => Outcome::DroppedBefore,
            [_, status, _] if status < self.faults.status500 => Outcome::Status500,
            [.., after] if after < self.faults.drop_after => Outcome::DroppedAfter,
            _ => Outcome::Success,
        };
        let spent = self.faults.limit.is_some_and(|limit| self.spent >= limit);
        if fate == Outcome::Success || spent {
            return (Outcome::Success, self.faults.delay_ms);
        }
        self.spent += 1;
        (fate, self.faults.delay_ms)
    }

    /// Returns the next number of SplitMix64, scaled to 0..1.
    fn next(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) as f64 / (u64::MAX as f64 + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_fate() {
        let faults = Faults { drop_before: 0.2, drop_after: 0.3, status500: 0.1, seed: 7, ..Faults::default() };
        let fates = |faults: &Faults| -> Vec<Outcome> {
            let mut fault_injector = FaultInjector::new(faults.clone());
            (0..1000).map(|_| fault_injector.choose_outcome("p").0).collect()
        };
        let rolled = fates(&faults);
        assert_eq!(rolled, fates(&faults));
        assert!(rolled.iter().filter(|&&fate| fate == Outcome::DroppedBefore).count().abs_diff(200) < 50);
        assert_ne!(rolled, fates(&Faults { seed: 8, ..faults }));
    }

    #[test]
    fn limit_and_paths_bound_what_goes_wrong() {
        let mut fault_injector = FaultInjector::new(Faults {
            drop_before: 1.0,
            limit: Some(1),
            paths: vec!["p".to_owned()],
            ..Faults::default()
        });
        assert_eq!(fault_injector.choose_outcome("q").0, Outcome::Success);
        assert_eq!(fault_injector.choose_outcome("p").0, Outcome::DroppedBefore);
        assert_eq!(fault_injector.choose_outcome("p").0, Outcome::Success);
    }
}
