//! A whole app config.

use clasp_auth::Scopes;
use clasp_protocol::Pattern;

use crate::document::{Node, Reader};
use crate::facts::Facts;
use crate::problem::{Problem, Severity};
use crate::quotas::Quotas;
use crate::scopes::{ScopeTemplate, UserIdError, check_user_id};
use crate::visibility::{Redaction, VisibilityRule};
use crate::write_rule::WriteRule;

/// What an application lets its users do (relay.md 13.1).
#[derive(Debug, Clone, Default)]
pub struct AppConfig {
    pub(crate) scopes: Option<Box<[ScopeTemplate]>>,
    pub(crate) write_rules: Box<[WriteRule]>,
    pub(crate) visibility: Box<[VisibilityRule]>,
    pub(crate) redactions: Box<[Redaction]>,
    pub(crate) quotas: Quotas,
    pub(crate) admin_bypasses_rules: bool,
}

/// What came of reading a config.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The config, unless there are errors.
    pub config: Option<AppConfig>,
    /// Everything that is wrong with it, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Parsed {
    /// The first error, if there is one.
    pub fn first_error(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.severity == Severity::Error)
    }
}

impl AppConfig {
    /// Reads the JSON of an app config and collects everything that is wrong with it.
    pub fn parse(text: &str) -> Parsed {
        let (config, mut problems) = Reader::read(text, |reader, root| {
            let config = AppConfig::read(reader, root)?;
            (!reader.has_errors()).then_some(config)
        });
        problems.sort_by_key(|problem| (problem.line, problem.column));
        Parsed { config, problems }
    }

    fn read(reader: &mut Reader<'_>, root: &Node<'_>) -> Option<AppConfig> {
        let mut members = reader.members(root)?;
        let scopes = members.take("scopes").map(|node| {
            let problems = reader.problems.len();
            let scopes = list(reader, Some(&node), ScopeTemplate::read);
            if scopes.is_empty() && reader.problems.len() == problems {
                reader
                    .warn(&node, "an empty list lets users do nothing; leave it out for defaults");
            }
            scopes
        });
        let write_rules = members.take("write_rules");
        let write_rules = list(reader, write_rules.as_ref(), WriteRule::read);
        let redactions = members.take("snapshot_transforms");
        let redactions = list(reader, redactions.as_ref(), Redaction::read);
        let visibility = members.take("snapshot_visibility");
        let visibility = list(reader, visibility.as_ref(), VisibilityRule::read);
        let quotas = members.take("rate_limits").and_then(|node| Quotas::read(reader, &node));
        let admin = members.take("admin_bypasses_rules").and_then(|node| reader.truth(&node));
        members.finish(reader);
        Some(AppConfig {
            scopes,
            write_rules,
            visibility,
            redactions,
            quotas: quotas.unwrap_or_default(),
            admin_bypasses_rules: admin.unwrap_or(false),
        })
    }

    /// The scopes of a user; `None` if the config leaves them to the relay.
    ///
    /// # Errors
    /// The id would be read as more than one segment of an address.
    pub fn scopes_of(&self, user_id: &str) -> Result<Option<Scopes>, UserIdError> {
        check_user_id(user_id)?;
        let Some(templates) = &self.scopes else { return Ok(None) };
        // What is a scope for one user is a scope for every user whose id is one segment.
        Ok(Some(templates.iter().filter_map(|template| template.fill(user_id)).collect()))
    }

    /// How often may be tried and how much be sent.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// Whether anything is ever withheld or redacted.
    pub(crate) fn filters(&self) -> bool {
        !self.redactions.is_empty() || self.visibility.iter().any(VisibilityRule::hides)
    }

    /// Room for what its look-ups may ask for.
    pub(crate) fn facts(&self) -> Facts {
        let checks = || self.write_rules.iter().flat_map(WriteRule::checks);
        let lookups = self.visibility.iter().filter_map(VisibilityRule::lookup);
        let watched: Vec<Pattern> = checks()
            .flat_map(|check| check.watched())
            .chain(lookups.map(|lookup| lookup.watched().clone()))
            .collect();
        let fields = checks().filter_map(|check| check.stored_field()).map(Box::from).collect();
        Facts::new(watched, fields)
    }
}

