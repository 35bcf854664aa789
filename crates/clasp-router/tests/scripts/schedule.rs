//! Bundles for a time: not before it, in order, within limits (routing.md section 7).

use clasp_protocol::message::{Phase, Ttl};

use crate::support::*;

fn pair() -> World {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world
}

/// A bundle for so many milliseconds from now.
fn in_ms(world: &World, ms: u64, parts: impl IntoIterator<Item = Sent>) -> Sent {
    bundle(parts).at(world.now.unix_us + ms * 1_000)
}

#[test]
fn a_bundle_for_now_or_earlier_runs_at_once() {
    let mut world = pair();
    for at in [0, 1, 1_700_000_000_000_000, world.now.unix_us] {
        world.send("a", bundle([event("/e", 1)]).at(at));
        world.sees("b", ["PUBLISH event /e 1"]);
        world.sees("a", ["ACK"]);
    }
}

#[test]
fn a_bundle_for_later_is_acknowledged_now_and_runs_then() {
    let mut world = pair();
    let later = in_ms(&world, 1_000, [set("/x", 1), event("/e", 1)]);
    world.send("a", later);
    world.sees("a", ["ACK"]);
    world.pass_us(999_999);
    world.hears_nothing("b");
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
    world.pass_us(1);
    world.sees("b", ["SET /x 1 rev=1", "PUBLISH event /e 1"]);
    world.hears_nothing("a");
    assert_eq!(world.metric("clasp_bundles_pending", &[]), 0.0);
}

#[test]
fn the_router_tells_when_it_wants_to_be_called() {
    let mut world = pair();
    let at_us = world.now.mono_us + 123_456;
    let later = bundle([event("/e", 1)]).at(world.now.unix_us + 123_456);
    world.send("a", later);
    assert_eq!(world.router.tick(world.now), Some(at_us));
}

#[test]
fn bundles_run_in_order_of_time_and_ties_in_order_of_acceptance() {
    let mut world = pair();
    for (ms, name) in [(300, 1), (100, 2), (200, 3), (100, 4), (300, 5), (100, 6)] {
        let later = in_ms(&world, ms, [event("/e", name)]);
        world.send("a", later);
    }
    world.jump_s(1);
    world.router.tick(world.now);
    world.resume("b");
    world.sees("b", [2, 4, 6, 3, 1, 5].map(|name| format!("PUBLISH event /e {name}")));
}

#[test]
fn wrong_contents_are_refused_when_the_bundle_is_sent() {
    let mut world = World::guarded();
    world.join_with("a", "sam|write:/mine/**");
    for (part, error) in [
        (set("/other", 1), "ERROR 301 /other"),
        (event("/other", 1), "ERROR 301 /other"),
        (set("/mine//x", 1), "ERROR 200 /mine//x"),
        (set("/mine/x", nested(33)), "ERROR 402 /mine/x"),
        (get("/mine/x"), "ERROR 101"),
    ] {
        let later = in_ms(&world, 500, [part]);
        assert_eq!(world.ask("a", later), [error]);
    }
    assert_eq!(world.metric("clasp_bundles_pending", &[]), 0.0);
}

#[test]
fn the_state_is_looked_at_when_the_bundle_runs() {
    let mut world = pair();
    world.send("b", set("/x", 1).lock());
    let held = in_ms(&world, 500, [event("/e", 1), set("/x", 2)]);
    assert_eq!(world.ask("a", held), ["ACK"]);
    let stale = in_ms(&world, 500, [set("/y", 2).expecting(4)]);
    assert_eq!(world.ask("a", stale), ["ACK"]);
    world.forget();
    world.pass_s(1);
    world.sees("a", ["ERROR 401 /x", "ERROR 400 /y"]);
    world.hears_nothing("b");
}

#[test]
fn a_bundle_runs_after_its_sender_has_left() {
    let mut world = pair();
    let later = in_ms(&world, 500, [set("/x", 1), event("/e", 1)]);
    world.send("a", later);
    world.leave("a");
    world.pass_s(1);
    world.sees("b", ["SET /x 1 rev=1", "PUBLISH event /e 1"]);
}

#[test]
fn a_lock_taken_for_a_session_that_has_left_is_held_by_nobody() {
    let mut world = pair();
    let later = in_ms(&world, 500, [set("/x", 1).lock()]);
    world.send("a", later);
    world.leave("a");
    world.pass_s(1);
    assert_eq!(world.ask("b", set("/x", 2)).last().unwrap(), "ACK /x rev=2");
}

