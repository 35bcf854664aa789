//! `doctor`: looks for what would keep the relay that these options start from working, in plain
//! words. It changes nothing.

mod files;
mod holder;
mod ports;
mod system;

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::options::Options;

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Ok,
    Warn,
    Fail,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    grade: Grade,
    /// What was looked at.
    subject: String,
    /// What was found, and what to do if it is not good.
    text: String,
}

impl Finding {
    fn ok(subject: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { grade: Grade::Ok, subject: subject.into(), text: text.into() }
    }

    fn warn(subject: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { grade: Grade::Warn, ..Finding::ok(subject, text) }
    }

    fn fail(subject: impl Into<String>, text: impl Into<String>) -> Finding {
        Finding { grade: Grade::Fail, ..Finding::ok(subject, text) }
    }
}

/// Looks at everything and writes a table; 1 if something failed.
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut findings = system::configuration(options);
    findings.extend(ports::look(options));
    findings.extend(files::look(options));
    findings.extend(files::certificate(options));
    findings.extend(system::look(options));
    let out = io::stdout();
    let coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    // Nobody is left to be told that this failed.
    let _gone = (&out).write_all(table(&findings, coloured).as_bytes());
    let failed = findings.iter().any(|finding| finding.grade == Grade::Fail);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn table(findings: &[Finding], coloured: bool) -> String {
    let width = findings.iter().map(|it| it.subject.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { grade, subject, text: said } in findings {
        let (word, colour) = match grade {
            Grade::Ok => ("ok  ", "\u{1b}[32m"),
            Grade::Warn => ("warn", "\u{1b}[33m"),
            Grade::Fail => ("FAIL", "\u{1b}[31m"),
        };
        let (colour, end) = if coloured { (colour, "\u{1b}[0m") } else { ("", "") };
        // Writing to a String does not fail.
        let _ok = writeln!(text, "{colour}{word}{end}  {subject:width$}  {said}");
    }
    let count = |grade| findings.iter().filter(|finding| finding.grade == grade).count();
    let (warned, failed) = (count(Grade::Warn), count(Grade::Fail));
    let _ok = writeln!(text, "{} looked at, {warned} to think of, {failed} failed", findings.len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals() {
        let findings = [Finding::ok("a", "fine"), Finding::fail("long one", "bad")];
        let plain = table(&findings, false);
        assert!(plain.starts_with("ok    a         fine\nFAIL  long one  bad\n"), "{plain}");
        assert!(plain.ends_with("2 looked at, 0 to think of, 1 failed\n"), "{plain}");
        assert!(table(&findings, true).contains("\u{1b}[31mFAIL\u{1b}[0m"));
    }
}
