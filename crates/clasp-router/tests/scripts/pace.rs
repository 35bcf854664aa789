//! `max_rate` and `epsilon` of subscriptions (routing.md 3.3).

use clasp_protocol::message::{Phase, SignalType};

use crate::support::*;

fn pair() -> World {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world
}

#[test]
fn max_rate_lets_the_first_value_pass_and_the_latest_when_the_interval_ends() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(10));
    for value in 1..=5 {
        world.send("a", set("/x", value));
        world.pass_ms(10);
    }
    world.sees("b", ["SET /x 1 rev=1"]);
    world.pass_ms(49);
    world.hears_nothing("b");
    world.pass_ms(1);
    world.sees("b", ["SET /x 5 rev=5"]);
    world.pass_s(5);
    world.hears_nothing("b");
}

#[test]
fn max_rate_is_kept_over_a_long_run_and_the_last_value_arrives() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(5));
    let mut arrivals = Vec::new();
    let start_us = world.now.mono_us;
    for value in 1..=600 {
        world.send("a", set("/x", value).fire());
        arrivals.extend(world.told("b").iter().map(|_| world.now.mono_us - start_us));
        world.pass_ms(5);
        arrivals.extend(world.told("b").iter().map(|_| world.now.mono_us - start_us));
    }
    assert_eq!(arrivals.len(), 16, "one at once and five per second for three seconds");
    let spaced = arrivals.windows(2).all(|pair| pair[1] - pair[0] >= 195_000);
    assert!(spaced, "{arrivals:?}");
    world.send("a", set("/x", 9_999));
    world.pass_s(1);
    assert_eq!(world.told("b"), ["SET /x 9999 rev=601"]);
}

