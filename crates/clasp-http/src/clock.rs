//! The two clocks of the API: the wall's for what expires, a steady one for quotas.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clasp_auth::Now;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time now.
pub fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let microseconds = |time: std::time::Duration| time.as_micros().try_into().unwrap_or(u64::MAX);
    Now { unix_us: microseconds(unix), mono_us: microseconds(START.elapsed()) }
}
