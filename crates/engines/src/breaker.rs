//! Circuit breaker: stops calls to an engine that does not answer, and probes with one call at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Circuit breaker of one engine.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Calls pass. Holds the number of consecutive failures.
    Closed(u32),
    /// No call passes until this time.
    Open(Instant),
    /// One call is under way as a probe; no other passes.
    Probing,
}

impl Breaker {
    /// Creates a breaker that opens for `pause` after this many consecutive failures (at least one).
    pub fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause, state: Mutex::new(State::Closed(0)) }
    }

    /// Admits a call, unless the breaker is open.
    pub fn enter(&self) -> Option<Admission<'_>> {
        let mut state = self.lock();
        match *state {
            State::Closed(_) => Some(Admission { breaker: self, probe: false }),
            State::Open(until) if Instant::now() >= until => {
                *state = State::Probing;
                Some(Admission { breaker: self, probe: true })
            }
            State::Open(_) | State::Probing => None,
        }
    }

    /// Returns whether a call would be admitted now.
    pub fn would_admit(&self) -> bool {
        match *self.lock() {
            State::Closed(_) => true,
            State::Open(until) => Instant::now() >= until,
            State::Probing => false,
        }
    }

    /// Returns whether the breaker is open or probing.
    pub fn is_open(&self) -> bool {
        !matches!(*self.lock(), State::Closed(_))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Admission of one call. Dropped without a result, the call is not counted.
#[derive(Debug)]
pub(crate) struct Admission<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Admission<'_> {
    /// Reports the end of the call and whether the engine answered.
    pub fn end(mut self, answered: bool) {
        let mut state = self.breaker.lock();
        let open = State::Open(Instant::now() + self.breaker.pause);
        match *state {
            // The result of a call that began before the breaker opened is stale.
            State::Open(_) | State::Probing if !self.probe => {}
            _ if answered => *state = State::Closed(0),
            State::Closed(failures) if failures + 1 < self.breaker.failures => *state = State::Closed(failures + 1),
            _ => *state = open,
        }
        self.probe = false;
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        // The probe was cancelled: the next call is the probe.
        if self.probe {
            *self.breaker.lock() = State::Open(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(5);

    fn opened() -> Breaker {
        let breaker = Breaker::new(5, PAUSE);
        for _ in 0..5 {
            breaker.enter().expect("it lets pass").end(false);
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_in_a_row_alone() {
        let breaker = Breaker::new(5, PAUSE);
        for _ in 0..10 {
            for _ in 0..4 {
                breaker.enter().expect("it lets pass").end(false);
            }
            breaker.enter().expect("it lets pass").end(true);
        }
        assert!(!breaker.is_open());
        for _ in 0..5 {
            assert!(!breaker.is_open());
            breaker.enter().expect("it lets pass").end(false);
        }
        assert!(breaker.is_open() && breaker.enter().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_probes_after_the_pause() {
        let breaker = opened();
        tokio::time::advance(PAUSE - Duration::from_millis(1)).await;
        assert!(breaker.enter().is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        let probe = breaker.enter().expect("it lets pass");
        assert!(breaker.enter().is_none() && !breaker.would_admit());
        probe.end(false);
        assert!(breaker.enter().is_none(), "a failed probe begins another pause");
        tokio::time::advance(PAUSE).await;
        breaker.enter().expect("it lets pass").end(true);
        assert!(!breaker.is_open() && breaker.enter().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_makes_room_for_the_next() {
        let breaker = opened();
        tokio::time::advance(PAUSE).await;
        drop(breaker.enter().expect("it lets pass"));
        assert!(breaker.would_admit());
        breaker.enter().expect("it lets pass").end(true);
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_from_before_say_nothing_once_open() {
        let breaker = Breaker::new(1, PAUSE);
        let (early, late) = (breaker.enter().expect("it lets pass"), breaker.enter().expect("it lets pass"));
        breaker.enter().expect("it lets pass").end(false);
        early.end(true);
        assert!(breaker.is_open());
        tokio::time::advance(PAUSE).await;
        let probe = breaker.enter().expect("it lets pass");
        late.end(true);
        assert!(breaker.enter().is_none(), "the probe is still out");
        probe.end(true);
        assert!(!breaker.is_open());
    }
}
