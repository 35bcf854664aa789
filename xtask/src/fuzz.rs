//! Fuzzing with libFuzzer on the stable toolchain: coverage comes from compiler flags, so neither
//! another toolchain nor another tool is needed. The layout of `fuzz/` is cargo-fuzz's.

use std::path::Path;
use std::{env, fs};

use crate::shell::{self, Outcome, cargo, command, root};

/// Coverage for libFuzzer, without the sanitizers that only an unstable compiler offers.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1";

/// Runs every target of `fuzz/` for so many seconds each.
pub(crate) fn run(seconds: u32) -> Outcome {
    let folder = root().join("fuzz");
    if !folder.is_dir() {
        println!("there is no folder fuzz, nothing is fuzzed");
        return Ok(());
    }
    let targets = targets(&folder)?;
    let seeds = "run --quiet --example seeds --locked";
    shell::run(cargo(seeds).current_dir(&folder).env("CARGO_TARGET_DIR", "target"))?;
    let triple = host_triple()?;
    // Naming the target keeps the flags away from build scripts and macros.
    let build = format!(
        "build --manifest-path fuzz/Cargo.toml --release --bins --locked --target {triple}"
    );
    let flags = format!("{} {FLAGS}", env::var("RUSTFLAGS").unwrap_or_default());
    shell::run(cargo(&build).env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", "fuzz/target"))?;
    for target in targets {
        let corpus = folder.join("corpus").join(&target);
        let artifacts = folder.join("artifacts").join(&target);
        for place in [&corpus, &artifacts] {
            fs::create_dir_all(place)
                .map_err(|error| format!("cannot create {}: {error}", place.display()))?;
        }
        let binary = folder.join("target").join(&triple).join("release").join(&target);
        let mut fuzzer = command(binary, [format!("-max_total_time={seconds}")]);
        fuzzer.args(["-timeout=10", "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1"]);
        fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display())).arg(&corpus);
        let seeds = folder.join("seeds").join(&target);
        if seeds.is_dir() {
            fuzzer.arg(seeds);
        }
        shell::run(&mut fuzzer)
            .map_err(|reason| format!("{reason}; the input is in fuzz/artifacts/{target}"))?;
    }
    Ok(())
}

/// The targets are the files of `fuzz_targets`.
fn targets(folder: &Path) -> Outcome<Vec<String>> {
    let place = folder.join("fuzz_targets");
    let entries = fs::read_dir(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_string))
        .collect();
    names.sort();
    if names.is_empty() { Err(format!("{} has no target", place.display())) } else { Ok(names) }
}

fn host_triple() -> Outcome<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = shell::output(&mut command(rustc, ["-vV"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_string).ok_or_else(|| "rustc -vV names no host".into())
}
