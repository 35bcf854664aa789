//! Commands other than serving.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::options::{Command, Options};
use crate::{app, doctor, doors, healthcheck, pages};

/// Carries a command out; the exit code is 0, or 1 after a line on standard error that says why
/// not.
pub fn run(command: &Command, options: &Options) -> ExitCode {
    let done = match command {
        Command::Doctor => return doctor::run(options),
        Command::Healthcheck => healthcheck::run(options),
        Command::Print(text) => write(text),
        Command::Storage(command) => doors::maintain(command),
        Command::CheckConfig(options) => app::check(options),
        Command::Completions(options) => pages::completions(options),
        Command::Manual(options) => pages::manual(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // Nothing is left to tell that this failed too.
            let _gone = writeln!(io::stderr(), "clasp-relay: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output.
fn write(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))
}
