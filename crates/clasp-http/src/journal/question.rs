//! What a request asks of the journal.

use clasp_protocol::Pattern;
use clasp_protocol::message::{SignalType, TypeMask};

/// Entries of one answer, also when no limit is given.
pub(super) const ENTRIES_MAX: usize = 10_000;

/// The parameters of a query. Those that are unknown are ignored; of repeated ones the last counts.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) pattern: Pattern,
    pub(super) from_us: Option<u64>,
    pub(super) to_us: Option<u64>,
    pub(super) types: TypeMask,
    pub(super) deletions: bool,
    /// Only entries with higher sequence numbers.
    pub(super) after: Option<u64>,
    pub(super) limit: Option<usize>,
}

impl Question {
    /// # Errors
    /// Which parameter cannot be meant so, for the one who asks.
    pub(super) fn parse(text: &str) -> Result<Question, String> {
        let mut question = Question {
            pattern: Pattern::parse("/**").map_err(|error| error.to_string())?,
            from_us: None,
            to_us: None,
            types: TypeMask::ALL,
            deletions: false,
            after: None,
            limit: None,
        };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "pattern" => {
                    question.pattern =
                        Pattern::parse(&value).map_err(|error| format!("pattern: {error}"))?;
                }
                "from" => question.from_us = Some(number("from", &value)?),
                "to" => question.to_us = Some(number("to", &value)?),
                "seq" => question.after = Some(number("seq", &value)?),
                "limit" => {
                    let limit = number("limit", &value)?;
                    question.limit = Some(usize::try_from(limit).unwrap_or(usize::MAX));
                }
                "types" => question.types = types(&value),
                "deletions" => question.deletions = truth("deletions", &value)?,
                _ => {}
            }
        }
        Ok(question)
    }
}

fn number(name: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{name} must be a whole number that is not negative"))
}

fn truth(name: &str, text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{name} must be true or false")),
    }
}

/// Unknown names are dropped; if none is left, there is no filter.
fn types(list: &str) -> TypeMask {
    let known = list.split(',').filter_map(|name| SignalType::from_name(name.trim()));
    TypeMask::of(&known.collect::<Vec<_>>())
}
