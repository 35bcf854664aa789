//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::capacity::CapacityOptions;
use crate::load::{CATALOGUE, Load};
use crate::peer::PeerId;

/// Measures clasp-relay against its peers on loopback.
#[derive(Debug, Parser)]
#[command(name = "clasp-bench")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run loads and print or write the report.
    Run(RunOptions),
    /// Find out how many sessions the relay holds on one core.
    Capacity(CapacityOptions),
    /// List loads and servers.
    List,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// One round of short runs: a look, not a result.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these loads.
    #[arg(long, value_delimiter = ',', value_parser = load)]
    pub(crate) loads: Vec<&'static Load>,
    /// Only these servers.
    #[arg(long, value_delimiter = ',', value_enum)]
    pub(crate) peers: Vec<PeerId>,
    /// How often everything is repeated [default: 5, with --quick 1].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) rounds: Option<u16>,
    /// Write the report here and the chart beside it, instead of printing the report.
    #[arg(long, value_name = "FILE.md")]
    pub(crate) write: Option<PathBuf>,
    /// Write the figures of every single run here.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) json: Option<PathBuf>,
    /// The relay under test [default: target/release/clasp-relay of this repository].
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) relay: Option<PathBuf>,
    /// One more option for the relay; may be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub(crate) relay_option: Vec<String>,
    /// The server around the published crate [default: interop/target/release/reference-relay].
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) reference: Option<PathBuf>,
    /// Bun [default: the one in bench/uws-broadcast/node_modules].
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) bun: Option<PathBuf>,
    /// Let servers and generator share all cores.
    #[arg(long)]
    pub(crate) no_pin: bool,
}

fn load(id: &str) -> Result<&'static Load, String> {
    Load::named(id).ok_or_else(|| {
        let ids: Vec<_> = CATALOGUE.iter().map(|load| load.id).collect();
        format!("loads are {}", ids.join(", "))
    })
}

impl RunOptions {
    /// How many rounds to run.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 1 } else { 5 }, usize::from)
    }

    /// Which loads to run: those named, or all that fit a quick run if it is one.
    pub(crate) fn loads(&self) -> Vec<&'static Load> {
        if self.loads.is_empty() {
            return CATALOGUE.iter().filter(|load| load.quick || !self.quick).collect();
        }
        CATALOGUE.iter().filter(|load| self.loads.contains(load)).collect()
    }

    /// Which servers to look for.
    pub(crate) fn peers(&self) -> Vec<PeerId> {
        let named = |peer: &PeerId| self.peers.is_empty() || self.peers.contains(peer);
        PeerId::ALL.into_iter().filter(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> RunOptions {
        let line = ["clasp-bench", "run"].iter().chain(arguments);
        match Cli::try_parse_from(line).unwrap().command {
            Command::Run(options) => options,
            Command::Capacity(_) | Command::List => unreachable!("run was asked for"),
        }
    }

    #[test]
    fn lists_are_separated_by_commas_and_keep_the_order_of_the_tables() {
        let options = options(&["--loads", "latency,fan-1", "--peers", "nats,relay"]);
        let ids: Vec<_> = options.loads().iter().map(|load| load.id).collect();
        assert_eq!(ids, ["fan-1", "latency"]);
        assert_eq!(options.peers(), [PeerId::Relay, PeerId::Nats]);
    }

    #[test]
    fn a_quick_run_has_one_round_and_fewer_loads() {
        assert_eq!(options(&["--quick"]).rounds(), 1);
        assert_eq!(options(&[]).rounds(), 5);
        assert_eq!(options(&["--quick", "--rounds", "3"]).rounds(), 3);
        assert!(options(&["--quick"]).loads().len() < options(&[]).loads().len());
        assert_eq!(options(&["--quick", "--loads", "sessions-15000"]).loads().len(), 1);
    }

    #[test]
    fn an_unknown_load_is_refused_with_the_list() {
        let error = Cli::try_parse_from(["clasp-bench", "run", "--loads", "fan-7"]).unwrap_err();
        assert!(error.to_string().contains("fan-1000"));
    }
}
