//! `$SYS`: what the relay tells of itself, read-only.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use clasp_router::Now;

use crate::door::Door;
use crate::session::{Session, Told};
use crate::topic;

/// Time between two rounds.
const INTERVAL_US: u64 = 10_000_000;

/// When it began, and when it told last, on the monotonic clock.
#[derive(Debug)]
pub(crate) struct System {
    started_us: u64,
    told_us: AtomicU64,
}

impl System {
    pub(crate) fn new(now: Now) -> System {
        System { started_us: now.mono_us, told_us: AtomicU64::new(now.mono_us) }
    }

    /// Whether it is time to tell again.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        let due = now.mono_us.saturating_sub(self.told_us.load(Ordering::Relaxed)) >= INTERVAL_US;
        if due {
            self.told_us.store(now.mono_us, Ordering::Relaxed);
        }
        due
    }
}

/// The topics with their values.
fn values(door: &Door, now: Now) -> Vec<(&'static str, String)> {
    let count = door.clients.count();
    let families = door.router.metrics();
    let sum = |name: &str| {
        let samples = families.iter().filter(|family| family.name == name);
        let plain = samples.flat_map(|family| &family.samples);
        let plain = plain.filter(|sample| sample.suffix.is_empty());
        format!("{}", plain.map(|sample| sample.value).sum::<f64>())
    };
    let uptime_s = now.mono_us.saturating_sub(door.system.started_us) / 1_000_000;
    vec![
        ("$SYS/broker/version", format!("clasp-relay {}", env!("CARGO_PKG_VERSION"))),
        ("$SYS/broker/uptime", format!("{uptime_s} seconds")),
        ("$SYS/broker/clients/connected", count.here.to_string()),
        ("$SYS/broker/clients/disconnected", count.away.to_string()),
        ("$SYS/broker/clients/total", (count.here + count.away).to_string()),
        ("$SYS/broker/sessions", sum("clasp_sessions_active")),
        ("$SYS/broker/subscriptions/count", sum("clasp_subscriptions_active")),
        ("$SYS/broker/retained messages/count", sum("clasp_state_params_active")),
        ("$SYS/broker/messages/received", sum("clasp_messages_total")),
        ("$SYS/broker/messages/sent", sum("clasp_deliveries_total")),
        ("$SYS/broker/messages/dropped", sum("clasp_drops_total")),
        ("$SYS/broker/bytes/received", sum("clasp_bytes_received_total")),
        ("$SYS/broker/bytes/sent", sum("clasp_bytes_sent_total")),
    ]
}

impl Session {
    /// Tells the relay's numbers if the client is subscribed to any; as what is retained if
    /// `state`.
    pub(crate) fn tell_system(&mut self, door: &Door, state: bool, out: &mut Vec<u8>, now: Now) {
        if !self.kept.subscriptions.iter().any(|mine| mine.filter.starts_with("$SYS/")) {
            return;
        }
        for (name, value) in values(door, now) {
            let mut path = String::new();
            topic::push_path(name, &mut path);
            let told = Told {
                topic: name,
                path: Cow::Owned(path),
                payload: value.as_bytes(),
                properties: &[],
                qos: 0,
                retain: true,
                state,
                param: true,
                expires_s: None,
                origin: 0,
                number: 0,
            };
            self.tell(door, &told, out, now);
        }
    }
}
