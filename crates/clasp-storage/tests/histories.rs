//! Random histories with saves, crashes and restarts: what is there afterwards is what was there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;

use clasp_protocol::message::Ttl;
use proptest::prelude::*;
use support::relay::{Place, Relay, Setup, assert_same};

/// One step of a history. Addresses are numbers: `/p/<number>`.
#[derive(Debug, Clone)]
enum Step {
    Set(u8, i64, Option<Ttl>),
    Bundle(Vec<(u8, i64)>),
    Publish(u8),
    Wait(u8),
    Save,
    Compact,
    Crash,
    Stop,
}

fn step() -> impl Strategy<Value = Step> {
    let ttl = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Ttl::Never)),
        2 => (1_u32..20).prop_map(|seconds| Some(Ttl::Sliding(seconds))),
        2 => (1_u32..20).prop_map(|seconds| Some(Ttl::Absolute(seconds))),
    ];
    let address = 0_u8..30;
    let set = (address.clone(), any::<i64>(), ttl);
    let set = set.prop_map(|(at, value, ttl)| Step::Set(at, value, ttl));
    prop_oneof![
        40 => set,
        8 => prop::collection::vec((address.clone(), any::<i64>()), 1..6).prop_map(Step::Bundle),
        4 => address.prop_map(Step::Publish),
        8 => (1_u8..12).prop_map(Step::Wait),
        6 => Just(Step::Save),
        1 => Just(Step::Compact),
        3 => Just(Step::Crash),
        1 => Just(Step::Stop),
    ]
}

struct History {
    relay: Relay,
    setup: Setup,
    /// Highest revision that anybody saw of each address.
    revisions: BTreeMap<String, u64>,
}

impl History {
    fn begin(setup: Setup) -> History {
        let relay = Relay::start(Place::new(), &setup).unwrap();
        History { relay, setup, revisions: BTreeMap::new() }
    }

    fn run(mut self, steps: Vec<Step>) {
        for step in steps {
            self = self.take(step);
        }
        self.restart(Relay::kill);
    }

    fn take(mut self, step: Step) -> History {
        let relay = &mut self.relay;
        match step {
            Step::Set(at, value, ttl) => relay.set(&format!("/p/{at}"), value, ttl),
            Step::Bundle(writes) => {
                let named: Vec<_> =
                    writes.iter().map(|(at, value)| (format!("/p/{at}"), *value)).collect();
                let writes: Vec<_> = named.iter().map(|(at, value)| (&**at, *value)).collect();
                relay.bundle(&writes);
            }
            Step::Publish(at) => relay.publish(&format!("/p/{at}")),
            Step::Wait(seconds) => relay.wait_s(u64::from(seconds)),
            Step::Save => {
                if self.setup.with_state {
                    relay.save();
                }
            }
            Step::Compact => {
                if let Some(journal) = &relay.journal {
                    journal.flush().unwrap();
                    journal.compact().unwrap();
                }
            }
            Step::Crash => return self.restart(Relay::kill),
            Step::Stop => {
                return if self.setup.with_state { self.restart(Relay::stop) } else { self };
            }
        }
        self.note();
        self
    }

    /// Revisions never go back.
    fn note(&mut self) {
        for (address, param) in self.relay.params() {
            let highest = self.revisions.entry(address).or_default();
            assert!(*highest <= param.revision, "{param:?} after revision {highest}");
            *highest = param.revision;
        }
    }

    fn restart(mut self, end: impl FnOnce(Relay) -> Place) -> History {
        // What is due is done first, so that expiry is on record.
        self.relay.wait_s(1);
        let before = self.relay.params();
        self.setup.now = self.relay.now;
        let relay = Relay::start(end(self.relay), &self.setup).unwrap();
        assert_same(&relay.params(), &before);
        assert!(!relay.report.lossy);
        let mut history = History { relay, ..self };
        history.note();
        history
    }
}

fn setup() -> Setup {
    let mut setup = Setup::default();
    setup.config.params.count_max = 20;
    setup.options.sync = clasp_storage::SyncMode::Off;
    setup.options.retention.entries_max = Some(10);
    setup
}

/// A few for every change; the nightly run sets more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(32, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn state_file_and_journal_bring_everything_back(
        steps in prop::collection::vec(step(), 1..150)
    ) {
        History::begin(setup()).run(steps);
    }

    #[test]
    fn a_journal_alone_brings_everything_back(steps in prop::collection::vec(step(), 1..150)) {
        History::begin(Setup { with_state: false, ..setup() }).run(steps);
    }
}

#[test]
fn long_histories_with_compaction_bring_everything_back() {
    let mut history = History::begin(setup());
    for round in 0..4_000_u64 {
        let at = (round * 7 % 30) as u8;
        history = history.take(Step::Bundle(vec![(at, 1), ((at + 11) % 30, 2), (at / 2, 3)]));
        match round % 1_000 {
            100 | 500 | 900 => history = history.take(Step::Save),
            600 => history = history.take(Step::Compact),
            950 => history = history.take(Step::Crash),
            _ => {}
        }
    }
    let journal = history.relay.journal.clone().unwrap();
    assert!(journal.stats().unwrap().compacted > 4_096);
    drop(journal);
    history.restart(Relay::kill);
}
