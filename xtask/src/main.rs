//! The repository's own commands, run as `cargo xtask <command>`.

#![allow(clippy::print_stdout, reason = "a terminal program talks to the terminal")]

mod bench;
mod deb;
mod deployment;
mod docs;
mod fuzz;
mod image;
mod interop;
mod nightly;
mod prerequisites;
mod shell;
mod stages;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Repository commands
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check and every test, as CI does
    #[command(visible_alias = "ci")]
    Test {
        /// Leave out what takes long: fuzzing and the suites with other people's clients
        #[arg(long)]
        quick: bool,
        /// Run one stage alone
        #[arg(long, value_name = "STAGE", value_parser = stages::names())]
        only: Option<String>,
    },
    /// Measure the relay beside its peers; writes docs/benchmarks.md unless told otherwise
    Bench {
        /// Options of the benchmark's `run`, such as --quick or --loads fan-100
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        options: Vec<String>,
    },
    /// Run what takes too long for every change: 200 kills and 1,000 restarts under load, long
    /// histories, fuzzing
    Nightly {
        /// How long each fuzz target runs
        #[arg(long, value_name = "N", default_value_t = nightly::FUZZ_SECONDS)]
        fuzz_seconds: u32,
    },
    /// Build the Debian package into target/debian
    Deb(deb::DebOptions),
    /// Install, upgrade, remove and purge the Debian package in a system made by debootstrap
    DebTest,
    /// Run the Dockerfile's steps in a folder with a Debian of its own (root; half an hour)
    ImageTest,
    /// Write the pages that are made from the program: docs/reference/relay-cli.md
    Docs,
    /// Check the house rules: lengths, crate edges, left-over marks
    Tidy,
    /// Run every fuzz target for a while, from its kept corpus and the golden vectors
    Fuzz {
        /// How long each target runs
        #[arg(long, value_name = "N", default_value_t = 60)]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test { quick, only } => stages::run(quick, only.as_deref()),
        Task::Bench { options } => bench::run(&options),
        Task::Deb(options) => deb::run(&options),
        Task::DebTest => deb::trial(),
        Task::Nightly { fuzz_seconds } => nightly::run(fuzz_seconds),
        Task::ImageTest => image::run(),
        Task::Docs => docs::run(),
        Task::Tidy => tidy::run(),
        Task::Fuzz { seconds } => fuzz::run(seconds),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}
