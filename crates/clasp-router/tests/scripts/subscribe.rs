//! SUBSCRIBE and UNSUBSCRIBE (routing.md 3.1, 3.2, 3.4, 3.5; README, rule 1).

use clasp_protocol::message::SignalType;
use clasp_router::config::InitialSnapshot;

use crate::support::*;

fn pair() -> World {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world
}

#[test]
fn matching_params_are_told_at_once_and_nothing_else_is() {
    let mut world = pair();
    world.send("a", set("/x/1", 1));
    world.send("a", set("/x/2", 2));
    world.send("a", set("/y", 3));
    world.send("b", subscribe(1, "/x/*"));
    world.sees("b", ["SNAPSHOT /x/1=1@1 /x/2=2@1"]);
    world.send("b", subscribe(2, "/z/**"));
    world.hears_nothing("b");
}

#[test]
fn neither_subscribe_nor_unsubscribe_is_acknowledged() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").commit());
    world.send("b", unsubscribe(1).commit());
    world.send("b", unsubscribe(99).commit());
    world.hears_nothing("b");
}

#[test]
fn the_same_id_and_pattern_again_brings_a_new_snapshot_and_no_second_copy() {
    let mut world = pair();
    world.send("a", set("/x", 1));
    world.send("b", subscribe(1, "/x"));
    world.send("b", subscribe(1, "/x"));
    world.sees("b", ["SNAPSHOT /x=1@1", "SNAPSHOT /x=1@1"]);
    world.send("a", set("/x", 2));
    world.sees("b", ["SET /x 2 rev=2"]);
    assert_eq!(world.metric("clasp_subscriptions_active", &[]), 1.0);
}

#[test]
fn refreshing_replaces_types_and_options() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").types(&[SignalType::Event]));
    world.send("b", subscribe(1, "/x").types(&[SignalType::Param]));
    world.send("a", event("/x", 1));
    world.send("a", set("/x", 1));
    world.sees("b", ["SET /x 1 rev=1"]);
}

#[test]
fn the_same_id_with_another_pattern_is_one_more() {
    let mut world = pair();
    for pattern in ["/x", "/y", "/z/*"] {
        world.send("b", subscribe(0, pattern));
    }
    for address in ["/x", "/y", "/z/1", "/other"] {
        world.send("a", set(address, 1));
    }
    world.sees("b", ["SET /x 1 rev=1", "SET /y 1 rev=1", "SET /z/1 1 rev=1"]);
    assert_eq!(world.metric("clasp_subscriptions_active", &[]), 3.0);
    world.send("b", unsubscribe(0));
    for address in ["/x", "/y", "/z/1"] {
        world.send("a", set(address, 2));
    }
    world.hears_nothing("b");
    assert_eq!(world.metric("clasp_subscriptions_active", &[]), 0.0);
}

#[test]
fn a_session_gets_one_copy_however_many_of_its_patterns_match() {
    let mut world = pair();
    for (id, pattern) in (1..).zip(["/x/1", "/x/*", "/x/**", "/**", "/*/1", "/x/1*"]) {
        world.send("b", subscribe(id, pattern));
    }
    world.send("a", set("/x/1", 1));
    world.send("a", event("/x/1", 2));
    world.send("a", bundle([set("/x/1", 3), event("/x/1", 4)]));
    world.sees(
        "b",
        ["SET /x/1 1 rev=1", "PUBLISH event /x/1 2", "SET /x/1 3 rev=2", "PUBLISH event /x/1 4"],
    );
    for id in 1..=5 {
        world.send("b", unsubscribe(id));
    }
    world.forget();
    world.send("a", set("/x/1", 5));
    world.sees("b", ["SET /x/1 5 rev=3"]);
}

#[test]
fn the_same_id_in_two_sessions_means_two_things() {
    let mut world = pair();
    world.send("a", subscribe(1, "/x"));
    world.send("b", subscribe(1, "/x"));
    world.send("a", unsubscribe(1));
    world.send("a", set("/x", 1));
    world.sees("a", ["ACK /x rev=1"]);
    world.sees("b", ["SET /x 1 rev=1"]);
}

#[test]
fn malformed_patterns_are_refused_and_not_registered() {
    let mut world = pair();
    let long = format!("/{}", "a".repeat(1_024));
    let deep = "/a".repeat(65);
    let patterns = ["", "x", "/a//b", "//", "/**/a/**/b/**/c/**/d/**", &long, &deep];
    for pattern in patterns {
        let error = format!("ERROR 202 {}", &pattern[..pattern.len().min(1_024)]);
        assert_eq!(world.ask("b", subscribe(1, pattern)), [error]);
    }
    assert_eq!(world.metric("clasp_subscriptions_active", &[]), 0.0);
    assert_eq!(world.ask("b", subscribe(1, "/**/a/**/b/**/c/**")), [""; 0]);
    assert_eq!(world.ask("b", subscribe(1, "/a/")), [""; 0]);
}

