//! PUBLISH in both directions (adapters.md 1.2, 1.4, 1.5).

use clasp_mqtt::Config;
use clasp_protocol::Value;
use clasp_protocol::message::SignalType;
use mqtt_proto::{Pid, v3};

use crate::support::World;

fn config(text: &str) -> Config {
    let file = tempfile(text);
    Config::read("/mqtt", file.as_ref()).unwrap()
}

/// A file with this text, for as long as the test runs.
fn tempfile(text: &str) -> std::path::PathBuf {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let name = format!("clasp-mqtt-{}-{:x}.toml", std::process::id(), hasher.finish());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_publish_is_a_param_for_everyone_and_comes_back_to_its_sender() {
    let world = World::new();
    let mut clasp = world.clasp();
    clasp.subscribe("/**");
    let mut device = world.client("a");
    device.subscribe(&[("sensors/#", 0)]);
    device.expects(&["SUBACK [0]"]);
    device.publish("sensors/t", b"21.5", 0, false);
    device.expects(&["sensors/t 21.5 q0"]);
    clasp.expects(&["param /mqtt/sensors/t Some(Float(21.5))"]);
}

#[test]
fn clasp_values_reach_mqtt_as_text_and_json() {
    let world = World::new();
    let mut device = world.client("a");
    device.subscribe(&[("#", 2)]);
    device.expects(&["SUBACK [2]"]);
    let mut clasp = world.clasp();
    clasp.set("/mqtt/a", &Value::Int(42));
    clasp.set("/mqtt/b", &Value::Float(2.0));
    clasp.set("/mqtt/c", &Value::String("hi".into()));
    clasp.emit("/mqtt/e", SignalType::Event, &Value::Bool(true));
    clasp.emit("/mqtt/s", SignalType::Stream, &Value::Array(vec![Value::Null]));
    clasp.set("/other", &Value::Int(1));
    device.expects(&["a 42 q1 #1", "b 2.0 q1 #2", "c hi q1 #3", "e true q1 #4", "s [null] q0"]);
}

#[test]
fn the_payload_and_the_qos_between_mqtt_clients_are_what_was_published() {
    let world = World::new();
    let mut listener = world.client("l");
    listener.subscribe(&[("t", 2)]);
    listener.heard();
    let mut device = world.client("a");
    for (payload, qos) in [("{ \"a\" : 1e2 }", 0), ("1e3", 1), ("\"q\"", 2)] {
        device.publish("t", payload.as_bytes(), qos, false);
        if qos == 2 {
            device.send(v3::Packet::Pubrel(Pid::try_from(9).unwrap()));
        }
    }
    listener.expects(&["t { \"a\" : 1e2 } q0", "t 1e3 q1 #1", "t \"q\" q2 #2"]);
}

#[test]
fn qos_2_is_applied_once_whatever_is_repeated() {
    let world = World::new();
    let mut clasp = world.clasp();
    clasp.subscribe("/mqtt/**");
    let mut device = world.client("a");
    device.publish("t", b"1", 2, false);
    device.expects(&["PUBREC 9"]);
    device.publish("t", b"1", 2, false);
    device.expects(&["PUBREC 9"]);
    device.send(v3::Packet::Pubrel(Pid::try_from(9).unwrap()));
    device.send(v3::Packet::Pubrel(Pid::try_from(9).unwrap()));
    device.expects(&["PUBCOMP 9", "PUBCOMP 9"]);
    clasp.expects(&["param /mqtt/t Some(Int(1))"]);
    device.publish("t", b"2", 2, false);
    device.expects(&["PUBREC 9"]);
    clasp.expects(&["param /mqtt/t Some(Int(2))"]);
}

#[test]
fn a_retained_message_stays_and_an_empty_one_clears_it() {
    let mut world = World::new();
    world.client("a").publish("t", b"on", 0, true);
    world.pass(100_000);
    let mut device = world.client("b");
    device.subscribe(&[("t", 1)]);
    device.expects(&["t on q1 retained #1", "SUBACK [1]"]);
    device.publish("t", b"", 0, true);
    device.expects(&["t  q0"]);
    let mut other = world.client("c");
    other.subscribe(&[("t", 1)]);
    other.expects(&["SUBACK [1]"]);
}

#[test]
fn with_publish_as_retain_other_messages_are_events() {
    let world = World::with(config("publish_as = \"retain\""));
    let mut clasp = world.clasp();
    clasp.subscribe("/mqtt/**");
    let mut device = world.client("a");
    device.subscribe(&[("t", 1)]);
    device.heard();
    device.publish("t", b"1", 0, false);
    device.publish("t", b"2", 1, true);
    device.expects(&["t 1 q0", "t 2 q1 #1", "PUBACK 9"]);
    clasp.expects(&["event /mqtt/t Some(Int(1))", "param /mqtt/t Some(Int(2)) Never"]);
}

#[test]
fn rules_map_topics_choose_payloads_and_forbid_directions() {
    let world = World::with(config(
        "[[rule]]\ntopic = \"cam/#\"\naddress = \"/cam/**\"\npayload = \"bytes\"\n\
         publish_as = \"stream\"\n\
         [[rule]]\ntopic = \"ro\"\naddress = \"/ro\"\ndirection = \"out\"\n\
         [[rule]]\ntopic = \"wo/#\"\naddress = \"/wo/**\"\ndirection = \"in\"\n",
    ));
    let mut clasp = world.clasp();
    clasp.subscribe("/**");
    let mut device = world.client("a");
    device.subscribe(&[("#", 0)]);
    device.heard();
    device.publish("cam/1", b"42", 1, false);
    device.publish("ro", b"1", 1, false);
    device.publish("wo/x", b"1", 1, false);
    clasp.expects(&["stream /cam/1 Some(Bytes([52, 50]))", "param /wo/x Some(Int(1))"]);
    device.expects(&["PUBACK 9", "cam/1 42 q0", "PUBACK 9", "PUBACK 9"]);
    clasp.set("/ro", &Value::Int(7));
    device.expects(&["ro 7 q0"]);
}

#[test]
fn a_topic_with_a_wildcard_ends_the_connection() {
    for topic in ["a/#", "+", "", "a\0"] {
        let world = World::new();
        let mut device = world.client("a");
        let mut packet = vec![0x30, 2 + topic.len() as u8, 0, topic.len() as u8];
        packet.extend_from_slice(topic.as_bytes());
        device.send_bytes(&packet);
        device.expects(&[]);
        assert!(device.closed, "{topic:?}");
    }
}

#[test]
fn what_no_value_can_hold_ends_an_old_connection() {
    let world = World::new();
    let mut device = world.client("a");
    device.publish("t", &vec![b'x'; 66_000], 0, false);
    device.expects(&[]);
    assert!(device.closed);
}

#[test]
fn packets_may_come_in_pieces_and_many_at_a_time() {
    let world = World::new();
    let mut device = world.connection();
    let mut bytes =
        v3::Packet::from(v3::Connect::new("a".into(), 0)).encode().unwrap().as_ref().to_vec();
    for _ in 0..3 {
        bytes.extend_from_slice(b"\x32\x06\x00\x01t\x00\x01x");
    }
    let mut tail: Vec<u8> = Vec::new();
    for byte in bytes {
        tail.push(byte);
        let received = device.receive(&tail);
        assert!(received.open);
        tail.drain(..received.used);
    }
    assert!(tail.is_empty());
    device.expects(&["CONNACK new", "PUBACK 1", "PUBACK 1", "PUBACK 1"]);
}

#[test]
fn a_long_length_is_refused_before_its_bytes_come() {
    let world = World::new();
    let mut device = world.client("a");
    let received = device.receive(b"\x30\xff\xff\xff\x7f\x00");
    assert!(!received.open);
    let mut modern = world.modern("b");
    modern.heard();
    assert!(!modern.receive(b"\x30\xff\xff\xff\x7f\x00").open);
    assert_eq!(modern.heard(), ["DISCONNECT 0x95"]);
}
