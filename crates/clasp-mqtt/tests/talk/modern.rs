//! What MQTT 5 adds (adapters.md 1.5, 1.8).

use std::sync::Arc;

use clasp_protocol::Value;
use mqtt_proto::{Pid, QoS, TopicFilter, TopicName, v5};

use crate::support::{Device, World, qos_pid};

fn message(topic: &str, qos: u8, change: impl FnOnce(&mut v5::Publish)) -> v5::Publish {
    let topic = TopicName::try_from(topic).unwrap();
    let mut publish = v5::Publish::new(qos_pid(qos, 9), topic, b"1".to_vec().into());
    change(&mut publish);
    publish
}

fn subscribe(
    device: &mut Device<'_>,
    filter: &str,
    change: impl FnOnce(&mut v5::Subscribe, &mut v5::SubscriptionOptions),
) {
    let mut packet = v5::Subscribe::new(Pid::try_from(7).unwrap(), Vec::new());
    let mut options = v5::SubscriptionOptions::new(QoS::Level1);
    change(&mut packet, &mut options);
    packet.topics.push((TopicFilter::try_from(filter).unwrap(), options));
    device.send_modern(packet);
}

fn publishes(device: &mut Device<'_>) -> Vec<v5::Publish> {
    let packets = device.packets().into_iter();
    packets
        .filter_map(|packet| match packet {
            v5::Packet::Publish(publish) => Some(publish),
            _ => None,
        })
        .collect()
}

#[test]
fn properties_of_a_message_reach_other_clients_unaltered_and_in_order() {
    let world = World::new();
    let mut listener = world.modern("l");
    listener.subscribe(&[("t", 1)]);
    listener.heard();
    let mut device = world.modern("a");
    let user = |name: &str, value: &str| v5::UserProperty {
        name: Arc::from(name),
        value: Arc::from(value),
    };
    let sent = message("t", 1, |publish| {
        let properties = &mut publish.properties;
        properties.user_properties = vec![user("b", "1"), user("a", "2"), user("b", "3")];
        properties.response_topic = Some(TopicName::try_from("answers/here").unwrap());
        properties.correlation_data = Some(vec![0, 255].into());
        properties.content_type = Some(Arc::from("text/plain"));
        properties.payload_is_utf8 = Some(true);
    });
    device.send_modern(sent.clone());
    let got = publishes(&mut listener);
    assert_eq!(got[0].properties, sent.properties);
    device.send_modern(message("t", 1, |_| {}));
    let got = publishes(&mut listener);
    assert_eq!(got[0].properties, v5::PublishProperties::default(), "nothing is added either");
}

#[test]
fn values_of_clasp_say_what_they_are() {
    let world = World::new();
    let mut listener = world.modern("l");
    listener.subscribe(&[("#", 0)]);
    listener.heard();
    let mut clasp = world.clasp();
    clasp.set("/mqtt/j", &Value::Int(1));
    clasp.set("/mqtt/t", &Value::String("1".into()));
    clasp.set("/mqtt/b", &Value::Bytes(vec![1]));
    let types: Vec<_> = publishes(&mut listener)
        .into_iter()
        .map(|publish| publish.properties.content_type.unwrap().to_string())
        .collect();
    assert_eq!(types, ["application/json", "text/plain", "application/octet-stream"]);
}

#[test]
fn a_content_type_decides_what_a_payload_is() {
    let world = World::new();
    let mut clasp = world.clasp();
    clasp.subscribe("/mqtt/**");
    let mut device = world.modern("a");
    device.heard();
    let with = |kind: &str, payload: &[u8]| {
        message("t", 1, |publish| {
            publish.properties.content_type = Some(Arc::from(kind));
            publish.payload = payload.to_vec().into();
        })
    };
    device.send_modern(with("text/plain; charset=utf-8", b"42"));
    device.send_modern(with("application/octet-stream", b"42"));
    device.send_modern(with("application/json", b"\"42\""));
    device.send_modern(with("application/json", b"{"));
    clasp.expects(&[
        "param /mqtt/t Some(String(\"42\"))",
        "param /mqtt/t Some(Bytes([52, 50]))",
        "param /mqtt/t Some(String(\"42\"))",
    ]);
    device.expects(&["PUBACK 9 0x00", "PUBACK 9 0x00", "PUBACK 9 0x00", "PUBACK 9 0x99"]);
}

