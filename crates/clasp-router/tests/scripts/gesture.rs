//! Gestures: starts and ends at once, moves at most once per interval (routing.md 6.3, 2.7).

use clasp_protocol::message::Phase::{self, Cancel, End, Move, Start};

use crate::support::*;

fn pair() -> World {
    world_with_interval(16_000)
}

fn world_with_interval(interval_us: u64) -> World {
    let mut world = World::configured(|config| config.gestures.interval_us = interval_us);
    world.join("a");
    world.join("b");
    world.send("a", subscribe(1, "/**"));
    world.send("b", subscribe(1, "/**"));
    world
}

fn step(phase: Phase, value: i32) -> Sent {
    gesture("/pen", 1, phase, value)
}

/// Phases and values that a client has seen, like `move 3`.
fn steps(world: &mut World, name: &str) -> Vec<String> {
    let told = world.told(name);
    let steps = told.iter().map(|line| {
        let (_, step) = line.split_once("/pen ").expect("a gesture");
        step.replace("#1", "")
    });
    steps.collect()
}

#[test]
fn start_move_and_end_are_three_deliveries() {
    for last in [End, Cancel] {
        let mut world = pair();
        world.send("a", step(Start, 0));
        world.send("a", step(Move, 1));
        world.send("a", step(last, 2));
        assert_eq!(
            steps(&mut world, "b"),
            ["start 0".to_owned(), "move 1".to_owned(), format!("{} 2", last.name()),]
        );
        world.hears_nothing("a");
    }
}

#[test]
fn moves_pass_once_per_interval_and_the_latest_passes_in_time() {
    let mut world = pair();
    world.send("a", step(Start, 0));
    let mut arrivals = Vec::new();
    // 240 Hz for half a second.
    for number in 1..=120 {
        world.send("a", step(Move, number));
        arrivals.extend(world.told("b").iter().map(|_| world.now.mono_us));
        world.pass_us(4_166);
        arrivals.extend(world.told("b").iter().map(|_| world.now.mono_us));
    }
    assert!((30..=33).contains(&arrivals.len()), "{} moves", arrivals.len());
    world.send("a", step(End, 121));
    let last = steps(&mut world, "b");
    assert_eq!(last.last().map(String::as_str), Some("end 121"));
}

#[test]
fn a_held_move_goes_out_when_the_interval_ends() {
    let mut world = pair();
    world.send("a", step(Start, 0));
    world.send("a", step(Move, 1));
    world.pass_ms(5);
    world.send("a", step(Move, 2));
    world.pass_ms(5);
    world.send("a", step(Move, 3));
    world.forget();
    world.pass_us(5_999);
    world.hears_nothing("b");
    world.pass_us(1);
    assert_eq!(steps(&mut world, "b"), ["move 3"]);
    world.pass_s(1);
    world.hears_nothing("b");
    world.hears_nothing("a");
}

#[test]
fn slow_moves_all_pass_at_once() {
    let mut world = pair();
    for number in 0..10 {
        world.send("a", step(Move, number));
        assert_eq!(steps(&mut world, "b"), [format!("move {number}")]);
        world.pass_ms(33);
    }
}

#[test]
fn a_held_move_is_flushed_right_before_the_end() {
    for last in [End, Cancel, Start] {
        let mut world = pair();
        world.send("a", step(Start, 0));
        world.send("a", step(Move, 1));
        world.send("a", step(Move, 2));
        world.send("a", step(Move, 3));
        world.forget();
        world.send("a", step(last, 4));
        assert_eq!(steps(&mut world, "b"), ["move 3".to_owned(), format!("{} 4", last.name())]);
        world.pass_s(1);
        world.hears_nothing("b");
    }
}

