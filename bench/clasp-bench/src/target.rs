//! What the relay has to reach: ratios of medians of the same run, or plain bounds.

use crate::figure::Metric;
use crate::load::Load;
use crate::peer::PeerId;
use crate::results::Results;

/// With what the relay's figure is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Against {
    /// The same figure of another server.
    Peer(PeerId),
    /// The relay's own figure under another load.
    Own(&'static str),
    /// Another figure of the relay under the same load.
    Figure(Metric),
    /// A fixed value, in the unit of the metric.
    Value(f64),
}

/// One target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Target {
    /// By which door the clients come.
    pub(crate) door: PeerId,
    /// Under which load.
    pub(crate) load: &'static str,
    /// Which figure of the relay.
    pub(crate) metric: Metric,
    /// Compared with what.
    pub(crate) against: Against,
    /// Which ratios meet the target.
    pub(crate) bound: Bound,
}

/// Which ratios meet a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// This one and smaller ones.
    AtMost(f64),
    /// This one and greater ones.
    AtLeast(f64),
}

impl Bound {
    fn holds(self, ratio: f64) -> bool {
        match self {
            Bound::AtMost(max) => ratio <= max,
            Bound::AtLeast(min) => ratio >= min,
        }
    }

    /// The bound, for people.
    pub(crate) fn write(self) -> String {
        match self {
            Bound::AtMost(max) => format!("≤ {max:.2}"),
            Bound::AtLeast(min) => format!("≥ {min:.2}"),
        }
    }
}

/// How a target stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    /// The relay's figure.
    pub(crate) own: f64,
    /// What it is compared with.
    pub(crate) other: f64,
    /// The first divided by the second.
    pub(crate) ratio: f64,
    /// Whether that is small enough.
    pub(crate) met: bool,
}

const fn target(load: &'static str, metric: Metric, against: Against, bound: Bound) -> Target {
    Target { door: PeerId::Relay, load, metric, against, bound }
}

const fn by_mqtt(target: Target) -> Target {
    Target { door: PeerId::RelayMqtt, ..target }
}

const fn cpu(load: &'static str, against: Against, ratio_max: f64) -> Target {
    target(load, Metric::CpuNsPerCopy, against, Bound::AtMost(ratio_max))
}

const UWS: Against = Against::Peer(PeerId::Uws);
const NATS: Against = Against::Peer(PeerId::Nats);
const MOSQUITTO: Against = Against::Peer(PeerId::Mosquitto);
const EQUAL: Bound = Bound::AtMost(1.0);
/// What may wait for one client that does not read.
const OUTBOX_MIB_MAX: f64 = 8.0;

/// All targets, in the order of the table.
pub(crate) const TARGETS: &[Target] = &[
    cpu("fan-1", UWS, 1.0),
    cpu("fan-1", NATS, 0.75),
    cpu("fan-10", UWS, 1.1),
    cpu("fan-10", NATS, 0.7),
    cpu("fan-100", UWS, 1.0),
    cpu("fan-100", NATS, 0.6),
    cpu("fan-1000", UWS, 1.1),
    cpu("fan-100-1k", UWS, 1.1),
    cpu("pairs-100", NATS, 0.7),
    cpu("set-1", Against::Own("fan-1"), 1.3),
    cpu("set-10", Against::Own("fan-10"), 1.3),
    cpu("set-100", Against::Own("fan-100"), 1.3),
    cpu("set-1000", Against::Own("fan-1000"), 1.3),
    cpu("set-100-1k", Against::Own("fan-100-1k"), 1.3),
    cpu("set-pairs-100", Against::Own("pairs-100"), 1.3),
    target("latency", Metric::P50Us, UWS, EQUAL),
    target("latency", Metric::P99Us, UWS, EQUAL),
    target("sessions-5000", Metric::BytesPerSession, Against::Value(2.5 * 1024.0), EQUAL),
    target("sessions-15000", Metric::BytesPerSession, Against::Value(2.5 * 1024.0), EQUAL),
    target("sessions-5000", Metric::OpenMs, MOSQUITTO, Bound::AtMost(1.1)),
    target("joiner", Metric::JoinMs, Against::Value(1_000.0), EQUAL),
    target(
        "joiner",
        Metric::StretchP99MeanwhileUs,
        Against::Figure(Metric::StretchP99Us),
        Bound::AtMost(2.0),
    ),
    target("joiner", Metric::P99MeanwhileUs, Against::Figure(Metric::P99Us), Bound::AtMost(2.0)),
    target("sets-100k", Metric::SetsPerS, Against::Own("sets-1k"), Bound::AtLeast(0.9)),
    target("sets-fresh", Metric::SetsPerS, Against::Own("sets-1k"), Bound::AtLeast(0.9)),
    target("stalled-100", Metric::CopiesPerS, Against::Own("fan-100-1k"), Bound::AtLeast(0.95)),
    target("stalled-100", Metric::GrowthMib, Against::Value(OUTBOX_MIB_MAX), EQUAL),
    by_mqtt(cpu("fan-100", MOSQUITTO, 0.5)),
    by_mqtt(target("sessions-5000", Metric::BytesPerSession, Against::Value(2.5 * 1024.0), EQUAL)),
];

