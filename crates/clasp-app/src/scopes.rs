//! Scopes of the users of an application, as templates (relay.md 8.4, 10.9).

use std::fmt;

use clasp_auth::{Action, Scope};

use crate::document::{Node, Reader};

/// The only placeholder.
const USER_ID: &str = "{userId}";

/// A user id that stands for every user while a config is checked.
const SOMEBODY: &str = "user";

/// A scope with places for a user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScopeTemplate {
    text: Box<str>,
}

/// Why a user id cannot be put into scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a user id must be one segment of an address, without '/', '*' and control characters")]
pub struct UserIdError;

impl ScopeTemplate {
    /// Reads a template; what would not be a scope for any user is refused.
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<ScopeTemplate> {
        let text = reader.text(node)?;
        let filled = text.replace(USER_ID, SOMEBODY);
        if let Some(start) = filled.find(['{', '}']) {
            let text = format!("'{}' is not {USER_ID}, the only placeholder", &filled[start..]);
            reader.error(node, text);
            return None;
        }
        match Scope::parse(&filled) {
            Ok(scope) if scope.action() == Action::Admin => {
                let text = "every user of the application gets this admin scope: that is all of it";
                reader.warn(node, format!("'{scope}': {text}"));
            }
            Ok(_) => {}
            Err(error) => {
                reader.error(node, error.to_string().replace(&filled, text));
                return None;
            }
        }
        Some(ScopeTemplate { text: text.into() })
    }

    /// The scope of one user. The id has been checked by [`check_user_id`].
    pub(crate) fn fill(&self, user_id: &str) -> Option<Scope> {
        Scope::parse(&self.text.replace(USER_ID, user_id)).ok()
    }
}

impl fmt::Display for ScopeTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a user id is one segment and nothing that a pattern would read as more.
pub(crate) fn check_user_id(user_id: &str) -> Result<(), UserIdError> {
    let widens = |c: char| c == '/' || c == '*' || c.is_control();
    if user_id.is_empty() || user_id.contains(widens) { Err(UserIdError) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<ScopeTemplate>, String) {
        let json = serde_json::to_string(text).unwrap();
        let (template, problems) = Reader::read(&json, ScopeTemplate::read);
        (template, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_user_id_is_filled_in_everywhere_and_once() {
        let template = read("write:/u/{userId}/to-{userId}/**").0.unwrap();
        assert_eq!(template.fill("ann").unwrap().to_string(), "write:/u/ann/to-ann/**");
        let odd = template.fill("{userId}").unwrap().to_string();
        assert_eq!(odd, "write:/u/{userId}/to-{userId}/**");
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for (text, told) in [
            ("emits:/x/**", "unknown action 'emits'"),
            ("read", "no ':'"),
            ("read:x", "bad pattern"),
            ("read:/x/{userid}", "'{userid}' is not {userId}"),
            ("read:/a/{x,y}/*", "the only placeholder"),
            ("{userId}:/x", "scope '{userId}:/x' has the unknown action"),
        ] {
            let (template, problems) = read(text);
            assert!(template.is_none() && problems.contains(told), "{text}: {problems}");
        }
        assert_eq!(read("emit:/x/**").1, "");
    }

    #[test]
    fn an_admin_scope_for_everybody_is_pointed_out() {
        let (template, problems) = read("admin:/app/**");
        assert!(template.is_some() && problems.contains("every user"), "{problems}");
    }

    #[test]
    fn ids_that_would_widen_a_scope_are_refused() {
        for id in ["", "*", "**", "a/b", "a*", "../x", "a\n", "a\0"] {
            assert_eq!(check_user_id(id), Err(UserIdError), "{id:?}");
        }
        for id in ["ann", "3f1c", "auth0|7", "ann@example.com", "ä b", "{userId}"] {
            assert_eq!(check_user_id(id), Ok(()), "{id}");
        }
    }
}