/// Every element that can be read.
fn list<T>(
    reader: &mut Reader<'_>,
    node: Option<&Node<'_>>,
    read: impl Fn(&mut Reader<'_>, &Node<'_>) -> Option<T>,
) -> Box<[T]> {
    let items = node.map_or_else(Vec::new, |node| reader.items(node));
    items.iter().filter_map(|item| read(reader, item)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> AppConfig {
        let Parsed { config, problems } = AppConfig::parse(json);
        assert!(problems.is_empty(), "{problems:?}");
        config.unwrap()
    }

    fn told(json: &str) -> Vec<String> {
        AppConfig::parse(json).problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn everything_is_optional() {
        let config = config("{}");
        assert!(!config.filters() && !config.facts().is_used());
        assert_eq!(config.scopes_of("ann"), Ok(None));
    }

    #[test]
    fn scopes_are_those_of_the_user_and_of_nobody_else() {
        let config = config(r#"{"scopes": ["read:/all/**", "write:/u/{userId}/**"]}"#);
        let scopes = config.scopes_of("ann").unwrap().unwrap();
        let shown: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["read:/all/**", "write:/u/ann/**"]);
        assert_eq!(config.scopes_of("*"), Err(UserIdError));
        assert_eq!(config.scopes_of("a/b"), Err(UserIdError));
    }

    #[test]
    fn an_empty_list_of_scopes_is_pointed_out() {
        let parsed = AppConfig::parse(r#"{"scopes": []}"#);
        assert!(parsed.problems[0].text.contains("lets users do nothing"));
        let scopes = parsed.config.unwrap().scopes_of("ann").unwrap().unwrap();
        assert_eq!(scopes.iter().count(), 0);
    }

    #[test]
    fn rules_that_hide_nothing_cost_nothing() {
        assert!(!config(r#"{"snapshot_visibility": [{"visible": true}]}"#).filters());
        assert!(config(r#"{"snapshot_visibility": [{"visible": false}]}"#).filters());
    }

    #[test]
    fn unknown_members_are_warnings_with_their_place() {
        let parsed = AppConfig::parse("{\n \"scope\": []}");
        assert!(parsed.config.is_some() && parsed.first_error().is_none());
        let [problem] = &parsed.problems[..] else { panic!("{parsed:?}") };
        assert_eq!(
            problem.to_string(),
            "2:2: scope: 'scope' is unknown here and has no effect; did you mean 'scopes'?"
        );
    }

    #[test]
    fn all_errors_are_told_at_once_in_the_order_of_the_text() {
        let told = told(
            r#"{"write_rules": [{"path": "x", "checks": []}, {"path": "/x/{a}", "checks": [
                {"type": "state_not_nul", "lookup": "/y"},
                {"type": "state_not_null", "lookup": "/y/{b}"},
                {"type": "segment_equals_session", "segment": "b"}]}, {"path": "/z"}],
               "scopes": ["read:/a", "reed:/a"]}"#,
        );
        let places: Vec<&str> = told.iter().map(|line| line.split(": ").nth(1).unwrap()).collect();
        assert_eq!(
            places,
            [
                "write_rules[0].path",
                "write_rules[1].checks[0].type",
                "write_rules[1].checks[1].lookup",
                "write_rules[1].checks[2].segment",
                "write_rules[2]",
                "scopes[1]",
            ]
        );
        assert!(told[1].contains("did you mean 'state_not_null'?"), "{told:?}");
    }

    #[test]
    fn what_is_no_config_at_all_is_refused() {
        for json in ["[]", "3", "\"x\"", "null", "{", ""] {
            assert!(AppConfig::parse(json).first_error().is_some(), "{json}");
        }
    }
}
