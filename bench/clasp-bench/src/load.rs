//! The loads: what each does and which figures it gives.

mod joiner;
mod latency;
mod sessions;
mod sets;
mod steady;

use std::time::Duration;

use anyhow::Result;

use crate::figure::{Metric, Sample};
use crate::peer::{Peer, PeerId};
use crate::rig::Layout;
use crate::server::Server;
use crate::wire::Kind;

/// Durations of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// Load before the figures count.
    pub(crate) warm: Duration,
    /// Load that counts.
    pub(crate) measured: Duration,
    /// The same for latency, whose tail needs more samples.
    pub(crate) measured_latency: Duration,
    /// Rest before idle memory is read.
    pub(crate) rest: Duration,
    /// What the generator does when nothing is ready: spin with zero, sleep with `None`.
    pub(crate) wait: Option<Duration>,
}

impl Timing {
    /// Durations of a full run.
    pub(crate) const FULL: Timing = Timing {
        warm: Duration::from_millis(400),
        measured: Duration::from_millis(1000),
        measured_latency: Duration::from_millis(3000),
        rest: Duration::from_millis(1000),
        wait: None,
    };
    /// Durations of a quick run.
    pub(crate) const QUICK: Timing = Timing {
        warm: Duration::from_millis(200),
        measured: Duration::from_millis(400),
        measured_latency: Duration::from_millis(1000),
        rest: Duration::from_millis(500),
        wait: None,
    };
}

/// How many params the relay and the crate that it is measured against keep by default.
const PARAMS_CAP: usize = 100_000;

/// What a late joiner gives.
pub(crate) const JOIN_METRICS: &[Metric] = &[
    Metric::JoinMs,
    Metric::CpuMsPerJoin,
    Metric::StretchP99Us,
    Metric::StretchP99MeanwhileUs,
    Metric::P99Us,
    Metric::P99MeanwhileUs,
];

/// What a load does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Closed loop: each publisher keeps so many messages under way.
    Steady { layout: Layout, window: u64 },
    /// Open loop: so many messages per second, whatever comes back.
    Latency { layout: Layout, messages_per_s: u32 },
    /// So many sessions are opened one after another and then left alone.
    Sessions { count: u32 },
    /// Closed loop of SETs that nobody listens to, over so many addresses in turn.
    Sets { addresses: usize },
    /// A session joins when so many params are set, while others go on at a fixed rate.
    Joiner { params: usize, layout: Layout, messages_per_s: u32 },
}

/// One load of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Name on the command line.
    pub(crate) id: &'static str,
    /// Name for people.
    pub(crate) title: &'static str,
    /// What it does.
    pub(crate) shape: Shape,
    /// Whether `--quick` leaves it in.
    pub(crate) quick: bool,
}

const fn fan(subscribers_each: usize) -> Layout {
    Layout { publishers: 1, subscribers_each, stalled: 0, kind: Kind::Event, value_bytes: 8 }
}

const fn set(layout: Layout) -> Layout {
    Layout { kind: Kind::Set, ..layout }
}

const fn steady(id: &'static str, title: &'static str, layout: Layout, window: u64) -> Load {
    Load { id, title, shape: Shape::Steady { layout, window }, quick: true }
}

const fn other(id: &'static str, title: &'static str, shape: Shape) -> Load {
    Load { id, title, shape, quick: true }
}

/// Every load, in the order of the tables.
pub(crate) const CATALOGUE: &[Load] = &[
    steady("fan-1", "1 → 1, event of 8 bytes", fan(1), 64),
    steady("fan-10", "1 → 10, event of 8 bytes", fan(10), 64),
    steady("fan-100", "1 → 100, event of 8 bytes", fan(100), 64),
    steady("fan-1000", "1 → 1,000, event of 8 bytes", fan(1000), 16),
    steady("fan-100-1k", "1 → 100, event of 1 KiB", Layout { value_bytes: 1024, ..fan(100) }, 64),
    steady(
        "pairs-100",
        "100 → 100 in pairs, event of 8 bytes",
        Layout { publishers: 100, ..fan(1) },
        64,
    ),
    steady("set-1", "1 → 1, SET of 8 bytes", set(fan(1)), 64),
    steady("set-10", "1 → 10, SET of 8 bytes", set(fan(10)), 64),
    steady("set-100", "1 → 100, SET of 8 bytes", set(fan(100)), 64),
    steady("set-1000", "1 → 1,000, SET of 8 bytes", set(fan(1000)), 16),
    steady(
        "set-100-1k",
        "1 → 100, SET of 1 KiB",
        set(Layout { value_bytes: 1024, ..fan(100) }),
        64,
    ),
    steady(
        "set-pairs-100",
        "100 → 100 in pairs, SET of 8 bytes",
        set(Layout { publishers: 100, ..fan(1) }),
        64,
    ),
    steady(
        "stream-100",
        "1 → 100, stream of 8 bytes",
        Layout { kind: Kind::Stream, ..fan(100) },
        64,
    ),
    steady(
        "stalled-100",
        "1 → 99 and one that does not read, event of 1 KiB",
        Layout { stalled: 1, value_bytes: 1024, ..fan(99) },
        64,
    ),
    other(
        "latency",
        "1 → 10 at 2,000 messages/s, event of 8 bytes",
        Shape::Latency { layout: fan(10), messages_per_s: 2000 },
    ),
    other("sessions-5000", "5,000 sessions", Shape::Sessions { count: 5000 }),
    Load {
        quick: false,
        ..other("sessions-15000", "15,000 sessions", Shape::Sessions { count: 15_000 })
    },
    other("sets-1k", "SETs over 1,000 params", Shape::Sets { addresses: 1_000 }),
    other("sets-100k", "SETs over 100,000 params, the cap", Shape::Sets { addresses: 100_000 }),
    other(
        "sets-fresh",
        "SETs of new params at the cap of 100,000",
        Shape::Sets { addresses: 104_000 },
    ),
    other(
        "joiner",
        "Late joiner on 100,000 params",
        Shape::Joiner { params: 100_000, layout: fan(10), messages_per_s: 2000 },
    ),
];

