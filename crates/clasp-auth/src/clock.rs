//! Time as callers tell it: nothing in this crate reads a clock.

/// A moment: the wall clock for people and wires, the monotonic clock for durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Microseconds since 1970-01-01 UTC; may step in either direction.
    pub unix_us: u64,
    /// Microseconds since some fixed moment of this process; never goes back.
    pub mono_us: u64,
}

impl Now {
    /// From readings of both clocks, in microseconds.
    pub const fn new(unix_us: u64, mono_us: u64) -> Now {
        Now { unix_us, mono_us }
    }

    /// Whole seconds since 1970-01-01 UTC.
    pub fn unix_s(self) -> u64 {
        self.unix_us / 1_000_000
    }
}
