//! From the first frame to a session (routing.md 2.2 to 2.5, 2.1.9).

use clasp_protocol::message::{Features, Get, Hello, Snapshot, Welcome};
use clasp_protocol::{Frame, Message, Qos, codec};
use clasp_router::Flow;
use clasp_router::config::InitialSnapshot;

use crate::support::*;

fn hello_of_version(version: u8) -> Sent {
    let name = "old".into();
    raw(Message::Hello(Hello { version, features: Features(0), name, token: None }))
}

#[test]
fn welcome_comes_first_and_a_snapshot_follows_even_without_params() {
    let mut world = World::new();
    world.connect("a");
    assert_eq!(world.send("a", hello()), Flow::Continue);
    world.sees("a", ["WELCOME", "SNAPSHOT nothing"]);
    assert!(world.client("a").connection.established());
}

#[test]
fn welcome_tells_version_time_name_features_and_a_session_id() {
    let mut world = World::configured(|config| config.name = "Stage left".to_owned());
    world.connect("a");
    world.send("a", hello());
    let frames = world.frames("a");
    let frame = Frame::parse(&frames[0]).unwrap();
    let Ok(Message::Welcome(welcome)) = codec::decode(frame.payload) else { panic!("{frames:?}") };
    assert_eq!((welcome.version, &*welcome.name), (1, "Stage left"));
    assert_eq!(welcome.time, world.now.unix_us);
    assert_eq!(welcome.features, Features::RELAY);
    assert_eq!((welcome.token, frame.qos), (None, Qos::Fire));
    let hyphens: Vec<usize> = welcome.session.match_indices('-').map(|(at, _)| at).collect();
    assert_eq!((welcome.session.len(), hyphens), (36, vec![8, 13, 18, 23]));
    assert!(!welcome.session.contains(|c: char| c.is_ascii_uppercase()));
    assert_eq!(welcome.session.as_bytes()[14], b'4', "a random UUID");
}

#[test]
fn session_ids_are_never_used_twice() {
    let mut world = World::new();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..100 {
        world.join("a");
        assert!(ids.insert(world.id("a")));
        world.leave("a");
    }
}

#[test]
fn the_initial_snapshot_holds_every_param_without_subscribing() {
    let mut world = World::new();
    world.join("a");
    let writer = world.id("a");
    world.send("a", set("/x", 1));
    world.send("a", set("/x", 2));
    world.send("a", set("/y", "deep"));
    world.leave("a");
    world.connect("b");
    world.send("b", hello());
    let params = world.snapshots("b");
    assert_eq!(params.keys().collect::<Vec<_>>(), ["/x", "/y"]);
    assert_eq!(params["/x"].revision, 2);
    assert_eq!(params["/x"].writer.as_deref(), Some(&*writer));
    assert_eq!(params["/y"].timestamp, Some(world.now.unix_us));
    assert_eq!(value_text(&params["/y"].value), "\"deep\"");
}

#[test]
fn the_initial_snapshot_can_be_left_out() {
    let cases = [
        (InitialSnapshot::Full, "SNAPSHOT /x=1@1 /y=2@1"),
        (InitialSnapshot::Empty, "SNAPSHOT nothing"),
        (InitialSnapshot::UpTo(1), "SNAPSHOT nothing"),
        (InitialSnapshot::UpTo(2), "SNAPSHOT /x=1@1 /y=2@1"),
    ];
    for (choice, expected) in cases {
        let mut world = World::configured(|config| config.initial_snapshot = choice);
        world.join("a");
        world.send("a", set("/x", 1));
        world.send("a", set("/y", 2));
        world.connect("b");
        world.send("b", hello());
        world.sees("b", ["WELCOME", expected]);
    }
}

#[test]
fn frames_right_after_hello_are_handled_in_order() {
    let mut world = World::new();
    world.connect("a");
    let mut bytes = hello().frame(false);
    bytes.extend(subscribe(1, "/x").frame(false));
    bytes.extend(set("/x", 7).frame(false));
    world.send_bytes("a", &bytes);
    world.sees("a", ["WELCOME", "SNAPSHOT nothing", "SET /x 7 rev=1", "ACK /x rev=1"]);
}

#[test]
fn every_version_but_zero_is_welcome() {
    for version in [1, 2, 99, 255] {
        let mut world = World::new();
        world.connect("a");
        world.send("a", hello_of_version(version));
        world.sees("a", ["WELCOME", "SNAPSHOT nothing"]);
    }
    let mut world = World::new();
    world.connect("a");
    assert_eq!(world.send("a", hello_of_version(0)), Flow::Closing);
    world.sees("a", ["ERROR 102", "CLOSE 1002 protocol version 0 is unknown"]);
}

#[test]
fn a_name_of_any_length_is_accepted() {
    let mut world = World::new();
    world.connect("a");
    let name = "n".repeat(10_000).into();
    let hello = Hello { version: 1, features: Features(0), name, token: None };
    world.send("a", raw(Message::Hello(hello)));
    world.sees("a", ["WELCOME", "SNAPSHOT nothing"]);
}

