//! Clients that do not read: what they are told, and when they are closed (routing.md 5.2, 5.3).

use crate::outbox::{narrow_world, world_with};
use crate::support::*;

#[test]
fn a_hundred_losses_within_ten_seconds_bring_one_notice_ahead_of_the_data() {
    let mut world = narrow_world();
    world.stall("b");
    for number in 0..12 + 99 {
        world.send("a", event("/e", number));
    }
    assert_eq!(world.metric("clasp_errors_total", &["503"]), 0.0);
    for number in 0..50 {
        world.send("a", event("/e", number));
    }
    assert_eq!(world.metric("clasp_errors_total", &["503"]), 1.0);
    // What was handed out before cannot be overtaken; what waits behind it can.
    world.resume("b");
    let told = world.told("b");
    assert_eq!(told.iter().position(|line| line == "ERROR 503"), Some(4), "{told:?}");
    assert_eq!(told.len(), 13);
}

#[test]
fn the_notice_counts_losses_and_not_conflations() {
    let mut world = narrow_world();
    world.stall("b");
    for value in 0..1_000 {
        world.send("a", set("/x", value));
        world.send("a", stream("/s", value));
    }
    world.resume("b");
    assert!(!world.told("b").contains(&"ERROR 503".to_owned()));
    world.stall("b");
    for number in 0..12 + 100 {
        world.send("a", event("/e", number));
    }
    world.resume("b");
    let texts = world.error_texts("b");
    assert_eq!(texts.len(), 1);
    assert!(texts[0].starts_with("100 messages"), "{texts:?}");
}

#[test]
fn losses_of_an_earlier_window_do_not_count() {
    let mut world = narrow_world();
    for _ in 0..2 {
        world.stall("b");
        for number in 0..12 + 60 {
            world.send("a", event("/e", number));
        }
        world.resume("b");
        world.pass_s(11);
    }
    assert_eq!(world.metric("clasp_errors_total", &["503"]), 0.0);
}

#[test]
fn notices_come_at_most_every_ten_seconds() {
    let mut world = world_with(|outbox| {
        outbox.soft_frames_max = 4;
        outbox.hard_frames_max = 12;
        outbox.slow_consumer_s = 1_000;
    });
    world.stall("b");
    for _ in 0..30 {
        for number in 0..500 {
            world.send("a", event("/e", number));
        }
        world.pass_s(1);
    }
    let notices = world.metric("clasp_errors_total", &["503"]);
    assert!((2.0..=4.0).contains(&notices), "{notices} notices in 30 s");
}

#[test]
fn a_client_above_its_hard_limit_for_thirty_seconds_is_closed() {
    let mut world = narrow_world();
    world.stall("b");
    for number in 0..100 {
        world.send("a", event("/e", number));
    }
    world.pass_s(29);
    assert_eq!(world.metric("clasp_slow_consumers_closed_total", &[]), 0.0);
    world.pass_s(3);
    assert_eq!(world.metric("clasp_slow_consumers_closed_total", &[]), 1.0);
    world.send("a", event("/e", 1));
    world.resume("b");
    world.sees("b", ["CLOSE 1013 slow consumer"]);
}

#[test]
fn a_client_that_is_full_of_bytes_is_closed_too() {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world.stall("b");
    for number in 0..200 {
        world.send("a", event(&format!("/e/{number}"), long_text(60_000)));
    }
    world.pass_s(32);
    world.resume("b");
    assert_eq!(world.told("b").last().map(String::as_str), Some("CLOSE 1013 slow consumer"));
}

#[test]
fn a_client_that_drains_in_time_is_not_closed() {
    let mut world = narrow_world();
    for _ in 0..4 {
        world.stall("b");
        for number in 0..100 {
            world.send("a", event("/e", number));
        }
        world.pass_s(20);
        world.resume("b");
    }
    assert_eq!(world.metric("clasp_slow_consumers_closed_total", &[]), 0.0);
    world.told("b");
    world.send("a", event("/e", 1));
    world.sees("b", ["PUBLISH event /e 1"]);
}

#[test]
fn a_client_that_waits_below_its_hard_limit_is_left_alone() {
    let mut world = narrow_world();
    world.stall("b");
    for value in 0..1_000 {
        world.send("a", set("/x", value));
    }
    world.pass_s(100);
    world.resume("b");
    let told = world.told("b");
    assert_eq!(told.last().map(String::as_str), Some("SET /x 999 rev=1000"));
}

#[test]
fn above_the_global_budget_the_longest_queues_are_closed() {
    for value_bytes in [1_000, 30_000] {
        let mut world = World::configured(|config| {
            config.outbox.total_bytes_max = 2 << 20;
            config.outbox.soft_bytes_max = 256 << 10;
        });
        world.join("a");
        for (name, bytes) in [("small", 200_000), ("large", 1_500_000), ("larger", 2_500_000)] {
            world.join(name);
            world.send(name, subscribe(1, &format!("/{name}")));
            world.stall(name);
            for _ in 0..bytes / value_bytes {
                world.send("a", event(&format!("/{name}"), long_text(value_bytes)).fire());
            }
        }
        world.pass_s(2);
        assert_eq!(world.metric("clasp_slow_consumers_closed_total", &[]), 1.0, "{value_bytes}");
        world.resume("larger");
        world.sees("larger", ["CLOSE 1013 slow consumer"]);
        for name in ["small", "large"] {
            world.resume(name);
            let lost = world.told(name).iter().any(|line| line.starts_with("CLOSE"));
            assert!(!lost, "{name} may go on");
        }
    }
}

#[test]
fn queued_bytes_are_accounted_for_and_given_back() {
    for value_bytes in [100, 10_000, 40_000] {
        let mut world = World::new();
        world.join("a");
        world.join("b");
        world.send("b", subscribe(1, "/**"));
        world.stall("b");
        while world.client("b").connection.outbox().backlog_bytes() < 300_000 {
            world.send("a", event("/e", long_text(value_bytes)).fire());
        }
        let queued = world.metric("clasp_queue_bytes", &[]);
        assert!((200_000.0..400_000.0).contains(&queued), "{queued} for values of {value_bytes}");
        world.resume("b");
        assert_eq!(world.metric("clasp_queue_bytes", &[]), 0.0);
        world.stall("b");
        for _ in 0..10 {
            world.send("a", event("/e", long_text(value_bytes)).fire());
        }
        world.leave("b");
        assert_eq!(world.metric("clasp_queue_bytes", &[]), 0.0);
    }
}