#[test]
fn addresses_are_limited_one_by_one() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x/*").max_rate(1));
    for value in 1..=2 {
        for address in ["/x/1", "/x/2"] {
            world.send("a", set(address, value));
        }
    }
    world.sees("b", ["SET /x/1 1 rev=1", "SET /x/2 1 rev=1"]);
    world.pass_s(1);
    world.sees("b", ["SET /x/1 2 rev=2", "SET /x/2 2 rev=2"]);
}

#[test]
fn streams_are_limited_like_params_and_apart_from_them() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(1));
    for value in 1..=3 {
        world.send("a", stream("/x", value));
        world.send("a", set("/x", value));
    }
    world.sees("b", ["PUBLISH stream /x 1", "SET /x 1 rev=1"]);
    world.pass_s(1);
    world.sees("b", ["PUBLISH stream /x 3", "SET /x 3 rev=3"]);
}

#[test]
fn events_gesture_ends_and_timelines_are_never_held_back() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(1).epsilon(1_000.0));
    let mut expected = Vec::new();
    for value in 1..=3 {
        world.send("a", event("/x", value));
        world.send("a", gesture("/x", 1, Phase::Start, value));
        world.send("a", gesture("/x", 1, Phase::Cancel, value));
        world.send("a", signal(SignalType::Timeline, "/x", value));
        expected.push(format!("PUBLISH event /x {value}"));
        expected.push(format!("PUBLISH gesture /x start#1 {value}"));
        expected.push(format!("PUBLISH gesture /x cancel#1 {value}"));
        expected.push(format!("PUBLISH timeline /x {value}"));
    }
    world.sees("b", expected);
}

#[test]
fn others_get_everything() {
    let mut world = pair();
    world.join("c");
    world.send("b", subscribe(1, "/x").max_rate(1));
    world.send("c", subscribe(1, "/x"));
    for value in 1..=3 {
        world.send("a", set("/x", value));
    }
    world.sees("b", ["SET /x 1 rev=1"]);
    world.sees("c", ["SET /x 1 rev=1", "SET /x 2 rev=2", "SET /x 3 rev=3"]);
}

#[test]
fn a_rate_of_zero_or_beyond_measure_limits_nothing() {
    for rate in [0, 2_000_000, u32::MAX] {
        let mut world = pair();
        world.send("b", subscribe(1, "/x").max_rate(rate));
        for value in 1..=3 {
            world.send("a", set("/x", value));
        }
        assert_eq!(world.told("b").len(), 3);
    }
}

#[test]
fn epsilon_suppresses_small_changes_against_the_last_value_that_was_sent() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").epsilon(1.0));
    for value in [0.0, 0.4, 0.8, 1.0, 1.5, 1.9, 2.1] {
        world.send("a", set("/x", value));
    }
    world.sees("b", ["SET /x 0.0 rev=1", "SET /x 1.0 rev=4", "SET /x 2.1 rev=7"]);
    world.pass_s(2);
    world.hears_nothing("b");
}

#[test]
fn after_a_second_of_quiet_the_suppressed_value_comes_once() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").epsilon(10.0));
    world.send("a", set("/x", 0));
    for value in 1..=5 {
        world.pass_ms(900);
        world.send("a", set("/x", value));
    }
    world.sees("b", ["SET /x 0 rev=1"]);
    world.pass_ms(999);
    world.hears_nothing("b");
    world.pass_ms(1);
    world.sees("b", ["SET /x 5 rev=6"]);
    world.pass_s(10);
    world.hears_nothing("b");
}

#[test]
fn epsilon_is_about_numbers_only() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").epsilon(10.0));
    world.send("a", set("/x", "one"));
    world.send("a", set("/x", "two"));
    world.send("a", set("/x", 1));
    world.send("a", set("/x", ()));
    world.send("a", set("/x", f64::NAN));
    assert_eq!(world.told("b").len(), 5);
}

#[test]
fn meaningless_epsilons_suppress_nothing() {
    for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let mut world = pair();
        world.send("b", subscribe(1, "/x").epsilon(epsilon));
        for _ in 0..3 {
            world.send("a", set("/x", 1));
        }
        assert_eq!(world.told("b").len(), 3, "{epsilon}");
    }
}

#[test]
fn rate_and_epsilon_work_together() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(10).epsilon(1.0));
    world.send("a", set("/x", 0.0));
    world.send("a", set("/x", 0.5));
    world.sees("b", ["SET /x 0.0 rev=1"]);
    world.pass_ms(500);
    world.hears_nothing("b");
    world.send("a", set("/x", 5.0));
    world.send("a", set("/x", 9.0));
    world.sees("b", ["SET /x 5.0 rev=3"]);
    world.pass_ms(100);
    world.sees("b", ["SET /x 9.0 rev=4"]);
    world.send("a", set("/x", 9.5));
    world.pass_ms(1_200);
    world.sees("b", ["SET /x 9.5 rev=5"]);
}

#[test]
fn the_most_generous_of_a_sessions_subscriptions_wins() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(1));
    world.send("b", subscribe(2, "/*").max_rate(10));
    world.send("a", set("/x", 1));
    world.send("a", set("/x", 2));
    world.pass_ms(100);
    world.sees("b", ["SET /x 1 rev=1", "SET /x 2 rev=2"]);
    world.send("b", subscribe(3, "/**"));
    world.forget();
    for value in 3..=5 {
        world.send("a", set("/x", value));
    }
    world.sees("b", ["SET /x 3 rev=3", "SET /x 4 rev=4", "SET /x 5 rev=5"]);
}

#[test]
fn a_subscription_for_other_types_does_not_lift_a_limit() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").types(&[SignalType::Param]).max_rate(1));
    world.send("b", subscribe(2, "/x").types(&[SignalType::Event]));
    world.send("b", subscribe(3, "/x").types(&[SignalType::Stream]));
    for value in 1..=3 {
        world.send("a", set("/x", value));
        world.send("a", stream("/x", value));
    }
    world.sees(
        "b",
        ["SET /x 1 rev=1", "PUBLISH stream /x 1", "PUBLISH stream /x 2", "PUBLISH stream /x 3"],
    );
    world.pass_s(1);
    world.sees("b", ["SET /x 3 rev=3"]);
}

#[test]
fn nothing_that_was_held_back_comes_after_something_newer() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(1));
    world.send("a", set("/x", 1));
    world.send("a", set("/x", 2));
    world.send("b", subscribe(2, "/*"));
    world.forget();
    world.send("a", set("/x", 3));
    world.sees("b", ["SET /x 3 rev=3"]);
    world.pass_s(5);
    world.hears_nothing("b");
}

#[test]
fn nothing_that_was_held_back_comes_after_its_subscription_ended() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(1));
    world.send("a", set("/x", 1));
    world.send("a", set("/x", 2));
    world.send("b", unsubscribe(1));
    world.forget();
    world.pass_s(5);
    world.hears_nothing("b");
}

#[test]
fn a_held_value_and_a_snapshot_do_not_turn_time_around() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(1));
    world.send("a", set("/x", 1));
    world.send("a", set("/x", 2));
    world.forget();
    world.send("b", subscribe(1, "/x").max_rate(1));
    world.sees("b", ["SNAPSHOT /x=2@2"]);
    world.send("a", set("/x", 3));
    world.pass_s(3);
    let told = world.told("b");
    assert_eq!(told.last().map(String::as_str), Some("SET /x 3 rev=3"), "{told:?}");
    assert!(told.len() <= 2 && !told.contains(&"SET /x 1 rev=1".to_owned()), "{told:?}");
}

#[test]
fn held_values_are_forgotten_with_their_session() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(1));
    world.send("a", set("/x", 1));
    world.send("a", set("/x", 2));
    world.leave("b");
    world.pass_s(3);
    world.join("b");
    world.send("a", set("/x", 3));
    world.hears_nothing("b");
}

#[test]
fn a_held_value_of_an_expired_param_does_not_come_back_to_life() {
    use clasp_protocol::message::Ttl;
    let mut world = World::configured(|config| config.params.notify_expiry = true);
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/x").epsilon(10.0));
    world.send("a", set("/x", 1).ttl(Ttl::Absolute(1)));
    world.pass_ms(900);
    world.send("a", set("/x", 2).ttl(Ttl::Absolute(1)));
    world.forget();
    world.pass_s(10);
    let told = world.told("b");
    assert!(told.last().is_some_and(|line| line.starts_with("SET /x null")), "{told:?}");
}

#[test]
fn bundles_keep_to_the_limits_too() {
    let mut world = pair();
    world.send("b", subscribe(1, "/x").max_rate(1));
    world.send("a", bundle([set("/x", 1), set("/x", 2), event("/x", 3), set("/x", 4)]));
    world.sees("b", ["SET /x 1 rev=1", "PUBLISH event /x 3"]);
    world.pass_s(1);
    world.sees("b", ["SET /x 4 rev=3"]);
}

#[test]
fn more_addresses_than_are_remembered_are_not_lost() {
    let mut world = World::configured(|config| config.params.created_per_session_max = 0);
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/x/*").max_rate(1));
    for number in 0..10_100 {
        world.send("a", set(&format!("/x/{number}"), 1).fire());
    }
    assert_eq!(world.told("b").len(), 10_100);
}