impl Load {
    /// The load with this name.
    pub(crate) fn named(id: &str) -> Option<&'static Load> {
        CATALOGUE.iter().find(|load| load.id == id)
    }

    /// Whether the server can be asked to do this.
    pub(crate) fn suits(&self, peer: PeerId) -> bool {
        match self.shape {
            Shape::Steady { layout, .. } | Shape::Latency { layout, .. } => {
                peer.supports(layout.kind)
            }
            Shape::Sessions { .. } => true,
            // Mosquitto has no cap to be at.
            Shape::Sets { addresses } if addresses > PARAMS_CAP => {
                matches!(peer, PeerId::Relay | PeerId::Reference)
            }
            Shape::Sets { .. } | Shape::Joiner { .. } => peer.supports(Kind::Set),
        }
    }

    /// Open files that generator and server need each.
    pub(crate) fn files(&self) -> u64 {
        match self.shape {
            Shape::Sessions { count } => u64::from(count) + 200,
            _ => 1_500,
        }
    }

    /// The figures it gives.
    pub(crate) fn metrics(&self) -> &'static [Metric] {
        match self.shape {
            Shape::Steady { layout, .. } if layout.stalled > 0 => {
                &[Metric::CpuNsPerCopy, Metric::CopiesPerS, Metric::GrowthMib]
            }
            Shape::Steady { .. } => &[Metric::CpuNsPerCopy, Metric::CopiesPerS],
            Shape::Latency { .. } => {
                &[Metric::P50Us, Metric::P99Us, Metric::P999Us, Metric::CpuNsPerCopy]
            }
            Shape::Sessions { .. } => {
                &[Metric::BytesPerSession, Metric::OpenMs, Metric::CpuUsPerOpen]
            }
            Shape::Sets { .. } => &[Metric::SetsPerS, Metric::CpuNsPerSet],
            Shape::Joiner { .. } => JOIN_METRICS,
        }
    }

    /// Runs it once against a fresh server.
    pub(crate) fn run(&self, peer: &Peer, server: &Server, timing: &Timing) -> Result<Sample> {
        let wire = peer.id.wire();
        match self.shape {
            Shape::Steady { layout, window } => steady::run(server, wire, (layout, window), timing),
            Shape::Latency { layout, messages_per_s } => {
                latency::run(server, wire, (layout, messages_per_s), timing)
            }
            Shape::Sessions { count } => sessions::run(server, wire, count, timing),
            Shape::Sets { addresses } => sets::run(server, wire, addresses, timing),
            Shape::Joiner { params, layout, messages_per_s } => {
                joiner::run(server, wire, params, (layout, messages_per_s))
            }
        }
    }
}

/// What a server has consumed, to be subtracted.
struct Meter {
    cpu: Duration,
    resident_bytes: u64,
}

impl Meter {
    fn read(server: &Server) -> Result<Meter> {
        Ok(Meter { cpu: server.cpu()?, resident_bytes: server.resident_bytes()? })
    }

    fn cpu_since(&self, server: &Server) -> Result<Duration> {
        Ok(server.cpu()?.saturating_sub(self.cpu))
    }

    fn growth_since(&self, server: &Server) -> Result<f64> {
        Ok(server.resident_bytes()? as f64 - self.resident_bytes as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn loads_have_names_of_their_own() {
        let ids: HashSet<_> = CATALOGUE.iter().map(|load| load.id).collect();
        assert_eq!(ids.len(), CATALOGUE.len());
        assert_eq!(Load::named("joiner").unwrap().id, "joiner");
        assert_eq!(Load::named("fan-2"), None);
    }

    #[test]
    fn the_relay_suits_every_load_and_a_broadcast_keeps_nothing() {
        for load in CATALOGUE {
            assert!(load.suits(PeerId::Relay), "{}", load.id);
        }
        assert!(!Load::named("joiner").unwrap().suits(PeerId::Uws));
        assert!(!Load::named("stream-100").unwrap().suits(PeerId::Nats));
        assert!(Load::named("set-100").unwrap().suits(PeerId::Mosquitto));
    }
}
