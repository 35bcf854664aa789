//! CONNECT and the end of connections (adapters.md 1.2).

use clasp_transport::Dismissal;
use mqtt_proto::{QoS, TopicName, v3, v5};

use crate::support::World;

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a";

fn raw(bytes: &[u8]) -> (Vec<String>, bool) {
    let world = World::new();
    let mut device = world.connection();
    device.send_bytes(bytes);
    let heard = device.heard();
    (heard, device.closed)
}

#[test]
fn versions_are_answered_in_their_own_form() {
    assert_eq!(raw(CONNECT), (vec!["CONNACK new".into()], false));
    let old = b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x00\x00\x01a";
    assert_eq!(raw(old), (vec!["CONNACK new".into()], false));
    let ancient = b"\x10\x0d\x00\x04MQTT\x02\x02\x00\x00\x00\x01a";
    assert_eq!(raw(ancient), (vec!["CONNACK 1".into()], true));

    let world = World::new();
    let mut device = world.connection();
    device.send_modern(v5::Connect::new("a".into(), 0));
    device.expects(&["CONNACK new"]);
    let mut device = world.modern_with("x", |_| {});
    device.expects(&["CONNACK new"]);
}

#[test]
fn a_version_of_the_future_is_refused_in_the_form_of_mqtt_5() {
    let world = World::new();
    let mut device = world.modern_with("x", |_| {});
    device.heard();
    let mut device = world.connection();
    device.send_bytes(b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x00\x00\x01a");
    let answer = device.packets();
    assert!(
        matches!(&answer[..], [v5::Packet::Connack(connack)] if connack.reason_code as u8 == 0x84)
    );
}

#[test]
fn what_is_no_connect_is_cut_off_without_an_answer() {
    for bytes in [
        &b"\xc0\x00"[..],
        b"\x30\x05\x00\x01a42",
        b"\x10\x0d\x00\x04MQTX\x04\x02\x00\x00\x00\x01a",
        b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x00\x00\x01a",
        b"\x10\xff\xff\xff\x7f",
        b"\x10\xff\xff\xff\xff\x01",
        b"\x00\x00",
        b"GET / HTTP/1.1\r\n",
    ] {
        assert_eq!(raw(bytes), (vec![], true), "{bytes:?}");
    }
}

#[test]
fn a_second_connect_and_packets_of_servers_end_the_connection() {
    for bytes in [CONNECT, b"\x20\x02\x00\x00", b"\xd0\x00", b"\x90\x03\x00\x01\x00"] {
        let world = World::new();
        let mut device = world.client("a");
        device.send_bytes(bytes);
        device.expects(&[]);
        assert!(device.closed, "{bytes:?}");
        let mut modern = world.modern("b");
        modern.heard();
        modern.send_bytes(bytes);
        assert_eq!(modern.heard(), ["DISCONNECT 0x82"]);
    }
}

#[test]
fn a_client_without_identifier_gets_one_unless_its_session_is_to_be_kept() {
    let world = World::new();
    let mut one = world.client("");
    let mut other = world.client("");
    one.publish("a", b"1", 1, false);
    other.publish("a", b"1", 1, false);
    one.expects(&["PUBACK 9"]);
    other.expects(&["PUBACK 9"]);

    let mut kept = world.connection();
    let mut connect = v3::Connect::new("".into(), 0);
    connect.clean_session = false;
    kept.send(connect);
    kept.expects(&["CONNACK 2"]);
    assert!(kept.closed);

    let mut modern = world.modern_with("", |_| {});
    let packets = modern.packets();
    let v5::Packet::Connack(connack) = &packets[0] else { panic!("{packets:?}") };
    assert!(connack.properties.assigned_client_id.as_ref().is_some_and(|id| id.len() > 8));
}

#[test]
fn a_client_that_comes_again_takes_its_place() {
    let world = World::new();
    let mut first = world.modern("a");
    first.heard();
    first.subscribe(&[("t", 0)]);
    first.heard();
    let mut second = world.client("a");
    assert_eq!(first.heard(), ["DISCONNECT 0x8e"]);
    assert!(first.closed);
    first.leave();
    second.publish("t", b"1", 1, false);
    second.expects(&["PUBACK 9"]);
}

#[test]
fn the_keep_alive_is_taken_one_and_a_half_times() {
    let world = World::new();
    let mut device = world.connection();
    device.send(v3::Connect::new("a".into(), 5));
    assert_eq!(device.silence_max_s(), Some(8));
    assert_eq!(world.client("b").silence_max_s(), None, "as the listener has it");
    let mut modern = world.modern("c");
    let packets = modern.packets();
    let v5::Packet::Connack(connack) = &packets[0] else { panic!("{packets:?}") };
    assert_eq!(connack.properties.server_keep_alive, Some(200));
    modern.dismiss(Dismissal::Silent);
    assert_eq!(modern.heard(), ["DISCONNECT 0x8d"]);
}

#[test]
fn pings_are_answered_and_a_goodbye_ends_the_connection() {
    let world = World::new();
    let mut device = world.client("a");
    device.send(v3::Packet::Pingreq);
    device.expects(&["PINGRESP"]);
    device.send(v3::Packet::Disconnect);
    device.expects(&[]);
    assert!(device.closed);
}

fn with_will(world: &World, delay_s: Option<u32>) -> crate::support::Device<'_> {
    world.modern_with("mortal", |connect| {
        let topic = TopicName::try_from("wills/mortal").unwrap();
        let mut will = v5::LastWill::new(QoS::Level1, topic, b"gone".to_vec().into());
        will.retain = true;
        will.properties.delay_interval = delay_s;
        connect.last_will = Some(will);
        connect.clean_start = delay_s.is_none();
        connect.properties.session_expiry_interval = delay_s.map(|delay| delay * 2);
    })
}

