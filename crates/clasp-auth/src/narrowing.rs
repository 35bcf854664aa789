//! What of one's scopes may be handed on, and what a request for fewer leaves
//! (spec: relay.md 10.9, 11.5).

use clasp_protocol::Pattern;

use crate::{Action, Scope, Scopes};

impl Scope {
    /// Whether whoever has this may hand on `other`. Write does not include read here: read lets
    /// listen, and write alone does not.
    pub fn includes(&self, other: &Scope) -> bool {
        let action = self.action() == Action::Admin || self.action() == other.action();
        action && self.pattern().covers(other.pattern())
    }

    /// What both allow, if that is a scope.
    fn meet(&self, other: &Scope) -> Option<Scope> {
        let action = match (self.action(), other.action()) {
            (Action::Admin, action) | (action, Action::Admin) => action,
            (one, two) if one == two => one,
            _ => return None,
        };
        let narrower = if self.pattern().covers(other.pattern()) {
            other.pattern()
        } else if other.pattern().covers(self.pattern()) {
            self.pattern()
        } else {
            return None;
        };
        Some(Scope::new(action, narrower.clone()))
    }
}

impl std::fmt::Display for Scopes {
    /// Separated by commas, as [`Scopes::parse_list`] reads them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.texts().join(","))
    }
}

impl Scopes {
    /// Whether all of `other` may be handed on by whoever has these.
    pub fn include(&self, other: &Scopes) -> bool {
        other.iter().all(|scope| self.iter().any(|own| own.includes(scope)))
    }

    /// What is left of these when only `requested` is asked for; nothing beyond either.
    pub fn narrowed(&self, requested: &Scopes) -> Scopes {
        let mut left: Vec<Scope> = Vec::new();
        let pairs = requested.iter().flat_map(|one| self.iter().filter_map(|own| own.meet(one)));
        for scope in pairs {
            if !left.iter().any(|known| known.includes(&scope)) {
                left.push(scope);
            }
        }
        left.into_iter().collect()
    }

    /// Whether one of them is an admin scope on all addresses.
    pub fn rules_everything(&self) -> bool {
        let all = Pattern::parse("/**").expect("a pattern");
        self.iter().any(|scope| scope.action() == Action::Admin && scope.pattern().covers(&all))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Each as `action:pattern`.
    pub fn texts(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(list: &str) -> Scopes {
        Scopes::parse_list(list).unwrap()
    }

    fn narrowed(own: &str, requested: &str) -> String {
        scopes(own).narrowed(&scopes(requested)).texts().join(",")
    }

    #[test]
    fn a_request_takes_the_part_that_both_allow() {
        let own = "read:/**,write:/**";
        assert_eq!(narrowed(own, "read:/lights/**"), "read:/lights/**");
        assert_eq!(narrowed(own, "read:/**"), "read:/**");
        assert_eq!(narrowed("read:/public/**", "read:/**"), "read:/public/**");
        assert_eq!(narrowed("read:/public/**", "read:/private/**"), "");
        assert_eq!(narrowed("read:/**", "admin:/**"), "read:/**");
        assert_eq!(narrowed("admin:/a/**", "write:/**"), "write:/a/**");
        assert_eq!(narrowed(own, "read:/a,read:/a"), "read:/a");
    }

    #[test]
    fn write_alone_does_not_give_reading_away() {
        assert_eq!(narrowed("write:/chat/**", "read:/chat/**"), "");
        assert!(!scopes("write:/**").include(&scopes("read:/a")));
        assert!(scopes("admin:/**").include(&scopes("read:/a,write:/b/**")));
        assert!(!scopes("read:/a/*").include(&scopes("read:/a/**")));
    }

    #[test]
    fn only_an_admin_of_all_addresses_rules_everything() {
        assert!(scopes("read:/a,admin:/**").rules_everything());
        for less in ["admin:/*", "admin:/a/**", "write:/**", ""] {
            assert!(!scopes(less).rules_everything(), "{less}");
        }
    }
}
