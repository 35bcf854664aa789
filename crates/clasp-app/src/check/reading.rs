//! Checks as they are written in a config.

use super::Check;
use crate::document::{Members, Node, Reader};
use crate::path::PathPattern;
use crate::problem::did_you_mean;
use crate::template::Template;

/// All kinds of checks.
const KINDS: [&str; 9] = [
    "state_field_equals_session",
    "state_not_null",
    "either_state_not_null",
    "value_field_equals_session",
    "segment_equals_session",
    "require_value_field",
    "reject_unless_path_matches",
    "value_in_range",
    "field_unchanged",
];

impl Check {
    /// Reads a check of a rule with this path.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        path: Option<&PathPattern>,
    ) -> Option<Check> {
        let mut members = reader.members(node)?;
        let kind = match (members.take("type"), members.take("check")) {
            (Some(kind), None) | (None, Some(kind)) => kind,
            (Some(_), Some(other)) => {
                reader.error(&other, "'check' and 'type' mean the same: leave one out");
                return None;
            }
            (None, None) => {
                reader.error(node, "'type' is missing: it says what is checked");
                return None;
            }
        };
        let name = reader.text(&kind)?;
        let Some(name) = KINDS.into_iter().find(|known| *known == name) else {
            let text = format!("there is no check '{name}'{}", did_you_mean(name, KINDS));
            reader.error(&kind, text);
            return None;
        };
        let check = Body { reader, members: &mut members, path }.read(name);
        members.finish(reader);
        check
    }
}

/// The members of one check.
struct Body<'r, 't, 'm, 'd> {
    reader: &'r mut Reader<'t>,
    members: &'m mut Members<'d>,
    path: Option<&'r PathPattern>,
}

impl Body<'_, '_, '_, '_> {
    fn read(mut self, kind: &str) -> Option<Check> {
        match kind {
            "state_field_equals_session" => {
                let (lookup, field) = (self.lookup("lookup"), self.field());
                let allow_if_missing = self.allow_if_missing();
                let (lookup, field) = (lookup?, field?);
                Some(Check::StateFieldIsSubject { lookup, field, allow_if_missing })
            }
            "state_not_null" => {
                let (lookup, allow_if_missing) = (self.lookup("lookup"), self.allow_if_missing());
                Some(Check::StateNotNull { lookup: lookup?, allow_if_missing })
            }
            "either_state_not_null" => {
                let lookups = (self.lookup("lookup_a"), self.lookup("lookup_b"));
                let allow_if_missing = self.allow_if_missing();
                let lookups = [lookups.0?, lookups.1?];
                Some(Check::EitherStateNotNull { lookups, allow_if_missing })
            }
            "value_field_equals_session" => {
                Some(Check::ValueFieldIsSubject { field: self.field()? })
            }
            "segment_equals_session" => {
                let node = self.members.need("segment", self.reader)?;
                let name = self.reader.word(&node)?;
                let index = self.path?.capture(self.reader, &node, name)?;
                Some(Check::SegmentIsSubject { name: name.into(), index })
            }
            "require_value_field" => Some(Check::ValueHasField { field: self.field()? }),
            "reject_unless_path_matches" => self.path_matches(),
            "value_in_range" => self.range(),
            _ => {
                let field = self.field()?;
                Some(Check::FieldUnchanged { field, watched: self.path?.watched()? })
            }
        }
    }

    fn lookup(&mut self, name: &'static str) -> Option<Template> {
        let node = self.members.need(name, self.reader)?;
        Template::read(self.reader, &node, self.path)
    }

    fn field(&mut self) -> Option<Box<str>> {
        let node = self.members.need("field", self.reader)?;
        self.reader.word(&node).map(Into::into)
    }

    fn allow_if_missing(&mut self) -> bool {
        let node = self.members.take("allow_if_missing");
        node.and_then(|node| self.reader.truth(&node)).unwrap_or(false)
    }

    fn path_matches(&mut self) -> Option<Check> {
        let node = self.members.need("pattern", self.reader);
        let pattern = node.and_then(|node| PathPattern::read(self.reader, &node));
        let message = self.members.take("message").and_then(|node| self.reader.text(&node));
        let pattern = pattern?;
        let message = match message {
            Some(message) => message.into(),
            None => format!("The address must have the form {pattern}").into(),
        };
        Some(Check::PathMatches { pattern, message })
    }

    fn range(&mut self) -> Option<Check> {
        let field = match self.members.take("field") {
            Some(node) => Some(self.reader.word(&node)?.into()),
            None => None,
        };
        let mut bound = |name| {
            let node = self.members.take(name)?;
            self.reader.number(&node)
        };
        let (min, max) = (bound("min"), bound("max"));
        if min.is_none() && max.is_none() {
            self.reader.error(self.members.node(), "'min' or 'max' is missing");
            return None;
        }
        let (min, max) = (min.unwrap_or(f64::NEG_INFINITY), max.unwrap_or(f64::INFINITY));
        if min > max {
            self.reader.error(self.members.node(), "'min' is greater than 'max'");
            return None;
        }
        Some(Check::ValueInRange { field, min, max })
    }
}
