//! Counters and distributions of the relay, and how they are read (spec: routing.md 15).
//!
//! Every thread counts in a stripe of its own as far as stripes go round, so that counting costs
//! neither an atomic operation nor a cache line that others write to. Amounts that tables know
//! (sessions, params, queues) are not counted here: the caller hands them in as [`Gauges`] when
//! somebody looks.

mod family;
mod histogram;
mod label;
mod stripe;

pub use family::{Family, Gauges, Kind, Sample};
pub use label::{DropKind, EvictionReason, HandshakeFailure, OscDrop};

use clasp_protocol::ErrorCode;
use clasp_protocol::message::MessageType;

use stripe::Stripes;

/// Everything the relay counts.
#[derive(Debug, Default)]
pub struct Metrics {
    stripes: Stripes,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// A message of this type was decoded and is about to be handled.
    #[inline]
    pub fn message(&self, kind: MessageType) {
        self.stripes.mine().messages[message_place(kind)].add(1);
    }

    /// An ERROR of this code was sent.
    #[inline]
    pub fn error(&self, code: ErrorCode) {
        self.stripes.mine().errors[error_place(code)].add(1);
    }

    /// A SET or PUBLISH went to the queues of so many sessions, possibly none.
    #[inline]
    pub fn delivered(&self, fanout: usize) {
        self.stripes.mine().fanout.observe(fanout as u64);
    }

    /// A message was lost.
    #[inline]
    pub fn dropped(&self, kind: DropKind) {
        self.stripes.mine().drops[kind as usize].add(1);
    }

    /// A queued message was replaced by a newer one of the same address.
    #[inline]
    pub fn conflated(&self) {
        self.stripes.mine().conflated.add(1);
    }

    /// A session was closed because it did not read.
    pub fn slow_consumer_closed(&self) {
        self.stripes.mine().slow_consumers_closed.add(1);
    }

    /// A param left the store without anybody's request.
    pub fn evicted(&self, reason: EvictionReason) {
        self.stripes.mine().evictions[reason as usize].add(1);
    }

    /// A connection did not become a session.
    pub fn handshake_failed(&self, reason: HandshakeFailure) {
        self.stripes.mine().handshake_failures[reason as usize].add(1);
    }

    /// Something from or for an OSC client went nowhere.
    #[inline]
    pub fn osc_dropped(&self, reason: OscDrop) {
        self.stripes.mine().osc_drops[reason as usize].add(1);
    }

    /// A frame could not be decoded.
    pub fn decode_error(&self) {
        self.stripes.mine().decode_errors.add(1);
    }

    /// The journal could not store or read something.
    pub fn journal_error(&self) {
        self.stripes.mine().journal_errors.add(1);
    }

    /// Bytes came in from clients.
    #[inline]
    pub fn bytes_received(&self, bytes: usize) {
        self.stripes.mine().bytes_received.add(bytes as u64);
    }

    /// Bytes went out to clients.
    #[inline]
    pub fn bytes_sent(&self, bytes: usize) {
        self.stripes.mine().bytes_sent.add(bytes as u64);
    }

    /// Handling a message of this type took so many nanoseconds.
    #[inline]
    pub fn observe_latency(&self, kind: MessageType, nanoseconds: u64) {
        self.stripes.mine().latency[message_place(kind)].observe(nanoseconds);
    }

    /// The present numbers, in the order in which they are told.
    pub fn families(&self, gauges: &Gauges) -> Vec<Family> {
        family::collect(&self.stripes, gauges)
    }
}

const MESSAGE_KINDS: usize = MessageType::ALL.len();
const ERROR_CODES: usize = ErrorCode::ALL.len();

/// Places of message types in [`MessageType::ALL`], by their codes.
const MESSAGE_PLACES: [u8; 256] = {
    let mut places = [0; 256];
    let mut place = 0;
    while place < MESSAGE_KINDS {
        places[MessageType::ALL[place] as usize] = place as u8;
        place += 1;
    }
    places
};

#[inline]
fn message_place(kind: MessageType) -> usize {
    usize::from(MESSAGE_PLACES[kind as usize])
}

