//! The clock.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::UnixMillis;

/// Source of the current time. Code that reads the time receives a clock, so that tests can set it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the current time.
    fn now(&self) -> UnixMillis;
}

/// The system clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine is asked")]
    fn now(&self) -> UnixMillis {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis::default().saturating_add(since_epoch)
    }
}

/// A clock for tests that changes only when set.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Creates a clock that shows `moment`.
    pub const fn at(moment: UnixMillis) -> Self {
        Self(AtomicI64::new(moment.get()))
    }

    /// Sets the time, forwards or back.
    pub fn set(&self, moment: UnixMillis) {
        self.0.store(moment.get(), Ordering::Relaxed);
    }

    /// Advances the time.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis::new(self.0.load(Ordering::Relaxed))
    }
}