#[test]
fn a_pattern_of_32000_segments_is_refused_like_any_other() {
    let mut world = pair();
    let pattern = "/a".repeat(32_000);
    let told = world.ask("b", subscribe(1, &pattern));
    assert_eq!(told, [format!("ERROR 202 {}", &pattern[..1_024])]);
    assert_eq!(world.ask("b", ping()), ["PONG"]);
}

#[test]
fn long_patterns_are_fine_where_the_operator_allows_them() {
    let mut world = World::configured(|config| {
        config.addresses.bytes_max = 65_000;
        config.addresses.segments_max = 65_000;
        config.addresses.globstars_max = 65_000;
    });
    world.join("a");
    world.join("b");
    let deep = "/a".repeat(16_000);
    world.send("b", subscribe(1, &deep));
    world.send("b", subscribe(2, &format!("{}/*", &deep[2..])));
    world.send("a", event(&deep, 1));
    assert_eq!(world.told("b").len(), 1);
    world.send("b", unsubscribe(1));
    world.send("b", unsubscribe(2));
    world.leave("b");
}

#[test]
fn globstars_do_not_take_exponential_time() {
    let mut world = World::configured(|config| config.addresses.globstars_max = 40);
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, &format!("{}/b", "/**/a".repeat(31))));
    let address = "/a".repeat(64);
    for _ in 0..20 {
        world.send("a", event(&address, 1));
    }
    world.hears_nothing("b");
}

#[test]
fn type_masks_choose_what_is_delivered_and_whether_params_are_told() {
    use SignalType::{Event, Gesture, Param, Stream, Timeline};
    let all = [Param, Event, Stream, Gesture, Timeline];
    for wanted in all {
        let mut world = pair();
        world.send("a", set("/x", 0));
        world.send("b", subscribe(1, "/x").types(&[wanted]));
        let told = world.told("b");
        assert_eq!(told.is_empty(), wanted != Param, "{wanted:?}: {told:?}");
        world.send("a", set("/x", 1));
        for kind in all {
            world.send("a", signal(kind, "/x", 1));
        }
        let mut expected = vec![format!("PUBLISH {} /x 1", wanted.name())];
        match wanted {
            Param => expected.insert(0, "SET /x 1 rev=2".to_owned()),
            Gesture => expected = vec!["PUBLISH gesture /x start 1".to_owned()],
            _ => {}
        }
        world.sees("b", expected);
    }
}

#[test]
fn a_mask_without_any_known_bit_means_every_type() {
    for byte in [0, 0xFF, 0xE0] {
        let mut world = pair();
        world.send("a", set("/x", 0));
        world.send("b", subscribe(1, "/x").type_byte(byte));
        world.send("a", set("/x", 1));
        world.send("a", event("/x", 2));
        world.sees("b", ["SNAPSHOT /x=0@1", "SET /x 1 rev=2", "PUBLISH event /x 2"]);
    }
}

#[test]
fn masks_of_overlapping_patterns_add_up() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").types(&[SignalType::Event]));
    world.send("b", subscribe(2, "/*").types(&[SignalType::Param]));
    world.send("a", set("/x", 1));
    world.send("a", event("/x", 2));
    world.send("a", stream("/x", 3));
    world.send("a", event("/y", 4));
    world.sees("b", ["SET /x 1 rev=1", "PUBLISH event /x 2"]);
}

