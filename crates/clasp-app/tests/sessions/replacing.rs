//! Another config takes the place of the one in force.

use clasp_protocol::message::Ttl;

use crate::people::{config, enter, may, world_of};
use crate::support::*;

const FREE: &str = r#"{"scopes": ["admin:/**"], "write_rules": []}"#;

/// What is at `/door` needs a key, and so does seeing it.
fn locked(key: &str) -> String {
    let rule = format!(r#"{{"type": "state_not_null", "lookup": "/{key}/{{session}}"}}"#);
    let see = format!(r#""visible": "require_state_not_null", "lookup": "/{key}/{{session}}""#);
    format!(
        r#"{{"write_rules": [{{"path": "/door", "checks": [{rule}]}}],
            "snapshot_visibility": [{{"path": "/door", {see}}}]}}"#
    )
}

fn free() -> (World, std::sync::Arc<clasp_app::AppPolicy>) {
    let parsed = clasp_app::AppConfig::parse(FREE);
    assert_eq!(parsed.problems.len(), 1, "everybody is an admin here, and that is told");
    let (mut world, policy) = world_of("{}");
    policy.replace(parsed.config.unwrap(), &world.router);
    enter(&mut world, &policy, "ann");
    (world, policy)
}

#[test]
fn a_new_config_knows_what_was_written_before_it() {
    let (mut world, policy) = free();
    world.send("ann", set("/key/ann", 1));
    assert!(may(&mut world, "ann", set("/door", 1)));
    policy.replace(config(&locked("key")), &world.router);
    assert!(may(&mut world, "ann", set("/door", 2)));
    policy.replace(config(&locked("other")), &world.router);
    assert!(!may(&mut world, "ann", set("/door", 3)));
    world.send("ann", set("/other/ann", 1));
    assert!(may(&mut world, "ann", set("/door", 3)));
}

#[test]
fn what_is_visible_changes_with_the_config() {
    let (mut world, policy) = free();
    world.send("ann", set("/door", 1));
    assert_eq!(world.ask("ann", get("/door")), ["SNAPSHOT /door=1@1"]);
    policy.replace(config(&locked("key")), &world.router);
    assert_eq!(world.ask("ann", get("/door")), ["ERROR 201 /door"]);
    policy.replace(config("{}"), &world.router);
    assert_eq!(world.ask("ann", get("/door")), ["SNAPSHOT /door=1@1"]);
}

#[test]
fn nothing_is_remembered_for_a_config_without_look_ups() {
    let (mut world, policy) = free();
    policy.replace(config(&locked("key")), &world.router);
    world.send("ann", set("/key/ann", 1));
    assert_eq!(policy.params_remembered(), 1);
    policy.replace(config("{}"), &world.router);
    world.send("ann", set("/key/ann", 2));
    assert_eq!(policy.params_remembered(), 0);
}

#[test]
fn a_key_that_has_expired_opens_nothing_before_and_after_the_sweep() {
    let (mut world, policy) = free();
    policy.replace(config(&locked("key")), &world.router);
    world.send("ann", set("/key/ann", 1).ttl(Ttl::Absolute(10)));
    assert!(may(&mut world, "ann", set("/door", 1)));
    world.jump_s(10);
    assert!(!may(&mut world, "ann", set("/door", 2)));
    assert_eq!(world.ask("ann", get("/door")), ["ERROR 201 /door"]);
    world.pass_s(2);
    assert!(!may(&mut world, "ann", set("/door", 2)));
    assert_eq!(policy.params_remembered(), 0);
}
