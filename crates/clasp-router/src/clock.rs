//! The two clocks of a moment, read by the caller and handed in.

/// A moment: the wall clock for people and wires, the monotonic clock for durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Microseconds since 1970-01-01 UTC; may step in either direction.
    pub unix_us: u64,
    /// Microseconds since some fixed moment of this process; never goes back.
    pub mono_us: u64,
}

impl Now {
    /// From readings of both clocks, in microseconds.
    pub fn new(unix_us: u64, mono_us: u64) -> Now {
        Now { unix_us, mono_us }
    }
}
