//! Paths of rules: segments, some of them captured (relay.md 13.2).
//!
//! Not the matcher of scopes and subscriptions: `/a/**` ends a path wherever it stands, and there
//! are no stars inside a segment.

use std::fmt;

use clasp_protocol::Pattern;

use crate::document::{Node, Reader};
use crate::problem::did_you_mean;

/// A path with captures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathPattern {
    text: Box<str>,
    /// What stands between slashes, the nothing before the first one included.
    parts: Box<[Part]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    /// `*`, or `{name}`.
    Any(Option<Box<str>>),
    /// `**`.
    Rest,
}

impl PathPattern {
    /// Reads a path; complaints go to the reader.
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<PathPattern> {
        let text = reader.text(node)?;
        if !text.starts_with('/') {
            reader.error(node, format!("'{text}' never matches: a path starts with '/'"));
            return None;
        }
        let mut parts: Vec<Part> = Vec::new();
        for segment in text.split('/') {
            if parts.last() == Some(&Part::Rest) {
                reader.warn(node, format!("'{segment}' has no effect: nothing counts after '**'"));
                break;
            }
            let part = Part::new(segment);
            if let Part::Any(Some(name)) = &part
                && parts.contains(&part)
            {
                reader.error(node, format!("'{{{name}}}' is captured twice"));
                return None;
            }
            if let Part::Literal(literal) = &part
                && literal.contains(['*', '{', '}'])
            {
                let text = format!("'{literal}' is taken literally: '*' and {{name}} stand alone");
                reader.warn(node, text);
            }
            parts.push(part);
        }
        if parts[1..].contains(&Part::Literal("".into())) {
            reader.error(node, format!("'{text}' never matches: it has an empty segment"));
            return None;
        }
        Some(PathPattern { text: text.into(), parts: parts.into() })
    }

    /// Whether the address fits.
    pub(crate) fn matches(&self, address: &str) -> bool {
        let mut segments = address.split('/');
        for part in &self.parts {
            let fits = match (part, segments.next()) {
                (Part::Rest, _) => return true,
                (Part::Literal(literal), Some(segment)) => **literal == *segment,
                (Part::Any(_), Some(_)) => true,
                (_, None) => false,
            };
            if !fits {
                return false;
            }
        }
        segments.next().is_none()
    }

    /// Which segment of an address a capture is, counted from the nothing before the first slash.
    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        let is_it = |part: &Part| matches!(part, Part::Any(Some(capture)) if **capture == *name);
        self.parts.iter().position(is_it)
    }

    /// [`Self::index_of`], with a complaint.
    pub(crate) fn capture(
        &self,
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        name: &str,
    ) -> Option<usize> {
        let index = self.index_of(name);
        if index.is_none() {
            let hint = did_you_mean(name, self.captures());
            let text = format!("'{name}' is not captured by the path {}{hint}", self.text);
            reader.error(node, text);
        }
        index
    }

    /// Names of the captures.
    pub(crate) fn captures(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Any(Some(name)) => Some(&**name),
            _ => None,
        })
    }

    /// A pattern that matches at least the addresses that fit.
    pub(crate) fn watched(&self) -> Option<Pattern> {
        let texts: Vec<&str> = self.parts.iter().map(Part::wildcard).collect();
        Pattern::parse(&texts.join("/")).ok()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Part {
    fn new(segment: &str) -> Part {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match (segment, name) {
            ("**", _) => Part::Rest,
            ("*", _) => Part::Any(None),
            (_, Some(name)) if !name.is_empty() && !name.contains(['{', '}']) => {
                Part::Any(Some(name.into()))
            }
            _ => Part::Literal(segment.into()),
        }
    }

    fn wildcard(&self) -> &str {
        match self {
            Part::Literal(text) => text,
            Part::Any(_) => "*",
            Part::Rest => "**",
        }
    }
}

/// A segment of an address, counted as by [`PathPattern::index_of`].
pub(crate) fn segment(address: &str, index: usize) -> Option<&str> {
    address.split('/').nth(index)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A path and the problems with it.
    pub(crate) fn read(text: &str) -> (Option<PathPattern>, Vec<String>) {
        let json = serde_json::to_string(text).unwrap();
        let (path, problems) = Reader::read(&json, PathPattern::read);
        (path, problems.iter().map(ToString::to_string).collect())
    }

    pub(crate) fn path(text: &str) -> PathPattern {
        let (path, problems) = read(text);
        assert_eq!(problems, [""; 0]);
        path.unwrap()
    }

    #[test]
    fn paths_match_in_step() {
        let rows = [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/B", false),
            ("/a/b", "/a", false),
            ("/a", "/a/b", false),
            ("/a/*", "/a/b", true),
            ("/a/*", "/a", false),
            ("/a/*", "/a/b/c", false),
            ("/a/{x}/c", "/a/b/c", true),
            ("/a/{x}/c", "/a/b/d", false),
            ("/a/**", "/a/b/c", true),
            ("/a/**", "/a", true),
            ("/a/**", "/b", false),
            ("/**", "/a", true),
            ("/a/{x}/**", "/a", false),
            ("/a/{x}/**", "/a/b", true),
        ];
        for (pattern, address, expected) in rows {
            assert_eq!(path(pattern).matches(address), expected, "{pattern} {address}");
        }
    }

    #[test]
    fn stars_and_braces_in_an_address_are_ordinary_characters() {
        assert!(!path("/a/b").matches("/a/*") && !path("/a/b").matches("/a/**"));
        assert!(path("/a/{x}").matches("/a/{y}"));
    }

    #[test]
    fn stars_inside_a_segment_are_literal_and_that_is_told() {
        let (path, problems) = read("/a/b*");
        assert!(path.as_ref().unwrap().matches("/a/b*") && !path.unwrap().matches("/a/bc"));
        assert!(problems[0].contains("'b*' is taken literally"), "{problems:?}");
    }

    #[test]
    fn parts_after_the_rest_do_not_count_and_that_is_told() {
        let (path, problems) = read("/a/**/c");
        assert!(path.unwrap().matches("/a/b"));
        assert!(problems[0].contains("nothing counts after '**'"), "{problems:?}");
    }

    #[test]
    fn captures_are_segments() {
        let path = path("/a/{x}/*/{y}");
        let address = "/a/one/two/three";
        assert_eq!(segment(address, path.index_of("x").unwrap()), Some("one"));
        assert_eq!(segment(address, path.index_of("y").unwrap()), Some("three"));
        assert_eq!(path.index_of("z"), None);
    }

    #[test]
    fn a_path_that_cannot_match_is_refused() {
        for text in ["a/b", "", "/a//b", "/a/", "/{x}/{x}"] {
            let (path, problems) = read(text);
            assert!(path.is_none() && problems.len() == 1, "{text}: {problems:?}");
        }
    }

    #[test]
    fn what_is_watched_covers_what_matches() {
        assert_eq!(path("/a/{x}/*/**").watched().unwrap().as_str(), "/a/*/*/**");
    }
}
