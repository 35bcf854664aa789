//! `check-config`: tells what an app config grants, or everything that is wrong with it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clasp_app::AppConfig;

use super::file;
use crate::options::CheckOptions;

/// Checks a config strictly and writes what it grants to standard output.
///
/// # Errors
/// Everything that is wrong with it, one line each.
pub(crate) fn check(options: &CheckOptions) -> Result<(), String> {
    let name = options.file.display();
    let parsed = AppConfig::parse(&file::text(&options.file)?);
    match parsed.config {
        Some(config) if parsed.problems.is_empty() => print(&table(&config)),
        _ => {
            let lines: Vec<String> =
                parsed.problems.iter().map(|problem| format!("{name}:{problem}")).collect();
            let count = match lines.len() {
                1 => "1 problem".to_owned(),
                count => format!("{count} problems"),
            };
            Err(format!("{count} in {name}\n{}", lines.join("\n")))
        }
    }
}

/// Parts with their rows; what holds lines up beside what is concerned.
fn table(config: &AppConfig) -> String {
    let mut text = format!("{}\n", config.outline());
    for (title, rows) in config.summary() {
        // Writing to a String does not fail.
        let _ok = writeln!(text, "\n{title}");
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, holds) in &rows {
            let row = format!("  {name:width$}  {holds}");
            let _ok = writeln!(text, "{}", row.trim_end());
        }
        if rows.is_empty() {
            text.push_str("  nothing is said\n");
        }
    }
    text
}

fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}
