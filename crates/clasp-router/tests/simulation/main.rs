//! Seeded simulation: random operations against the router and against a naive model of it.
//!
//! `CLASP_SIMULATION_SEEDS` says how many random seeds are tried, `CLASP_SIMULATION_SEED` picks
//! one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod chance;
mod model;
mod slow;
mod store;
mod theatre;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chance::Chance;
use theatre::Theatre;

/// Seeds that have found something once.
const KEPT: [u64; 6] = [3, 5_774_798_155_896_564_502, 1, 2, 5, 8];

/// Random seeds unless told otherwise: some ten seconds in a debug build.
const SEEDS: u64 = 120;

const STEPS: usize = 700;

/// Operations told when a run fails.
const TOLD: usize = 25;

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// Plays one seed to its end.
fn play(seed: u64) -> Result<(), String> {
    let mut theatre = Theatre::new(Chance::new(seed));
    let played = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..STEPS {
            theatre.step();
        }
        theatre.finish();
    }));
    let Err(panic) = played else { return Ok(()) };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
    let log = theatre.log();
    let last = log[log.len().saturating_sub(TOLD)..].join("\n  ");
    Err(format!("CLASP_SIMULATION_SEED={seed} failed at step {}:\n  {last}\n{text}", log.len()))
}

fn play_all(seeds: impl IntoIterator<Item = u64>) {
    for seed in seeds {
        if let Err(failure) = play(seed) {
            panic!("{failure}");
        }
    }
}

#[test]
fn the_router_does_what_the_model_does_for_kept_seeds() {
    play_all(KEPT);
}

#[test]
fn the_router_does_what_the_model_does_for_random_seeds() {
    if let Some(seed) = number_from("CLASP_SIMULATION_SEED") {
        return play_all([seed]);
    }
    let base = RandomState::new().hash_one("a seed");
    let seeds = number_from("CLASP_SIMULATION_SEEDS").unwrap_or(SEEDS);
    play_all((0..seeds).map(|number| base.wrapping_add(number)));
}
