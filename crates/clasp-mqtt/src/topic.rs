//! Topic names and filters as MQTT has them, and as paths: addresses without a namespace
//! (adapters.md 1.3).
//!
//! A path has the topic's levels as segments, with `*` as `%2A`, `%` as `%25` and an empty level as
//! `%_`; so no topic makes a wildcard, and every path leads back to its topic.

use std::fmt::Write as _;

/// Levels of a topic or filter.
pub const LEVELS_MAX: usize = 32;

const EMPTY: &str = "%_";

/// Why a string is no topic name or filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// It has no character.
    #[error("a topic has at least one character")]
    Empty,
    /// U+0000.
    #[error("a topic has no character U+0000")]
    Nul,
    /// `+` or `#` in a name.
    #[error("a topic name has no + and no #")]
    Wildcard,
    /// `+` or `#` where a filter has none.
    #[error("+ stands for a whole level, # for all levels at the end")]
    Misplaced,
    /// Too many levels.
    #[error("a topic has at most {LEVELS_MAX} levels")]
    Levels,
    /// `$share` without group or filter.
    #[error("a shared subscription is $share/GROUP/FILTER, its group without + and #")]
    Share,
}

impl TopicError {
    /// Whether MQTT itself rules it out, and not a limit of this server.
    pub fn is_violation(self) -> bool {
        self != TopicError::Levels
    }
}

/// Checks a topic name; how many levels it may have is another question.
///
/// # Errors
/// MQTT does not allow it.
pub fn check_name(topic: &str) -> Result<(), TopicError> {
    if topic.is_empty() {
        return Err(TopicError::Empty);
    }
    match topic.bytes().find(|byte| matches!(byte, b'+' | b'#' | 0)) {
        None => Ok(()),
        Some(0) => Err(TopicError::Nul),
        Some(_) => Err(TopicError::Wildcard),
    }
}

/// A checked topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Group of a shared subscription.
    pub group: Option<&'a str>,
    /// The filter without the group.
    pub text: &'a str,
}

impl<'a> Filter<'a> {
    /// Checks a filter, shared or not.
    ///
    /// # Errors
    /// MQTT or the limit on levels does not allow it.
    pub fn parse(text: &'a str) -> Result<Filter<'a>, TopicError> {
        let filter = match text.strip_prefix("$share/") {
            None => Filter { group: None, text },
            Some(rest) => {
                let (group, text) = rest.split_once('/').ok_or(TopicError::Share)?;
                if group.is_empty() || group.contains(['+', '#']) || text.is_empty() {
                    return Err(TopicError::Share);
                }
                Filter { group: Some(group), text }
            }
        };
        filter.check()?;
        Ok(filter)
    }

    fn check(&self) -> Result<(), TopicError> {
        if self.text.is_empty() {
            return Err(TopicError::Empty);
        }
        if self.text.contains('\0') {
            return Err(TopicError::Nul);
        }
        let mut levels = self.text.split('/').peekable();
        let mut count = 0;
        while let Some(level) = levels.next() {
            count += 1;
            let whole = level.len() == 1;
            let misplaced = (level.contains('+') && !whole)
                || (level.contains('#') && !(whole && levels.peek().is_none()));
            if misplaced {
                return Err(TopicError::Misplaced);
            }
        }
        if count > LEVELS_MAX { Err(TopicError::Levels) } else { Ok(()) }
    }

    /// Whether it never matches topics that begin with `$`.
    pub fn begins_wild(&self) -> bool {
        self.text.starts_with(['+', '#'])
    }
}

/// Appends levels of a topic as segments of a path.
pub fn push_path(topic: &str, path: &mut String) {
    for level in topic.split('/') {
        path.push('/');
        push_level(level, path);
    }
}

fn push_level(level: &str, path: &mut String) {
    if level.is_empty() {
        path.push_str(EMPTY);
        return;
    }
    if !level.bytes().any(|byte| matches!(byte, b'%' | b'*')) {
        path.push_str(level);
        return;
    }
    for character in level.chars() {
        match character {
            '%' | '*' => {
                let _ = write!(path, "%{:02X}", u32::from(character));
            }
            other => path.push(other),
        }
    }
}

/// Appends levels of a filter as segments of a pattern.
pub fn push_pattern<'a>(levels: impl Iterator<Item = &'a str>, pattern: &mut String) {
    for level in levels {
        pattern.push('/');
        match level {
            "+" => pattern.push('*'),
            "#" => pattern.push_str("**"),
            other => push_level(other, pattern),
        }
    }
}

