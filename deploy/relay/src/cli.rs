//! From the command line, the environment and the config file to [`Options`], and what a mistake
//! there looks like.

mod sources;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use crate::config_file::{self, ConfigFile, Origin};
use crate::options::{Command as Task, Options};
use sources::Sources;

/// Some published set-ups pass the program's name again after an entry point.
const PROGRAM: &str = "clasp-relay";

const DOCTOR: &str = "doctor";
const HEALTHCHECK: &str = "healthcheck";

const DOCTOR_HELP: &str = "\
Takes every option of the relay, and its environment and config file; nothing is changed and no
listener stays open. Run it as the user that the relay runs as.

Exit codes: 0 nothing failed, 1 something did, 2 a mistake in the options";

const HEALTHCHECK_HELP: &str = "\
Takes every option of the relay, and its environment and config file, and asks /readyz where they
say that it listens: the health port, or else the WebSocket port.

Exit codes: 0 the relay is ready, 1 it is not, 2 a mistake in the options";

/// A mistake: what clap has to say, or a sentence on the config file.
#[derive(Debug)]
enum Mistake {
    Usage { error: clap::Error, note: Option<String> },
    File(String),
}

/// Reads the process's own arguments and environment, and the config file that they name.
///
/// # Errors
/// The exit code to leave with: 0 after `--help`, `--version` and `--print-config`, 2 after a
/// mistake. The text is already written.
pub fn parse() -> Result<Options, ExitCode> {
    read(std::env::args_os()).map_err(|mistake| {
        // A closed terminal is no reason to leave with another code.
        match mistake {
            Mistake::Usage { error, note } => {
                let _ = error.print();
                if let Some(note) = note {
                    let _ = writeln!(io::stderr(), "\nnote: {note}");
                }
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
            }
            Mistake::File(text) => {
                let _ = writeln!(io::stderr(), "clasp-relay: {text}");
                ExitCode::from(2)
            }
        }
    })
}

/// Reads everything again: what the options would be if the process started now.
///
/// # Errors
/// What is wrong, in one line.
pub(crate) fn again() -> Result<Options, String> {
    read(std::env::args_os()).map_err(|mistake| match mistake {
        Mistake::File(text) => text,
        Mistake::Usage { error, note } => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().to_owned();
            note.map_or_else(|| first.clone(), |note| format!("{first}; {note}"))
        }
    })
}

fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, Mistake> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let program = arguments.get(1).is_some_and(|word| word == PROGRAM);
    if program {
        arguments.remove(1);
    }
    let command = variables_with_values(command());
    let usage = |error| Mistake::Usage { error, note: None };
    let first = command.clone().ignore_errors(true);
    let first = first.try_get_matches_from(&arguments).map_err(usage)?;
    let sources = Sources::find(&command, &first).map_err(Mistake::File)?;
    let arguments = sources.complete(arguments);
    let matches = command.clone().try_get_matches_from(arguments).map_err(|error| {
        let note = note(&command, &error, &sources);
        Mistake::Usage { error, note }
    })?;
    let (task, matches) = match matches.subcommand() {
        Some((DOCTOR, inner)) => (Some(Task::Doctor), inner),
        Some((HEALTHCHECK, inner)) => (Some(Task::Healthcheck), inner),
        _ => (None, &matches),
    };
    let mut options = Options::from_arg_matches(matches).map_err(usage)?;
    options.command = task.or(options.command);
    if options.config.print_config {
        options.command =
            Some(Task::Print(config_file::print(&command, matches, &sources.origins)));
    }
    options.config.file = sources.file;
    options.ignored.program = program;
    Ok(options)
}