#[test]
fn another_message_before_hello_is_neither_processed_nor_acknowledged() {
    let mut world = World::new();
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world.connect("a");
    assert_eq!(world.send("a", set("/x", 1)), Flow::Closing);
    world.sees("a", ["ERROR 101", "CLOSE 1002 the first message must be HELLO"]);
    world.hears_nothing("b");
    assert_eq!(world.ask("b", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn garbage_before_hello_is_answered_by_no_frame_at_all() {
    for garbage in [&b"{\"type\":\"HELLO\"}"[..], b"S\x01\0\x01\xEE", b"S", b"", &[0; 5_000]] {
        let mut world = World::new();
        world.connect("a");
        let flow = world.send_bytes("a", garbage);
        let told = world.told("a");
        assert!(told.iter().all(|line| line.starts_with("CLOSE 1002")), "{garbage:?}: {told:?}");
        assert_eq!(flow == Flow::Closing, !told.is_empty(), "{garbage:?}");
        assert_eq!(world.router.connections(), 1);
    }
}

#[test]
fn nothing_is_processed_after_a_refused_hello() {
    let mut world = World::guarded();
    world.connect("a");
    let mut bytes = hello().frame(false);
    bytes.extend(hello_with("sam|admin:/**").frame(false));
    assert_eq!(world.send_bytes("a", &bytes), Flow::Closing);
    world.sees("a", ["ERROR 300", "CLOSE 1008 Authentication required"]);
    assert_eq!(world.send("a", hello_with("sam|admin:/**")), Flow::Closing);
    world.hears_nothing("a");
}

#[test]
fn tokens_are_refused_with_the_code_of_their_fault() {
    let expired = "sam|read:/**|1000000";
    let cases = [
        (hello(), "ERROR 300", "CLOSE 1008 Authentication required"),
        (hello_with(""), "ERROR 300", "CLOSE 1008 Authentication required"),
        (hello_with("x"), "ERROR 300", "CLOSE 1008 Invalid token: token not found"),
        (hello_with(expired), "ERROR 302", "CLOSE 1008 Token has expired"),
    ];
    for (hello, error, close) in cases {
        let mut world = World::guarded();
        world.connect("a");
        assert_eq!(world.send("a", hello), Flow::Closing);
        world.sees("a", [error, close]);
        assert!(!world.client("a").connection.established());
    }
}

#[test]
fn open_mode_does_not_look_at_tokens() {
    let mut world = World::new();
    world.join_with("a", "whatever");
    world.send("a", set("/x", 1));
    world.sees("a", ["ACK /x rev=1"]);
}

#[test]
fn a_second_hello_is_refused_and_the_session_stays() {
    let mut world = World::new();
    world.join("a");
    let id = world.id("a");
    world.send("a", subscribe(1, "/x"));
    world.send("a", hello());
    world.sees("a", ["ERROR 101"]);
    assert_eq!(world.id("a"), id);
    world.send("a", set("/x", 1));
    world.sees("a", ["SET /x 1 rev=1", "ACK /x rev=1"]);
}

#[test]
fn messages_that_only_a_relay_sends_are_ignored() {
    let mut world = World::new();
    world.join("a");
    let welcome = Welcome {
        version: 1,
        features: Features(0),
        time: 1,
        session: "s".into(),
        name: "n".into(),
        token: None,
    };
    world.send("a", raw(Message::Welcome(welcome)));
    world.send("a", raw(Message::Snapshot(Snapshot { params: Vec::new() })));
    world.send("a", raw(Message::Pong));
    world.send("a", raw(Message::Ack(clasp_protocol::message::Ack::default())));
    world.hears_nothing("a");
    assert_eq!(world.ask("a", ping()), ["PONG"]);
}

#[test]
fn a_full_relay_says_so_and_closes() {
    let mut world = World::configured(|config| config.sessions_max = 2);
    world.join("a");
    world.connect("waits for its hello");
    world.connect("c");
    world.sees("c", ["ERROR 501", "CLOSE 1013 server full"]);
    assert_eq!(world.send("c", hello()), Flow::Closing);
    world.hears_nothing("c");
    world.leave("c");
    world.leave("a");
    world.join("d");
}

#[test]
fn no_session_limit_means_no_limit() {
    let mut world = World::configured(|config| config.sessions_max = 0);
    for number in 0..50 {
        world.join(&format!("client {number}"));
    }
    assert_eq!(world.router.connections(), 50);
}

#[test]
fn the_relay_can_close_every_session() {
    let mut world = World::new();
    world.join("a");
    world.send("a", set("/x", 1));
    world.forget();
    world.stall("a");
    world.send("a", get("/x"));
    world.router.close_all(&clasp_router::Close::new(1001, "server shutting down"));
    world.resume("a");
    world.sees("a", ["SNAPSHOT /x=1@1", "CLOSE 1001 server shutting down"]);
    assert_eq!(world.send("a", set("/x", 2)), Flow::Closing);
}

#[test]
fn the_gauges_follow_the_tables() {
    let mut world = World::new();
    world.connect("a");
    assert_eq!(world.metric("clasp_sessions_active", &[]), 0.0);
    world.send("a", hello());
    world.send("a", subscribe(1, "/a"));
    world.send("a", subscribe(2, "/b/*"));
    world.send("a", raw(Message::Get(Get { address: "/missing".into() })));
    assert_eq!(world.metric("clasp_sessions_active", &[]), 1.0);
    assert_eq!(world.metric("clasp_subscriptions_active", &[]), 2.0);
    assert_eq!(world.metric("clasp_errors_total", &["201"]), 1.0);
    world.leave("a");
    assert_eq!(world.metric("clasp_sessions_active", &[]), 0.0);
    assert_eq!(world.metric("clasp_subscriptions_active", &[]), 0.0);
    assert_eq!(world.router.connections(), 0);
}
