//! The page on the command line, made from the command itself: docs/reference/relay-cli.md.

use std::fmt::Write as _;

use clap::{Arg, Command};

use crate::cli;
use crate::config_file::{by_section, is_switch, table_name};

const HEAD: &str = "\
# clasp-relay: the command line

This page is made from the program by `cargo xtask docs`; a test fails when it is out of date.

Every option can be given in three ways; the first that is given counts:

1. as a flag,
2. as the environment variable beside it (an empty one counts as absent),
3. in the config file, `--config FILE` or `/etc/clasp/relay.toml`, under the flag's name without
   dashes: `max-sessions = 5000`, alone or in the table that is named with the section. Switches are
   `true` or `false`, what may be repeated is a list. An unknown name is an error.

`--print-config` writes what holds, with where each value comes from. Files with secrets are named,
never quoted, in all three.

Sockets can come from the service manager (systemd's socket activation) instead: name them
`websocket`, `auth`, `health`, `metrics` with `FileDescriptorName=`.
";

/// The page.
pub fn page() -> String {
    let mut command = cli::command();
    command.build();
    let mut page = HEAD.to_owned();
    section_of_options(&mut page, &command);
    page.push_str("\n## Commands\n");
    for inner in command.get_subcommands() {
        commands(&mut page, inner, "clasp-relay");
    }
    if let Some(after) = command.get_after_help() {
        // Writing to a String does not fail.
        let _ok = write!(page, "\n## Examples, environment, exit codes\n\n```text\n{after}\n```\n");
    }
    page
}

fn section_of_options(page: &mut String, command: &Command) {
    for (section, arguments) in by_section(command) {
        let _ok = write!(page, "\n## {section}\n\nTable `[{}]`.\n", table_name(section));
        for argument in arguments {
            option(page, argument);
        }
    }
}

fn commands(page: &mut String, command: &Command, parent: &str) {
    let name = format!("{parent} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ok = write!(page, "\n### {name}\n\n{about}.\n");
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        if !["help", "version"].contains(&argument.get_id().as_str()) {
            option(page, argument);
        }
    }
    if let Some(after) = command.get_after_help() {
        let _ok = write!(page, "\n```text\n{after}\n```\n");
    }
    for inner in command.get_subcommands() {
        commands(page, inner, &name);
    }
}

fn option(page: &mut String, argument: &Arg) {
    let mut flags = String::new();
    if let Some(short) = argument.get_short() {
        let _ok = write!(flags, "-{short}, ");
    }
    let values = argument.get_value_names().unwrap_or_default();
    let value = values.first().filter(|_| !is_switch(argument));
    match (argument.get_long(), value) {
        (Some(long), Some(value)) => flags.push_str(&format!("--{long} <{value}>")),
        (Some(long), None) => flags.push_str(&format!("--{long}")),
        (None, value) => flags.push_str(value.map_or("", |value| value.as_str())),
    }
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let _ok = write!(page, "\n* `{flags}`");
    if let Some(variable) = argument.get_env().and_then(|name| name.to_str()) {
        let _ok = write!(page, ", `{variable}`");
    }
    let defaults: Vec<_> = argument.get_default_values().iter().collect();
    if let Some(default) = defaults.first().filter(|_| !is_switch(argument)) {
        let _ok = write!(page, ", default `{}`", default.to_string_lossy());
    }
    let _ok = write!(page, "  \n  {help}.");
    let possible: Vec<_> = argument.get_possible_values();
    if !is_switch(argument) && argument.get_long().is_some() && !possible.is_empty() {
        let names: Vec<_> = possible.iter().map(|it| format!("`{}`", it.get_name())).collect();
        let _ok = write!(page, " One of {}.", names.join(", "));
    }
    page.push('\n');
}
