//! The checks of write rules (relay.md 13.4).

mod reading;
#[cfg(test)]
mod tests;

use std::fmt;

use clasp_protocol::{Pattern, RawValue};

use crate::facts::Facts;
use crate::path::{PathPattern, segment};
use crate::template::Template;

/// Most bytes of a written text that an error repeats.
const QUOTED_BYTES_MAX: usize = 64;

/// One check.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// `state_field_equals_session`
    StateFieldIsSubject { lookup: Template, field: Box<str>, allow_if_missing: bool },
    /// `state_not_null`
    StateNotNull { lookup: Template, allow_if_missing: bool },
    /// `either_state_not_null`
    EitherStateNotNull { lookups: [Template; 2], allow_if_missing: bool },
    /// `value_field_equals_session`
    ValueFieldIsSubject { field: Box<str> },
    /// `segment_equals_session`
    SegmentIsSubject { name: Box<str>, index: usize },
    /// `require_value_field`
    ValueHasField { field: Box<str> },
    /// `reject_unless_path_matches`
    PathMatches { pattern: PathPattern, message: Box<str> },
    /// `value_in_range`
    ValueInRange { field: Option<Box<str>>, min: f64, max: f64 },
    /// `field_unchanged`
    FieldUnchanged { field: Box<str>, watched: Pattern },
}

/// A write that is being judged.
pub(crate) struct Case<'a> {
    /// Identity of the writer; `None` for a session without one, for which no owner check passes.
    pub(crate) subject: Option<&'a str>,
    pub(crate) address: &'a str,
    pub(crate) value: Option<&'a RawValue<'a>>,
    pub(crate) facts: &'a Facts,
    /// Microseconds of the monotonic clock.
    pub(crate) now_us: u64,
}

impl Check {
    /// Whether the write may happen as far as this check is concerned; else why not.
    pub(crate) fn pass(&self, case: &Case<'_>) -> Result<(), String> {
        match self {
            Check::StateFieldIsSubject { lookup, field, allow_if_missing } => {
                case.state_field_is_subject(lookup, field, *allow_if_missing)
            }
            Check::StateNotNull { lookup, allow_if_missing } => {
                match case.state(lookup, *allow_if_missing) {
                    (_, true) => Ok(()),
                    (address, false) => Err(format!("State is null or missing at '{address}'")),
                }
            }
            Check::EitherStateNotNull { lookups: [a, b], allow_if_missing } => {
                case.either(a, b, *allow_if_missing)
            }
            Check::ValueFieldIsSubject { field } => case.value_field_is_subject(field),
            Check::SegmentIsSubject { name, index } => {
                let segment = segment(case.address, *index).unwrap_or_default();
                case.is_subject(segment).then_some(()).ok_or_else(|| {
                    format!("Path segment '{name}' is '{segment}'{}", case.mismatch())
                })
            }
            Check::ValueHasField { field } => match case.text_of(field) {
                Some(_) => Ok(()),
                None => Err(format!("Value must include a {field} field")),
            },
            Check::PathMatches { pattern, message } => {
                if pattern.matches(case.address) {
                    Ok(())
                } else {
                    Err(message.to_string())
                }
            }
            Check::ValueInRange { field, min, max } => {
                case.value_in_range(field.as_deref(), *min, *max)
            }
            Check::FieldUnchanged { field, .. } => case.field_unchanged(field),
        }
    }

    /// Addresses that it asks for.
    pub(crate) fn watched(&self) -> Vec<Pattern> {
        match self {
            Check::StateFieldIsSubject { lookup, .. } | Check::StateNotNull { lookup, .. } => {
                vec![lookup.watched().clone()]
            }
            Check::EitherStateNotNull { lookups, .. } => {
                lookups.iter().map(|lookup| lookup.watched().clone()).collect()
            }
            Check::FieldUnchanged { watched, .. } => vec![watched.clone()],
            _ => Vec::new(),
        }
    }

    /// The field of a stored value that it asks for.
    pub(crate) fn stored_field(&self) -> Option<&str> {
        match self {
            Check::StateFieldIsSubject { field, .. } | Check::FieldUnchanged { field, .. } => {
                Some(field)
            }
            _ => None,
        }
    }
}

