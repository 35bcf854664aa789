//! How much a small machine holds: the relay on one core with so much memory, and clients on
//! another core that are idle or busy until the relay is full.

mod busy;
mod crowd;
mod idle;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::machine::{self, Cores, Machine};
use crate::peer::{Peer, PeerId, Places};
use crate::server::Server;

/// Options of `capacity`.
#[derive(Debug, Args)]
pub(crate) struct CapacityOptions {
    /// Memory for the relay and its sockets in the kernel, in MiB; what the systemd unit allows on
    /// a machine with 1 GiB.
    #[arg(long, default_value_t = 768)]
    memory_mib: u32,
    /// Updates that a busy session sends, and hears, in a second.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    updates: u32,
    /// Let the relay keep a journal and a state file, as the installed one does.
    #[arg(long)]
    storing: bool,
    /// Leave out the idle sessions.
    #[arg(long)]
    busy_only: bool,
    /// The relay under test [default: target/release/clasp-relay of this repository].
    #[arg(long, value_name = "PROGRAM")]
    relay: Option<PathBuf>,
    /// One more option for the relay; may be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    relay_option: Vec<String>,
}

/// What kept more sessions from being opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// The relay has used its memory.
    Memory,
    /// This machine lets a process open no more files.
    Files,
    /// Updates came late or not at all.
    Relay,
    /// The generator could not keep its own pace.
    Generator,
}

impl Bound {
    fn text(self) -> &'static str {
        match self {
            Bound::Memory => "the memory",
            Bound::Files => "the open files that this machine allows a process",
            Bound::Relay => "the relay's core",
            Bound::Generator => "the load generator's core",
        }
    }
}

/// A relay on one core, with the generator on another.
struct Bench {
    peer: Peer,
    cores: Cores,
    files_max: u64,
    memory_bytes: u64,
    updates: u32,
    storing: bool,
}

impl Bench {
    fn new(options: &CapacityOptions) -> Result<Bench> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().context("find the repository")?;
        let usual = root.join("target/release/clasp-relay");
        let places = Places {
            relay: options.relay.clone().unwrap_or(usual),
            relay_options: options.relay_option.clone(),
            reference: PathBuf::new(),
            bun: None,
            root,
        };
        Ok(Bench {
            peer: Peer::find(PeerId::Relay, &places)?,
            cores: Cores::pair()?.context("two cores are needed: one for each side")?,
            files_max: machine::raise_files_max()?,
            memory_bytes: u64::from(options.memory_mib) << 20,
            updates: options.updates,
            storing: options.storing,
        })
    }

    /// Starts the relay on its core; this thread is on the other afterwards.
    fn start(&self) -> Result<Server> {
        self.cores.for_servers()?;
        let server = if self.storing { self.peer.start_storing() } else { self.peer.start() };
        self.cores.for_generator()?;
        server
    }

    /// Sessions for which each side may open files.
    fn sessions_max(&self) -> usize {
        usize::try_from(self.files_max).unwrap_or(usize::MAX).saturating_sub(200)
    }
}

/// Measures and writes a page's part to standard output.
pub(crate) fn run(options: &CapacityOptions) -> Result<()> {
    let machine = Machine::describe();
    let bench = Bench::new(options)?;
    let idle = if options.busy_only { None } else { Some(idle::run(&bench)?) };
    let busy = busy::run(&bench)?;
    let Machine { processor, system, day, load_at_start, .. } = machine;
    println!(
        "{day}, {}, on one core of: {processor}; {system}; load {load_at_start} at the start\n",
        bench.peer.version
    );
    if let Some(idle) = idle {
        println!("{}", idle.page(&bench));
    }
    println!("{}", busy.page(&bench));
    Ok(())
}
