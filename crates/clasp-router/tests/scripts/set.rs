//! SET and GET: echo, ACK, revisions, values, bad addresses (routing.md 4.1 to 4.3, 4.7, 4.8).

use clasp_protocol::{Frame, Message, Value, codec};
use clasp_router::config::{AckPolicy, GetMissing};

use crate::support::*;

/// A world with a writer `a` and a listener `b`.
fn pair() -> World {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world
}

/// The payload of the last frame that a client has seen.
fn last_payload(world: &mut World, name: &str) -> Vec<u8> {
    let frames = world.frames(name);
    Frame::parse(frames.last().unwrap()).unwrap().payload.to_vec()
}

#[test]
fn a_set_reaches_its_subscribers_and_its_sender_and_is_acknowledged_last() {
    let mut world = pair();
    world.send("a", subscribe(7, "/x"));
    world.send("a", set("/x", 1.5));
    world.sees("a", ["SET /x 1.5 rev=1", "ACK /x rev=1"]);
    world.sees("b", ["SET /x 1.5 rev=1"]);
}

#[test]
fn only_requests_that_want_an_ack_get_one() {
    let mut world = pair();
    world.send("a", set("/x", 1).fire());
    world.hears_nothing("a");
    world.send("a", set("/x", 2).commit());
    world.sees("a", ["ACK /x rev=2"]);
    world.sees("b", ["SET /x 1 rev=1", "SET /x 2 rev=2"]);
}

#[test]
fn an_operator_may_want_every_request_acknowledged() {
    let mut world = World::configured(|config| config.ack = AckPolicy::Always);
    world.join("a");
    assert_eq!(world.ask("a", set("/x", 1).fire()), ["ACK /x rev=1"]);
    assert_eq!(world.ask("a", bundle([set("/x", 2)]).fire()), ["ACK rev=2"]);
}

#[test]
fn errors_are_sent_whatever_the_qos() {
    let mut world = pair();
    world.send("a", set("no slash", 1).fire());
    world.sees("a", ["ERROR 200 no slash"]);
}

#[test]
fn revisions_count_accepted_writes_from_one() {
    let mut world = pair();
    for revision in 1..=5 {
        world.send("a", set("/x", "again"));
        world.sees("a", [format!("ACK /x rev={revision}")]);
    }
    world.send("a", set("/y", "other"));
    world.sees("a", ["ACK /y rev=1"]);
}

#[test]
fn flags_and_lifetime_are_passed_on() {
    use clasp_protocol::message::Ttl;
    let mut world = pair();
    world.send("a", set("/x", 1).lock().ttl(Ttl::Sliding(9)));
    world.send("a", set("/x", 2).unlock().ttl(Ttl::Absolute(9)));
    world.send("a", set("/x", 3).ttl(Ttl::Never));
    world.sees(
        "b",
        [
            "SET /x 1 rev=1 lock ttl=sliding:9",
            "SET /x 2 rev=2 unlock ttl=absolute:9",
            "SET /x 3 rev=3 ttl=never",
        ],
    );
}

#[test]
fn null_is_a_value_like_any_other() {
    let mut world = pair();
    world.send("a", set("/x", 1));
    world.send("a", set("/x", ()));
    world.sees("b", ["SET /x 1 rev=1", "SET /x null rev=2"]);
    assert_eq!(world.ask("a", get("/x")), ["SNAPSHOT /x=null@2"]);
    world.join("c");
    world.send("c", subscribe(1, "/x"));
    world.sees("c", ["SNAPSHOT /x=null@2"]);
}

#[test]
fn every_kind_of_value_comes_back() {
    let mut world = pair();
    let values = [
        (().raw(), "null"),
        (true.raw(), "true"),
        (i64::MIN.raw(), "-9223372036854775808"),
        (f64::INFINITY.raw(), "inf"),
        ("grün".raw(), "\"grün\""),
        (Value::Bytes(vec![0, 255]).raw(), "0x00ff"),
        (Value::Array(vec![Value::Int(1), Value::Null]).raw(), "[1, null]"),
        (map(&[("b", "2"), ("a", "1")]), "{b: \"2\", a: \"1\"}"),
    ];
    for (revision, (value, text)) in (1..).zip(values) {
        world.send("a", set("/x", value));
        world.sees("b", [format!("SET /x {text} rev={revision}")]);
        assert_eq!(world.ask("a", get("/x")), [format!("SNAPSHOT /x={text}@{revision}")]);
    }
}

#[test]
fn narrow_scalars_are_told_at_full_width() {
    let mut world = pair();
    let cases = [
        (narrow(0x02, &[0xFF]), (-1).raw()),
        (narrow(0x03, &[0x7F, 0xFF]), 32_767.raw()),
        (narrow(0x04, &[0x80, 0, 0, 0]), i32::MIN.raw()),
        (narrow(0x06, &0.5_f32.to_be_bytes()), 0.5.raw()),
    ];
    for (sent, told) in cases {
        world.send("a", set("/x", sent));
        let payload = last_payload(&mut world, "b");
        let Ok(Message::Set(set)) = codec::decode(&payload) else { panic!("{payload:?}") };
        assert_eq!(set.value, told);
    }
}