#[test]
fn expiry_is_a_time_to_live_and_back() {
    let world = World::new();
    let mut clasp = world.clasp();
    clasp.subscribe("/mqtt/**");
    let mut listener = world.modern("l");
    listener.subscribe(&[("t", 1)]);
    listener.heard();
    let mut device = world.modern("a");
    device.send_modern(message("t", 1, |publish| {
        publish.properties.message_expiry_interval = Some(100);
    }));
    clasp.expects(&["param /mqtt/t Some(Int(1)) Absolute(100)"]);
    let expiry = publishes(&mut listener)[0].properties.message_expiry_interval;
    assert!(matches!(expiry, Some(99 | 100)), "{expiry:?}");
}

#[test]
fn no_local_leaves_out_own_messages_only() {
    let world = World::new();
    let mut device = world.modern("a");
    device.heard();
    subscribe(&mut device, "t", |_, options| options.no_local = true);
    device.heard();
    device.publish("t", b"1", 1, false);
    device.expects(&["PUBACK 9 0x00"]);
    let mut other = world.modern("b");
    other.publish("t", b"2", 0, false);
    device.expects(&["t 2 q0"]);
}

#[test]
fn retained_values_are_told_as_the_subscription_says() {
    let world = World::new();
    world.client("a").publish("t", b"1", 0, true);
    let mut device = world.modern("b");
    device.heard();
    let handle = |device: &mut Device<'_>, handling: v5::RetainHandling| {
        subscribe(device, "t", |_, options| options.retain_handling = handling);
        device.heard().len() - 1
    };
    assert_eq!(handle(&mut device, v5::RetainHandling::DoNotSend), 0);
    assert_eq!(handle(&mut device, v5::RetainHandling::SendAtSubscribeIfNotExist), 0);
    assert_eq!(handle(&mut device, v5::RetainHandling::SendAtSubscribe), 1);
    let mut fresh = world.modern("c");
    fresh.heard();
    assert_eq!(handle(&mut fresh, v5::RetainHandling::SendAtSubscribeIfNotExist), 1);
}

#[test]
fn the_retain_flag_stays_as_published_if_that_is_wanted() {
    let world = World::new();
    let mut as_published = world.modern("p");
    as_published.heard();
    subscribe(&mut as_published, "t", |_, options| options.retain_as_published = true);
    let mut usual = world.modern("u");
    usual.heard();
    subscribe(&mut usual, "t", |_, options| options.retain_as_published = false);
    as_published.heard();
    usual.heard();
    let mut device = world.client("a");
    device.publish("t", b"1", 0, true);
    device.publish("t", b"2", 0, false);
    as_published.expects(&["t 1 q0 retained", "t 2 q0"]);
    usual.expects(&["t 1 q0", "t 2 q0"]);
}

#[test]
fn every_matching_subscription_identifier_is_told() {
    let world = World::new();
    let mut device = world.modern("a");
    device.heard();
    subscribe(&mut device, "t", |packet, _| {
        packet.properties.subscription_id = Some(v5::VarByteInt::try_from(300).unwrap());
    });
    device.heard();
    world.client("b").publish("t", b"1", 0, false);
    let got = publishes(&mut device);
    assert_eq!(got[0].properties.subscription_id.map(v5::VarByteInt::value), Some(300));
}

#[test]
fn aliases_stand_for_topics_in_both_directions() {
    let world = World::new();
    let mut device = world.modern_with("a", |connect| {
        connect.properties.topic_alias_max = Some(1);
    });
    device.heard();
    device.subscribe(&[("#", 0)]);
    device.heard();
    let alias = |topic: &str, alias: u16| {
        message(topic, 0, |publish| publish.properties.topic_alias = Some(alias))
    };
    device.send_modern(alias("long/topic", 5));
    device.send_modern(alias("", 5));
    device.send_modern(message("other", 0, |_| {}));
    let got: Vec<_> = publishes(&mut device)
        .into_iter()
        .map(|publish| (publish.topic_name.to_string(), publish.properties.topic_alias))
        .collect();
    assert_eq!(
        got,
        [("long/topic".into(), Some(1)), (String::new(), Some(1)), ("other".into(), None)]
    );
    device.send_modern(alias("x", 65));
    device.expects(&["DISCONNECT 0x94"]);
}