#[test]
fn sessions_addresses_and_ids_are_gestures_of_their_own() {
    let mut world = pair();
    world.join("c");
    world.forget();
    for value in 1..=2 {
        world.send("a", gesture("/pen", 1, Move, value));
        world.send("c", gesture("/pen", 1, Move, 10 * value));
        world.send("a", gesture("/pen", 2, Move, 100 * value));
        world.send("a", gesture("/brush", 1, Move, 1_000 * value));
    }
    world.sees(
        "b",
        [
            "PUBLISH gesture /pen move#1 1",
            "PUBLISH gesture /pen move#1 10",
            "PUBLISH gesture /pen move#2 100",
            "PUBLISH gesture /brush move#1 1000",
        ],
    );
    world.pass_ms(16);
    world.sees(
        "b",
        [
            "PUBLISH gesture /pen move#1 2",
            "PUBLISH gesture /pen move#1 20",
            "PUBLISH gesture /pen move#2 200",
            "PUBLISH gesture /brush move#1 2000",
        ],
    );
}

#[test]
fn a_new_gesture_with_an_old_id_keeps_its_own_pace() {
    let mut world = pair();
    world.send("a", step(Start, 0));
    world.send("a", step(Move, 1));
    world.pass_ms(4);
    world.send("a", step(Move, 2));
    world.send("a", step(End, 3));
    world.send("a", step(Start, 4));
    world.send("a", step(Move, 5));
    world.send("a", step(Move, 6));
    world.forget();
    world.pass_us(15_999);
    world.hears_nothing("b");
    world.pass_us(1);
    assert_eq!(steps(&mut world, "b"), ["move 6"]);
}

#[test]
fn without_an_interval_everything_passes() {
    let mut world = world_with_interval(0);
    world.send("a", step(Start, 0));
    for number in 1..=50 {
        world.send("a", step(Move, number));
    }
    assert_eq!(steps(&mut world, "b").len(), 51);
}

#[test]
fn gestures_beyond_the_limit_pass_unthrottled() {
    let mut world = World::configured(|config| config.gestures.open_per_session_max = 2);
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    for id in 1..=3 {
        world.send("a", gesture("/pen", id, Start, 0));
    }
    world.forget();
    for value in 1..=3 {
        for id in 1..=3 {
            world.send("a", gesture("/pen", id, Move, value));
        }
    }
    let told = world.told("b");
    let of = |id: &str| told.iter().filter(|line| line.contains(id)).count();
    assert_eq!((of("#1"), of("#2"), of("#3")), (1, 1, 3));
}

#[test]
fn gestures_end_with_their_session() {
    let mut world = pair();
    world.send("a", step(Start, 0));
    world.send("a", step(Move, 1));
    world.send("a", step(Move, 2));
    world.send("a", gesture("/brush", 7, Start, 0));
    world.send("a", gesture("/brush", 7, End, 0));
    world.forget();
    world.leave("a");
    world.sees("b", ["PUBLISH gesture /pen move#1 2", "PUBLISH gesture /pen cancel#1"]);
    world.pass_s(1);
    world.hears_nothing("b");
}

#[test]
fn an_operator_may_leave_gestures_open() {
    let mut world = World::configured(|config| config.gestures.cancel_on_disconnect = false);
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world.send("a", step(Start, 0));
    world.forget();
    world.leave("a");
    world.hears_nothing("b");
}

#[test]
fn a_gesture_without_traffic_is_forgotten_after_a_while() {
    let mut world = pair();
    world.send("a", step(Start, 0));
    for number in 0..3 {
        world.pass_s(200);
        world.send("a", step(Move, number));
    }
    world.pass_s(302);
    world.forget();
    world.leave("a");
    world.hears_nothing("b");
}

#[test]
fn an_unthrottled_step_keeps_its_bytes_and_qos_and_so_does_a_held_one() {
    let mut world = pair();
    let first = step(Move, 1).commit().frame(false);
    let held = step(Move, 2).commit().at(77).frame(false);
    world.send_bytes("a", &first);
    world.send_bytes("a", &held);
    world.pass_ms(16);
    assert_eq!(world.frames("b"), [first, held]);
}

#[test]
fn events_that_happen_to_carry_a_phase_are_no_gestures() {
    let mut world = pair();
    for number in 0..3 {
        let mut sent = event("/pen", number);
        if let clasp_protocol::Message::Publish(publish) = &mut sent.message {
            publish.phase = Some(Move);
            publish.id = Some(1);
        }
        world.send("a", sent);
    }
    assert_eq!(world.told("b").len(), 3);
}