#[test]
fn live_traffic_and_snapshots_follow_the_same_rule() {
    let addresses = ["/a", "/a/b", "/a/b/c", "/ab", "/A", "/a/*", "/x/zone5", "/x/zone52/y", "/*"];
    let patterns = [
        ("/a", vec!["/a"]),
        ("/a/**", vec!["/a", "/a/*", "/a/b", "/a/b/c"]),
        ("/a/*", vec!["/a/*", "/a/b"]),
        ("/*", vec!["/*", "/A", "/a", "/ab"]),
        ("/**", addresses.to_vec()),
        ("/**/b/**", vec!["/a/b", "/a/b/c"]),
        ("/a*", vec!["/a", "/ab"]),
        ("/x/zone5*", vec!["/x/zone5"]),
        ("/x/zone5*/**", vec!["/x/zone5", "/x/zone52/y"]),
        ("/a/", vec![]),
        ("/{a,ab}", vec![]),
        ("/a?", vec![]),
        ("/[a]", vec![]),
    ];
    for (pattern, expected) in patterns {
        let mut expected: Vec<&str> = expected;
        expected.sort_unstable();
        let mut world = pair();
        for address in addresses {
            world.send("a", set(address, 1));
        }
        world.forget();
        world.send("b", subscribe(1, pattern));
        let snapshot = world.snapshots("b");
        assert_eq!(snapshot.keys().collect::<Vec<_>>(), expected, "snapshot of {pattern}");
        for address in addresses {
            world.send("a", set(address, 2));
        }
        let mut live: Vec<String> = world
            .told("b")
            .iter()
            .map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned())
            .collect();
        live.sort_unstable();
        assert_eq!(live, expected, "live traffic of {pattern}");
    }
}

#[test]
fn the_limit_counts_patterns_and_refreshing_is_not_one_more() {
    let mut world = World::configured(|config| config.subscriptions_per_session_max = 2);
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/x"));
    world.send("b", subscribe(1, "/y"));
    assert_eq!(world.ask("b", subscribe(1, "/z")), ["ERROR 429 /z"]);
    assert_eq!(world.ask("b", subscribe(2, "/x")), ["ERROR 429 /x"]);
    world.send("a", set("/y", 1));
    world.sees("b", ["SET /y 1 rev=1"]);
    assert_eq!(world.ask("b", subscribe(1, "/y")), ["SNAPSHOT /y=1@1"]);
    world.send("a", subscribe(1, "/z"));
    world.send("b", unsubscribe(1));
    assert_eq!(world.ask("b", subscribe(2, "/z")), [""; 0]);
}

#[test]
fn no_subscription_limit_means_no_limit() {
    let mut world = World::configured(|config| config.subscriptions_per_session_max = 0);
    world.join("b");
    for id in 0..3_000 {
        world.send("b", subscribe(id, &format!("/x/{id}")));
    }
    world.hears_nothing("b");
    assert_eq!(world.metric("clasp_subscriptions_active", &[]), 3_000.0);
}

#[test]
fn after_unsubscribe_nothing_more_is_queued() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x/*"));
    world.send("a", set("/x/1", 1));
    world.stall("b");
    world.send("a", set("/x/1", 2));
    world.send("b", unsubscribe(1));
    world.send("a", set("/x/1", 3));
    world.send("a", event("/x/1", 3));
    world.resume("b");
    world.sees("b", ["SET /x/1 1 rev=1", "SET /x/1 2 rev=2"]);
}

#[test]
fn subscriptions_end_with_their_session() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x"));
    world.leave("b");
    world.send("a", set("/x", 1));
    world.join("b");
    world.send("a", set("/x", 2));
    world.hears_nothing("b");
}

#[test]
fn a_subscription_made_after_an_address_was_used_hears_it_too() {
    let mut world = pair();
    for _ in 0..3 {
        world.send("a", set("/x", 1));
        world.send("a", event("/x", 1));
    }
    world.send("b", subscribe(1, "/x").types(&[SignalType::Event]));
    world.send("a", event("/x", 2));
    world.sees("b", ["PUBLISH event /x 2"]);
}

/// Params of 60,000 bytes each that `b` is told while it does not read.
fn large_params(patterns: &[&str]) -> World {
    let mut world = World::configured(|config| config.initial_snapshot = InitialSnapshot::Empty);
    world.join("a");
    for number in 0..10 {
        world.send("a", set(&format!("/big/{number}"), long_text(60_000)).fire());
    }
    world.join("b");
    world.stall("b");
    let requests = (1..).zip(patterns).map(|(id, pattern)| subscribe(id, pattern));
    // In one piece, since between requests a client has to read.
    let bytes: Vec<u8> =
        requests.chain([unsubscribe(1)]).flat_map(|request| request.frame(false)).collect();
    world.send_bytes("b", &bytes);
    world.resume("b");
    world
}

#[test]
fn unsubscribing_ends_a_snapshot_that_is_still_being_told() {
    let mut world = large_params(&["/big/*"]);
    let told = world.snapshots("b").len();
    assert!((1..5).contains(&told), "{told} of 10, of which three fit what is queued at a time");
    assert_eq!(world.ask("b", ping()), ["PONG"]);
}

#[test]
fn another_subscription_still_gets_its_own_snapshot() {
    let mut world = large_params(&["/big/*", "/big/**"]);
    assert_eq!(world.snapshots("b").len(), 10);
}
