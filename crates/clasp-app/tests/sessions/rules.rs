//! Which rule counts, for whom, and what refusals say.

use crate::people::{may, world_of};
use crate::support::*;

/// A world whose sessions may do everything as far as their scopes go.
fn world(json: &str) -> World {
    let (mut world, _) = world_of(json);
    world.join_with("ann", "ann|write:/**,read:/**");
    world.join_with("root", "root|admin:/**");
    world
}

fn own(more: &str) -> String {
    let check = r#"{"type": "segment_equals_session", "segment": "who"}"#;
    format!(r#"{{{more} "write_rules": [{{"path": "/u/{{who}}", "checks": [{check}]}}]}}"#)
}

#[test]
fn the_first_rule_that_fits_decides() {
    let mut world = world(
        r#"{"write_rules": [
            {"path": "/a/free", "checks": []},
            {"path": "/a/*", "checks": [{"type": "require_value_field", "field": "x"}]},
            {"path": "/a/**", "checks": [{"type": "require_value_field", "field": "y"}]}]}"#,
    );
    assert!(may(&mut world, "ann", set("/a/free", 1)));
    assert!(may(&mut world, "ann", set("/a/b", map(&[("x", "1")]))));
    assert!(!may(&mut world, "ann", set("/a/b", map(&[("y", "1")]))));
    assert!(may(&mut world, "ann", set("/a/b/c", map(&[("y", "1")]))));
    assert!(may(&mut world, "ann", set("/other", 1)), "no rule");
}

#[test]
fn a_refusal_says_why_and_where() {
    let mut world = world(&own(""));
    assert_eq!(world.ask("ann", set("/u/bob", 1)), ["ERROR 403 /u/bob"]);
    world.send("ann", set("/u/bob", 1));
    let why = "Path segment 'who' is 'bob', does not match session identity 'ann'";
    assert_eq!(world.error_texts("ann"), [why]);
}

#[test]
fn publishes_and_bundles_obey_the_same_rules() {
    let mut world = world(&own(""));
    for sent in [event("/u/bob", 1), bundle([event("/u/bob", 1)]), bundle([set("/u/bob", 1)])] {
        assert!(!may(&mut world, "ann", sent));
    }
    assert!(may(&mut world, "ann", bundle([event("/u/ann", 1), set("/u/ann", 1)])));
}

#[test]
fn each_part_of_a_bundle_is_judged_by_what_those_before_it_did() {
    let door = r#"{"write_rules": [{"path": "/say/*", "checks": [
        {"type": "state_not_null", "lookup": "/door"}]}]}"#;
    for say in [event("/say/hi", 1), set("/say/hi", 1)] {
        let mut world = world(door);
        let opened = || set("/door", true);
        assert!(!may(&mut world, "ann", bundle([say.clone(), opened()])), "closed before");
        assert_eq!(world.ask("ann", get("/door")), ["ERROR 201 /door"], "nothing was applied");
        assert!(may(&mut world, "ann", bundle([opened(), say.clone()])), "opened before");
        assert!(!may(&mut world, "ann", bundle([set("/door", ()), say.clone()])), "shut");
        assert!(may(&mut world, "ann", bundle([say])), "and so it stayed open");
    }
}

#[test]
fn admins_are_bound_by_the_rules_unless_the_config_says_otherwise() {
    assert!(!may(&mut world(&own("")), "root", set("/u/bob", 1)));
    let mut free = world(&own(r#""admin_bypasses_rules": true,"#));
    assert!(may(&mut free, "root", set("/u/bob", 1)));
    assert!(!may(&mut free, "ann", set("/u/bob", 1)), "only admins");
}

#[test]
fn sessions_without_identity_own_nothing() {
    use clasp_router::{Config, Ports};
    let json = own(r#""admin_bypasses_rules": true,"#);
    let policy = clasp_app::AppPolicy::new(crate::people::config(&json));
    // An open relay: nobody has a token.
    let ports = Ports { policy: std::sync::Arc::new(policy), ..Ports::default() };
    let mut world = World::with(Config::default(), ports);
    world.join("a");
    assert!(!may(&mut world, "a", set("/u/a", 1)));
    assert!(may(&mut world, "a", set("/other", 1)));
}

#[test]
fn pre_checks_come_first_and_null_may_pass_after_them() {
    let mut world = world(
        r#"{"write_rules": [{"path": "/u/{who}/*", "allow_null_write": true,
            "pre_checks": [{"type": "segment_equals_session", "segment": "who"}],
            "checks": [{"type": "require_value_field", "field": "x"}]}]}"#,
    );
    assert!(may(&mut world, "ann", set("/u/ann/a", map(&[("x", "1")]))));
    assert!(!may(&mut world, "ann", set("/u/ann/a", 1)));
    assert!(may(&mut world, "ann", set("/u/ann/a", ())));
    assert!(!may(&mut world, "ann", set("/u/bob/a", ())), "not past a pre-check");
}

#[test]
fn any_of_the_checks_is_enough_in_mode_any() {
    let json = r#"{"write_rules": [{"path": "/a", "mode": "any", "checks": [
        {"type": "require_value_field", "field": "x"},
        {"type": "require_value_field", "field": "y"}]},
        {"path": "/b", "mode": "any", "checks": []}]}"#;
    let mut any = world(json);
    assert!(may(&mut any, "ann", set("/a", map(&[("x", "1")]))));
    assert!(may(&mut any, "ann", set("/a", map(&[("y", "1")]))));
    assert!(may(&mut any, "ann", set("/b", 1)), "no checks at all");
    any.send("ann", set("/a", 1));
    assert_eq!(any.error_texts("ann").last().unwrap(), "Value must include a x field");
    let mut all = world(&json.replace(
        r#""any", "checks": [
"#,
        r#""all", "checks": [
"#,
    ));
    assert!(!may(&mut all, "ann", set("/a", map(&[("x", "1")]))));
}

#[test]
fn a_param_that_exists_keeps_what_must_not_change() {
    let mut world = world(
        r#"{"write_rules": [{"path": "/fixture/{id}", "checks": [
            {"type": "field_unchanged", "field": "serial"}]}]}"#,
    );
    assert!(may(&mut world, "ann", set("/fixture/1", map(&[("serial", "7"), ("name", "a")]))));
    assert!(may(&mut world, "ann", set("/fixture/1", map(&[("serial", "7"), ("name", "b")]))));
    assert!(!may(&mut world, "ann", set("/fixture/1", map(&[("serial", "8")]))));
    let twice = bundle([
        set("/fixture/2", map(&[("serial", "1")])),
        set("/fixture/2", map(&[("serial", "2")])),
    ]);
    assert!(!may(&mut world, "ann", twice), "also within one bundle");
    assert_eq!(world.ask("ann", get("/fixture/2")), ["ERROR 201 /fixture/2"]);
}
