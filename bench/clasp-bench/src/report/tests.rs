//! Pages made from figures that nobody measured.

use super::*;
use crate::figure::Sample;
use crate::load::Timing;

fn machine() -> Machine {
    Machine {
        processor: "A processor, 2 cores".into(),
        memory_gib: 4,
        system: "A system".into(),
        load_at_start: 0.0,
        day: "2001-02-03".into(),
    }
}

fn plan(rounds: usize) -> Plan {
    let loads = ["fan-100", "latency"].map(|id| Load::named(id).unwrap()).into();
    let peer = |id, version: &str| crate::peer::Peer::named(id, version);
    let peers = vec![peer(PeerId::Relay, "clasp-relay 1"), peer(PeerId::Nats, "nats-server 2")];
    Plan { loads, peers, rounds, timing: Timing::FULL, cores: None }
}

fn results() -> Results {
    let mut results = Results::default();
    for (own, other) in [(300.0, 1000.0), (310.0, 1010.0)] {
        let cpu = |value| Ok(Sample::from([(Metric::CpuNsPerCopy, value)]));
        results.add("fan-100", PeerId::Relay, cpu(own));
        results.add("fan-100", PeerId::Nats, cpu(other));
    }
    results.add("latency", PeerId::Nats, Err("7 copies are lost\nand more".into()));
    results
}

fn page(rounds: usize) -> String {
    let (plan, results) = (plan(rounds), results());
    let remarks = vec!["mosquitto is left out: apt install mosquitto".into()];
    Report { machine: machine(), plan: &plan, results: &results, remarks }.page("x.svg")
}

#[test]
fn a_page_holds_targets_figures_chart_and_circumstances() {
    let page = page(2);
    for text in [
        "305 ns ±2 %",
        "1,005 ns ±0 %",
        "|  0.30 |",
        "| yes |",
        "](x.svg)",
        "clasp-relay 1",
        "A processor, 2 cores",
        "medians of 2 rounds",
        "2001-02-03",
        "cargo run --release",
    ] {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
    assert!(!page.contains("A late joiner"), "sections without loads are left out");
}

#[test]
fn failures_and_omissions_are_told() {
    let page = page(2);
    assert!(
        page.contains("- NATS, 1 → 10 at 2,000 messages/s, event of 8 bytes: failed: 7 copies")
    );
    assert!(!page.contains("and more"));
    assert!(page.contains("apt install mosquitto"));
    assert!(page.contains("| failed |"), "{page}");
}

#[test]
fn one_round_is_called_a_look() {
    assert!(page(1).contains("a look, not a result"));
}
