//! The numbers in the shape of the Prometheus text format.

use clasp_protocol::ErrorCode;
use clasp_protocol::message::MessageType;

use super::histogram::{Distribution, FANOUT_BOUNDS, Histogram, LATENCY_LABELS};
use super::label::{DropKind, EvictionReason, HandshakeFailure, OscDrop};
use super::stripe::{Counter, Stripe, Stripes};

const DELIVERIES_NAME: &str = "clasp_deliveries_total";
const DELIVERIES_HELP: &str = "Copies of SET and PUBLISH messages queued to sessions.";
const FANOUT_NAME: &str = "clasp_broadcast_fanout";
const FANOUT_HELP: &str = "Sessions that each SET or PUBLISH was queued to.";
const LATENCY_NAME: &str = "clasp_message_latency_seconds";
const LATENCY_HELP: &str = "Time spent handling a message, from a sample of messages.";

/// How a family's numbers behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They only go up.
    Counter,
    /// They go up and down.
    Gauge,
    /// They are a distribution: `_bucket` by `le`, `_sum`, `_count`.
    Histogram,
}

/// Numbers of one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Name without suffix.
    pub name: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// How the numbers behave.
    pub kind: Kind,
    /// The numbers.
    pub samples: Vec<Sample>,
}

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Goes behind the family's name: empty, `_bucket`, `_sum` or `_count`.
    pub suffix: &'static str,
    /// Label names and values, unescaped.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: f64,
}

/// Amounts that are read from the router's tables at the moment of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gauges {
    /// Open sessions.
    pub sessions_active: u64,
    /// Subscriptions, a pattern of a session each.
    pub subscriptions_active: u64,
    /// Params in the store.
    pub state_params_active: u64,
    /// Bytes the params account for.
    pub state_bytes: u64,
    /// Bytes waiting in all outboxes.
    pub queue_bytes: u64,
    /// Scheduled bundles that have not run.
    pub bundles_pending: u64,
    /// Journal entries that are not durable yet.
    pub journal_lag_entries: u64,
    /// Announced signals.
    pub signals_active: u64,
}

pub(super) fn collect(stripes: &Stripes, gauges: &Gauges) -> Vec<Family> {
    let mut families = Vec::from(labelled_counters(stripes));
    families.extend(plain_counters(stripes));
    families.extend(fanout(stripes));
    families.push(latency(stripes));
    families.extend(gauge_families(gauges));
    families
}

fn labelled_counters(stripes: &Stripes) -> [Family; 6] {
    [
        labelled(
            stripes,
            ("clasp_messages_total", "Messages received and decoded.", "type"),
            MessageType::ALL.map(|kind| kind.label().to_owned()),
            |stripe| &stripe.messages,
        ),
        labelled(
            stripes,
            ("clasp_errors_total", "ERROR messages sent.", "code"),
            ErrorCode::ALL.map(|code| code.code().to_string()),
            |stripe| &stripe.errors,
        ),
        labelled(
            stripes,
            ("clasp_drops_total", "Messages lost.", "kind"),
            DropKind::ALL.map(|kind| kind.label().to_owned()),
            |stripe| &stripe.drops,
        ),
        labelled(
            stripes,
            ("clasp_evictions_total", "Params that left the store without a request.", "reason"),
            EvictionReason::ALL.map(|reason| reason.label().to_owned()),
            |stripe| &stripe.evictions,
        ),
        labelled(
            stripes,
            ("clasp_handshake_failures_total", "Connections that got no session.", "reason"),
            HandshakeFailure::ALL.map(|reason| reason.label().to_owned()),
            |stripe| &stripe.handshake_failures,
        ),
        labelled(
            stripes,
            (
                "clasp_osc_drops_total",
                "What came from or was for OSC clients and got lost.",
                "reason",
            ),
            OscDrop::ALL.map(|reason| reason.label().to_owned()),
            |stripe| &stripe.osc_drops,
        ),
    ]
}