impl Case<'_> {
    fn is_subject(&self, text: &str) -> bool {
        self.subject == Some(text)
    }

    fn mismatch(&self) -> String {
        let subject = self.subject.unwrap_or_default();
        format!(", does not match session identity '{}'", quoted(subject))
    }

    fn text_of(&self, field: &str) -> Option<&str> {
        self.value.and_then(|value| value.field_str(field))
    }

    /// Where a look-up leads; without an identity the template itself stands for it in errors.
    fn at(&self, lookup: &Template) -> Result<String, String> {
        lookup.fill(self.address, self.subject).ok_or_else(|| lookup.to_string())
    }

    /// Where a look-up leads and whether something is there that is not null.
    fn state(&self, lookup: &Template, allow_if_missing: bool) -> (String, bool) {
        match self.at(lookup) {
            Err(template) => (template, false),
            Ok(address) => {
                let is_set = self.facts.ask(&address, self.now_us, |fact| {
                    fact.map_or(allow_if_missing, |fact| !fact.is_null)
                });
                (address, is_set)
            }
        }
    }

    fn either(&self, a: &Template, b: &Template, allow_if_missing: bool) -> Result<(), String> {
        let ((at_a, a_is_set), (at_b, b_is_set)) = (self.state(a, false), self.state(b, false));
        if a_is_set || b_is_set {
            return Ok(());
        }
        // Only what was looked for can be missing.
        if allow_if_missing {
            let missing = |lookup| match self.at(lookup) {
                Ok(address) => self.facts.ask(&address, self.now_us, |fact| fact.is_none()),
                Err(_) => false,
            };
            if missing(a) && missing(b) {
                return Ok(());
            }
        }
        Err(format!("Neither '{at_a}' nor '{at_b}' exists in state"))
    }

    fn state_field_is_subject(
        &self,
        lookup: &Template,
        field: &str,
        allow_if_missing: bool,
    ) -> Result<(), String> {
        let mismatch =
            |at: &str| Err(format!("Field '{field}' at '{at}' does not match session identity"));
        let (Some(subject), Ok(address)) = (self.subject, self.at(lookup)) else {
            return mismatch(&lookup.to_string());
        };
        self.facts.ask(&address, self.now_us, |fact| match fact {
            None if allow_if_missing => Ok(()),
            None => Err(format!("State not found at '{address}'")),
            Some(fact) => match self.facts.field(fact, field).and_then(RawValue::as_str) {
                Some(owner) if owner == subject => Ok(()),
                _ => mismatch(&address),
            },
        })
    }

    fn value_field_is_subject(&self, field: &str) -> Result<(), String> {
        match self.text_of(field) {
            Some(text) if self.is_subject(text) => Ok(()),
            Some(text) => {
                Err(format!("Value field '{field}' is '{}'{}", quoted(text), self.mismatch()))
            }
            None => Err(format!("Value must include a {field} field")),
        }
    }

    fn value_in_range(&self, field: Option<&str>, min: f64, max: f64) -> Result<(), String> {
        let number = match (self.value, field) {
            (Some(value), Some(field)) => value.field(field).and_then(|inner| inner.number()),
            (Some(value), None) => value.number(),
            (None, _) => None,
        };
        match number.map(|number| number.as_f64()) {
            Some(number) if number >= min && number <= max => Ok(()),
            _ => {
                let whose =
                    field.map_or_else(|| "Value".into(), |it| format!("Value field '{it}'"));
                Err(format!("{whose} must be a number{}", Range(min, max)))
            }
        }
    }

    fn field_unchanged(&self, field: &str) -> Result<(), String> {
        let before = self.facts.ask(self.address, self.now_us, |fact| {
            fact.and_then(|fact| self.facts.field(fact, field)).map(RawValue::to_value)
        });
        let after = self.value.and_then(|value| value.field(field)).map(|value| value.to_value());
        if before.is_none() || before == after {
            return Ok(());
        }
        Err(format!("Field '{field}' at '{}' must not change", self.address))
    }
}

/// The beginning of a text from outside.
fn quoted(text: &str) -> &str {
    &text[..text.floor_char_boundary(QUOTED_BYTES_MAX)]
}

/// Bounds in words.
struct Range(f64, f64);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Range(f64::NEG_INFINITY, max) => write!(f, " up to {max}"),
            Range(min, f64::INFINITY) => write!(f, " from {min}"),
            Range(min, max) => write!(f, " from {min} to {max}"),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = |allowed: bool| if allowed { ", or nothing is there" } else { "" };
        match self {
            Check::StateFieldIsSubject { lookup, field, allow_if_missing } => {
                write!(f, "'{field}' at {lookup} names the writer{}", missing(*allow_if_missing))
            }
            Check::StateNotNull { lookup, allow_if_missing } => {
                write!(f, "{lookup} is there and not null{}", missing(*allow_if_missing))
            }
            Check::EitherStateNotNull { lookups: [a, b], allow_if_missing } => {
                let missing = missing(*allow_if_missing);
                write!(f, "one of {a} and {b} is there and not null{missing}")
            }
            Check::ValueFieldIsSubject { field } => write!(f, "'{field}' names the writer"),
            Check::SegmentIsSubject { name, .. } => write!(f, "{{{name}}} is the writer"),
            Check::ValueHasField { field } => write!(f, "'{field}' is a text"),
            Check::PathMatches { pattern, .. } => write!(f, "the address fits {pattern}"),
            Check::ValueInRange { field: Some(field), min, max } => {
                write!(f, "'{field}' is a number{}", Range(*min, *max))
            }
            Check::ValueInRange { field: None, min, max } => {
                write!(f, "the value is a number{}", Range(*min, *max))
            }
            Check::FieldUnchanged { field, .. } => write!(f, "'{field}' stays as it is"),
        }
    }
}
