//! The run: rounds over loads over servers, each server fresh for each load.

use anyhow::{Context, Result};

use crate::figure::Sample;
use crate::load::{Load, Timing};
use crate::machine::Cores;
use crate::peer::Peer;
use crate::results::Results;

/// What to run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// In the order of the tables.
    pub(crate) loads: Vec<&'static Load>,
    /// Those that were found.
    pub(crate) peers: Vec<Peer>,
    /// How often everything is repeated.
    pub(crate) rounds: usize,
    /// Durations.
    pub(crate) timing: Timing,
    /// Cores apart for servers and generator, unless there is only one.
    pub(crate) cores: Option<Cores>,
}

/// Runs everything; what goes wrong is part of the results.
pub(crate) fn run(plan: &Plan) -> Results {
    let mut results = Results::default();
    for round in 0..plan.rounds {
        for load in &plan.loads {
            for peer in in_turn(&plan.peers, round).filter(|peer| load.suits(peer.id)) {
                // One failure decides the figure; more would only take time.
                if results.has_failed(load.id, peer.id) {
                    continue;
                }
                let run = run_one(plan, load, peer).map_err(|error| format!("{error:#}"));
                report_progress(plan.rounds, round, (load, peer), &run);
                results.add(load.id, peer.id, run);
            }
        }
    }
    results
}

/// Each round begins with another server, so that none always follows the same one.
fn in_turn(peers: &[Peer], round: usize) -> impl Iterator<Item = &Peer> {
    let first = round % peers.len().max(1);
    peers[first..].iter().chain(&peers[..first])
}

fn run_one(plan: &Plan, load: &Load, peer: &Peer) -> Result<Sample> {
    if let Some(cores) = &plan.cores {
        cores.for_servers()?;
    }
    let server = peer.start().context("start")?;
    if let Some(cores) = &plan.cores {
        cores.for_generator()?;
    }
    load.run(peer, &server, &plan.timing)
}

fn report_progress(
    rounds: usize,
    round: usize,
    (load, peer): (&Load, &Peer),
    run: &Result<Sample, String>,
) {
    let outcome = match run {
        Ok(sample) => load
            .metrics()
            .iter()
            .filter_map(|metric| sample.get(metric).map(|value| metric.write(*value)))
            .collect::<Vec<_>>()
            .join(", "),
        Err(reason) => format!("FAILED: {reason}"),
    };
    eprintln!("round {}/{rounds}  {:14} {:16} {outcome}", round + 1, load.id, peer.id.title());
}
