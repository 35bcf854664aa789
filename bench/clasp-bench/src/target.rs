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
    /// A fixed value, in the unit of the metric.
    Value(f64),
}

/// One target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Target {
    /// Under which load.
    pub(crate) load: &'static str,
    /// Which figure of the relay.
    pub(crate) metric: Metric,
    /// Compared with what.
    pub(crate) against: Against,
    /// The greatest ratio that meets the target.
    pub(crate) ratio_max: f64,
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

const fn cpu(load: &'static str, against: Against, ratio_max: f64) -> Target {
    Target { load, metric: Metric::CpuNsPerCopy, against, ratio_max }
}

const UWS: Against = Against::Peer(PeerId::Uws);
const NATS: Against = Against::Peer(PeerId::Nats);
const MOSQUITTO: Against = Against::Peer(PeerId::Mosquitto);
const IDLE_BYTES_MAX: Against = Against::Value(2.5 * 1024.0);

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
    cpu("set-100", Against::Own("fan-100"), 1.3),
    Target { load: "latency", metric: Metric::P50Us, against: UWS, ratio_max: 1.0 },
    Target { load: "latency", metric: Metric::P99Us, against: UWS, ratio_max: 1.0 },
    Target {
        load: "sessions-5000",
        metric: Metric::BytesPerSession,
        against: IDLE_BYTES_MAX,
        ratio_max: 1.0,
    },
    Target {
        load: "sessions-15000",
        metric: Metric::BytesPerSession,
        against: IDLE_BYTES_MAX,
        ratio_max: 1.0,
    },
    Target { load: "sessions-5000", metric: Metric::OpenMs, against: MOSQUITTO, ratio_max: 1.1 },
];

impl Target {
    /// How it stands; `None` if one of the figures is missing.
    pub(crate) fn judge(&self, results: &Results) -> Option<Verdict> {
        let figure = |load, peer| results.figure(load, peer, self.metric).median();
        let own = figure(self.load, PeerId::Relay)?;
        let other = match self.against {
            Against::Peer(peer) => figure(self.load, peer)?,
            Against::Own(load) => figure(load, PeerId::Relay)?,
            Against::Value(value) => value,
        };
        let ratio = own / other;
        Some(Verdict { own, other, ratio, met: ratio <= self.ratio_max })
    }

    /// With what the figure is compared, for people.
    pub(crate) fn opponent(&self) -> String {
        match self.against {
            Against::Peer(peer) => peer.title().into(),
            Against::Own(load) => {
                let title = Load::named(load).map_or(load, |load| load.title);
                format!("itself, {title}")
            }
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
            assert!(load.metrics().contains(&target.metric), "{target:?}");
            if let Against::Peer(peer) = target.against {
                assert!(load.suits(peer), "{target:?}");
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
    fn without_the_other_figure_there_is_no_verdict() {
        let results = results(&[("set-100", PeerId::Relay, 1.0)]);
        assert_eq!(cpu("set-100", Against::Own("fan-100"), 1.3).judge(&results), None);
        assert_eq!(cpu("set-100", UWS, 1.3).judge(&results), None);
        assert!(cpu("set-100", Against::Value(2.0), 1.0).judge(&results).unwrap().met);
    }
}
