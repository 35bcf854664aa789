//! The config file: TOML whose keys are the names of the flags. It knows no option by itself; the
//! clap command says which there are.

mod print;

pub(crate) use print::{Origin, print};

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Read if nothing else is named and it exists.
pub(crate) const DEFAULT_PATH: &str = "/etc/clasp/relay.toml";
/// Stands for no file at all.
pub(crate) const NO_FILE: &str = "none";

/// Largest file in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// Options of the command line that make no sense in a file.
const NOT_HERE: [&str; 5] = ["config", "print-config", "features", "help", "version"];

/// Two names alike enough to be meant, of at most 1.
const ALIKE: f64 = 0.8;

/// Options that a file sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFile {
    /// The file.
    pub path: PathBuf,
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The flag without its dashes.
    pub name: String,
    /// What it is set to: the value's words as the command line has them, one for each repetition.
    pub values: Vec<String>,
    /// Where, counted from 1.
    pub line: usize,
}

/// The option a table or a key names may stand in.
struct Reader<'a> {
    command: &'a Command,
    path: &'a Path,
    text: &'a str,
    entries: Vec<Entry>,
}

impl ConfigFile {
    /// Reads `path` for the options of `command`.
    ///
    /// # Errors
    /// Names the file, the line and what to do.
    pub(crate) fn read(path: &Path, command: &Command) -> Result<ConfigFile, String> {
        let text = text(path).map_err(|error| {
            format!("{}: cannot read it: {error}; see --config", path.display())
        })?;
        Self::parse(path, &text, command)
    }

    fn parse(path: &Path, text: &str, command: &Command) -> Result<ConfigFile, String> {
        let mut reader = Reader { command, path, text, entries: Vec::new() };
        let table = DeTable::parse(text).map_err(|error| {
            let place = error.span().unwrap_or(0..0);
            reader.at(&place, &format!("this is not TOML: {}", one_line(error.message())))
        })?;
        reader.table(table.get_ref(), None)?;
        reader.entries.sort_by_key(|entry| entry.line);
        Ok(ConfigFile { path: path.to_owned(), entries: reader.entries })
    }

    /// The options that differ from those of another file, by name.
    pub(crate) fn changes(before: Option<&Self>, after: Option<&Self>) -> Vec<String> {
        let entries = |file: Option<&Self>| file.map_or(Vec::new(), |file| file.entries.clone());
        let (before, after) = (entries(before), entries(after));
        let values = |entries: &[Entry], name: &str| {
            entries.iter().find(|entry| entry.name == name).map(|entry| entry.values.clone())
        };
        let mut names: Vec<String> =
            before.iter().chain(&after).map(|entry| entry.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| values(&before, name) != values(&after, name));
        names
    }
}

impl Entry {
    /// The words of a command line that set the option; none for a switch that stays off.
    pub(crate) fn words(&self, argument: &Arg) -> Vec<String> {
        if is_switch(argument) {
            let on = self.values == ["true"];
            return on.then(|| format!("--{}", self.name)).into_iter().collect();
        }
        self.values.iter().map(|value| format!("--{}={value}", self.name)).collect()
    }
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, section: Option<&str>) -> Result<(), String> {
        for (key, value) in table {
            let (name, place) = (key.get_ref().as_ref(), key.span());
            match (value.get_ref(), section) {
                (DeValue::Table(inner), None) => {
                    self.check_section(name, &place)?;
                    self.table(inner, Some(name))?;
                }
                _ => self.entry((name, &place), value, section)?,
            }
        }
        Ok(())
    }

    fn check_section(&self, name: &str, place: &Range<usize>) -> Result<(), String> {
        let sections = sections(self.command);
        if sections.iter().any(|section| section == name) {
            return Ok(());
        }
        if self.argument(name).is_some() {
            return Err(self.at(place, &format!("{name} is an option and takes no table")));
        }
        let way_out = match closest(name, &sections) {
            Some(close) => format!("did you mean [{close}]?"),
            None => format!("there are: {}", sections.join(", ")),
        };
        Err(self.at(place, &format!("there is no table [{name}]; {way_out}")))
    }

    fn entry(
        &mut self,
        (key, place): (&str, &Range<usize>),
        value: &Spanned<DeValue<'_>>,
        section: Option<&str>,
    ) -> Result<(), String> {
        let Some(argument) = self.argument(key) else { return Err(self.unknown(key, place)) };
        let home = argument.get_help_heading().map(table_name);
        if let (Some(section), Some(home)) = (section, &home)
            && section != home
        {
            let advice = "put it there, or above all tables";
            let text = format!("{key} belongs in [{home}], not in [{section}]; {advice}");
            return Err(self.at(place, &text));
        }
        let values = values(argument, value.get_ref())
            .map_err(|expected| self.at(&value.span(), &format!("{key}: {expected}")))?;
        let name = argument.get_long().expect("found by its name").to_owned();
        let line = line(self.text, place.start);
        if let Some(before) = self.entries.iter().find(|entry| entry.name == name) {
            let text = format!("{key} is already set in line {}; leave one out", before.line);
            return Err(self.at(place, &text));
        }
        self.entries.push(Entry { name, values, line });
        Ok(())
    }

    /// The option of this name, or of one of its other names.
    fn argument(&self, key: &str) -> Option<&Arg> {
        let is_meant = |argument: &&Arg| {
            let aliases = argument.get_visible_aliases().unwrap_or_default();
            argument.get_long() == Some(key) || aliases.contains(&key)
        };
        settable(self.command).find(is_meant)
    }

    fn unknown(&self, key: &str, place: &Range<usize>) -> String {
        let names: Vec<String> = settable(self.command)
            .filter_map(|argument| argument.get_long().map(str::to_owned))
            .collect();
        let way_out = match closest(&key.replace('_', "-"), &names) {
            Some(close) => format!("did you mean {close}?"),
            None => "the names are those of the flags, see clasp-relay --help".to_owned(),
        };
        self.at(place, &format!("there is no option {key}; {way_out}"))
    }

    fn at(&self, place: &Range<usize>, text: &str) -> String {
        format!("{}:{}: {text}", self.path.display(), line(self.text, place.start))
    }
}

