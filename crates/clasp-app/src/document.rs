//! JSON with the place of every value, and a reader that collects all problems instead of
//! stopping at the first.

use std::collections::HashSet;

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::problem::{Problem, Severity, did_you_mean};

/// Reads a text and collects what is wrong with it.
pub(crate) struct Reader<'t> {
    text: &'t str,
    pub(crate) problems: Vec<Problem>,
}

/// A value and where it is.
#[derive(Clone)]
pub(crate) struct Node<'d> {
    value: &'d Value<'d>,
    path: String,
}

/// The members of an object that have not been asked for yet count as unknown.
pub(crate) struct Members<'d> {
    object: &'d Object<'d>,
    node: Node<'d>,
    known: Vec<&'static str>,
}

impl<'t> Reader<'t> {
    /// Parses strict JSON and shows its root to `visit`.
    pub(crate) fn read<T>(
        text: &'t str,
        visit: impl FnOnce(&mut Reader<'t>, &Node<'_>) -> Option<T>,
    ) -> (Option<T>, Vec<Problem>) {
        let mut reader = Reader { text, problems: Vec::new() };
        // The strict parser's messages are the better ones, and it bounds the nesting.
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            let (line, column) = (error.line().max(1), error.column().max(1));
            let whole = error.to_string();
            let reason = whole.split(" at line ").next().unwrap_or_default();
            let text = format!("this is not JSON: {reason}");
            let member = String::new();
            let severity = Severity::Error;
            reader.problems.push(Problem { severity, line, column, member, text });
            return (None, reader.problems);
        }
        let tree = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default());
        let Some(root) = tree.ok().and_then(|tree| tree.value) else {
            reader.report(Severity::Error, (0, ""), "this is not JSON".into());
            return (None, reader.problems);
        };
        let outcome = visit(&mut reader, &Node { value: &root, path: String::new() });
        (outcome, reader.problems)
    }

    fn report(&mut self, severity: Severity, (at, member): (usize, &str), text: String) {
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let member = member.to_owned();
        self.problems.push(Problem { severity, line, column, member, text });
    }

    /// The config cannot be used because of this value.
    pub(crate) fn error(&mut self, node: &Node<'_>, text: impl Into<String>) {
        self.report(Severity::Error, (node.value.start(), &node.path), text.into());
    }

    /// This value has no effect.
    pub(crate) fn warn(&mut self, node: &Node<'_>, text: impl Into<String>) {
        self.report(Severity::Warning, (node.value.start(), &node.path), text.into());
    }

    /// Whether anything makes the config useless.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    fn expected(&mut self, node: &Node<'_>, what: &str) {
        self.error(node, format!("expected {what}, not {}", node.kind()));
    }

    /// An object's members.
    pub(crate) fn members<'d>(&mut self, node: &Node<'d>) -> Option<Members<'d>> {
        let Value::Object(object) = node.value else {
            self.expected(node, "an object");
            return None;
        };
        Some(Members { object, node: node.clone(), known: Vec::new() })
    }

    /// An array's elements; none, after a complaint, of anything else.
    pub(crate) fn items<'d>(&mut self, node: &Node<'d>) -> Vec<Node<'d>> {
        let Value::Array(array) = node.value else {
            self.expected(node, "an array");
            return Vec::new();
        };
        let item = |(index, value)| Node { value, path: format!("{}[{index}]", node.path) };
        array.elements.iter().enumerate().map(item).collect()
    }

    pub(crate) fn text<'d>(&mut self, node: &Node<'d>) -> Option<&'d str> {
        match node.value {
            Value::StringLit(text) => Some(&text.value),
            _ => {
                self.expected(node, "a text");
                None
            }
        }
    }

    /// A text that must not be empty.
    pub(crate) fn word<'d>(&mut self, node: &Node<'d>) -> Option<&'d str> {
        let text = self.text(node)?;
        if text.is_empty() {
            self.error(node, "an empty text never fits anything");
            return None;
        }
        Some(text)
    }

    pub(crate) fn truth(&mut self, node: &Node<'_>) -> Option<bool> {
        let truth = node.as_truth();
        if truth.is_none() {
            self.expected(node, "true or false");
        }
        truth
    }

    /// A whole number from `min` to 4,294,967,295.
    pub(crate) fn count(&mut self, node: &Node<'_>, min: u32) -> Option<u32> {
        let count = match node.value {
            Value::NumberLit(number) => number.value.parse().ok().filter(|count| *count >= min),
            _ => None,
        };
        if count.is_none() {
            self.error(node, format!("expected a whole number from {min} to {}", u32::MAX));
        }
        count
    }

    /// Any number.
    pub(crate) fn number(&mut self, node: &Node<'_>) -> Option<f64> {
        let number = match node.value {
            Value::NumberLit(number) => number.value.parse().ok().filter(|it: &f64| it.is_finite()),
            _ => None,
        };
        if number.is_none() {
            self.expected(node, "a number");
        }
        number
    }
}