/// One counter per value of a label.
fn labelled<const N: usize>(
    stripes: &Stripes,
    (name, help, label): (&'static str, &'static str, &'static str),
    values: [String; N],
    counters: fn(&Stripe) -> &[Counter; N],
) -> Family {
    let rows = values.into_iter().enumerate();
    let samples = rows.map(|(place, value)| Sample {
        suffix: "",
        labels: vec![(label, value)],
        value: float(stripes.sum(|stripe| &counters(stripe)[place])),
    });
    let samples = samples.collect();
    Family { name, help, kind: Kind::Counter, samples }
}

fn plain_counters(stripes: &Stripes) -> impl Iterator<Item = Family> {
    type Plain = (&'static str, &'static str, fn(&Stripe) -> &Counter);
    const PLAIN: [Plain; 6] = [
        (
            "clasp_conflated_total",
            "Queued messages replaced by a newer one of the same address.",
            |stripe| &stripe.conflated,
        ),
        (
            "clasp_slow_consumers_closed_total",
            "Sessions closed because they did not read.",
            |stripe| &stripe.slow_consumers_closed,
        ),
        ("clasp_decode_errors_total", "Frames that could not be decoded.", |stripe| {
            &stripe.decode_errors
        }),
        ("clasp_journal_errors_total", "Failures of the journal.", |stripe| &stripe.journal_errors),
        ("clasp_bytes_received_total", "Bytes received from clients.", |stripe| {
            &stripe.bytes_received
        }),
        ("clasp_bytes_sent_total", "Bytes sent to clients.", |stripe| &stripe.bytes_sent),
    ];
    PLAIN
        .into_iter()
        .map(|(name, help, counter)| single(name, help, Kind::Counter, stripes.sum(counter)))
}

/// The distribution of copies per message, and the copies themselves, which are its sum.
fn fanout(stripes: &Stripes) -> [Family; 2] {
    let whole = Histogram::together(stripes.iter().map(|stripe| &stripe.fanout));
    let bounds = FANOUT_BOUNDS.map(|bound| bound.to_string());
    let mut samples = Vec::new();
    distribution(&whole, &bounds, (None, 1.0), &mut samples);
    [
        single(DELIVERIES_NAME, DELIVERIES_HELP, Kind::Counter, whole.sum),
        Family { name: FANOUT_NAME, help: FANOUT_HELP, kind: Kind::Histogram, samples },
    ]
}

fn latency(stripes: &Stripes) -> Family {
    let mut samples = Vec::new();
    let bounds = LATENCY_LABELS.map(str::to_owned);
    for (place, kind) in MessageType::ALL.iter().enumerate() {
        let whole = Histogram::together(stripes.iter().map(|stripe| &stripe.latency[place]));
        if whole.count > 0 {
            let label = Some(("type", kind.label()));
            distribution(&whole, &bounds, (label, 1e-9), &mut samples);
        }
    }
    Family { name: LATENCY_NAME, help: LATENCY_HELP, kind: Kind::Histogram, samples }
}

/// Appends the samples of one distribution; `unit` is what an amount of 1 is told as.
fn distribution<const N: usize>(
    whole: &Distribution<N>,
    bounds: &[String; N],
    (label, unit): (Option<(&'static str, &'static str)>, f64),
    samples: &mut Vec<Sample>,
) {
    let labels = |le: Option<&str>| {
        let own = label.map(|(name, value)| (name, value.to_owned()));
        own.into_iter().chain(le.map(|le| ("le", le.to_owned()))).collect()
    };
    let buckets = bounds.iter().map(String::as_str).zip(whole.up_to);
    for (le, count) in buckets.chain([("+Inf", whole.count)]) {
        samples.push(Sample { suffix: "_bucket", labels: labels(Some(le)), value: float(count) });
    }
    let sum = float(whole.sum) * unit;
    samples.push(Sample { suffix: "_sum", labels: labels(None), value: sum });
    samples.push(Sample { suffix: "_count", labels: labels(None), value: float(whole.count) });
}

fn gauge_families(gauges: &Gauges) -> impl Iterator<Item = Family> {
    [
        ("clasp_sessions_active", "Open sessions.", gauges.sessions_active),
        ("clasp_subscriptions_active", "Subscriptions.", gauges.subscriptions_active),
        ("clasp_state_params_active", "Params in the store.", gauges.state_params_active),
        ("clasp_state_bytes", "Bytes of the params in the store.", gauges.state_bytes),
        ("clasp_queue_bytes", "Bytes waiting for clients to read.", gauges.queue_bytes),
        ("clasp_bundles_pending", "Scheduled bundles that have not run.", gauges.bundles_pending),
        (
            "clasp_journal_lag_entries",
            "Journal entries that are not durable yet.",
            gauges.journal_lag_entries,
        ),
        ("clasp_signals_active", "Announced signals.", gauges.signals_active),
    ]
    .into_iter()
    .map(|(name, help, amount)| single(name, help, Kind::Gauge, amount))
}

fn single(name: &'static str, help: &'static str, kind: Kind, amount: u64) -> Family {
    let samples = vec![Sample { suffix: "", labels: Vec::new(), value: float(amount) }];
    Family { name, help, kind, samples }
}

/// Prometheus knows floats only; counts beyond 2^53 lose their last digits.
fn float(amount: u64) -> f64 {
    amount as f64
}