#[test]
fn a_gesture_begun_for_a_session_that_has_left_is_cancelled_or_never_begun() {
    let mut world = pair();
    let later = in_ms(&world, 500, [gesture("/pen", 1, Phase::Start, 0)]);
    world.send("a", later);
    world.leave("a");
    world.pass_s(1);
    let told = world.told("b");
    let starts = told.iter().filter(|line| line.contains("start")).count();
    let cancels = told.iter().filter(|line| line.contains("cancel")).count();
    assert_eq!(starts, cancels, "{told:?}");
}

#[test]
fn a_bundle_may_lie_an_hour_ahead_and_no_more() {
    let mut world = pair();
    let hour = in_ms(&world, 3_600_000, [event("/e", 1)]);
    assert_eq!(world.ask("a", hour), ["ACK"]);
    let more = bundle([event("/e", 2)]).at(world.now.unix_us + 3_600_000_001);
    assert_eq!(world.ask("a", more), ["ERROR 402"]);
    assert_eq!(world.ask("a", bundle([]).at(u64::MAX)), ["ERROR 402"]);
    world.pass_s(3_601);
    world.sees("b", ["PUBLISH event /e 1"]);
}

#[test]
fn so_many_may_wait_per_session_and_in_all() {
    let mut world = World::configured(|config| {
        config.bundles.pending_per_session_max = 3;
        config.bundles.pending_max = 5;
    });
    world.join("a");
    world.join("b");
    for (name, expected) in [("a", 3), ("b", 2)] {
        for number in 0..4 {
            let later = in_ms(&world, 500, [event("/e", number)]);
            let answer = if number < expected { "ACK" } else { "ERROR 503" };
            assert_eq!(world.ask(name, later), [answer]);
        }
    }
    assert_eq!(world.metric("clasp_bundles_pending", &[]), 5.0);
    world.pass_s(1);
    let later = in_ms(&world, 500, [event("/e", 9)]);
    assert_eq!(world.ask("b", later), ["ACK"]);
}

#[test]
fn a_step_of_the_wall_clock_does_not_move_what_was_accepted() {
    let mut world = pair();
    let later = in_ms(&world, 1_000, [event("/e", 1)]);
    world.send("a", later);
    world.now.unix_us += 10_000_000;
    world.pass_ms(900);
    world.hears_nothing("b");
    world.now.unix_us -= 20_000_000;
    world.pass_ms(100);
    world.sees("b", ["PUBLISH event /e 1"]);
}

#[test]
fn lifetimes_count_from_the_time_the_bundle_runs() {
    let mut world = pair();
    let later = in_ms(&world, 5_000, [set("/x", 1).ttl(Ttl::Absolute(3))]);
    world.send("a", later);
    world.pass_s(7);
    assert_eq!(world.ask("a", get("/x")), ["SNAPSHOT /x=1@1"]);
    world.pass_s(2);
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn messagepack_bundles_can_be_scheduled_too() {
    let mut world = pair();
    world.join_legacy("old");
    let later = in_ms(&world, 500, [set("/x", 1), event("/e", 1)]);
    world.send("old", later);
    world.hears_nothing("b");
    world.pass_ms(500);
    world.sees("b", ["SET /x 1 rev=1", "PUBLISH event /e 1"]);
}

#[test]
fn bundles_that_wait_have_a_limit_in_bytes_for_each_session_and_for_all() {
    let mut world = World::configured(|config| {
        config.bundles.pending_bytes_per_session_max = 100_000;
        config.bundles.pending_bytes_max = 150_000;
    });
    world.join("a");
    world.join("b");
    let large = |world: &World| in_ms(world, 1_000, [set("/x", long_text(60_000))]);
    let (first, second) = (large(&world), large(&world));
    assert_eq!(world.ask("a", first), ["ACK"]);
    assert_eq!(world.ask("a", second.clone()), ["ERROR 503"]);
    assert_eq!(world.ask("b", second), ["ACK"]);
    let small = in_ms(&world, 1_000, [set("/y", long_text(35_000))]);
    assert_eq!(world.ask("a", small), ["ERROR 503"], "all together");
    world.pass_s(1);
    let again = large(&world);
    assert_eq!(world.ask("a", again), ["ACK"], "those that have run do not count");
}