#[test]
fn bytes_inside_arrays_and_maps_stay_as_they_came() {
    let mut world = pair();
    // An array of an i8, an i16 and an f32, which a tree would widen.
    let data = [0, 3, 0x02, 5, 0x03, 0, 6, 0x06, 0x3F, 0, 0, 0];
    let value = narrow(0x0A, &data);
    world.send("a", set("/x", value.clone()));
    let payload = last_payload(&mut world, "b");
    let Ok(Message::Set(set)) = codec::decode(&payload) else { panic!("{payload:?}") };
    assert_eq!(set.value, value);
    world.send("b", get("/x"));
    assert_eq!(world.snapshots("b")["/x"].value, value);
}

#[test]
fn what_is_accepted_can_be_echoed_and_told_by_a_snapshot() {
    let mut world = pair();
    let room = 65_535 - 61 - "/x".len() - 2;
    world.send("a", set("/x", long_text(room)));
    world.sees("a", ["ACK /x rev=1"]);
    world.sees("b", [format!("SET /x text of {room} bytes rev=1")]);
    world.send("b", get("/x"));
    assert_eq!(world.snapshots("b")["/x"].value, long_text(room));
    world.send("a", set("/x", long_text(room + 1)));
    world.sees("a", ["ERROR 402 /x"]);
    world.hears_nothing("b");
    assert_eq!(world.ask("a", set("/x", 2)), ["ACK /x rev=2"]);
}

#[test]
fn values_may_nest_32_levels_deep() {
    let mut world = pair();
    assert_eq!(world.ask("a", set("/x", nested(32))), ["ACK /x rev=1"]);
    assert_eq!(world.ask("a", set("/x", nested(33))), ["ERROR 402 /x"]);
    assert_eq!(world.ask("a", event("/x", nested(33))), ["ERROR 402 /x"]);
    assert_eq!(world.ask("a", bundle([set("/x", nested(33))])), ["ERROR 402 /x"]);
    assert_eq!(world.told("b").len(), 1);
}

#[test]
fn malformed_addresses_are_refused_everywhere() {
    let mut world = pair();
    let long = format!("/{}", "a".repeat(1_024));
    let deep = "/a".repeat(65);
    for address in ["", "noslash", "/a//b", "/a/", "/", "//", "/a\0b", &long, &deep] {
        let error = format!("ERROR 200 {}", &address[..address.len().min(1_024)]);
        for sent in [set(address, 1), event(address, 1), get(address), bundle([set(address, 1)])] {
            assert_eq!(world.ask("a", sent), [error.as_str()], "{address:?}");
        }
    }
    world.hears_nothing("b");
}

#[test]
fn addresses_up_to_the_limits_are_fine() {
    let mut world = pair();
    let long = format!("/{}", "a".repeat(1_023));
    let deep = "/a".repeat(64);
    for address in [&long, &deep, "/*", "/a/**/b", "/ä/[x]?{y}", "/\u{10FFFF}"] {
        assert_eq!(world.ask("a", set(address, 1)), [format!("ACK {address} rev=1")]);
        assert_eq!(world.told("b"), [format!("SET {address} 1 rev=1")]);
    }
}

#[test]
fn limits_of_addresses_are_the_operators() {
    let mut world = World::configured(|config| {
        config.addresses.bytes_max = 10;
        config.addresses.segments_max = 2;
    });
    world.join("a");
    assert_eq!(world.ask("a", set("/a/bcdefgh", 1)), ["ACK /a/bcdefgh rev=1"]);
    assert_eq!(world.ask("a", set("/a/bcdefghi", 1)), ["ERROR 200 /a/bcdefghi"]);
    assert_eq!(world.ask("a", set("/a/b/c", 1)), ["ERROR 200 /a/b/c"]);
}

#[test]
fn get_is_answered_by_a_snapshot_of_that_param_each_time() {
    let mut world = pair();
    world.send("a", set("/x", 1));
    world.send("a", set("/x/y", 2));
    assert_eq!(world.ask("b", get("/x")), ["SNAPSHOT /x=1@1"]);
    assert_eq!(world.ask("b", get("/x")), ["SNAPSHOT /x=1@1"]);
    assert_eq!(world.ask("b", get("/*")), ["ERROR 201 /*"]);
}

#[test]
fn get_of_a_missing_param_is_answered_as_the_operator_chose() {
    let cases = [
        (GetMissing::Error, vec!["ERROR 201 /x"]),
        (GetMissing::Silent, vec![]),
        (GetMissing::Null, vec!["SNAPSHOT /x=null@0"]),
    ];
    for (choice, expected) in cases {
        let mut world = World::configured(|config| config.get_missing = choice);
        world.join("a");
        assert_eq!(world.ask("a", get("/x")), expected);
    }
}

#[test]
fn a_clock_that_steps_back_neither_refuses_writes_nor_turns_time_around() {
    let mut world = pair();
    world.send("a", set("/x", 1));
    let first_us = world.now.unix_us;
    world.now.unix_us -= 3_600_000_000;
    assert_eq!(world.ask("a", set("/x", 2)), ["ACK /x rev=2"]);
    world.send("b", get("/x"));
    assert_eq!(world.snapshots("b")["/x"].timestamp, Some(first_us + 1));
}

#[test]
fn sync_and_ping_are_answered() {
    let mut world = pair();
    let now = world.now.unix_us;
    assert_eq!(world.ask("a", sync(5)), [format!("SYNC 5 Some({now}) Some({now})")]);
    assert_eq!(world.ask("a", ping()), ["PONG"]);
}
