//! Leaves an engine in peace that does not answer, and lets one call at a time find out whether it does again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A circuit breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Calls pass; so many in a row got no answer.
    Closed(u32),
    /// No call passes until then.
    Open(Instant),
    /// One call is finding out.
    Probing,
}

impl Breaker {
    /// One that opens after so many calls in a row without an answer (at least one), for this long.
    pub fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause, state: Mutex::new(State::Closed(0)) }
    }

    /// Lets a call pass, or not.
    pub fn enter(&self) -> Option<Pass<'_>> {
        let mut state = self.lock();
        match *state {
            State::Closed(_) => Some(Pass { breaker: self, probe: false }),
            State::Open(until) if Instant::now() >= until => {
                *state = State::Probing;
                Some(Pass { breaker: self, probe: true })
            }
            State::Open(_) | State::Probing => None,
        }
    }

    /// Whether a call would be let pass now.
    pub fn lets_pass(&self) -> bool {
        match *self.lock() {
            State::Closed(_) => true,
            State::Open(until) => Instant::now() >= until,
            State::Probing => false,
        }
    }

    /// Whether calls are being held back.
    pub fn is_open(&self) -> bool {
        !matches!(*self.lock(), State::Closed(_))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was let pass. Dropped without a result, it counts as never made.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Pass<'_> {
    /// The call is over; did the engine answer?
    pub fn end(mut self, answered: bool) {
        let mut state = self.breaker.lock();
        let open = State::Open(Instant::now() + self.breaker.pause);
        match *state {
            // Of calls from before it opened nothing new is learnt.
            State::Open(_) | State::Probing if !self.probe => {}
            _ if answered => *state = State::Closed(0),
            State::Closed(failures) if failures + 1 < self.breaker.failures => *state = State::Closed(failures + 1),
            _ => *state = open,
        }
        self.probe = false;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // The caller of the probe went away: the next call is the probe.
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
        assert!(breaker.enter().is_none() && !breaker.lets_pass());
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
        assert!(breaker.lets_pass());
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
