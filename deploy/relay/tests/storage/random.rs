//! Chance that can be repeated: `CLASP_CRASH_SEED` sets the seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// A number that the caller of the tests has set.
pub(crate) fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Pseudo-random numbers (xorshift).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Tells the seed, so that what `name` did can be repeated.
    pub(crate) fn seeded(name: &str) -> Self {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
        let seed = from_environment("CLASP_CRASH_SEED").unwrap_or_else(clock);
        println!("{name}: CLASP_CRASH_SEED={seed}");
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
