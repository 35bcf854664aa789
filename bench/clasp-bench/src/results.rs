//! What all rounds gave, by load and server.

use std::collections::BTreeMap;

use crate::figure::{Metric, Sample};
use crate::peer::PeerId;
use crate::stats::{median, spread};

/// One run: its figures, or why there are none.
pub(crate) type Run = Result<Sample, String>;

/// All runs so far.
#[derive(Debug, Default)]
pub(crate) struct Results(BTreeMap<(&'static str, PeerId), Vec<Run>>);

/// What a table says about a load, a server and a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Figure {
    /// The median of all rounds and their spread as a share of it.
    Measured { median: f64, spread: f64 },
    /// At least one round went wrong, and that counts, not the others.
    Failed(String),
    /// Was not run, or cannot be.
    Absent,
}

impl Figure {
    /// The median, if there is one.
    pub(crate) fn median(&self) -> Option<f64> {
        match self {
            Figure::Measured { median, .. } => Some(*median),
            Figure::Failed(_) | Figure::Absent => None,
        }
    }
}

impl Results {
    /// Adds a run.
    pub(crate) fn add(&mut self, load: &'static str, peer: PeerId, run: Run) {
        self.0.entry((load, peer)).or_default().push(run);
    }

    /// What to write for this load, server and metric.
    pub(crate) fn figure(&self, load: &'static str, peer: PeerId, metric: Metric) -> Figure {
        let runs = self.0.get(&(load, peer)).map(Vec::as_slice).unwrap_or_default();
        if let Some(Err(reason)) = runs.iter().find(|run| run.is_err()) {
            return Figure::Failed(reason.clone());
        }
        let values: Vec<f64> =
            runs.iter().flatten().filter_map(|sample| sample.get(&metric).copied()).collect();
        match median(&values) {
            Some(median) => {
                Figure::Measured { median, spread: spread(&values).unwrap_or_default() }
            }
            None => Figure::Absent,
        }
    }

    /// Whether a round of this load went wrong with this server.
    pub(crate) fn has_failed(&self, load: &'static str, peer: PeerId) -> bool {
        self.0.get(&(load, peer)).is_some_and(|runs| runs.iter().any(Result::is_err))
    }

    /// Loads, servers and reasons of all runs that went wrong.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, PeerId, &str)> {
        self.0.iter().flat_map(|((load, peer), runs)| {
            runs.iter().filter_map(|run| run.as_ref().err().map(|e| (*load, *peer, e.as_str())))
        })
    }

    /// Every run, for programs.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let runs = self.0.iter().flat_map(|((load, peer), runs)| {
            runs.iter().enumerate().map(move |(round, run)| match run {
                Ok(figures) => serde_json::json!({
                    "load": load, "peer": peer, "round": round, "figures": figures,
                }),
                Err(failure) => serde_json::json!({
                    "load": load, "peer": peer, "round": round, "failure": failure,
                }),
            })
        });
        runs.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(value: f64) -> Run {
        Ok(Sample::from([(Metric::P50Us, value)]))
    }

    #[test]
    fn a_figure_is_the_median_of_the_rounds() {
        let mut results = Results::default();
        for value in [11.0, 9.0, 10.0] {
            results.add("latency", PeerId::Relay, sample(value));
        }
        let figure = results.figure("latency", PeerId::Relay, Metric::P50Us);
        assert_eq!(figure, Figure::Measured { median: 10.0, spread: 0.1 });
        assert_eq!(results.figure("latency", PeerId::Uws, Metric::P50Us), Figure::Absent);
        assert_eq!(results.figure("latency", PeerId::Relay, Metric::P99Us), Figure::Absent);
    }

    #[test]
    fn one_bad_round_spoils_the_figure() {
        let mut results = Results::default();
        results.add("latency", PeerId::Relay, sample(1.0));
        results.add("latency", PeerId::Relay, Err("3 copies are lost".into()));
        let figure = results.figure("latency", PeerId::Relay, Metric::P50Us);
        assert_eq!(figure, Figure::Failed("3 copies are lost".into()));
        assert_eq!(results.failures().count(), 1);
        assert!(results.has_failed("latency", PeerId::Relay));
        assert!(!results.has_failed("latency", PeerId::Uws));
        assert_eq!(results.to_json().as_array().unwrap().len(), 2);
    }
}
