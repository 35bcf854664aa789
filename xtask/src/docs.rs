//! Pages that are made from the program.

use std::fs;

use crate::shell::{self, Outcome, cargo};

const REFERENCE: &str = "docs/reference/relay-cli.md";

/// Writes them all.
pub(crate) fn run() -> Outcome {
    let page =
        shell::output(&mut cargo("run --quiet --locked -p clasp-relay --example reference"))?;
    let path = shell::root().join(REFERENCE);
    let parent = path.parent().expect("the page has a directory");
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(&path, page))
        .map_err(|error| format!("{REFERENCE}: {error}"))
}