/// The options that a file may set.
pub(crate) fn settable(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|argument| is_settable(argument))
}

/// Whether a file may set an option.
pub(crate) fn is_settable(argument: &Arg) -> bool {
    argument.get_long().is_some_and(|long| !NOT_HERE.contains(&long))
}

/// The options under each heading of the help, hidden ones left out.
pub(crate) fn by_section(command: &Command) -> Vec<(&str, Vec<&Arg>)> {
    let mut sections: Vec<(&str, Vec<&Arg>)> = Vec::new();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let Some(heading) = argument.get_help_heading() else { continue };
        match sections.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, arguments)) => arguments.push(argument),
            None => sections.push((heading, vec![argument])),
        }
    }
    sections
}

/// Whether an option is on or off.
pub(crate) fn is_switch(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
}

/// The table that options under a heading of the help may stand in.
pub(crate) fn table_name(heading: &str) -> String {
    let words = heading.split(" (").next().unwrap_or(heading);
    words.to_lowercase().replace(' ', "-")
}

fn sections(command: &Command) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for heading in settable(command).filter_map(Arg::get_help_heading) {
        let name = table_name(heading);
        if !sections.contains(&name) {
            sections.push(name);
        }
    }
    sections
}

/// A value as the command line has it.
fn values(argument: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, &'static str> {
    let is_list = matches!(argument.get_action(), ArgAction::Append);
    match (is_switch(argument), value) {
        (true, DeValue::Boolean(on)) => Ok(vec![on.to_string()]),
        (true, _) => Err("expected true or false"),
        (false, DeValue::Array(items)) if is_list => {
            items.iter().map(|item| word(item.get_ref())).collect()
        }
        (false, DeValue::Array(_)) => Err("expected one value, not a list"),
        (false, value) => word(value).map(|word| vec![word]),
    }
}

fn word(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "this number is too large"),
        _ => Err("expected a text in quotes or a whole number"),
    }
}

fn closest<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let best = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= ALIKE).then_some(best)
}

fn line(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        let reason = format!("it is larger than {BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
        let file = ConfigFile::parse(Path::new("relay.toml"), text, &crate::cli::command())?;
        Ok(file.entries.into_iter().map(|entry| (entry.name, entry.values.join(","))).collect())
    }

    fn set(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn keys_are_flags_and_tables_are_optional() {
        let flat = "port = 8080\nverbose = true\norigin = [\"https://a\", \"https://b\"]\n";
        let tables = "[listening]\nws-port = 8_080\norigin = [\"https://a\", \"https://b\"]\n\
                      [logging]\nverbose = true\n";
        let origins = set("origin", "https://a,https://b");
        let expected = [set("ws-port", "8080"), set("verbose", "true"), origins.clone()];
        assert_eq!(parse(flat).unwrap(), expected);
        assert_eq!(parse(tables).unwrap(), [expected[0].clone(), origins, expected[1].clone()]);
    }

    #[test]
    fn mistakes_name_file_line_and_the_way_out() {
        let wrong = [
            ("\nws_port = 1", "relay.toml:2: there is no option ws_port; did you mean ws-port?"),
            ("zzz = 1", "relay.toml:1: there is no option zzz; the names are those of the flags"),
            ("[listen]\n", "relay.toml:1: there is no table [listen]; did you mean [listening]?"),
            ("[state]\nws-port = 1", "relay.toml:2: ws-port belongs in [listening]"),
            ("port = 1\nws-port = 2", "relay.toml:2: ws-port is already set in line 1"),
            ("verbose = 1", "relay.toml:1: verbose: expected true or false"),
            ("ws-port = [1]", "relay.toml:1: ws-port: expected one value, not a list"),
            ("ws-port = 1.5", "relay.toml:1: ws-port: expected a text in quotes"),
            ("a = 1\nb =", "relay.toml:2: this is not TOML: "),
            ("config = \"other\"", "relay.toml:1: there is no option config"),
            ("ws-port.x = 1", "relay.toml:1: ws-port is an option and takes no table"),
        ];
        for (text, start) in wrong {
            let mistake = parse(text).unwrap_err();
            assert!(mistake.starts_with(start), "{text:?}: {mistake}");
            assert!(!mistake.contains('\n'), "{mistake}");
        }
    }
}
