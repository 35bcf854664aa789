//! REPLAY and the history of a subscription (routing.md section 8, 3.3).

use std::sync::Arc;

use clasp_protocol::message::{Phase, SignalType, Ttl};
use clasp_router::Ports;
use clasp_router::config::Config;
use clasp_router::journal::MemoryJournal;

use crate::support::*;

fn ports() -> Ports {
    Ports { journal: Some(Arc::new(MemoryJournal::new(100_000, 64 << 20))), ..Ports::default() }
}

fn journalled() -> World {
    let mut world = World::with(Config::default(), ports());
    world.join("a");
    world.join("b");
    world
}

impl World {
    /// A REPLAY of a pattern brings exactly this.
    #[track_caller]
    fn sees_replay(&mut self, name: &str, pattern: &str, expected: &[&str]) {
        assert_eq!(self.ask(name, replay(pattern)), expected);
    }
}

#[test]
fn without_a_journal_replay_is_refused() {
    let mut world = World::new();
    world.join("a");
    assert_eq!(world.ask("a", replay("/x/**")), ["ERROR 501 /x/**"]);
    assert_eq!(world.ask("a", replay("x")), ["ERROR 202 x"]);
}

#[test]
fn sets_and_publishes_come_back_in_the_order_in_which_they_happened() {
    let mut world = journalled();
    let start_us = world.now.unix_us;
    world.send("a", set("/x", 1));
    world.send("b", set("/x", 2));
    world.send("a", event("/x", "cue"));
    world.send("a", stream("/y", 0.5).at(77));
    world.send("a", set("/x", 3));
    world.sees_replay(
        "b",
        "/**",
        &[
            "SET /x 1 rev=1",
            "SET /x 2 rev=2",
            &format!("PUBLISH event /x \"cue\" at={start_us}"),
            "PUBLISH stream /y 0.5 at=77",
            "SET /x 3 rev=3",
            "ACK /** rev=5",
        ],
    );
    world.sees_replay("b", "/y", &["PUBLISH stream /y 0.5 at=77", "ACK /y rev=1"]);
}

#[test]
fn the_end_is_confirmed_only_when_the_request_wants_it() {
    let mut world = journalled();
    world.send("a", set("/x", 1));
    assert_eq!(world.ask("b", replay("/x").fire()), ["SET /x 1 rev=1"]);
    assert_eq!(world.ask("b", replay("/nothing").fire()), [""; 0]);
    assert_eq!(world.ask("b", replay("/nothing")), ["ACK /nothing rev=0"]);
}

#[test]
fn times_are_inclusive_and_types_and_limits_count() {
    let mut world = journalled();
    let start_us = world.now.unix_us;
    for value in 1..=5 {
        world.send("a", set("/x", value));
        world.jump_s(1);
    }
    world.send("a", event("/x", 6));
    let between = replay("/x").between(start_us + 1_000_000, start_us + 2_000_000);
    assert_eq!(world.ask("b", between), ["SET /x 2 rev=2", "SET /x 3 rev=3", "ACK /x rev=2"]);
    let limited = replay("/x").limit(2);
    assert_eq!(world.ask("b", limited), ["SET /x 1 rev=1", "SET /x 2 rev=2", "ACK /x rev=2"]);
    assert_eq!(world.ask("b", replay("/x").limit(0)), ["ACK /x rev=0"]);
    let events = replay("/x").only(&[SignalType::Event]);
    assert_eq!(world.ask("b", events).len(), 2);
    let params = replay("/x").only(&[SignalType::Param]);
    assert_eq!(world.ask("b", params).last().unwrap(), "ACK /x rev=5");
}

#[test]
fn a_replay_is_as_long_as_the_operator_allows() {
    let mut world = World::configured_with(ports(), |config| config.replay_entries_max = 10);
    world.join("a");
    for value in 0..30 {
        world.send("a", set("/x", value));
    }
    assert_eq!(world.ask("a", replay("/x")).len(), 11);
    assert_eq!(world.ask("a", replay("/x").limit(1_000)).len(), 11);
    assert_eq!(world.ask("a", replay("/x").limit(5)).len(), 6);
}

#[test]
fn refused_writes_and_p2p_signals_are_not_journalled() {
    let mut world = journalled();
    world.send("a", set("/x", 1).lock());
    world.send("b", set("/x", 2));
    let signal = format!("/clasp/p2p/signal/{}", world.id("b"));
    world.send("a", event(&signal, "offer"));
    world.send("a", bundle([event(&signal, "answer"), event("/e", ())]));
    world.send("b", bundle([event("/e", "never"), set("/x", 3)]));
    let told = world.ask("b", replay("/**"));
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[0], "SET /x 1 rev=1");
    assert_eq!(told[2], "ACK /** rev=2");
}

#[test]
fn what_a_bundle_did_is_journalled_in_its_order() {
    let mut world = journalled();
    world.send("a", bundle([set("/x", 1), event("/e", 1).at(5), set("/x", 2)]));
    world.sees_replay(
        "b",
        "/**",
        &["SET /x 1 rev=1", "PUBLISH event /e 1 at=5", "SET /x 2 rev=2", "ACK /** rev=3"],
    );
}

