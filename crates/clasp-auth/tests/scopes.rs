//! Scopes against the verdicts of the reference; every difference is one that a rule asks for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use clasp_auth::{Action, Scope, Scopes};
use clasp_protocol::Pattern;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/scopes.json")).unwrap()
}

fn cases<'v>(vectors: &'v Value, list: &str) -> &'v [Value] {
    let cases = vectors[list].as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

fn text<'v>(case: &'v Value, field: &str) -> &'v str {
    case[field].as_str().unwrap()
}

fn action(name: &str) -> Action {
    Scope::parse(&format!("{name}:/")).unwrap().action()
}

/// wire.md 10.2: characters that mean something to regular expressions mean nothing here.
const LITERAL_CHARACTERS: [&str; 3] = ["read:/a/(*", "read:/a/[*", "read:/a/{b,c}/*"];

/// routing.md 3.4: `/a/**` matches `/a` as well.
fn is_parent_of_globstar(scope: &Scope, address: &str) -> bool {
    let parent = scope.pattern().as_str().strip_suffix("/**");
    !address.is_empty() && parent == Some(address)
}

#[test]
fn scopes_parse_as_in_the_reference() {
    let vectors = vectors();
    for case in cases(&vectors, "parse") {
        let scope = text(case, "scope");
        let parsed = Scope::parse(scope);
        let accepted = text(case, "parse") == "ok";
        let differs = LITERAL_CHARACTERS.contains(&scope);
        assert_eq!(parsed.is_ok(), accepted != differs, "{scope}");
        if let (Ok(parsed), true) = (parsed, accepted) {
            assert_eq!(parsed.action().name(), text(case, "action"), "{scope}");
            assert_eq!(parsed.pattern().as_str(), text(case, "pattern"), "{scope}");
        }
    }
    for scope in cases(&vectors, "vectors_unparsable_scopes") {
        assert!(LITERAL_CHARACTERS.contains(&scope.as_str().unwrap()));
    }
}

#[test]
fn scopes_allow_as_in_the_reference() {
    let vectors = vectors();
    for case in cases(&vectors, "vectors") {
        let (scope, address) = (text(case, "scope"), text(case, "address"));
        let wanted = action(text(case, "action"));
        let parsed = Scope::parse(scope).unwrap();
        let differs = is_parent_of_globstar(&parsed, address) && parsed.action() >= wanted;
        let allowed = case["allowed"].as_bool().unwrap() != differs;
        assert_eq!(parsed.allows(wanted, address), allowed, "{scope} {wanted:?} {address}");
    }
}

#[test]
fn sessions_check_patterns_taken_as_addresses_as_in_the_reference() {
    let vectors = vectors();
    for case in cases(&vectors, "subscribe_checks") {
        let (list, address) = (text(case, "scopes"), text(case, "pattern"));
        let scopes = Scopes::parse_list(list).unwrap();
        for wanted in [Action::Read, Action::Write, Action::Admin] {
            let reference = case[format!("has_scope_{}", wanted.name())].as_bool().unwrap();
            let mut of_action = scopes.iter().filter(|scope| scope.action() >= wanted);
            let parent = of_action.any(|scope| is_parent_of_globstar(scope, address));
            assert_eq!(
                scopes.allows(wanted, address),
                reference || parent,
                "{list} {wanted:?} {address}"
            );
        }
    }
}

/// What the reference lets subscribe and we do not (routing.md 12.4): the pattern asks for more
/// than any single scope gives.
const NOT_COVERED: [(&str, &str); 1] = [("read:/a/*", "/a/**")];

#[test]
fn subscriptions_differ_from_the_reference_only_where_a_rule_says_so() {
    let vectors = vectors();
    for case in cases(&vectors, "subscribe_checks") {
        let (list, request) = (text(case, "scopes"), text(case, "pattern"));
        let scopes = Scopes::parse_list(list).unwrap();
        let reference = case["has_strict_read_scope"].as_bool().unwrap();
        let Ok(pattern) = Pattern::parse(request) else {
            assert_eq!((request, reference), ("**", false));
            continue;
        };
        // routing.md 12.3: admin passes.
        let admin = scopes
            .iter()
            .any(|scope| scope.action() == Action::Admin && scope.pattern().covers(&pattern));
        let mut reads = scopes.iter().filter(|scope| scope.action() == Action::Read);
        let parent = reads.any(|scope| is_parent_of_globstar(scope, request));
        let covered = reference && !NOT_COVERED.contains(&(list, request));
        let allowed = covered || admin || parent;
        assert_eq!(scopes.may_subscribe(&pattern), allowed, "{list} {request}");
        if pattern.is_literal() {
            assert_eq!(scopes.may_listen(request), allowed, "{list} {request}");
        }
    }
}
