//! What a policy with look-ups is told of the params that it watches (routing.md 12.6).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use clasp_protocol::RawValue;
use clasp_protocol::message::Ttl;
use clasp_router::policy::{Actor, Observed, Policy, Visibility};
use clasp_router::{Config, Ports};

use crate::support::*;

/// Watches everything below `/seen`; refuses writes to `/door` unless `/seen/key` is there.
#[derive(Default)]
struct Watcher {
    blind: AtomicBool,
    /// Value and seconds until the deadline, which is told as a time of the monotonic clock.
    params: Mutex<BTreeMap<String, (String, u64)>>,
}

impl Watcher {
    fn params(&self) -> Vec<(String, String)> {
        let params = self.params.lock().unwrap();
        params.iter().map(|(address, (value, _))| (address.clone(), value.clone())).collect()
    }

    fn deadline_us(&self, address: &str) -> u64 {
        self.params.lock().unwrap()[address].1
    }
}

impl Policy for Watcher {
    fn validate(
        &self,
        actor: Actor<'_>,
        address: &str,
        _: Option<&RawValue<'_>>,
    ) -> Result<(), String> {
        let params = self.params.lock().unwrap();
        let key = params.get("/seen/key").is_some_and(|(_, end)| *end > actor.now.mono_us);
        if address == "/door" && !key { Err("no key".into()) } else { Ok(()) }
    }

    fn transform(&self, _: &str, _: &RawValue<'_>) -> Option<RawValue<'static>> {
        None
    }

    fn filters(&self) -> bool {
        false
    }

    fn visible(&self, _: Actor<'_>, _: &str, _: &RawValue<'_>) -> Visibility {
        Visibility::Deliver
    }

    fn looks_up(&self) -> bool {
        !self.blind.load(Ordering::Relaxed)
    }

    fn watches(&self, address: &str) -> bool {
        address.starts_with("/seen/")
    }

    fn observe(&self, address: &str, param: Option<Observed<'_>>) {
        assert!(self.watches(address) && self.looks_up(), "told of {address} unasked");
        let mut params = self.params.lock().unwrap();
        match param {
            Some(Observed { value, deadline_us }) => {
                params.insert(address.to_owned(), (value_text(value), deadline_us));
            }
            None => drop(params.remove(address)),
        }
    }
}

fn watched(change: impl FnOnce(&mut Config)) -> (World, Arc<Watcher>) {
    let watcher = Arc::new(Watcher::default());
    let ports = Ports { policy: Arc::clone(&watcher) as _, ..Ports::default() };
    let mut world = World::configured_with(ports, change);
    world.join("a");
    (world, watcher)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(address, value)| ((*address).into(), (*value).into())).collect()
}

#[test]
fn sets_and_bundles_are_told_at_watched_addresses_only() {
    let (mut world, watcher) = watched(|_| {});
    world.send("a", set("/seen/x", 1));
    world.send("a", set("/other", 1));
    world.send("a", bundle([set("/seen/x", 2), set("/seen/y", ()), set("/other", 2)]));
    assert_eq!(watcher.params(), pairs(&[("/seen/x", "2"), ("/seen/y", "null")]));
}

#[test]
fn what_a_bundle_undoes_is_told_as_it_was() {
    let (mut world, watcher) = watched(|_| {});
    world.send("a", set("/seen/x", 1));
    let refused = bundle([set("/seen/x", 2), set("/seen/new", 3), set("/x", 1).expecting(9)]);
    assert_eq!(world.ask("a", refused), ["ERROR 400 /x"]);
    assert_eq!(watcher.params(), pairs(&[("/seen/x", "1")]));
}

#[test]
fn a_later_part_of_a_bundle_sees_the_earlier_ones() {
    let (mut world, _) = watched(|_| {});
    assert_eq!(world.ask("a", set("/door", 1)), ["ERROR 403 /door"]);
    let reversed = bundle([set("/door", 1), set("/seen/key", 1)]);
    assert_eq!(world.ask("a", reversed), ["ERROR 403 /door"]);
    let ordered = bundle([set("/seen/key", 1), set("/door", 1)]);
    assert_eq!(world.ask("a", ordered), ["ACK rev=1"]);
}

#[test]
fn what_has_expired_is_known_to_be_over_before_any_sweep() {
    let (mut world, watcher) = watched(|_| {});
    world.send("a", set("/seen/key", 1).ttl(Ttl::Absolute(10)));
    world.jump_us(9_999_999);
    assert_eq!(world.ask("a", set("/door", 1)), ["ACK /door rev=1"]);
    world.jump_us(1);
    assert_eq!(world.ask("a", set("/door", 1)), ["ERROR 403 /door"]);
    world.pass_s(2);
    assert_eq!(watcher.params(), pairs(&[]));
}

#[test]
fn reading_extends_what_is_remembered_as_well() {
    let (mut world, watcher) = watched(|_| {});
    world.send("a", set("/seen/key", 1).ttl(Ttl::Sliding(10)));
    let first = watcher.deadline_us("/seen/key");
    world.pass_s(5);
    world.send("a", get("/seen/key"));
    assert_eq!(watcher.deadline_us("/seen/key"), first + 5_000_000);
    world.pass_s(5);
    world.send("a", subscribe(1, "/seen/*"));
    assert_eq!(watcher.deadline_us("/seen/key"), first + 10_000_000);
}

#[test]
fn eviction_is_told() {
    let (mut world, watcher) = watched(|config| config.params.count_max = 2);
    world.send("a", set("/seen/x", 1));
    world.send("a", set("/seen/y", 1));
    world.jump_us(1);
    world.send("a", set("/other", 1));
    assert_eq!(watcher.params().len(), 1);
}

#[test]
fn what_is_restored_is_told_and_so_is_what_a_journal_deletes() {
    let (mut before, _) = watched(|_| {});
    before.send("a", set("/seen/x", 1));
    before.send("a", set("/seen/y", 2));
    let (world, watcher) = watched(|_| {});
    for shard in 0..clasp_router::Router::SHARDS {
        before.router.export(shard, before.now, &mut |record| {
            world.router.restore(record, world.now);
        });
    }
    assert_eq!(watcher.params(), pairs(&[("/seen/x", "1"), ("/seen/y", "2")]));
    world.router.restore_deletion("/seen/x", 2);
    assert_eq!(watcher.params(), pairs(&[("/seen/y", "2")]));
}

#[test]
fn a_policy_that_begins_to_look_is_shown_what_there_is() {
    let (mut world, watcher) = watched(|_| {});
    watcher.blind.store(true, Ordering::Relaxed);
    world.router.show_params();
    world.send("a", set("/seen/x", 1));
    world.send("a", set("/other", 1));
    assert_eq!(watcher.params(), pairs(&[]));
    watcher.blind.store(false, Ordering::Relaxed);
    world.router.show_params();
    assert_eq!(watcher.params(), pairs(&[("/seen/x", "1")]));
    world.send("a", set("/seen/y", 1));
    assert_eq!(watcher.params().len(), 2);
}
