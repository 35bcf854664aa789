//! The suites that drive the shipped binary with the published clients.

use std::path::PathBuf;

use crate::prerequisites;
use crate::shell::{self, Outcome, cargo, command, root};

/// Where the suites find the binary under test.
const BINARY: &str = "CLASP_RELAY_BIN";

/// Where the Rust suite finds the program that tells what the relay makes of tokens.
const TOKENS: &str = "CLASP_CHECK_TOKEN_BIN";

/// The Rust suite.
pub(crate) fn rust() -> Outcome {
    let suite = "test --manifest-path interop/Cargo.toml -p clasp-interop --locked --no-fail-fast";
    let mut suite = cargo(suite);
    suite.env(BINARY, relay()?).env(TOKENS, token_check()?);
    suite.env("CLASP_INTEROP_PYTHON", prerequisites::python());
    shell::run(&mut suite)
}

/// The JavaScript suite.
pub(crate) fn js() -> Outcome {
    let folder = root().join("interop/js");
    shell::run(command("npm", ["test"]).current_dir(folder).env(BINARY, relay()?))
}

/// The Python suite.
pub(crate) fn python() -> Outcome {
    let suite = ["-m", "pytest", "-q", "interop/python"];
    shell::run(command(prerequisites::python(), suite).env(BINARY, relay()?))
}

/// Builds the example that runs the relay's own verifiers.
fn token_check() -> Outcome<PathBuf> {
    let build = "build -p clasp-relay --example check-token --profile dist-check --locked";
    shell::run(&mut cargo(build))?;
    built("dist-check/examples/check-token")
}

/// Builds the relay with the shipped features, without the release profile's slow link step.
pub(crate) fn relay() -> Outcome<PathBuf> {
    let build = "build -p clasp-relay --profile dist-check --features full --locked";
    shell::run(&mut cargo(build))?;
    built("dist-check/clasp-relay")
}

/// A program below the target folder.
fn built(name: &str) -> Outcome<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let binary = root().join(target).join(name);
    if binary.is_file() { Ok(binary) } else { Err(format!("{} is absent", binary.display())) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::shell::root;

    #[test]
    fn the_readme_shows_the_snippets_as_they_are() {
        let page = fs::read_to_string(root().join("README.md")).unwrap();
        for (language, file) in
            [("js", "connect.mjs"), ("python", "connect.py"), ("rust", "connect.rs")]
        {
            let snippet = fs::read_to_string(root().join("interop/snippets").join(file)).unwrap();
            let block = format!("```{language}\n{}\n```\n", snippet.trim_end());
            assert!(page.contains(&block), "README.md does not show {file} as it is");
        }
    }
}
