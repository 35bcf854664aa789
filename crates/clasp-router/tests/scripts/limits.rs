//! What one connection may ask of the relay (routing.md 5.5, 2.5).

use clasp_protocol::{Qos, frame};
use clasp_router::Flow;

use crate::support::*;

fn at_most(messages_per_second: u32) -> World {
    let mut world =
        World::configured(|config| config.messages_per_second_max = messages_per_second);
    world.join("a");
    world.pass_s(2);
    world
}

/// A frame with these payload bytes.
fn framed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write(Qos::Fire, payload, &mut bytes).unwrap();
    bytes
}

#[test]
fn without_a_limit_everything_is_handled() {
    let mut world = World::new();
    world.join("a");
    for _ in 0..5_000 {
        world.send("a", set("/x", 1));
    }
    assert_eq!(world.told("a").len(), 5_000);
}

#[test]
fn beyond_the_rate_messages_are_discarded_and_that_is_told_once_a_second() {
    let mut world = at_most(10);
    world.join("b");
    world.send("b", subscribe(1, "/x"));
    for value in 0..30 {
        world.send("a", set("/x", value).fire());
    }
    assert_eq!(world.told("b").len(), 10);
    world.sees("a", ["ERROR 429"]);
    world.pass_ms(100);
    world.send("a", set("/x", 99).fire());
    world.sees("b", ["SET /x 99 rev=11"]);
    world.pass_ms(900);
    for value in 0..30 {
        world.send("a", set("/x", value).fire());
    }
    assert_eq!(world.told("a"), ["ERROR 429"]);
    assert_eq!(world.told("b").len(), 9);
}

#[test]
fn the_notice_tells_the_limit_and_the_number_discarded() {
    let mut world = at_most(10);
    for _ in 0..25 {
        world.send("a", get("/x"));
    }
    world.pass_ms(1_000);
    for _ in 0..12 {
        world.send("a", get("/x"));
    }
    let texts = world.error_texts("a");
    let notices: Vec<_> = texts.iter().filter(|text| text.contains("discarded")).collect();
    assert_eq!(notices.len(), 2, "{texts:?}");
    assert!(notices.iter().all(|text| text.contains("10 messages")), "{notices:?}");
    assert!(notices[0].contains("1 discarded"), "{notices:?}");
    assert!(notices[1].contains("15 discarded"), "{notices:?}");
}

#[test]
fn a_bundle_costs_its_parts_and_a_replay_ten() {
    let mut world = at_most(20);
    world.send("a", bundle((0..15).map(|value| event("/x", value))));
    for _ in 0..6 {
        world.send("a", get("/x"));
    }
    assert_eq!(world.told("a").iter().filter(|line| *line == "ERROR 201 /x").count(), 5);
    world.pass_s(2);
    world.send("a", replay("/x"));
    world.send("a", subscribe(1, "/**"));
    world.forget();
    assert_eq!(world.ask("a", get("/x")), ["ERROR 429"]);
    world.pass_s(2);
    assert_eq!(world.ask("a", subscribe(1, "/x/**")), [""; 0]);
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn pings_are_free() {
    let mut world = at_most(5);
    for _ in 0..100 {
        assert_eq!(world.ask("a", ping()), ["PONG"]);
    }
}

#[test]
fn ten_seconds_of_excess_end_the_session() {
    let mut world = at_most(10);
    let mut flow = Flow::Continue;
    let mut tenths = 0;
    while flow == Flow::Continue && tenths < 200 {
        for _ in 0..5 {
            flow = world.send("a", set("/x", 1).fire());
        }
        world.pass_ms(100);
        tenths += 1;
    }
    assert_eq!(flow, Flow::Closing);
    assert!((95..130).contains(&tenths), "after {tenths} tenths of a second");
    let told = world.told("a");
    assert!(told.last().unwrap().starts_with("CLOSE 1008"), "{told:?}");
}

#[test]
fn every_connection_has_a_budget_of_its_own() {
    let mut world = at_most(5);
    world.join("b");
    for _ in 0..20 {
        world.send("a", get("/x"));
    }
    assert_eq!(world.ask("b", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn undecodable_frames_do_not_end_a_session() {
    let mut world = World::new();
    world.join("a");
    let bad: [&[u8]; 7] =
        [b"\x21", b"\xEE", b"\x20\xFF", b"{}", b"\x30\x00\xFF\xFF", b"\x81\xA4type", b"\x21\0\xC3"];
    for payload in bad {
        assert_eq!(world.send_bytes("a", &framed(payload)), Flow::Continue);
        assert_eq!(world.told("a"), ["ERROR 101"], "{payload:?}");
        world.pass_s(2);
    }
    for bytes in [&b"garbage"[..], b"S", b"S\0\0\0", b"S\0\xFF\xFFxxx"] {
        assert_eq!(world.send_bytes("a", bytes), Flow::Continue);
        assert_eq!(world.told("a"), ["ERROR 100"], "{bytes:?}");
        world.pass_s(2);
    }
    assert_eq!(world.ask("a", ping()), ["PONG"]);
    assert_eq!(world.metric("clasp_decode_errors_total", &[]), 11.0);
}

#[test]
fn errors_about_undecodable_frames_come_once_a_second() {
    let mut world = World::new();
    world.join("a");
    for _ in 0..10 {
        world.send_bytes("a", &framed(b"\xEE"));
    }
    world.sees("a", ["ERROR 101"]);
    world.pass_s(1);
    world.send_bytes("a", &framed(b"\xEE"));
    world.sees("a", ["ERROR 101"]);
}

#[test]
fn thirty_two_undecodable_frames_within_ten_seconds_end_the_session() {
    let mut world = World::new();
    world.join("a");
    for _ in 0..31 {
        assert_eq!(world.send_bytes("a", &framed(b"\xEE")), Flow::Continue);
    }
    assert_eq!(world.send_bytes("a", &framed(b"\xEE")), Flow::Closing);
    let told = world.told("a");
    assert!(told.last().unwrap().starts_with("CLOSE 1002"), "{told:?}");
}

#[test]
fn undecodable_frames_now_and_then_are_forgiven() {
    let mut world = World::new();
    world.join("a");
    for _ in 0..200 {
        assert_eq!(world.send_bytes("a", &framed(b"\xEE")), Flow::Continue);
        world.pass_ms(500);
    }
    assert_eq!(world.ask("a", ping()).last().unwrap(), "PONG");
}

#[test]
fn bytes_after_a_whole_frame_that_are_none_are_ignored() {
    let mut world = World::new();
    world.join("a");
    let mut bytes = ping().frame(false);
    bytes.extend_from_slice(b"tail");
    assert_eq!(world.send_bytes("a", &bytes), Flow::Continue);
    world.sees("a", ["PONG"]);
}

#[test]
fn federation_is_refused_while_it_is_not_enabled() {
    use clasp_protocol::Message;
    use clasp_protocol::message::{FederationOp, FederationSync};
    let mut world = World::new();
    world.join("a");
    let declare = FederationSync {
        op: FederationOp::DeclareNamespaces,
        patterns: vec!["/site/**".into()],
        revisions: Vec::new(),
        since: None,
        origin: None,
    };
    assert_eq!(world.ask("a", raw(Message::FederationSync(declare))), ["ERROR 403"]);
}
