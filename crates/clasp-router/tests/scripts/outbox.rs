//! Queues towards slow clients: what is conflated, kept and dropped (routing.md 5.2).

use clasp_protocol::message::Phase;
use clasp_router::config::OutboxConfig;

use crate::support::*;

/// A writer `a` and a client `b` subscribed to everything, who treats 4 frames as much.
pub(crate) fn narrow_world() -> World {
    world_with(|outbox| {
        outbox.soft_frames_max = 4;
        outbox.hard_frames_max = 12;
    })
}

pub(crate) fn world_with(change: impl FnOnce(&mut OutboxConfig)) -> World {
    let mut world = World::configured(|config| {
        change(&mut config.outbox);
        config.gestures.interval_us = 0;
    });
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world
}

/// Fills the four frames that a slow client gets in any case.
fn fill(world: &mut World) -> Vec<String> {
    world.stall("b");
    let fillers = (0..4).map(|number| {
        world.send("a", event("/filler", number));
        format!("PUBLISH event /filler {number}")
    });
    fillers.collect()
}

#[test]
fn a_client_that_keeps_up_gets_everything() {
    let mut world = narrow_world();
    for value in 1..=100 {
        world.send("a", set("/x", value));
        world.sees("b", [format!("SET /x {value} rev={value}")]);
    }
}

#[test]
fn one_wake_up_brings_everything_that_was_queued() {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world.stall("b");
    for value in 0..500 {
        world.send("a", event("/x", value));
    }
    let before = world.client("b").takes;
    world.resume("b");
    assert_eq!(world.client("b").takes - before, 1);
    assert_eq!(world.told("b").len(), 500);
}

#[test]
fn params_are_conflated_in_the_slot_of_the_newest() {
    let mut world = narrow_world();
    let mut expected = fill(&mut world);
    world.send("a", set("/x", 1));
    world.send("a", event("/e", 1));
    world.send("a", set("/x", 2));
    world.send("a", set("/y", 1));
    world.send("a", event("/e", 2));
    world.send("a", set("/x", 3));
    world.send("a", event("/e", 3));
    world.resume("b");
    expected.extend(
        [
            "PUBLISH event /e 1",
            "SET /y 1 rev=1",
            "PUBLISH event /e 2",
            "SET /x 3 rev=3",
            "PUBLISH event /e 3",
        ]
        .map(str::to_owned),
    );
    world.sees("b", expected);
    assert_eq!(world.metric("clasp_conflated_total", &[]), 2.0);
    assert_eq!(world.metric("clasp_drops_total", &["param"]), 0.0);
}

#[test]
fn the_last_value_arrives_however_many_came_before() {
    let mut world = narrow_world();
    world.stall("b");
    for value in 1..=3_000 {
        world.send("a", set("/x", value));
    }
    world.resume("b");
    let told = world.told("b");
    assert_eq!(told.last().map(String::as_str), Some("SET /x 3000 rev=3000"));
    assert!(told.len() <= 12, "{told:?}");
}

#[test]
fn streams_and_moves_are_conflated_by_address_and_gesture() {
    let mut world = narrow_world();
    let mut expected = fill(&mut world);
    for value in 1..=3 {
        world.send("a", stream("/s", value));
        world.send("a", gesture("/g", 1, Phase::Move, value));
        world.send("a", gesture("/g", 2, Phase::Move, value));
    }
    world.send("a", gesture("/g", 1, Phase::End, 9));
    world.resume("b");
    expected.extend(
        [
            "PUBLISH stream /s 3",
            "PUBLISH gesture /g move#1 3",
            "PUBLISH gesture /g move#2 3",
            "PUBLISH gesture /g end#1 9",
        ]
        .map(str::to_owned),
    );
    world.sees("b", expected);
}

#[test]
fn a_stream_and_a_gesture_at_one_address_do_not_replace_each_other() {
    let mut world = narrow_world();
    let mut expected = fill(&mut world);
    world.send("a", stream("/x", 1));
    world.send("a", gesture("/x", 0, Phase::Move, 2));
    world.send("a", stream("/x", 3));
    world.resume("b");
    expected.extend(["PUBLISH gesture /x move#0 2", "PUBLISH stream /x 3"].map(str::to_owned));
    world.sees("b", expected);
}

