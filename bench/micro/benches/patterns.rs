//! One pattern against one address, each kind of pattern.

use clasp_micro::ADDRESS;
use clasp_protocol::Pattern;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const PATTERNS: [&str; 6] = [
    "/show/lights/zone5/dimmer",
    "/show/lights/zone5/colour",
    "/show/*/zone5/*",
    "/show/lights/zone*/dimmer",
    "/show/**",
    "/**/zone5/**/dimmer",
];

#[divan::bench(args = PATTERNS)]
fn matches(bencher: Bencher<'_, '_>, pattern: &str) {
    let pattern = Pattern::parse(pattern).expect("the pattern is sound");
    bencher.bench_local(|| black_box(&pattern).matches(black_box(ADDRESS)));
}

#[divan::bench(args = PATTERNS)]
fn parse(bencher: Bencher<'_, '_>, pattern: &str) {
    bencher.bench_local(|| Pattern::parse(black_box(pattern)).expect("the pattern is sound"));
}
