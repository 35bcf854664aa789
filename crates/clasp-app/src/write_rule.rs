//! Rules on writes: the first whose path fits decides (relay.md 13.4).

use std::fmt;

use crate::check::{Case, Check};
use crate::document::{Node, Reader};
use crate::path::PathPattern;

/// One rule.
#[derive(Debug, Clone)]
pub(crate) struct WriteRule {
    pub(crate) path: PathPattern,
    mode: Mode,
    /// All of them have to pass, before anything else.
    pre_checks: Box<[Check]>,
    checks: Box<[Check]>,
    /// Null may be written once the pre-checks have passed.
    allow_null_write: bool,
}

/// How many of the checks have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    All,
    Any,
}

impl WriteRule {
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<WriteRule> {
        let mut members = reader.members(node)?;
        let path = members.need("path", reader).and_then(|node| PathPattern::read(reader, &node));
        let checks = members.need("checks", reader);
        let checks = checks.map(|node| read_checks(reader, &node, path.as_ref()));
        let pre_checks = members.take("pre_checks");
        let pre_checks = pre_checks.map(|node| read_checks(reader, &node, path.as_ref()));
        let null = members.take("allow_null_write").and_then(|node| reader.truth(&node));
        let mode = match members.take("mode") {
            Some(node) => match reader.text(&node) {
                Some("all") => Mode::All,
                Some("any") => Mode::Any,
                Some(other) => {
                    reader.error(&node, format!("'{other}' is no mode: use \"all\" or \"any\""));
                    Mode::All
                }
                None => Mode::All,
            },
            None => Mode::All,
        };
        members.finish(reader);
        Some(WriteRule {
            path: path?,
            mode,
            pre_checks: pre_checks.unwrap_or_default(),
            checks: checks?,
            allow_null_write: null.unwrap_or(false),
        })
    }

    /// Whether this may be written; else why not.
    pub(crate) fn judge(&self, case: &Case<'_>) -> Result<(), String> {
        self.pre_checks.iter().try_for_each(|check| check.pass(case))?;
        let is_null =
            case.value.is_none_or(|value| value.kind() == clasp_protocol::ValueKind::Null);
        if self.allow_null_write && is_null {
            return Ok(());
        }
        match self.mode {
            Mode::All => self.checks.iter().try_for_each(|check| check.pass(case)),
            Mode::Any => {
                let mut first = Ok(());
                for check in &self.checks {
                    match check.pass(case) {
                        Ok(()) => return Ok(()),
                        refused => first = first.and(refused),
                    }
                }
                first
            }
        }
    }

    /// All checks.
    pub(crate) fn checks(&self) -> impl Iterator<Item = &Check> {
        self.pre_checks.iter().chain(&self.checks)
    }
}

fn read_checks(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    path: Option<&PathPattern>,
) -> Box<[Check]> {
    // Without a path every placeholder would be complained of.
    let Some(path) = path else { return Box::default() };
    let items = reader.items(node);
    items.iter().filter_map(|item| Check::read(reader, item, Some(path))).collect()
}

impl fmt::Display for WriteRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |checks: &[Check], word: &str| {
            checks.iter().map(ToString::to_string).collect::<Vec<_>>().join(word)
        };
        if !self.pre_checks.is_empty() {
            write!(f, "first {}; then ", list(&self.pre_checks, " and "))?;
        }
        match (&*self.checks, self.mode) {
            ([], _) => f.write_str("anything")?,
            (checks, Mode::All) => f.write_str(&list(checks, " and "))?,
            (checks, Mode::Any) => f.write_str(&list(checks, " or "))?,
        }
        if self.allow_null_write { f.write_str("; null always") } else { Ok(()) }
    }
}