#[test]
fn events_are_kept_to_the_hard_limit_and_then_the_newest_are_dropped() {
    let mut world = narrow_world();
    world.stall("b");
    for number in 0..20 {
        world.send("a", event("/e", number));
    }
    world.resume("b");
    let kept = (0..12).map(|number| format!("PUBLISH event /e {number}"));
    world.sees("b", kept.collect::<Vec<_>>());
    assert_eq!(world.metric("clasp_drops_total", &["event"]), 8.0);
}

#[test]
fn bytes_count_as_well_as_frames() {
    let mut world = world_with(|outbox| {
        outbox.soft_bytes_max = 10_000;
        outbox.hard_bytes_max = 50_000;
    });
    world.stall("b");
    for _ in 0..10 {
        world.send("a", event("/e", long_text(9_000)));
    }
    assert!(world.client("b").connection.outbox().backlog_bytes() <= 50_000);
    world.resume("b");
    assert_eq!(world.told("b").len(), 5);
    world.send("a", event("/e", 1));
    world.sees("b", ["PUBLISH event /e 1"]);
}

#[test]
fn when_full_the_oldest_stream_frame_goes_first() {
    let mut world = narrow_world();
    fill(&mut world);
    for number in 0..10 {
        world.send("a", stream(&format!("/s/{number}"), number));
    }
    world.resume("b");
    let told = world.told("b");
    assert_eq!(told.len(), 12);
    let streams: Vec<&str> = told[4..].iter().map(String::as_str).collect();
    assert_eq!(streams[0], "PUBLISH stream /s/2 2");
    assert_eq!(streams[7], "PUBLISH stream /s/9 9");
    assert_eq!(world.metric("clasp_drops_total", &["stream"]), 2.0);
}

#[test]
fn params_that_had_to_be_dropped_come_once_the_queue_is_drained() {
    let mut world = narrow_world();
    world.stall("b");
    for number in 0..12 {
        world.send("a", event("/e", number));
    }
    for value in 1..=3 {
        world.send("a", set("/x", value));
        world.send("a", set("/y", value));
    }
    world.resume("b");
    let told = world.told("b");
    assert_eq!(told[11], "PUBLISH event /e 11");
    let mut params = told[12..].to_vec();
    params.sort_unstable();
    assert_eq!(params, ["SET /x 3 rev=3", "SET /y 3 rev=3"]);
    assert_eq!(world.metric("clasp_drops_total", &["param"]), 6.0);
    world.send("a", set("/x", 4));
    world.sees("b", ["SET /x 4 rev=4"]);
}

#[test]
fn params_in_bundles_are_not_conflated_but_told_again_after_a_loss() {
    let mut world = narrow_world();
    fill(&mut world);
    world.send("a", bundle([set("/x", 1), event("/e", 1), set("/x", 2)]));
    for number in 2..10 {
        world.send("a", bundle([event("/e", number)]));
    }
    world.send("a", bundle([set("/x", 3), set("/z", 3)]));
    world.resume("b");
    let told = world.told("b");
    assert_eq!(told[4..7], ["SET /x 1 rev=1", "PUBLISH event /e 1", "SET /x 2 rev=2"]);
    let mut again = told[12..].to_vec();
    again.sort_unstable();
    assert_eq!(again, ["SET /x 3 rev=3", "SET /z 3 rev=1"]);
}

#[test]
fn more_params_may_be_missed_than_the_queue_holds() {
    let mut world = narrow_world();
    world.stall("b");
    for number in 0..12 {
        world.send("a", event("/e", number));
    }
    for number in 0..500 {
        world.send("a", set(&format!("/x/{number}"), number));
    }
    let dropped = world.metric("clasp_drops_total", &["param"]);
    world.resume("b");
    let told = world.told("b");
    let sets: std::collections::HashSet<_> =
        told.iter().filter(|line| line.starts_with("SET")).collect();
    let count = told.iter().filter(|line| line.starts_with("SET")).count();
    assert_eq!((sets.len(), count), (500, 500));
    assert_eq!(world.metric("clasp_drops_total", &["param"]), dropped);
}

#[test]
fn a_param_that_was_dropped_and_told_later_is_not_told_twice() {
    let mut world = narrow_world();
    world.stall("b");
    for number in 0..12 {
        world.send("a", event("/e", number));
    }
    world.send("a", set("/x", 1));
    let now = world.now;
    world.client("b").step(now);
    world.send("a", set("/x", 2));
    world.resume("b");
    let told = world.told("b");
    let sets: Vec<_> = told.iter().filter(|line| line.starts_with("SET")).collect();
    assert_eq!(sets, ["SET /x 2 rev=2"]);
}