#[test]
fn gestures_and_samples_are_replayed_whole() {
    let mut world = journalled();
    world.send("a", gesture("/pen", 7, Phase::Start, 1).at(5));
    world.send("a", samples("/s", &[0.5, 0.25], 48_000).at(6));
    world.sees_replay(
        "b",
        "/**",
        &[
            "PUBLISH gesture /pen start#7 1 at=5",
            "PUBLISH stream /s samples=[0.5, 0.25] rate=48000 at=6",
            "ACK /** rev=2",
        ],
    );
}

#[test]
fn lifetimes_and_flags_are_not_replayed() {
    let mut world = journalled();
    world.send("a", set("/x", 1).lock().ttl(Ttl::Sliding(9)));
    world.sees_replay("b", "/x", &["SET /x 1 rev=1", "ACK /x rev=1"]);
}

#[test]
fn the_largest_signal_is_replayed_although_a_time_is_added() {
    let mut world = journalled();
    let overhead = event("/x", "").frame(false).len() - 4;
    world.send("a", event("/x", long_text(65_535 - overhead)));
    let told = world.ask("b", replay("/x"));
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_long_replay_comes_at_the_pace_at_which_it_is_read_and_one_at_a_time() {
    let mut world = journalled();
    for value in 0..2_000 {
        world.send("a", event("/x", long_text(1_000)).at(value));
    }
    world.join("c");
    world.stall("c");
    let mut bytes = replay("/x").frame(false);
    bytes.extend(replay("/x").frame(false));
    world.send_bytes("c", &bytes);
    let waiting = world.client("c").connection.outbox().backlog_bytes();
    assert!(waiting < 600_000, "{waiting} bytes wait");
    assert!(!world.client("c").connection.may_read());
    world.resume("c");
    let told = world.told("c");
    let count = |start: &str| told.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("PUBLISH"), count("ERROR 429 /x"), count("ACK")), (2_000, 1, 1));
    assert_eq!(told.last().unwrap(), "ACK /x rev=2000");
    assert_eq!(world.ask("c", replay("/x")).len(), 2_001);
}

#[test]
fn only_what_may_be_listened_to_is_replayed() {
    let ports = Ports { journal: ports().journal, ..World::badges() };
    let mut world = World::with(Config::default(), ports);
    world.join_with("root", "root|admin:/**");
    world.join_with("sam", "sam|read:/a/*,write:/**");
    world.send("root", set("/a/x", 1));
    world.send("root", set("/a/x/deep", 2));
    world.send("root", event("/secret", 3));
    assert_eq!(world.ask("sam", replay("/a/*")), ["SET /a/x 1 rev=1", "ACK /a/* rev=1"]);
    assert_eq!(world.ask("sam", replay("/a/**")), ["ERROR 301 /a/**"]);
    assert_eq!(world.ask("sam", replay("/secret")), ["ERROR 301 /secret"]);
    assert_eq!(world.ask("root", replay("/**")).len(), 4);
}

#[test]
fn history_brings_the_newest_of_each_address_before_the_snapshot() {
    let mut world = journalled();
    for value in 1..=5 {
        world.send("a", set("/x/1", value));
        world.send("a", event("/x/2", value).at(5));
    }
    world.send("b", subscribe(1, "/x/*").history(2));
    world.sees(
        "b",
        [
            "SET /x/1 4 rev=4",
            "PUBLISH event /x/2 4 at=5",
            "SET /x/1 5 rev=5",
            "PUBLISH event /x/2 5 at=5",
            "SNAPSHOT /x/1=5@5",
        ],
    );
}

#[test]
fn history_keeps_to_a_hundred_entries_and_to_the_types() {
    let mut world = journalled();
    for value in 0..150 {
        world.send("a", event("/x", value));
        world.send("a", stream("/x", value));
    }
    world.send("b", subscribe(1, "/x").types(&[SignalType::Event]).history(u32::MAX));
    let told = world.told("b");
    assert_eq!(told.len(), 100);
    assert!(told.iter().all(|line| line.starts_with("PUBLISH event")));
    assert!(told[0].contains("/x 50 "), "{}", told[0]);
}

#[test]
fn history_without_a_journal_is_ignored() {
    let mut world = World::new();
    world.join("a");
    world.send("a", set("/x", 1));
    world.join("b");
    world.send("b", subscribe(1, "/x").history(10));
    world.sees("b", ["SNAPSHOT /x=1@1"]);
}

#[test]
fn history_never_comes_after_newer_news() {
    let mut world = journalled();
    world.send("a", set("/fat", long_text(60_000)));
    for value in 1..=5 {
        world.send("a", set("/x", value));
    }
    world.join("c");
    world.stall("c");
    for _ in 0..4 {
        world.send("c", get("/fat"));
    }
    world.send("c", subscribe(1, "/x").history(3));
    world.send("a", set("/x", 6));
    world.resume("c");
    let mut last = 0;
    for line in world.told("c").iter().filter(|line| line.starts_with("SET /x")) {
        let revision: u64 = line.rsplit('=').next().unwrap().parse().unwrap();
        assert!(revision > last, "{line} after revision {last}");
        last = revision;
    }
    assert_eq!(last, 6);
}
