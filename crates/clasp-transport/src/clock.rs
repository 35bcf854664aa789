//! The only place that reads the clocks.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clasp_router::Now;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// This moment on both clocks.
pub fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now::new(microseconds(unix), microseconds(START.elapsed()))
}

/// Whole seconds of the monotonic clock, counted from 1 so that 0 can mean "never".
pub(crate) fn seconds(now: Now) -> u32 {
    u32::try_from(now.mono_us / 1_000_000 + 1).unwrap_or(u32::MAX)
}

/// The moment `mono_us` as the runtime's timers understand it.
pub(crate) fn instant(mono_us: u64) -> tokio::time::Instant {
    tokio::time::Instant::from_std(*START + Duration::from_micros(mono_us))
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
