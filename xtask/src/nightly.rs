//! `cargo xtask nightly`: what takes too long for every change. Random kills and rolling restarts
//! of the relay, long random histories of the storage against the naive model, the package's trial,
//! the image, and fuzzing.

use crate::shell::{self, Outcome, cargo};
use crate::{deb, fuzz, image};

/// Kills under load, over both ways of storing.
const CRASH_ROUNDS: &str = "200";

/// Orderly restarts under load, with clients that come back.
const RESTARTS: &str = "1000";

/// Random cases of every property.
const CASES: &str = "2000";

/// How long each fuzz target runs unless told otherwise.
pub(crate) const FUZZ_SECONDS: u32 = 300;

/// Runs everything; the first failure ends it. The seeds are printed, so that it can be repeated.
pub(crate) fn run(fuzz_seconds: u32) -> Outcome {
    crashes()?;
    histories()?;
    deb::stage()?;
    if image::possible() {
        image::run()?;
    } else {
        println!("the image is not tried out: that needs root (cargo xtask image-test)");
    }
    fuzz::run(fuzz_seconds)
}

/// Optimised as it ships, so that more happens before a kill.
fn crashes() -> Outcome {
    let test = "test -p clasp-relay --profile dist-check --locked --test storage -- crash:: \
                interrupted:: rolling:: --nocapture --test-threads 1";
    let mut test = cargo(test);
    test.env("CLASP_CRASH_ROUNDS", CRASH_ROUNDS).env("CLASP_RESTARTS", RESTARTS);
    shell::run(&mut test)
}

fn histories() -> Outcome {
    let test = "test -p clasp-storage --profile dist-check --locked --test histories --test damage";
    shell::run(cargo(test).env("PROPTEST_CASES", CASES))
}
