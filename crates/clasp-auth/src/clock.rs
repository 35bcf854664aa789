//! Time as callers tell it: nothing in this crate reads a clock.

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Microseconds since 1970-01-01 UTC.
    pub unix_us: u64,
    /// Microseconds on a clock that never goes back.
    pub mono_us: u64,
}

impl Now {
    /// Whole seconds since 1970-01-01 UTC.
    pub fn unix_s(self) -> u64 {
        self.unix_us / 1_000_000
    }
}
