//! Commands on the files of a relay; none of them serves.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::doors;
use crate::options::Command;

/// Carries a command out; the exit code is 0, or 1 after a line on standard error that says why
/// not.
pub fn run(command: &Command) -> ExitCode {
    match doors::maintain(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // Nothing is left to tell that this failed too.
            let _gone = writeln!(io::stderr(), "clasp-relay: {reason}");
            ExitCode::FAILURE
        }
    }
}
