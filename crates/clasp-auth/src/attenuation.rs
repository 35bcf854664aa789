//! Whether a scope stays within another (spec: relay.md 11.5): it does if the one matcher says that
//! its pattern is covered, and the rule of published tools does not forbid it.

use clasp_protocol::Pattern;
use clasp_protocol::address::AddressLimits;

use crate::scope::{Scope, ScopeError};

impl Scope {
    /// Whether everything that `narrower` allows is allowed by this scope.
    pub fn covers(&self, narrower: &Scope) -> bool {
        self.action() >= narrower.action()
            && within_by_segments(self.pattern(), narrower.pattern())
            && self.pattern().covers(narrower.pattern())
    }
}

/// Reads every scope of a grant; their patterns have the bounds of a subscription's.
pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Scope>, ScopeError> {
    texts.iter().map(|text| parse_bounded(text)).collect()
}

/// Reads a scope whose pattern has the bounds of a subscription's.
pub(crate) fn parse_bounded(text: &str) -> Result<Scope, ScopeError> {
    let scope = Scope::parse(text)?;
    let bounded = Pattern::parse_within(scope.pattern().as_str(), &AddressLimits::default());
    bounded.map(|_| scope).map_err(|error| ScopeError::BadPattern {
        scope: text.to_owned(),
        reason: error.to_string(),
    })
}

/// The first scope that no scope of the wider grant covers.
pub(crate) fn uncovered<'a>(wider: &[Scope], narrower: &'a [Scope]) -> Option<&'a Scope> {
    narrower.iter().find(|scope| !wider.iter().any(|wide| wide.covers(scope)))
}

/// The rule of published tools, which knows `*` and `**` as whole segments only.
fn within_by_segments(parent: &Pattern, child: &Pattern) -> bool {
    if parent == child || parent.as_str() == "/**" {
        return true;
    }
    let segments = |pattern: &Pattern| -> Vec<String> {
        let segments = pattern.as_str().split('/').filter(|segment| !segment.is_empty());
        segments.map(str::to_owned).collect()
    };
    let (parent, child) = (segments(parent), segments(child));
    let mut place = 0;
    while let (Some(wide), Some(narrow)) = (parent.get(place), child.get(place)) {
        match (wide.as_str(), narrow.as_str()) {
            ("**", _) => return true,
            ("*", "**") => return false,
            ("*", _) => {}
            (wide, narrow) if wide == narrow => {}
            _ => return false,
        }
        place += 1;
    }
    match parent.get(place) {
        Some(next) => next == "**",
        None => child.len() == place,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covers(parent: &str, child: &str) -> bool {
        Scope::parse(parent).unwrap().covers(&Scope::parse(child).unwrap())
    }

    #[test]
    fn actions_only_narrow() {
        assert!(covers("admin:/a/**", "admin:/a/b") && covers("admin:/a/**", "read:/a/b"));
        assert!(covers("write:/a", "read:/a") && covers("write:/a", "write:/a"));
        assert!(!covers("write:/a", "admin:/a") && !covers("read:/a", "write:/a"));
    }

    #[test]
    fn patterns_only_narrow() {
        for (parent, child) in [
            ("/**", "/anything/**"),
            ("/a/**", "/a/b/*/c"),
            ("/a/**", "/a"),
            ("/a/*", "/a/b"),
            ("/a/*", "/a/b*"),
            ("/a/b*", "/a/b*"),
        ] {
            assert!(
                covers(&format!("read:{parent}"), &format!("read:{child}")),
                "{parent} {child}"
            );
        }
        for (parent, child) in [
            ("/a/*", "/a/**"),
            ("/a/b", "/a/*"),
            ("/a/**", "/**"),
            ("/a/**", "/ab/c"),
            ("/a/**/c", "/a/b"),
            ("/a", "/a/b"),
            ("/a/b", "/a"),
        ] {
            assert!(
                !covers(&format!("read:{parent}"), &format!("read:{child}")),
                "{parent} {child}"
            );
        }
    }

    #[test]
    fn where_matching_is_stricter_than_published_tools_matching_decides() {
        assert!(within_by_segments(
            &Pattern::parse("/a/**/c").unwrap(),
            &Pattern::parse("/a/b/d").unwrap()
        ));
        assert!(!covers("read:/a/**/c", "read:/a/b/d"));
    }

    fn pattern() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![Just("a"), Just("b"), Just("*"), Just("**"), Just("a*")],
            1..5,
        )
        .prop_map(|segments| format!("/{}", segments.join("/")))
    }

    fn address() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("ab")], 1..6)
            .prop_map(|segments| format!("/{}", segments.join("/")))
    }

    proptest! {
        #[test]
        fn what_is_covered_is_matched(
            parent in pattern(),
            child in pattern(),
            address in address(),
        ) {
            let (parent, child) = (format!("write:{parent}"), format!("write:{child}"));
            let (parent, child) = (Scope::parse(&parent).unwrap(), Scope::parse(&child).unwrap());
            if parent.covers(&child) && child.pattern().matches(&address) {
                prop_assert!(parent.pattern().matches(&address));
            }
        }
    }
}
