//! `cargo xtask bench`: gets the peers, builds everything as it ships and runs the benchmark.

use crate::prerequisites::{Need, system};
use crate::shell::{self, Outcome, cargo, command};

/// Servers that the relay is measured against.
const PEERS: &[Need] = &[
    Need { what: "nats-server", probe: &["nats-server", "--version"], packages: &["nats-server"] },
    Need {
        what: "mosquitto",
        probe: &["sh", "-c", "command -v mosquitto"],
        packages: &["mosquitto"],
    },
    Need { what: "npm", probe: &["npm", "--version"], packages: &["npm"] },
];

/// Runs the benchmark; the arguments are handed on, without any the page in docs/ is made anew.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    for peer in PEERS {
        system(peer)?;
    }
    shell::run(&mut command("npm", ["install", "--no-audit", "--no-fund", "--prefix", UWS]))?;
    shell::run(&mut cargo("build --release --locked --features full"))?;
    let reference = "build --release --locked --manifest-path interop/Cargo.toml";
    shell::run(cargo(reference).args(["-p", "reference-relay"]))?;
    let bench = "run --release --locked --manifest-path bench/Cargo.toml -p clasp-bench -- run";
    let mut bench = cargo(bench);
    if arguments.is_empty() {
        // The page shows this command, for any machine.
        bench.args(["--write", "docs/benchmarks.md"]);
    }
    shell::run(bench.args(arguments))
}

/// The floor of the comparison.
const UWS: &str = "bench/uws-broadcast";
