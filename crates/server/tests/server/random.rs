//! Random numbers. A failed run can be repeated with its seed in `AICP_TEST_SEED`.

use aicp_types::{Clock, SystemClock};

/// Random number generator (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        let clock = SystemClock.now().get().unsigned_abs();
        let seed = std::env::var("AICP_TEST_SEED").map_or(clock, |seed| seed.parse().expect("a number"));
        eprintln!("AICP_TEST_SEED={seed}");
        Self(seed | 1)
    }

    /// Creates an independent generator, for another thread.
    pub fn fork(&mut self) -> Self {
        Self(self.below(u64::MAX) | 1)
    }

    /// Returns an index into a sequence of this length.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Returns a number from 0 to `end` (exclusive).
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % end
    }
}
