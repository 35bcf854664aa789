//! What neither the command line nor a variable of its own sets: options from the config file, and
//! the port that a platform tells in `PORT`. They join the command line as further arguments, so
//! that one parser checks everything.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::innermost;
use crate::config_file::{ConfigFile, DEFAULT_PATH, NO_FILE, Origin, settable};

/// Where platforms tell the one port that they route to.
const PLATFORM_PORT: &str = "PORT";

/// Further arguments and where they come from.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) file: Option<ConfigFile>,
    pub(super) origins: Vec<Origin>,
    values: Vec<(String, Vec<String>)>,
    words: Vec<String>,
}

impl Sources {
    /// What is to be added to a command line that gave `matches`, which may be incomplete.
    ///
    /// # Errors
    /// The config file cannot be read or used.
    pub(super) fn find(command: &Command, matches: &ArgMatches) -> Result<Sources, String> {
        let mut sources = Sources::default();
        let Some((command_here, matches)) = innermost(command, matches) else {
            return Ok(sources);
        };
        if let Some(path) = path(command_here, matches) {
            sources.file = Some(ConfigFile::read(&path, command)?);
        }
        for entry in sources.file.iter().flat_map(|file| file.entries.clone()).collect::<Vec<_>>() {
            let Some(argument) = named(command_here, &entry.name) else { continue };
            if !is_given(matches, argument) {
                let path = sources.file.as_ref().map(|file| file.path.display().to_string());
                let place = format!("{}, line {}", path.unwrap_or_default(), entry.line);
                sources.add(argument, (place, entry.words(argument)), entry.values);
            }
        }
        sources.take_platform_port(command_here, matches);
        Ok(sources)
    }

    /// Where a value comes from, if it is one of these.
    pub(super) fn origin_of(&self, id: &str, value: &str) -> Option<&Origin> {
        let (_, values) = self.values.iter().find(|(known, _)| known == id)?;
        let holds = |known: &String| known == value || known.split(',').any(|part| part == value);
        let origin = self.origins.iter().find(|origin| origin.id == id);
        origin.filter(|_| values.iter().any(holds))
    }

    /// The command line with these arguments.
    pub(super) fn complete(&self, mut arguments: Vec<OsString>) -> Vec<OsString> {
        let end = arguments.iter().position(|word| word == "--").unwrap_or(arguments.len());
        arguments.splice(end..end, self.words.iter().map(OsString::from));
        arguments
    }

    fn add(&mut self, argument: &Arg, (place, words): (String, Vec<String>), values: Vec<String>) {
        let id = argument.get_id().to_string();
        self.origins.push(Origin { id: id.clone(), place });
        self.values.push((id, values));
        self.words.extend(words);
    }

    /// `PORT` counts where everything is on one port and nothing else says which.
    fn take_platform_port(&mut self, command: &Command, matches: &ArgMatches) {
        let is_set = |id: &str| self.values.iter().find(|(known, _)| known == id);
        let by_file = is_set("single_port").is_some_and(|(_, values)| values[0] == "true");
        let here = named(command, "single-port").zip(named(command, "ws-port"));
        let Some((single, port)) = here else { return };
        // After a mistake not even the default is there.
        let here = matches.get_one::<bool>(single.get_id().as_str()).copied();
        let single = by_file || here.unwrap_or(false);
        if !single || is_given(matches, port) || is_set("ws_port").is_some() {
            return;
        }
        let told = std::env::var(PLATFORM_PORT).ok().filter(|told| !told.is_empty());
        if let Some(told) = told {
            let words = vec![format!("--ws-port={told}")];
            let place = format!("the environment variable {PLATFORM_PORT}");
            self.add(port, (place, words), vec![told]);
        }
    }
}

/// The config file to read, if there is one.
fn path(command: &Command, matches: &ArgMatches) -> Option<PathBuf> {
    let named_here = named_config(command)
        .then(|| matches.get_one::<PathBuf>("config").cloned())
        .flatten()
        .or_else(|| std::env::var_os("CLASP_CONFIG").map(PathBuf::from))
        .filter(|path| !path.as_os_str().is_empty());
    match named_here {
        Some(path) if path == Path::new(NO_FILE) => None,
        Some(path) => Some(path),
        None => Some(PathBuf::from(DEFAULT_PATH)).filter(|path| path.exists()),
    }
}

fn named_config(command: &Command) -> bool {
    command.get_arguments().any(|argument| argument.get_id() == "config")
}

fn named<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    settable(command).find(|argument| argument.get_long() == Some(name))
}

/// Whether the command line or the option's own variable gives it.
fn is_given(matches: &ArgMatches, argument: &Arg) -> bool {
    let source = matches.value_source(argument.get_id().as_str());
    matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

#[cfg(test)]
mod tests {
    use std::any::TypeId;
    use std::fs;

    use super::*;
    use crate::cli;
    use crate::config_file::is_switch;

    /// Some value that the option accepts, as TOML has it.
    fn sample(argument: &Arg, command: &Command) -> Option<String> {
        if is_switch(argument) {
            return Some("true".into());
        }
        let possible = argument.get_possible_values().into_iter().next();
        let possible = possible.map(|value| value.get_name().to_owned());
        let candidates = ["7", "sqlite", "full", "https://a.example", "read:/**", "127.0.0.1"];
        let all = possible.into_iter().chain(candidates.map(str::to_owned));
        let long = argument.get_long()?;
        let fits = |value: &String| {
            let given = ["clasp-relay".to_owned(), format!("--{long}={value}")];
            let matches = command.clone().ignore_errors(true).try_get_matches_from(given);
            matches.is_ok_and(|matches| is_given(&matches, argument))
        };
        all.into_iter().find(fits).map(|value| format!("\"{value}\""))
    }

    #[test]
    fn every_option_can_be_set_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        let command = cli::command();
        let mut seen = 0;
        for argument in settable(&command) {
            let name = argument.get_long().unwrap();
            let value = sample(argument, &command).unwrap_or_else(|| panic!("--{name}"));
            fs::write(&path, format!("{name} = {value}\n")).unwrap();
            let given = ["clasp-relay", "--config", path.to_str().unwrap()];
            let first = command.clone().ignore_errors(true).try_get_matches_from(given).unwrap();
            let sources = Sources::find(&command, &first).unwrap();
            let given = sources.complete(given.map(OsString::from).to_vec());
            // Some options demand others beside them, hence the leniency.
            let matches = command.clone().ignore_errors(true).try_get_matches_from(given).unwrap();
            assert!(is_given(&matches, argument), "--{name} in {value}");
            seen += 1;
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn numbers_in_the_file_need_no_quotes() {
        let command = cli::command();
        let text: String = settable(&command)
            .filter(|argument| argument.get_value_parser().type_id() == TypeId::of::<u32>())
            .map(|argument| format!("{} = 1\n", argument.get_long().unwrap()))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("relay.toml");
        fs::write(&path, &text).unwrap();
        let file = ConfigFile::read(&path, &command).unwrap();
        assert_eq!(file.entries.len(), text.lines().count());
    }
}
