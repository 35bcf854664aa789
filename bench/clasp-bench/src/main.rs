//! Measures clasp-relay against its peers on loopback and writes docs/benchmarks.md.

mod capacity;
mod cli;
mod figure;
mod link;
mod load;
mod machine;
mod peer;
mod report;
mod results;
mod rig;
mod run;
mod server;
mod stats;
mod target;
mod wire;

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;

use crate::capacity::CapacityOptions;
use crate::cli::{Cli, Command, RunOptions};
use crate::load::{CATALOGUE, Timing};
use crate::machine::{Cores, Machine};
use crate::peer::{Peer, PeerId, Places};
use crate::report::Report;
use crate::run::Plan;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(options) => run(&options),
        Command::Capacity(options) => capacity(&options),
        Command::List => list(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clasp-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// No server outlives this program.
fn watch_for_signals() -> Result<()> {
    ctrlc::set_handler(|| {
        server::kill_all();
        eprintln!("clasp-bench: stopped by a signal, nothing is written");
        std::process::exit(130);
    })
    .context("watch for signals")
}

fn capacity(options: &CapacityOptions) -> Result<()> {
    watch_for_signals()?;
    capacity::run(options)
}

fn run(options: &RunOptions) -> Result<()> {
    watch_for_signals()?;
    let machine = Machine::describe();
    if machine.load_at_start > 0.5 {
        eprintln!("the load average is {}: figures will be noisy", machine.load_at_start);
    }
    let mut remarks = Vec::new();
    let plan = plan(options, &mut remarks)?;
    for remark in &remarks {
        eprintln!("{remark}");
    }
    let results = run::run(&plan);
    let report = Report { machine, plan: &plan, results: &results, remarks };
    if let Some(path) = &options.json {
        write(path, &format!("{:#}\n", report.to_json()))?;
    }
    match &options.write {
        None => stdout().write_all(report.page("benchmarks.svg").as_bytes())?,
        Some(path) => {
            let chart = path.with_extension("svg");
            let name = chart.file_name().unwrap_or_default().to_string_lossy();
            write(path, &report.page(&name))?;
            write(&chart, &report.chart())?;
        }
    }
    // What goes wrong with a peer is a result like any other.
    let failures = results.failures().filter(|(_, peer, _)| peer.is_ours()).count();
    ensure!(failures == 0, "{failures} runs of the relay went wrong, see above");
    Ok(())
}

/// Finds out what can be run; `remarks` says what cannot.
fn plan(options: &RunOptions, remarks: &mut Vec<String>) -> Result<Plan> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().context("find the repository")?;
    let prefix = format!("{}/", root.display());
    let or = |path: &Option<PathBuf>, usual: &str| path.clone().unwrap_or_else(|| root.join(usual));
    let places = Places {
        relay: or(&options.relay, "target/release/clasp-relay"),
        relay_options: options.relay_option.clone(),
        reference: or(&options.reference, "interop/target/release/reference-relay"),
        bun: options.bun.clone(),
        root,
    };
    let mut peers = Vec::new();
    for id in options.peers() {
        match Peer::find(id, &places) {
            Ok(peer) => peers.push(peer),
            Err(error) => {
                let reason = format!("{error:#}").replace(&prefix, "");
                remarks.push(format!("{id} is left out: {reason}"));
            }
        }
    }
    ensure!(!peers.is_empty(), "no server to measure: {}", remarks.join("; "));
    let files_max = machine::raise_files_max()?;
    let (loads, too_large): (Vec<_>, Vec<&load::Load>) =
        options.loads().into_iter().partition(|load| load.files() <= files_max);
    remarks.extend(too_large.iter().map(|load| {
        let files = load.files();
        format!("{} is left out: {files} open files are needed, {files_max} allowed", load.title)
    }));
    let cores = if options.no_pin { None } else { Cores::split()? };
    let mut timing = if options.quick { Timing::QUICK } else { Timing::FULL };
    // With a core of its own the generator need not sleep, so that servers need not wake it.
    timing.wait = cores.as_ref().map(|_| Duration::ZERO);
    Ok(Plan { loads, peers, rounds: options.rounds(), timing, cores })
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn list() -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "loads:")?;
    for load in CATALOGUE {
        writeln!(out, "  {:15} {}", load.id, load.title)?;
    }
    writeln!(out, "servers:")?;
    for peer in PeerId::ALL {
        writeln!(out, "  {:15} {}", format!("{peer:?}").to_lowercase(), peer.title())?;
    }
    Ok(())
}
