//! Params out of one router and into another as they were (routing.md 11.2, 11.3).

use std::collections::BTreeMap;

use clasp_protocol::message::Ttl;
use clasp_router::{Now, ParamRecord, Router};

use crate::support::*;

fn owned(record: &ParamRecord<'_>) -> ParamRecord<'static> {
    ParamRecord {
        address: record.address.to_string().into(),
        value: record.value.clone().into_owned(),
        writer: record.writer.to_string().into(),
        ..*record
    }
}

/// Everything that a state file would hold.
fn export(world: &World) -> BTreeMap<String, ParamRecord<'static>> {
    let mut records = BTreeMap::new();
    for shard in 0..Router::SHARDS {
        world.router.export(shard, world.now, &mut |record| {
            records.insert(record.address.to_string(), owned(record));
        });
    }
    records
}

/// A fresh router with the params of another one, some seconds later.
fn restart(before: &World, seconds: u64) -> World {
    let mut world = World::configured(|config| config.params.ttl_s = 60);
    // Another process has another monotonic clock.
    world.now = Now::new(before.now.unix_us + seconds * 1_000_000, 5_000_000);
    for record in export(before).values() {
        world.router.restore(record, world.now);
    }
    world.router.restore_revision_floor(before.router.revision_floor());
    world
}

fn with_params() -> World {
    let mut world = World::configured(|config| config.params.ttl_s = 60);
    world.join("a");
    for value in 1..=3 {
        world.send("a", set("/often", value));
    }
    world.send("a", set("/locked", "v").lock());
    world.send("a", set("/never", ()).ttl(Ttl::Never));
    world.send("a", set("/short", 1).ttl(Ttl::Absolute(10)));
    world.send("a", set("/sliding", 1).ttl(Ttl::Sliding(30)));
    world
}

#[test]
fn values_revisions_writers_and_times_survive() {
    let mut before = with_params();
    let writer = before.id("a");
    let mut after = restart(&before, 1);
    assert_eq!(export(&after), export(&before));
    after.connect("b");
    after.send("b", hello());
    let params = after.snapshots("b");
    assert_eq!(params.len(), 5);
    assert_eq!(params["/often"].revision, 3);
    assert_eq!(params["/often"].writer.as_deref(), Some(&*writer));
    assert_eq!(params["/often"].timestamp, Some(before.now.unix_us + 2));
    assert_eq!(after.ask("b", set("/often", 4).expecting(3)), ["ACK /often rev=4"]);
}

#[test]
fn locks_do_not_survive() {
    let before = with_params();
    let mut after = restart(&before, 1);
    after.join("b");
    assert_eq!(after.ask("b", set("/locked", "w")), ["ACK /locked rev=2"]);
}

#[test]
fn lifetimes_go_on_where_they_were() {
    let mut before = with_params();
    before.pass_s(6);
    let mut after = restart(&before, 1);
    after.join("b");
    after.pass_s(2);
    assert_eq!(after.ask("b", get("/short")), ["SNAPSHOT /short=1@1"]);
    after.pass_s(2);
    assert_eq!(after.ask("b", get("/short")), ["ERROR 201 /short"]);
    assert_eq!(after.ask("b", set("/sliding", 2)), ["ACK /sliding rev=2"]);
    after.pass_s(29);
    assert_eq!(after.ask("b", get("/sliding")), ["SNAPSHOT /sliding=2@2"]);
    after.pass_s(1_000);
    assert_eq!(after.ask("b", get("/never")), ["SNAPSHOT /never=null@1"]);
    assert_eq!(after.ask("b", get("/often")), ["ERROR 201 /often"]);
}

#[test]
fn what_expired_in_between_is_gone_but_its_revision_is_not() {
    let before = with_params();
    let mut after = restart(&before, 20);
    after.join("b");
    assert_eq!(after.ask("b", get("/short")), ["ERROR 201 /short"]);
    assert_eq!(after.ask("b", set("/short", 2)), ["ACK /short rev=2"]);
}

#[test]
fn expired_params_are_not_exported() {
    let mut before = with_params();
    before.jump_s(20);
    assert!(!export(&before).contains_key("/short"));
    assert!(export(&before).contains_key("/sliding"));
}

#[test]
fn revisions_of_params_that_are_gone_leave_a_floor() {
    let mut before = with_params();
    for _ in 0..7 {
        before.send("a", set("/gone", 1).ttl(Ttl::Absolute(1)));
    }
    before.pass_s(3);
    let mut after = restart(&before, 1);
    after.join("b");
    assert_eq!(after.ask("b", set("/gone", 1)), ["ACK /gone rev=8"]);
}

#[test]
fn deletions_of_a_journal_are_repeated() {
    let before = with_params();
    let mut after = restart(&before, 1);
    after.router.restore_deletion("/often", 9);
    after.router.restore_deletion("/unknown", 4);
    after.join("b");
    assert_eq!(after.ask("b", get("/often")), ["ERROR 201 /often"]);
    assert_eq!(after.ask("b", set("/often", 1)), ["ACK /often rev=10"]);
    assert_eq!(after.ask("b", set("/unknown", 1)), ["ACK /unknown rev=5"]);
}

#[test]
fn restoring_twice_keeps_the_later_one_and_counts_once() {
    let mut before = with_params();
    let mut after = restart(&before, 1);
    let bytes = after.metric("clasp_state_bytes", &[]);
    before.send("a", set("/often", 44));
    for record in export(&before).values() {
        after.router.restore(record, after.now);
    }
    assert_eq!(after.router.params(), 5);
    assert_eq!(after.metric("clasp_state_bytes", &[]), bytes);
    after.join("b");
    assert_eq!(after.ask("b", get("/often")), ["SNAPSHOT /often=44@4"]);
}

#[test]
fn the_number_of_changes_tells_whether_anything_happened() {
    let mut world = with_params();
    let mut last = world.router.changes();
    world.join("b");
    for sent in [subscribe(1, "/none"), get("/none"), event("/e", 1), set("/locked", 1)] {
        world.send("b", sent.clone());
        assert_eq!(world.router.changes(), last, "{sent:?} changes nothing");
    }
    // Reads make lifetimes start again.
    for sent in [subscribe(1, "/often"), get("/often")] {
        world.send("b", sent);
        assert_ne!(world.router.changes(), last);
        last = world.router.changes();
    }
    for sent in [set("/often", 9), bundle([set("/new", 1)])] {
        world.send("b", sent);
        assert_ne!(world.router.changes(), last);
        last = world.router.changes();
    }
    world.pass_s(100);
    assert_ne!(world.router.changes(), last, "expiry is a change");
}

#[test]
fn a_full_store_can_be_restored_and_evicts_later() {
    let before = with_params();
    let mut after = World::configured(|config| config.params.count_max = 3);
    after.now = Now::new(before.now.unix_us, 5_000_000);
    for record in export(&before).values() {
        after.router.restore(record, after.now);
    }
    after.join("b");
    assert_eq!(after.ask("b", set("/new", 1)), ["ACK /new rev=1"]);
    assert!(after.router.params() <= 5);
}