#[test]
fn a_client_gets_no_more_than_it_takes() {
    let world = World::new();
    let mut device = world.modern_with("a", |connect| {
        connect.properties.receive_max = Some(2);
        connect.properties.max_packet_size = Some(40);
    });
    device.heard();
    device.subscribe(&[("#", 1)]);
    device.heard();
    let mut clasp = world.clasp();
    for number in 1..=4 {
        clasp.set(&format!("/mqtt/{number}"), &Value::Int(number));
    }
    clasp.emit(
        "/mqtt/large",
        clasp_protocol::message::SignalType::Stream,
        &Value::String("x".repeat(40)),
    );
    device.expects(&["1 1 q1 #1", "2 2 q1 #2"]);
    device.send_modern(v5::Puback::new_success(Pid::try_from(1).unwrap()));
    device.expects(&["3 3 q1 #3"]);
    device.send_modern(v5::Puback::new_success(Pid::try_from(2).unwrap()));
    device.send_modern(v5::Puback::new_success(Pid::try_from(3).unwrap()));
    device.expects(&["4 4 q1 #4"]);
}

#[test]
fn more_messages_than_the_relay_takes_end_the_connection() {
    let world = World::new();
    let mut device = world.modern("a");
    device.heard();
    for id in 1..=257 {
        let topic = TopicName::try_from("t").unwrap();
        device.send_modern(v5::Publish::new(qos_pid(2, id), topic, b"1".to_vec().into()));
        if id < 257 {
            device.heard();
        }
    }
    assert_eq!(device.heard().last().unwrap(), "DISCONNECT 0x93");
}

#[test]
fn a_message_that_no_value_can_hold_is_refused_with_a_reason() {
    let world = World::new();
    let mut device = world.modern("a");
    device.heard();
    device.publish("t", &vec![b'x'; 66_000], 1, false);
    device.expects(&["PUBACK 9 0x97"]);
    device.publish("t", b"1", 1, false);
    device.expects(&["PUBACK 9 0x00"]);
}

#[test]
fn a_shared_subscription_gives_each_message_to_one_member() {
    let world = World::new();
    let mut members = [world.modern("a"), world.client("b")];
    for member in &mut members {
        member.heard();
        member.subscribe(&[("$share/g/jobs/#", 1)]);
        assert_eq!(member.heard().len(), 1);
    }
    let mut device = world.client("p");
    for number in 0..6 {
        device.publish("jobs/x", number.to_string().as_bytes(), 0, false);
    }
    let [one, two] = &mut members;
    let (first, second) = (one.heard(), two.heard());
    assert_eq!((first.len(), second.len()), (3, 3), "{first:?} {second:?}");
    members.into_iter().next().unwrap().disconnect();
    device.publish("jobs/x", b"1", 0, false);
    device.publish("jobs/x", b"2", 0, false);
}

#[test]
fn a_shared_subscription_cannot_have_no_local() {
    let world = World::new();
    let mut device = world.modern("a");
    device.heard();
    subscribe(&mut device, "$share/g/t", |_, options| options.no_local = true);
    device.expects(&["DISCONNECT 0x82"]);
}

#[test]
fn enhanced_authentication_knows_one_method() {
    let world = World::new();
    let mut device = world.modern_with("a", |connect| {
        connect.properties.auth_method = Some(Arc::from("SCRAM-SHA-1"));
    });
    device.expects(&["CONNACK 0x8c"]);
    let mut device = world.modern_with("a", |connect| {
        connect.properties.auth_method = Some(Arc::from("clasp-token"));
        connect.properties.auth_data = Some(b"any token".to_vec().into());
    });
    let packets = device.packets();
    let v5::Packet::Connack(connack) = &packets[0] else { panic!("{packets:?}") };
    assert_eq!(connack.properties.auth_method.as_deref(), Some("clasp-token"));
}

#[test]
fn unsubscribing_says_what_there_was() {
    let world = World::new();
    let mut device = world.modern("a");
    device.heard();
    device.subscribe(&[("a", 0)]);
    device.heard();
    let filters = ["a", "b"].map(|filter| TopicFilter::try_from(filter).unwrap());
    device.send_modern(v5::Unsubscribe::new(Pid::try_from(8).unwrap(), filters.to_vec()));
    device.expects(&["UNSUBACK [0, 17]"]);
}
