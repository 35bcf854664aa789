//! The options that hold, as a config file with where each of them comes from.

use std::any::TypeId;
use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{by_section, is_settable, is_switch, table_name};

/// Where an option that the command line was given comes from in truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The argument.
    pub(crate) id: String,
    /// For people.
    pub(crate) place: String,
}

/// The options that hold in `matches`, as a file that sets the same.
pub(crate) fn print(command: &Command, matches: &ArgMatches, origins: &[Origin]) -> String {
    let mut text = String::from("# The options that hold, and where each of them comes from.\n");
    for (section, arguments) in by_section(command) {
        if !arguments.iter().any(|argument| is_settable(argument)) {
            continue;
        }
        // Writing to a String does not fail.
        let _ok = writeln!(text, "\n[{}]", table_name(section));
        for argument in arguments.into_iter().filter(|argument| is_settable(argument)) {
            let name = argument.get_long().unwrap_or_default();
            let _ok = match value(argument, matches) {
                Some(value) => {
                    let from = origin(argument, matches, origins);
                    writeln!(text, "{name} = {value}  # {from}")
                }
                None => writeln!(text, "# {name} is not set"),
            };
        }
    }
    text
}

fn origin(argument: &Arg, matches: &ArgMatches, origins: &[Origin]) -> String {
    let id = argument.get_id().as_str();
    if let Some(origin) = origins.iter().find(|origin| origin.id == id) {
        return origin.place.clone();
    }
    match matches.value_source(id) {
        Some(ValueSource::CommandLine) => "command line".to_owned(),
        Some(ValueSource::EnvVariable) => {
            let variable = argument.get_env().and_then(|name| name.to_str());
            variable.unwrap_or("environment").to_owned()
        }
        _ => "default".to_owned(),
    }
}

/// A value as TOML has it; none if there is none.
fn value(argument: &Arg, matches: &ArgMatches) -> Option<String> {
    let id = argument.get_id().as_str();
    if is_switch(argument) {
        return Some(matches.get_flag(id).to_string());
    }
    let words: Vec<String> =
        matches.get_raw(id)?.map(|word| word.to_string_lossy().into_owned()).collect();
    if matches!(argument.get_action(), ArgAction::Append) {
        let items: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        return Some(format!("[{}]", items.join(", ")));
    }
    let word = words.join(",");
    let plain = is_number(argument) && word.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = word == "0" || !word.starts_with('0');
    Some(if plain && canonical { word } else { quoted(&word) })
}

fn is_number(argument: &Arg) -> bool {
    let parsed = argument.get_value_parser().type_id();
    let numbers = [TypeId::of::<u8>(), TypeId::of::<u16>(), TypeId::of::<u32>()];
    numbers.iter().chain(&[TypeId::of::<u64>(), TypeId::of::<usize>()]).any(|id| parsed == *id)
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ok = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_toml_has_it() {
        for text in ["plain", "a\"b\\c", "line\nend\u{7}", ""] {
            let line = format!("x = {}", quoted(text));
            let table = toml::de::DeTable::parse(&line).unwrap();
            assert_eq!(table.get_ref().get("x").unwrap().get_ref().as_str(), Some(text));
        }
    }
}