#[inline]
fn error_place(code: ErrorCode) -> usize {
    ErrorCode::ALL.iter().position(|known| *known == code).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(families: &[Family], name: &str, labels: &[&str]) -> Option<f64> {
        let family = families.iter().find(|family| family.name == name)?;
        let same = |sample: &&Sample| {
            sample.suffix.is_empty() && sample.labels.iter().map(|(_, value)| value).eq(labels)
        };
        family.samples.iter().find(same).map(|sample| sample.value)
    }

    fn suffixed(families: &[Family], name: &str, suffix: &str, le: Option<&str>) -> Option<f64> {
        let family = families.iter().find(|family| family.name == name)?;
        let same = |sample: &&Sample| {
            let label = sample.labels.iter().find(|(key, _)| *key == "le");
            sample.suffix == suffix && label.map(|(_, value)| value.as_str()) == le
        };
        family.samples.iter().find(same).map(|sample| sample.value)
    }

    #[test]
    fn every_message_type_and_error_code_has_its_own_counter() {
        let metrics = Metrics::new();
        for (place, kind) in MessageType::ALL.into_iter().enumerate() {
            for _ in 0..=place {
                metrics.message(kind);
            }
        }
        for (place, code) in ErrorCode::ALL.into_iter().enumerate() {
            for _ in 0..=place {
                metrics.error(code);
            }
        }
        let families = metrics.families(&Gauges::default());
        for (place, kind) in MessageType::ALL.into_iter().enumerate() {
            let count = value(&families, "clasp_messages_total", &[kind.label()]);
            assert_eq!(count, Some((place + 1) as f64));
        }
        for (place, code) in ErrorCode::ALL.into_iter().enumerate() {
            let count = value(&families, "clasp_errors_total", &[&code.code().to_string()]);
            assert_eq!(count, Some((place + 1) as f64));
        }
    }

    #[test]
    fn losses_are_told_by_kind_and_reason() {
        let metrics = Metrics::new();
        metrics.dropped(DropKind::Event);
        metrics.dropped(DropKind::Event);
        metrics.evicted(EvictionReason::Capacity);
        metrics.handshake_failed(HandshakeFailure::Timeout);
        metrics.osc_dropped(OscDrop::Late);
        metrics.conflated();
        let families = metrics.families(&Gauges::default());
        assert_eq!(value(&families, "clasp_drops_total", &["event"]), Some(2.0));
        assert_eq!(value(&families, "clasp_drops_total", &["stream"]), Some(0.0));
        assert_eq!(value(&families, "clasp_evictions_total", &["capacity"]), Some(1.0));
        assert_eq!(value(&families, "clasp_handshake_failures_total", &["timeout"]), Some(1.0));
        assert_eq!(value(&families, "clasp_osc_drops_total", &["late"]), Some(1.0));
        assert_eq!(value(&families, "clasp_conflated_total", &[]), Some(1.0));
    }

    #[test]
    fn fanout_is_a_cumulative_histogram_and_counts_copies() {
        let metrics = Metrics::new();
        for fanout in [0, 1, 2, 3, 50_000] {
            metrics.delivered(fanout);
        }
        let families = metrics.families(&Gauges::default());
        let name = "clasp_broadcast_fanout";
        assert_eq!(suffixed(&families, name, "_bucket", Some("1")), Some(2.0));
        assert_eq!(suffixed(&families, name, "_bucket", Some("2")), Some(3.0));
        assert_eq!(suffixed(&families, name, "_bucket", Some("5")), Some(4.0));
        assert_eq!(suffixed(&families, name, "_bucket", Some("10000")), Some(4.0));
        assert_eq!(suffixed(&families, name, "_bucket", Some("+Inf")), Some(5.0));
        assert_eq!(suffixed(&families, name, "_count", None), Some(5.0));
        assert_eq!(suffixed(&families, name, "_sum", None), Some(50_006.0));
        assert_eq!(value(&families, "clasp_deliveries_total", &[]), Some(50_006.0));
    }

    #[test]
    fn latency_is_told_in_seconds_for_types_that_occurred() {
        let metrics = Metrics::new();
        metrics.observe_latency(MessageType::Set, 250);
        metrics.observe_latency(MessageType::Set, 251);
        metrics.observe_latency(MessageType::Set, 5_000_000_000);
        let families = metrics.families(&Gauges::default());
        let name = "clasp_message_latency_seconds";
        assert_eq!(suffixed(&families, name, "_bucket", Some("0.0000001")), Some(0.0));
        assert_eq!(suffixed(&families, name, "_bucket", Some("0.00000025")), Some(1.0));
        assert_eq!(suffixed(&families, name, "_bucket", Some("0.0000005")), Some(2.0));
        assert_eq!(suffixed(&families, name, "_bucket", Some("1")), Some(2.0));
        assert_eq!(suffixed(&families, name, "_count", None), Some(3.0));
        let sum = suffixed(&families, name, "_sum", None);
        assert!(sum.is_some_and(|sum| (sum - 5.000_000_501).abs() < 1e-9));
        let family = families.iter().find(|family| family.name == name);
        let labelled = |sample: &Sample| sample.labels.contains(&("type", "set".to_owned()));
        assert!(family.is_some_and(|family| family.samples.iter().all(labelled)));
    }

    #[test]
    fn threads_count_together() {
        let metrics = Metrics::new();
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| (0..1_000).for_each(|_| metrics.message(MessageType::Ping)));
            }
        });
        let families = metrics.families(&Gauges::default());
        assert_eq!(value(&families, "clasp_messages_total", &["ping"]), Some(40_000.0));
    }

    #[test]
    fn gauges_are_passed_through_and_names_are_unique() {
        let gauges = Gauges { sessions_active: 3, queue_bytes: 7, ..Gauges::default() };
        let families = Metrics::new().families(&gauges);
        assert_eq!(value(&families, "clasp_sessions_active", &[]), Some(3.0));
        assert_eq!(value(&families, "clasp_queue_bytes", &[]), Some(7.0));
        let mut names: Vec<&str> = families.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), families.len());
    }
}