#[test]
fn nothing_is_told_again_that_the_client_has_unsubscribed_from() {
    let mut world = narrow_world();
    world.stall("b");
    for number in 0..12 {
        world.send("a", event("/e", number));
    }
    world.send("a", set("/x", 1));
    world.send("b", unsubscribe(1));
    world.resume("b");
    assert!(world.told("b").iter().all(|line| line.starts_with("PUBLISH")));
}

#[test]
fn nothing_is_told_again_that_is_gone() {
    use clasp_protocol::message::Ttl;
    let mut world = narrow_world();
    world.stall("b");
    for number in 0..12 {
        world.send("a", event("/e", number));
    }
    world.send("a", set("/x", 1).ttl(Ttl::Absolute(1)));
    world.pass_s(2);
    world.resume("b");
    assert!(world.told("b").iter().all(|line| line.starts_with("PUBLISH")));
}

#[test]
fn replies_are_never_dropped() {
    let mut world = narrow_world();
    world.send("a", set("/known", 1));
    world.forget();
    world.stall("b");
    for number in 0..50 {
        world.send("a", event("/e", number));
    }
    for _ in 0..20 {
        world.send("b", ping());
        world.send("b", get("/known"));
    }
    world.resume("b");
    let told = world.told("b");
    let count = |text: &str| told.iter().filter(|line| *line == text).count();
    assert_eq!((count("PONG"), count("SNAPSHOT /known=1@1")), (20, 20));
}

#[test]
fn requests_wait_while_too_much_waits_for_their_sender() {
    let mut world = World::new();
    world.join("a");
    world.send("a", set("/x", long_text(60_000)));
    world.join("b");
    world.stall("b");
    let mut asked = 0;
    while world.client("b").connection.may_read() {
        world.send("b", get("/x"));
        asked += 1;
        assert!(asked < 100);
    }
    world.resume("b");
    assert!(world.client("b").connection.may_read());
    assert_eq!(world.frames("b").len(), asked);
}

#[test]
fn large_frames_keep_their_place_among_small_ones() {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world.stall("b");
    let mut expected = Vec::new();
    for number in 0..40 {
        world.send("a", event("/small", number));
        world.send("a", event("/large", long_text(20_000)));
        expected.push(format!("PUBLISH event /small {number}"));
        expected.push("PUBLISH event /large text of 20000 bytes".to_owned());
    }
    world.resume("b");
    world.sees("b", expected);
}

#[test]
fn a_slow_client_does_not_hold_up_others() {
    let mut world = narrow_world();
    world.join("c");
    world.send("c", subscribe(1, "/**"));
    world.stall("b");
    for number in 0..1_000 {
        world.send("a", event("/e", number));
    }
    assert_eq!(world.told("c").len(), 1_000);
}

#[test]
fn what_comes_between_shared_frames_keeps_its_place() {
    let mut world = World::new();
    for name in ["pub", "ann", "bob"] {
        world.join(name);
    }
    for name in ["ann", "bob"] {
        world.send(name, subscribe(1, "/e/*"));
        world.told(name);
        world.stall(name);
    }
    world.send("pub", event("/e/1", 1));
    world.send("pub", event("/e/2", 2));
    world.send("ann", ping());
    world.send("pub", event("/e/3", 3));
    world.resume("ann");
    world.resume("bob");
    let (one, two, three) =
        ("PUBLISH event /e/1 1", "PUBLISH event /e/2 2", "PUBLISH event /e/3 3");
    assert_eq!(world.told("ann"), [one, two, "PONG", three]);
    assert_eq!(world.told("bob"), [one, two, three]);
}

#[test]
fn a_close_comes_behind_shared_frames() {
    let mut world = World::new();
    for name in ["pub", "ann", "bob"] {
        world.join(name);
        world.send(name, subscribe(1, "/e"));
        world.told(name);
    }
    world.stall("ann");
    world.send("pub", event("/e", 1));
    world.router.close_all(&clasp_router::Close::new(1001, "bye"));
    world.resume("ann");
    let told = world.told("ann");
    assert_eq!(told[0], "PUBLISH event /e 1");
    assert!(told[1].starts_with("CLOSE 1001"), "{told:?}");
}