impl Target {
    /// How it stands; `None` if one of the figures is missing.
    pub(crate) fn judge(&self, results: &Results) -> Option<Verdict> {
        let figure = |load, peer, metric| results.figure(load, peer, metric).median();
        let own = figure(self.load, self.door, self.metric)?;
        let other = match self.against {
            Against::Peer(peer) => figure(self.load, peer, self.metric)?,
            Against::Own(load) => figure(load, self.door, self.metric)?,
            Against::Figure(metric) => figure(self.load, self.door, metric)?,
            Against::Value(value) => value,
        };
        let ratio = own / other;
        Some(Verdict { own, other, ratio, met: self.bound.holds(ratio) })
    }

    /// With what the figure is compared, for people.
    pub(crate) fn opponent(&self) -> String {
        match self.against {
            Against::Peer(peer) => peer.title().into(),
            Against::Own(load) => {
                let title = Load::named(load).map_or(load, |load| load.title);
                format!("itself, {title}")
            }
            Against::Figure(metric) => format!("itself, {}", metric.title()),
            Against::Value(value) => format!("{}, fixed", self.metric.write(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Sample;

    fn results(figures: &[(&'static str, PeerId, f64)]) -> Results {
        let mut results = Results::default();
        for (load, peer, value) in figures {
            let sample = Sample::from([(Metric::CpuNsPerCopy, *value)]);
            results.add(load, *peer, Ok(sample));
        }
        results
    }

    #[test]
    fn targets_name_loads_that_exist_and_give_the_figure() {
        for target in TARGETS {
            let load = Load::named(target.load).unwrap();
            assert!(load.suits(target.door), "{target:?}");
            assert!(load.metrics().contains(&target.metric), "{target:?}");
            if let Against::Peer(peer) = target.against {
                assert!(load.suits(peer), "{target:?}");
            }
            if let Against::Own(other) = target.against {
                assert!(Load::named(other).unwrap().metrics().contains(&target.metric));
            }
        }
    }

    #[test]
    fn the_greatest_ratio_still_meets() {
        let target = cpu("fan-100", NATS, 0.5);
        let figures =
            |own| results(&[("fan-100", PeerId::Relay, own), ("fan-100", PeerId::Nats, 100.0)]);
        assert!(target.judge(&figures(50.0)).unwrap().met);
        assert!(!target.judge(&figures(50.1)).unwrap().met);
    }

    #[test]
    fn where_more_is_better_the_smallest_ratio_still_meets() {
        let target = Target { bound: Bound::AtLeast(0.9), ..cpu("fan-100", NATS, 0.0) };
        let figures =
            |own| results(&[("fan-100", PeerId::Relay, own), ("fan-100", PeerId::Nats, 100.0)]);
        assert!(target.judge(&figures(90.0)).unwrap().met);
        assert!(!target.judge(&figures(89.9)).unwrap().met);
    }

    #[test]
    fn without_the_other_figure_there_is_no_verdict() {
        let results = results(&[("set-100", PeerId::Relay, 1.0)]);
        assert_eq!(cpu("set-100", Against::Own("fan-100"), 1.3).judge(&results), None);
        assert_eq!(cpu("set-100", UWS, 1.3).judge(&results), None);
        assert!(cpu("set-100", Against::Value(2.0), 1.0).judge(&results).unwrap().met);
    }
}
