//! From the command line and the environment to [`Options`], and what a mistake there looks like.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Command, CommandFactory as _, FromArgMatches as _};

use crate::options::Options;

/// Reads the process's own arguments and environment.
///
/// # Errors
/// The exit code to leave with: 0 after `--help` and `--version`, 2 after a mistake. The text is
/// already written.
pub fn parse() -> Result<Options, ExitCode> {
    parse_from(std::env::args_os())
}

/// Some published set-ups pass the program's name again after an entry point.
const PROGRAM: &str = "clasp-relay";

fn parse_from(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, ExitCode> {
    options(arguments).map_err(|error| {
        // A closed terminal is no reason to leave with another code.
        let _ = error.print();
        if let Some(variable) = variable_behind(&error, |name| std::env::var(name).ok()) {
            let note = format!("note: the value comes from the environment variable {variable}");
            let _ = writeln!(io::stderr(), "\n{note}");
        }
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

fn options(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, clap::Error> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = arguments.get(1).is_some_and(|word| word == PROGRAM);
    if program {
        arguments.remove(1);
    }
    let matches = command().try_get_matches_from(arguments)?;
    let mut options = Options::from_arg_matches(&matches)?;
    options.ignored.program = program;
    Ok(options)
}

/// The command; an empty environment variable counts as absent.
fn command() -> Command {
    without_empty_variables(Options::command())
}

fn without_empty_variables(command: Command) -> Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_subcommands(without_empty_variables).mut_args(|argument| match argument.get_env() {
        Some(name) if is_empty(name) => argument.env(None::<&'static str>),
        _ => argument,
    })
}

/// The environment variable that holds the value `error` complains of, if one does.
fn variable_behind(
    error: &clap::Error,
    value_of: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let mut command = Options::command();
    command.build();
    let argument = command.get_arguments().find(|argument| argument.to_string() == option)?;
    let variable = argument.get_env()?.to_str()?;
    (value_of(variable)? == value).then(|| variable.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn every_option_has_a_variable_named_after_it() {
        for argument in Options::command().get_arguments() {
            let Some(long) = argument.get_long() else {
                continue;
            };
            if ["help", "version", "features"].contains(&long) {
                continue;
            }
            let expected = format!("CLASP_{}", long.replace('-', "_").to_uppercase());
            let variable = argument.get_env().and_then(|name| name.to_str());
            assert_eq!(variable, Some(expected.as_str()), "--{long}");
        }
    }

    #[test]
    fn every_option_stands_under_a_heading_and_says_what_it_does() {
        for argument in Options::command().get_arguments().filter(|it| !it.is_hide_set()) {
            let name = argument.get_id();
            assert!(argument.get_help().is_some(), "{name} has no help");
            let built_in = ["help", "version"].contains(&name.as_str());
            assert!(built_in || argument.get_help_heading().is_some(), "{name} has no heading");
        }
    }

    #[test]
    fn a_bad_value_is_traced_to_its_variable() {
        let error = options(["clasp-relay", "-p", "many"].map(OsString::from)).unwrap_err();
        let found = |value: &'static str| {
            variable_behind(&error, |name| (name == "CLASP_WS_PORT").then(|| value.into()))
        };
        assert_eq!(found("many").as_deref(), Some("CLASP_WS_PORT"));
        assert_eq!(found("7330"), None);
    }

    #[test]
    fn the_programs_name_may_be_repeated_once_and_in_front() {
        let accepted = |arguments: &[&str]| options(arguments.iter().map(OsString::from));
        assert!(accepted(&["/bin/clasp-relay", "clasp-relay", "-v"]).unwrap().ignored.program);
        assert!(!accepted(&["/bin/clasp-relay", "-v"]).unwrap().ignored.program);
        assert!(accepted(&["/bin/clasp-relay", "clasp-relay", "clasp-relay"]).is_err());
        assert!(accepted(&["/bin/clasp-relay", "other"]).is_err());
    }
}