/// The whole command, as help, manual and completions show it.
pub fn command() -> Command {
    let command = Options::command();
    let every = |name: &'static str, about: &'static str, help: &'static str| {
        let hidden = command.get_arguments().cloned().map(|argument| match argument.get_id() {
            id if id == "config" => argument,
            _ => argument.hide(true),
        });
        let command = Command::new(name).about(about).after_help(help);
        command.args(hidden.collect::<Vec<Arg>>())
    };
    let about = "Look for what would keep the relay from working, and say what to do";
    let doctor = every(DOCTOR, about, DOCTOR_HELP);
    let about = "Ask the relay whether it is ready, for containers without curl";
    let healthcheck = every(HEALTHCHECK, about, HEALTHCHECK_HELP);
    command.subcommand(healthcheck).subcommand(doctor)
}

/// An empty environment variable counts as absent.
fn variables_with_values(command: Command) -> Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    command.mut_subcommands(variables_with_values).mut_args(|argument| match argument.get_env() {
        Some(name) if is_empty(name) => argument.env(None::<&'static str>),
        _ => argument,
    })
}

/// Where the value comes from that `error` complains of, if it is not the command line.
fn note(command: &Command, error: &clap::Error, sources: &Sources) -> Option<String> {
    if let Some((id, value)) = complaint(command, error) {
        if let Some(Origin { place, .. }) = sources.origin_of(&id, &value) {
            return Some(format!("the value comes from {place}"));
        }
        let variable = variable_behind(command, (&id, &value), |name| std::env::var(name).ok());
        return Some(format!("the value comes from the environment variable {}", variable?));
    }
    let ConfigFile { path, .. } = sources.file.as_ref().filter(|_| !sources.origins.is_empty())?;
    Some(format!("options also come from {}", path.display()))
}

/// The argument and the value that an error complains of.
fn complaint(command: &Command, error: &clap::Error) -> Option<(String, String)> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let mut command = command.clone();
    command.build();
    let argument = command.get_arguments().find(|argument| argument.to_string() == option)?;
    Some((argument.get_id().to_string(), value.to_owned()))
}

/// The environment variable that holds a value, if one does.
fn variable_behind(
    command: &Command,
    (id, value): (&str, &str),
    value_of: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let argument = command.get_arguments().find(|argument| argument.get_id() == id)?;
    let variable = argument.get_env()?.to_str()?;
    (value_of(variable)? == value).then(|| variable.to_string())
}

/// The matches of the innermost command, and that command.
fn innermost<'a>(
    command: &'a Command,
    matches: &'a ArgMatches,
) -> Option<(&'a Command, &'a ArgMatches)> {
    match matches.subcommand() {
        Some((name, inner)) => innermost(command.find_subcommand(name)?, inner),
        None => Some((command, matches)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(arguments: &[&str]) -> Result<Options, Mistake> {
        read(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_command_is_consistent() {
        command().debug_assert();
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
        let Err(Mistake::Usage { error, .. }) = accepted(&["clasp-relay", "-p", "many"]) else {
            panic!("this is no port");
        };
        let (id, value) = complaint(&command(), &error).unwrap();
        let found = |held: &'static str| {
            let value_of = |name: &str| (name == "CLASP_WS_PORT").then(|| held.into());
            variable_behind(&command(), (&id, &value), value_of)
        };
        assert_eq!(found("many").as_deref(), Some("CLASP_WS_PORT"));
        assert_eq!(found("7330"), None);
    }

    #[test]
    fn the_programs_name_may_be_repeated_once_and_in_front() {
        assert!(accepted(&["/bin/clasp-relay", "clasp-relay", "-v"]).unwrap().ignored.program);
        assert!(!accepted(&["/bin/clasp-relay", "-v"]).unwrap().ignored.program);
        assert!(accepted(&["/bin/clasp-relay", "clasp-relay", "clasp-relay"]).is_err());
        assert!(accepted(&["/bin/clasp-relay", "other"]).is_err());
    }

    #[test]
    fn doctor_and_healthcheck_take_the_options_of_the_relay() {
        let options = accepted(&["clasp-relay", "healthcheck", "--health-port", "9"]).unwrap();
        assert!(matches!(options.command, Some(Task::Healthcheck)));
        assert_eq!(options.operation.health_port, Some(9));
        assert!(matches!(accepted(&["r", "doctor"]).unwrap().command, Some(Task::Doctor)));
    }
}
