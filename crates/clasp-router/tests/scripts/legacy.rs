//! Clients that speak MessagePack, wholly or now and then (routing.md 7, 9; wire.md 8).

use clasp_protocol::message::SignalType::Param;
use clasp_protocol::{Qos, frame};

use crate::support::*;

fn mixed() -> World {
    let mut world = World::new();
    world.join_legacy("old");
    world.join("new");
    world
}

/// A message in MessagePack inside a frame, sent by a client that otherwise speaks binary.
fn in_messagepack(sent: &Sent) -> Vec<u8> {
    sent.frame(true)
}

#[test]
fn a_messagepack_session_is_answered_in_messagepack() {
    let mut world = World::new();
    world.connect("old");
    world.client("old").legacy = true;
    world.send("old", hello());
    world.sees("old", ["WELCOME", "SNAPSHOT nothing"]);
    world.send("old", set("/x", 1));
    world.sees("old", ["ACK /x rev=1"]);
    assert_eq!(world.ask("old", get("/x")), ["SNAPSHOT /x=1@1"]);
    assert_eq!(world.ask("old", get("/y")), ["ERROR 201 /y"]);
    assert_eq!(world.ask("old", ping()), ["PONG"]);
    assert_eq!(world.ask("old", announce("/d", &[("/d/x", Param)])), ["ACK /d"]);
    assert_eq!(world.ask("old", query("/d/**")), ["RESULT /d/x:param"]);
    let now = world.now.unix_us;
    assert_eq!(world.ask("old", sync(5)), [format!("SYNC 5 Some({now}) Some({now})")]);
}

#[test]
fn old_and_new_clients_understand_each_other() {
    let mut world = mixed();
    world.send("old", subscribe(1, "/**"));
    world.send("new", subscribe(1, "/**"));
    world.send("new", set("/x", 1).fire());
    world.send("old", set("/x", 2).fire());
    world.send("new", event("/e", map(&[("k", "v")])));
    world.send("old", event("/e", "word"));
    world.send("old", bundle([set("/y", true), stream("/s", 0.5)]).fire());
    world.sees(
        "old",
        ["SET /x 1 rev=1", "SET /x 2 rev=2", "PUBLISH event /e {k: \"v\"}", "SET /y true rev=1"],
    );
    world.sees(
        "new",
        [
            "SET /x 1 rev=1",
            "SET /x 2 rev=2",
            "PUBLISH event /e \"word\"",
            "SET /y true rev=1",
            "PUBLISH stream /s 0.5",
        ],
    );
}

#[test]
fn a_binary_session_may_send_messagepack_and_is_answered_in_binary() {
    let mut world = mixed();
    world.send("new", subscribe(1, "/**"));
    let parts = bundle([set("/x", 1), event("/e", 2), set("/x", 3)]);
    world.send_bytes("new", &in_messagepack(&parts));
    world.sees("new", ["SET /x 1 rev=1", "SET /x 3 rev=2", "ACK rev=2"]);
    world.send_bytes("new", &in_messagepack(&parts.fire()));
    world.sees("new", ["SET /x 1 rev=3", "SET /x 3 rev=4"]);
    world.send("old", announce("", &[("/sig", Param)]));
    world.send_bytes("new", &in_messagepack(&query("/**")));
    world.sees("new", ["RESULT /sig:param"]);
}

#[test]
fn gestures_in_messagepack_are_throttled_and_forwarded_in_binary() {
    use clasp_protocol::message::Phase;
    let mut world = mixed();
    world.send("new", subscribe(1, "/**"));
    for value in 1..=3 {
        world.send("old", gesture("/pen", 1, Phase::Move, value));
    }
    world.pass_ms(16);
    world.sees("new", ["PUBLISH gesture /pen move#1 1", "PUBLISH gesture /pen move#1 3"]);
}

#[test]
fn an_old_client_gets_every_param_of_a_large_store() {
    let mut world = World::new();
    world.join("new");
    for number in 0..3_000 {
        world.send("new", set(&format!("/scene/{number:05}/level"), number).fire());
    }
    world.connect("old");
    world.client("old").legacy = true;
    world.send("old", hello());
    assert_eq!(world.snapshots("old").len(), 3_000);
    world.send("old", subscribe(1, "/scene/**"));
    assert_eq!(world.snapshots("old").len(), 3_000);
}

#[test]
fn what_is_too_large_for_messagepack_is_told_by_an_error_and_not_swallowed() {
    let mut world = mixed();
    world.send("old", subscribe(1, "/**"));
    for bytes in [60_000, 65_000, 65_300, 65_400, 65_450, 65_469] {
        let told = world.ask("new", set("/x", long_text(bytes)));
        let delivered = world.told("old").len();
        let got = world.ask("old", get("/x"));
        assert!(told[0].starts_with("ACK"), "{bytes}: {told:?}");
        assert_eq!((delivered, got.len()), (1, 1), "{bytes} bytes");
    }
}

#[test]
fn slow_old_clients_are_conflated_and_told_again_like_others() {
    let mut world = World::configured(|config| {
        config.outbox.soft_frames_max = 4;
        config.outbox.hard_frames_max = 8;
    });
    world.join("new");
    world.join_legacy("old");
    world.send("old", subscribe(1, "/**"));
    world.stall("old");
    for number in 0..20 {
        world.send("new", set("/x", number));
        world.send("new", event("/e", number));
    }
    world.send("new", set("/y", 1));
    world.resume("old");
    let told = world.told("old");
    assert!(told.contains(&"SET /x 19 rev=20".to_owned()), "{told:?}");
    assert!(told.contains(&"SET /y 1 rev=1".to_owned()), "{told:?}");
}

#[test]
fn a_refused_hello_in_messagepack_is_refused_in_messagepack() {
    let mut world = World::guarded();
    world.connect("old");
    world.client("old").legacy = true;
    world.send("old", hello());
    world.sees("old", ["ERROR 300", "CLOSE 1008 Authentication required"]);
}

#[test]
fn broken_messagepack_is_an_undecodable_message() {
    let mut world = mixed();
    for payload in [&b"\x81"[..], b"\x80", b"\x81\xA4type\xA3NOT", b"\xDE\xFF\xFF"] {
        let mut bytes = Vec::new();
        frame::write(Qos::Confirm, payload, &mut bytes).unwrap();
        for name in ["old", "new"] {
            world.send_bytes(name, &bytes);
            world.sees(name, ["ERROR 101"]);
        }
        world.pass_s(2);
    }
}
