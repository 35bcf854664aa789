//! What `cargo xtask test` runs, in order: cheap checks first, other people's clients last.

use std::time::Instant;

use crate::shell::{self, Outcome, cargo};
use crate::{deb, deployment, fuzz, interop, prerequisites, tidy};

/// How long each fuzz target runs as a stage.
const FUZZ_SECONDS: u32 = 20;

struct Stage {
    name: &'static str,
    /// Part of a quick run.
    quick: bool,
    run: fn() -> Outcome,
}

const STAGES: &[Stage] = &[
    Stage { name: "prerequisites", quick: false, run: prerequisites::run },
    Stage { name: "format", quick: true, run: format },
    Stage { name: "tidy", quick: true, run: tidy::run },
    Stage { name: "clippy", quick: true, run: clippy },
    Stage { name: "clippy-apart", quick: false, run: clippy_apart },
    Stage { name: "deny", quick: false, run: deny },
    Stage { name: "features", quick: true, run: features },
    Stage { name: "docs", quick: true, run: docs },
    Stage { name: "tests", quick: true, run: tests },
    Stage { name: "fuzz", quick: false, run: || fuzz::run(FUZZ_SECONDS) },
    Stage { name: "interop-rust", quick: false, run: interop::rust },
    Stage { name: "interop-js", quick: false, run: interop::js },
    Stage { name: "interop-python", quick: false, run: interop::python },
    Stage { name: "deploy", quick: false, run: deployment::run },
    Stage { name: "deb", quick: false, run: deb::stage },
];

/// The stages' names, in order.
pub(crate) fn names() -> Vec<&'static str> {
    STAGES.iter().map(|stage| stage.name).collect()
}

/// Runs the chosen stages. A failed stage does not keep the later ones from running, but for the
/// prerequisites.
pub(crate) fn run(quick: bool, only: Option<&str>) -> Outcome {
    let chosen: Vec<&Stage> = STAGES
        .iter()
        .filter(|stage| only.map_or(!quick || stage.quick, |name| name == stage.name))
        .collect();
    let mut lines = Vec::new();
    let mut failures = 0;
    for (number, stage) in chosen.iter().enumerate() {
        println!("\n=== {} ({} of {}) ===", stage.name, number + 1, chosen.len());
        let start = Instant::now();
        let outcome = (stage.run)();
        let seconds = start.elapsed().as_secs();
        match outcome {
            Ok(()) => lines.push(format!("  ok      {} ({seconds} s)", stage.name)),
            Err(reason) => {
                println!("stage {} failed: {reason}", stage.name);
                failures += 1;
                lines.push(format!("  FAILED  {} ({seconds} s): {reason}", stage.name));
                if stage.name == "prerequisites" {
                    break;
                }
            }
        }
    }
    println!("\n=== stages ===\n{}", lines.join("\n"));
    match failures {
        0 => Ok(()),
        count => Err(format!(
            "{count} of {} stages failed; run one alone: cargo xtask test --only <stage>",
            chosen.len()
        )),
    }
}

fn format() -> Outcome {
    shell::run(&mut cargo("fmt --all --check"))?;
    apart("fmt", "--all --check")
}

/// Runs a cargo command in every workspace beside the product's.
fn apart(command: &str, options: &str) -> Outcome {
    for folder in ["bench", "fuzz", "interop"] {
        let manifest = format!("{folder}/Cargo.toml");
        if shell::root().join(&manifest).exists() {
            shell::run(&mut cargo(&format!("{command} --manifest-path {manifest} {options}")))?;
        }
    }
    Ok(())
}

/// The workspaces beside the product's must keep up with it.
fn clippy_apart() -> Outcome {
    apart("clippy", "--workspace --all-targets --locked -- -D warnings")
}

fn clippy() -> Outcome {
    shell::run(&mut cargo("clippy --workspace --all-targets --locked -- -D warnings"))
}

/// Licences, duplicates and bans; advisories come from the network and are CI's.
fn deny() -> Outcome {
    if !shell::succeeds(&mut cargo("deny --version")) {
        println!("left out: cargo-deny is not installed (cargo install cargo-deny --locked)");
        return Ok(());
    }
    shell::run(&mut cargo("deny --locked check bans licenses sources"))
}

/// The small build and the full one; the small one says what it lacks.
fn features() -> Outcome {
    for features in ["--no-default-features", "--no-default-features --features full"] {
        let lint = format!("clippy -p clasp-relay {features} --locked -- -D warnings");
        shell::run(&mut cargo(&lint))?;
    }
    let start = "run --quiet -p clasp-relay --no-default-features --locked";
    println!("$ cargo {start}");
    let small = cargo(start).output().map_err(|error| format!("`cargo {start}`: {error}"))?;
    let said = String::from_utf8_lossy(&small.stdout);
    let names_it = said.contains("feature `websocket`");
    if small.status.code() == Some(1) && names_it {
        Ok(())
    } else {
        Err(format!("the build without doors has to name the feature and exit with 1: {said}"))
    }
}

fn docs() -> Outcome {
    let mut command = cargo("doc --workspace --no-deps --locked");
    shell::run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    shell::run(&mut cargo("test --workspace --doc --locked"))
}

fn tests() -> Outcome {
    if shell::succeeds(&mut cargo("nextest --version")) {
        shell::run(&mut cargo("nextest run --workspace --locked"))
    } else {
        println!("cargo-nextest is not installed, using cargo test");
        shell::run(&mut cargo("test --workspace --all-targets --locked"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_have_names_of_their_own() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STAGES.len());
    }

    #[test]
    fn a_quick_run_needs_nothing_to_be_installed() {
        let slow = [
            "prerequisites",
            "deny",
            "fuzz",
            "interop-rust",
            "interop-js",
            "interop-python",
            "deploy",
            "deb",
        ];
        for name in slow {
            let stage = STAGES.iter().find(|stage| stage.name == name).unwrap();
            assert!(!stage.quick, "{name}");
        }
    }
}
