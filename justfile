# The recipes are what CI runs; each is one line that works without just, too.

# List the recipes.
default:
    @just --list

# Everything: checks, tests, fuzzing, suites with the published clients.
test:
    cargo xtask test

# What takes a minute or two: format, house rules, lints, tests.
check:
    cargo xtask test --quick

# House rules alone.
tidy:
    cargo xtask tidy

# Each fuzz target for so many seconds.
fuzz seconds="60":
    cargo xtask fuzz --seconds {{ seconds }}

# What takes hours: kills under load, long histories, long fuzzing.
nightly:
    cargo xtask nightly

# Licences, duplicates and bans (needs cargo-deny).
deny:
    cargo deny check bans licenses sources

# A relay on the default port, with everything logged.
relay *options:
    cargo run -- --verbose {{ options }}

# The executable as it ships: target/release/clasp-relay.
build:
    cargo build --release --features full --locked
