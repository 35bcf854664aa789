//! `action:pattern`, alone and in lists (spec: wire.md 11, routing.md 12.2 to 12.4, relay.md 8.4).

use std::fmt;
use std::str::FromStr;

use clasp_protocol::Pattern;

/// What a scope lets its owner do; each action implies those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Read params, and listen.
    Read,
    /// Write and read params, and publish; not listen.
    Write,
    /// Everything.
    Admin,
}

impl Action {
    /// Reads an action or one of its aliases; case does not matter.
    fn from_name(name: &str) -> Option<Action> {
        const NAMES: [(&str, Action); 8] = [
            ("read", Action::Read),
            ("r", Action::Read),
            ("write", Action::Write),
            ("w", Action::Write),
            ("emit", Action::Write),
            ("admin", Action::Admin),
            ("a", Action::Admin),
            ("*", Action::Admin),
        ];
        NAMES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, it)| it)
    }

    /// Name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Write => "write",
            Action::Admin => "admin",
        }
    }
}

/// Why a text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// There is no colon.
    #[error("scope '{0}' has no ':'; write it as action:pattern, for example read:/lights/**")]
    NoColon(String),
    /// The word before the first colon is not an action.
    #[error("scope '{scope}' has the unknown action '{action}'; use read, write or admin")]
    UnknownAction {
        /// The whole scope.
        scope: String,
        /// The word.
        action: String,
    },
    /// The pattern is malformed.
    #[error("scope '{scope}' has a bad pattern: {reason}")]
    BadPattern {
        /// The whole scope.
        scope: String,
        /// What is wrong with the pattern.
        reason: String,
    },
}

/// One action on the addresses of one pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    action: Action,
    pattern: Pattern,
}

impl Scope {
    /// Reads `action:pattern`, split at the first colon; nothing is trimmed.
    ///
    /// # Errors
    /// No colon, unknown action, malformed pattern.
    pub fn parse(text: &str) -> Result<Scope, ScopeError> {
        let Some((action, pattern)) = text.split_once(':') else {
            return Err(ScopeError::NoColon(text.to_owned()));
        };
        let Some(action) = Action::from_name(action) else {
            let (scope, action) = (text.to_owned(), action.to_owned());
            return Err(ScopeError::UnknownAction { scope, action });
        };
        let pattern = Pattern::parse(pattern).map_err(|error| ScopeError::BadPattern {
            scope: text.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Scope { action, pattern })
    }

    /// One action on the addresses of one pattern.
    pub fn new(action: Action, pattern: Pattern) -> Scope {
        Scope { action, pattern }
    }

    /// One action on all addresses.
    pub fn everywhere(action: Action) -> Scope {
        Scope { action, pattern: Pattern::parse("/**").expect("a pattern") }
    }

    /// What it lets do.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Where.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether it lets do `action` at `address`.
    pub fn allows(&self, action: Action, address: &str) -> bool {
        self.action >= action && self.pattern.matches(address)
    }

    /// Whether it lets listen at all: `write` alone is a drop box (spec: routing.md 12.3).
    fn listens(&self) -> bool {
        self.action != Action::Write
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.action.name(), self.pattern.as_str())
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Scope, ScopeError> {
        Scope::parse(text)
    }
}

/// Scopes of one token; any one of them suffices, none of them allows nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Reads scopes separated by commas, with space around each; empty places are skipped.
    ///
    /// # Errors
    /// The first malformed scope.
    pub fn parse_list(text: &str) -> Result<Scopes, ScopeError> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Scope::parse).collect()
    }

    /// The scopes in the order given.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// Whether some scope lets do `action` at `address`.
    pub fn allows(&self, action: Action, address: &str) -> bool {
        self.0.iter().any(|scope| scope.allows(action, address))
    }

    /// Whether one single scope lets listen to every address of `request`.
    pub fn may_subscribe(&self, request: &Pattern) -> bool {
        self.0.iter().any(|scope| scope.listens() && scope.pattern.covers(request))
    }

    /// The same, and whoever may write may listen there too: so it is for tokens that are signed
    /// elsewhere (spec: relay.md 8.5).
    #[must_use]
    pub fn with_listening(mut self) -> Scopes {
        let writes = self.0.iter().filter(|scope| !scope.listens());
        let reads: Vec<Scope> =
            writes.map(|scope| Scope { action: Action::Read, ..scope.clone() }).collect();
        self.0.extend(reads);
        self
    }

    /// Whether some scope lets listen to `address` (strict read, spec: routing.md 12.3).
    pub fn may_listen(&self, address: &str) -> bool {
        self.0.iter().any(|scope| scope.listens() && scope.pattern.matches(address))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(list: &str) -> Scopes {
        Scopes::parse_list(list).unwrap()
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn admin_implies_write_implies_read() {
        let scopes = scopes("write:/a/**, admin:/b/**");
        assert!(scopes.allows(Action::Read, "/a/x"));
        assert!(scopes.allows(Action::Write, "/a/x"));
        assert!(!scopes.allows(Action::Admin, "/a/x"));
        assert!(scopes.allows(Action::Admin, "/b/x"));
        assert!(!scopes.allows(Action::Read, "/c"));
    }

    #[test]
    fn no_scopes_allow_nothing() {
        let none = Scopes::default();
        assert!(!none.allows(Action::Read, "/a"));
        assert!(!none.may_listen("/a"));
        assert!(!none.may_subscribe(&pattern("/a")));
    }

    #[test]
    fn write_is_a_drop_box() {
        let drop_box = scopes("write:/chat/**");
        assert!(drop_box.allows(Action::Read, "/chat/1"));
        assert!(!drop_box.may_listen("/chat/1"));
        assert!(!drop_box.may_subscribe(&pattern("/chat/1")));
    }

    #[test]
    fn a_drop_box_can_be_opened() {
        let opened = scopes("write:/chat/**,read:/a").with_listening();
        assert!(opened.may_subscribe(&pattern("/chat/*")) && opened.may_listen("/a"));
        assert!(opened.allows(Action::Write, "/chat/1") && !opened.allows(Action::Write, "/a"));
    }

    #[test]
    fn admin_may_listen() {
        let admin = scopes("admin:/**");
        assert!(admin.may_listen("/a/b"));
        assert!(admin.may_subscribe(&pattern("/**")));
    }

    #[test]
    fn a_subscription_needs_one_scope_that_covers_it_whole() {
        let one_level = scopes("read:/a/*");
        assert!(one_level.may_subscribe(&pattern("/a/*")));
        assert!(one_level.may_subscribe(&pattern("/a/b")));
        assert!(!one_level.may_subscribe(&pattern("/a/**")));
        assert!(!scopes("read:/a/b,read:/a/c").may_subscribe(&pattern("/a/*")));
    }

    #[test]
    fn emit_means_write() {
        assert_eq!(Scope::parse("EMIT:/x/**").unwrap().to_string(), "write:/x/**");
    }

    #[test]
    fn a_list_tells_its_first_mistake() {
        let error = Scopes::parse_list("read:/a, rw:/b").unwrap_err().to_string();
        assert!(error.contains("'rw:/b'") && error.contains("unknown action 'rw'"), "{error}");
        assert!(Scopes::parse_list("read").unwrap_err().to_string().contains("no ':'"));
        assert!(Scopes::parse_list("read:a").unwrap_err().to_string().contains("bad pattern"));
    }
}