#[test]
fn a_will_is_published_when_its_client_is_lost_and_only_then() {
    let world = World::new();
    let mut watcher = world.client("w");
    watcher.subscribe(&[("wills/#", 1)]);
    watcher.heard();
    with_will(&world, None).disconnect();
    watcher.expects(&[]);
    with_will(&world, None).leave();
    watcher.expects(&["wills/mortal gone q1 #1"]);
    let mut malformed = with_will(&world, None);
    malformed.send_bytes(b"\x00\x00");
    watcher.expects(&["wills/mortal gone q1 #2"]);
    let mut silent = with_will(&world, None);
    silent.dismiss(Dismissal::Silent);
    watcher.expects(&["wills/mortal gone q1 #3"]);
    let _old = with_will(&world, None);
    let new = with_will(&world, None);
    watcher.expects(&["wills/mortal gone q1 #4"]);
    let mut asked = new;
    asked.send_modern(v5::Disconnect::new(v5::DisconnectReasonCode::DisconnectWithWillMessage));
    watcher.expects(&["wills/mortal gone q1 #5"]);
    let mut late = world.client("late");
    late.subscribe(&[("wills/#", 1)]);
    late.expects(&["wills/mortal gone q1 retained #1", "SUBACK [1]"]);
}

#[test]
fn a_will_waits_as_long_as_it_is_told_to() {
    let mut world = World::new();
    with_will(&world, Some(10)).leave();
    world.pass(5);
    {
        let mut back = with_will(&world, Some(10));
        assert!(back.heard().contains(&"CONNACK resumed".to_owned()));
        back.leave();
    }
    let read = |world: &World| {
        let mut reader = world.client("r");
        reader.subscribe(&[("wills/#", 0)]);
        reader.heard().len() - 1
    };
    world.pass(8);
    assert_eq!(read(&world), 0, "it came back in between");
    world.pass(3);
    assert_eq!(read(&world), 1);
}
