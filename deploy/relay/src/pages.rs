//! What is made from the options themselves: manual pages and completions of shells.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use roff::{Roff, roman};

use crate::options::{CompletionOptions, ManualOptions, Options};

/// Writes the completions of a shell to standard output.
///
/// # Errors
/// Nobody reads them.
pub(crate) fn completions(options: &CompletionOptions) -> Result<(), String> {
    let mut command = Options::command();
    let name = command.get_name().to_string();
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    let written = io::stdout().write_all(&script);
    written.map_err(|error| format!("cannot write the completions to standard output: {error}"))
}

/// Writes a page for each command into a folder.
///
/// # Errors
/// The folder or a file in it cannot be written.
pub(crate) fn manual(options: &ManualOptions) -> Result<(), String> {
    let folder = &options.folder;
    let made = fs::create_dir_all(folder);
    made.map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
    for (name, text) in manual_pages() {
        write(&folder.join(name), &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &[u8]) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The name of each page's file, and the page.
fn manual_pages() -> Vec<(String, Vec<u8>)> {
    let mut command = without_help_commands(Options::command());
    command.build();
    let mut names = Vec::new();
    collect_names(&command, &mut names);
    let mut pages = Vec::new();
    collect_pages(&command, &names, &mut pages);
    pages
}

/// `help` says what the pages say.
fn without_help_commands(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help_commands)
}

fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn collect_names(command: &Command, names: &mut Vec<String>) {
    names.push(page_name(command).to_string());
    for child in command.get_subcommands().filter(|child| !child.is_hide_set()) {
        collect_names(child, names);
    }
}

fn collect_pages(command: &Command, names: &[String], pages: &mut Vec<(String, Vec<u8>)>) {
    let page = page(command, names).expect("writing into memory does not fail");
    pages.push((format!("{}.1", page_name(command)), page));
    for child in command.get_subcommands().filter(|child| !child.is_hide_set()) {
        collect_pages(child, names, pages);
    }
}

fn page(command: &Command, names: &[String]) -> io::Result<Vec<u8>> {
    let own = page_name(command);
    let source = format!("clasp-relay {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(own).section("1");
    let man = man.source(source).manual("CLASP");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut text)?;
    }
    if command.get_subcommands().any(|child| !child.is_hide_set()) {
        man.render_subcommands_section(&mut text)?;
    }
    if let Some(help) = command.get_after_help() {
        after_help(&help.to_string()).to_writer(&mut text)?;
    }
    see_also(own, names).to_writer(&mut text)?;
    Ok(text)
}

/// The usage that `--help` shows, and not a list of all options.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:");
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.control("nf", []);
    for line in usage.lines() {
        roff.text([roman(line.trim())]);
    }
    roff.control("fi", []);
    roff
}

/// Turns the text after the options into sections, with its lines as they are: a line such as
/// `Examples:` or `Exit codes: 0 done` begins one, what stands before the first are notes.
fn after_help(help: &str) -> Roff {
    let mut roff = Roff::new();
    let mut in_section = false;
    let mut after_blank = true;
    let lines = help.lines().chain([""]);
    for line in lines {
        let heading = heading(line).filter(|_| after_blank);
        after_blank = line.is_empty();
        if let Some((title, rest)) = heading {
            begin_section(&mut roff, title, in_section);
            in_section = true;
            if !rest.is_empty() {
                roff.text([roman(rest)]);
            }
        } else if line.is_empty() {
            if in_section {
                roff.control("sp", []);
            }
        } else {
            if !in_section {
                begin_section(&mut roff, "notes", false);
                in_section = true;
            }
            roff.text([roman(line)]);
        }
    }
    if in_section {
        roff.control("fi", []);
    }
    roff
}

fn begin_section(roff: &mut Roff, title: &str, in_section: bool) {
    if in_section {
        roff.control("fi", []);
    }
    roff.control("SH", [title.to_uppercase().as_str()]);
    roff.control("nf", []);
}

/// A heading and what stands behind it on its line.
fn heading(line: &str) -> Option<(&str, &str)> {
    let (title, rest) = line.split_once(':')?;
    ["Examples", "Environment", "Exit codes"].contains(&title).then(|| (title, rest.trim()))
}

fn see_also(own: &str, names: &[String]) -> Roff {
    let others = names.iter().filter(|name| *name != own).map(|name| format!("{name}(1)"));
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(others.collect::<Vec<_>>().join(", "))]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        let pages = manual_pages();
        let page = pages.iter().find(|(page, _)| page == name).unwrap();
        String::from_utf8(page.1.clone()).unwrap()
    }

    #[test]
    fn each_command_has_a_page_and_help_has_none() {
        let names: Vec<String> = manual_pages().into_iter().map(|(name, _)| name).collect();
        for expected in ["clasp-relay.1", "clasp-relay-backup.1", "clasp-relay-journal-export.1"] {
            assert!(names.iter().any(|name| name == expected), "{expected}: {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
    }

    #[test]
    fn the_page_has_every_option_with_its_variable() {
        let page = text("clasp-relay.1").replace('\\', "");
        for argument in Options::command().get_arguments().filter(|it| !it.is_hide_set()) {
            let Some(long) = argument.get_long() else {
                continue;
            };
            assert!(page.contains(&format!("--{long}")), "--{long}");
            if let Some(variable) = argument.get_env().and_then(|name| name.to_str()) {
                assert!(page.contains(variable), "{variable}");
            }
        }
    }

    #[test]
    fn the_text_after_the_options_becomes_sections() {
        let page = text("clasp-relay.1");
        for section in ["EXAMPLES", "ENVIRONMENT", "\"EXIT CODES\"", "\"SEE ALSO\""] {
            assert!(page.contains(&format!(".SH {section}\n")), "{section}");
        }
        let export = text("clasp-relay-journal-export.1");
        assert!(export.contains(".SH NOTES\n.nf\nEach line is a JSON object"), "{export}");
        assert!(export.contains(".SH \"EXIT CODES\"\n.nf\n0 done"), "{export}");
    }
}