impl Node<'_> {
    pub(crate) fn as_truth(&self) -> Option<bool> {
        match self.value {
            Value::BooleanLit(truth) => Some(truth.value),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self.value {
            Value::StringLit(_) => "a text",
            Value::NumberLit(_) => "a number",
            Value::BooleanLit(_) => "true or false",
            Value::Object(_) => "an object",
            Value::Array(_) => "an array",
            Value::NullKeyword(_) => "null",
        }
    }
}

impl<'d> Members<'d> {
    /// The object itself.
    pub(crate) fn node(&self) -> &Node<'d> {
        &self.node
    }

    /// The member of this name, if there is one; the last of several.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Node<'d>> {
        self.known.push(name);
        let mut members = self.object.properties.iter();
        let member = members.rfind(|member| member.name.as_str() == name)?;
        Some(Node { value: &member.value, path: self.path_of(name) })
    }

    /// The member of this name; a complaint if there is none.
    pub(crate) fn need(&mut self, name: &'static str, reader: &mut Reader<'_>) -> Option<Node<'d>> {
        let node = self.take(name);
        if node.is_none() {
            reader.error(&self.node, format!("'{name}' is missing"));
        }
        node
    }

    /// Warns of members that nobody asked for, and of repeated ones.
    pub(crate) fn finish(self, reader: &mut Reader<'_>) {
        let mut seen = HashSet::new();
        for member in &self.object.properties {
            let name = member.name.as_str();
            let place = (member.start(), self.path_of(name));
            if !seen.insert(name) {
                let text = format!("'{name}' is given twice");
                reader.report(Severity::Error, (place.0, &place.1), text);
            } else if !self.known.contains(&name) {
                let hint = did_you_mean(name, self.known.iter().copied());
                let text = format!("'{name}' is unknown here and has no effect{hint}");
                reader.report(Severity::Warning, (place.0, &place.1), text);
            }
        }
    }

    fn path_of(&self, name: &str) -> String {
        match self.node.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let (_, problems) = Reader::read(text, |reader, root| {
            let mut members = reader.members(root)?;
            if let Some(list) = members.take("list") {
                for item in reader.items(&list) {
                    reader.count(&item, 1);
                }
            }
            members.finish(reader);
            Some(())
        });
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn problems_name_line_column_and_member() {
        let text = "{\n  \"list\": [1, \"zwei\",\n    0]\n}";
        assert_eq!(
            problems(text),
            [
                "2:15: list[1]: expected a whole number from 1 to 4294967295",
                "3:5: list[2]: expected a whole number from 1 to 4294967295",
            ]
        );
        assert_eq!(problems("[]"), ["1:1: expected an object, not an array"]);
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(problems("{\"ä\": 1, \"lst\": 2}").len(), 2);
        assert!(problems("{\"ä\": 1, \"lst\": 2}")[1].starts_with("1:10: lst: 'lst' is unknown"));
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        assert_eq!(problems("{\n  \"list\": }"), ["2:11: this is not JSON: expected value"]);
        assert!(problems("").len() == 1 && problems("{} // comment").len() == 1);
        assert_eq!(problems(&"[".repeat(100_000)).len(), 1);
    }

    #[test]
    fn a_member_given_twice_is_an_error() {
        assert_eq!(problems("{\"list\": [], \"list\": []}"), ["1:14: list: 'list' is given twice"]);
    }
}