/// Appends the topic that a path, which begins with `/`, stands for; `false` if it stands for none.
pub fn push_topic(path: &str, topic: &mut String) -> bool {
    let Some(path) = path.strip_prefix('/') else { return false };
    if !path.bytes().any(|byte| matches!(byte, b'%' | b'+' | b'#' | b'*' | 0)) {
        // Addresses have no empty segment, so the levels need no further look.
        topic.push_str(path);
        return !path.is_empty();
    }
    for (place, segment) in path.split('/').enumerate() {
        if place > 0 {
            topic.push('/');
        }
        if segment != EMPTY && !push_segment(segment, topic) {
            return false;
        }
    }
    true
}

fn push_segment(segment: &str, topic: &mut String) -> bool {
    let mut rest = segment;
    while let Some(place) = rest.find(['%', '+', '#', '*', '\0']) {
        topic.push_str(&rest[..place]);
        let (character, len) = match &rest[place..] {
            escaped if escaped.starts_with("%25") => ('%', 3),
            escaped if escaped.starts_with("%2A") => ('*', 3),
            _ => return false,
        };
        topic.push(character);
        rest = &rest[place + len..];
    }
    topic.push_str(rest);
    !segment.is_empty()
}

#[cfg(test)]
mod tests {
    use clasp_protocol::Pattern;
    use proptest::prelude::*;

    use super::*;

    fn path(topic: &str) -> String {
        let mut path = String::new();
        push_path(topic, &mut path);
        path
    }

    fn topic(path: &str) -> Option<String> {
        let mut topic = String::new();
        push_topic(path, &mut topic).then_some(topic)
    }

    fn matches(filter: &str, name: &str) -> bool {
        let mut pattern = String::new();
        push_pattern(filter.split('/'), &mut pattern);
        Pattern::parse(&pattern).unwrap().matches(&path(name))
    }

    #[test]
    fn levels_become_segments_and_what_segments_cannot_hold_is_escaped() {
        assert_eq!(path("a/b"), "/a/b");
        assert_eq!(path("/lead/x"), "/%_/lead/x");
        assert_eq!(path("50%/*"), "/50%25/%2A");
        assert_eq!(path("/"), "/%_/%_");
        assert_eq!(topic("/a/b").as_deref(), Some("a/b"));
    }

    #[test]
    fn what_no_topic_leads_to_has_none() {
        for address in ["/a%20b", "/a%", "/%2a", "/a+", "/x/#", "/*", "", "/", "x"] {
            assert_eq!(topic(address), None, "{address}");
        }
    }

    #[test]
    fn filters_match_as_mqtt_says() {
        for (filter, name, expected) in [
            ("sensors/#", "sensors", true),
            ("sensors/#", "sensors/a/b", true),
            ("#", "a", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("a/+", "a", false),
            ("a/+", "a/", true),
            ("a/+/c", "a/b/c", true),
            ("a/*", "a/b", false),
            ("a/*", "a/*", true),
        ] {
            assert_eq!(matches(filter, name), expected, "{filter} {name}");
        }
    }

    #[test]
    fn wildcards_stand_alone() {
        for bad in ["a+/b", "a/#/b", "a/b#", "#/", "", "$share/g", "$share//a", "$share/+/a"] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
        for good in ["#", "+", "+/a/#", "/", "$share/g/#", "$SYS/#", "$shared/a"] {
            assert!(Filter::parse(good).is_ok(), "{good}");
        }
        let shared = Filter::parse("$share/g/a/b").unwrap();
        assert_eq!((shared.group, shared.text), (Some("g"), "a/b"));
        assert_eq!(check_name("a/+"), Err(TopicError::Wildcard));
        assert_eq!(check_name("a\0"), Err(TopicError::Nul));
    }

    proptest! {
        #[test]
        fn a_topic_comes_back_from_its_path(name in "[a-c%*/2A5_ ä]{1,12}") {
            let path = path(&name);
            prop_assert!(!path.contains('*') && !path.contains("//"), "{path}");
            prop_assert_eq!(topic(&path), Some(name));
        }

        #[test]
        fn a_path_comes_back_from_its_topic(address in "(/[a-c%*+#2A5_]{1,5}){1,3}") {
            if let Some(name) = topic(&address) {
                prop_assert_eq!(path(&name), address);
            }
        }
    }
}
