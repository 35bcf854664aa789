//! Deadlines of all links, looked at once a second: HELLO, silence, stalled writes, closing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clasp_router::Now;
use clasp_router::metrics::HandshakeFailure;
use tokio::time::MissedTickBehavior;

use crate::clock;
use crate::config::Config;
use crate::link::{Flusher, Link, state};
use crate::server::Shared;
use crate::talk::Dismissal;

/// Seconds for which a peer may take no byte of what waits for it.
const WRITE_STALL_S: u32 = 60;

/// The limits of a configuration in whole seconds; 0 means never.
#[derive(Debug)]
struct Limits {
    ping_s: u32,
    silence_s: u32,
}

impl Limits {
    fn of(config: &Config) -> Limits {
        let ping_s = whole_seconds(config.ping_interval);
        let silence_s = match whole_seconds(config.session_timeout) {
            0 => 0,
            silence_s => silence_s.max((ping_s.saturating_mul(5)).div_ceil(2)),
        };
        Limits { ping_s, silence_s }
    }
}

/// Rounded up, so that a fraction does not mean "never".
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)
}

/// Watches the links of a server for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    let limits = Limits::of(&shared.config);
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut links = Vec::new();
    let counters = shared.router.counters();
    loop {
        every.tick().await;
        let now = clock::now();
        let mut next = Some(0);
        while let Some(from) = next {
            next = shared.registry.visit(from, &mut links);
            for link in links.drain(..) {
                if sweep(&link, &limits, now) == Verdict::HandshakeTimeout {
                    counters.handshake_failed(HandshakeFailure::Timeout);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Well,
    HandshakeTimeout,
    Ending,
}

fn sweep(link: &Link, limits: &Limits, now: Now) -> Verdict {
    let now_s = clock::seconds(now);
    let moments = &link.moments;
    let gone_by_s = moments.gone_by_s.load(Ordering::Relaxed);
    if gone_by_s != 0 {
        if now_s >= gone_by_s {
            link.kill();
        }
        return Verdict::Ending;
    }
    if is_stalled(link, now_s) {
        link.kill();
        return Verdict::Ending;
    }
    let handshake_by_s = moments.handshake_by_s.load(Ordering::Relaxed);
    if handshake_by_s != 0 && now_s > handshake_by_s {
        link.dismiss(Dismissal::Late, now);
        return Verdict::HandshakeTimeout;
    }
    let inbound_s = moments.inbound_s.load(Ordering::Relaxed);
    let silence_s = link.silence_max_s().unwrap_or(limits.silence_s);
    if silence_s != 0 && now_s.saturating_sub(inbound_s) > silence_s {
        link.dismiss(Dismissal::Silent, now);
        return Verdict::Ending;
    }
    let quiet_since_s = inbound_s.max(moments.pinged_s.load(Ordering::Relaxed));
    if link.is_pinged() && limits.ping_s != 0 && now_s.saturating_sub(quiet_since_s) > limits.ping_s
    {
        moments.pinged_s.store(now_s, Ordering::Relaxed);
        link.ping();
        link.flush(Flusher::Other);
    }
    Verdict::Well
}

fn is_stalled(link: &Link, now_s: u32) -> bool {
    let since = &link.moments.blocked_since_s;
    if link.state() & state::BLOCKED == 0 {
        since.store(0, Ordering::Relaxed);
        return false;
    }
    let since_s = since.load(Ordering::Relaxed);
    if since_s == 0 {
        since.store(now_s, Ordering::Relaxed);
    }
    since_s != 0 && now_s.saturating_sub(since_s) > WRITE_STALL_S
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(ping_s: u64, session_s: u64) -> Limits {
        Limits::of(&Config {
            ping_interval: Duration::from_secs(ping_s),
            session_timeout: Duration::from_secs(session_s),
            ..Config::default()
        })
    }

    #[test]
    fn silence_lasts_at_least_two_and_a_half_ping_intervals() {
        assert_eq!(limits(30, 300).silence_s, 300);
        assert_eq!(limits(30, 60).silence_s, 75);
        assert_eq!(limits(3, 1).silence_s, 8);
    }

    #[test]
    fn zero_means_never() {
        assert_eq!(limits(30, 0).silence_s, 0);
        assert_eq!(limits(0, 60).silence_s, 60);
        assert_eq!(limits(0, 60).ping_s, 0);
    }

    #[test]
    fn fractions_are_rounded_up() {
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_millis(2_001)), 3);
        assert_eq!(whole_seconds(Duration::ZERO), 0);
    }
}
