//! What clients and destinations are told.

use super::*;

#[test]
fn a_subscriber_hears_of_changes_until_it_unsubscribes() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/ch/[12]/*".into()]);
    desk.heard();
    for (address, value) in [("/osc/ch/1/mix", 1), ("/osc/ch/3/mix", 2), ("/osc/ch/2/mix", 3)] {
        desk.set(address, value);
    }
    assert_eq!(desk.heard(), ["9000 /ch/1/mix Int(1)", "9000 /ch/2/mix Int(3)"]);
    desk.send(peer(1), "/clasp/unsubscribe", vec!["/ch/[12]/*".into()]);
    desk.set("/osc/ch/1/mix", 4);
    assert_eq!(desk.heard(), Vec::<String>::new());
}

#[test]
fn feedback_goes_to_the_port_that_was_asked_for() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/port", vec![OscType::Int(9_001)]);
    desk.send(peer(1), "/xremote", vec![]);
    desk.heard();
    desk.set("/osc/a", 1);
    desk.send(peer(1), "/clasp/port", vec![OscType::Int(0)]);
    desk.set("/osc/a", 2);
    assert_eq!(desk.heard(), ["9001 /a Int(1)", "9000 /a Int(2)"]);
}

#[test]
fn a_lease_ends_unless_something_comes() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/a".into()]);
    desk.send(peer(2), "/xremote", vec![]);
    desk.heard();
    let after = |desk: &mut Desk, seconds: u64, value: i64| {
        desk.wait_us(seconds * SECOND_US);
        let now = desk.now;
        desk.floor.sweep(now);
        desk.set("/osc/a", value);
        desk.heard().len()
    };
    assert_eq!(after(&mut desk, 9, 1), 2);
    desk.send(peer(1), "/anything", vec![]);
    desk.send(peer(2), "/xremote", vec![]);
    desk.heard();
    assert_eq!(after(&mut desk, 9, 2), 2);
    assert_eq!(after(&mut desk, 2, 3), 1, "only the longer lease is left");
    assert_eq!(after(&mut desk, 18, 4), 1);
    assert_eq!(after(&mut desk, 2, 5), 0);
    assert_eq!(desk.floor.peers(), 0);
}

#[test]
fn nobody_hears_what_it_wrote_itself_and_everybody_else_does() {
    let mut desk = Desk::new();
    for number in [1, 2] {
        desk.send(peer(number), "/clasp/port", vec![OscType::Int(9_000 + i32::from(number))]);
        desk.send(peer(number), "/clasp/subscribe", vec!["/**".into()]);
    }
    desk.heard();
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.heard(), ["9002 /a Int(1)"]);
    desk.send(peer(2), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.heard(), Vec::<String>::new(), "an echo ends at the guard");
    desk.set("/osc/a", 2);
    desk.set("/osc/a", 1);
    let expected = ["9001 /a Int(2)", "9002 /a Int(2)", "9001 /a Int(1)", "9002 /a Int(1)"];
    assert_eq!(desk.heard(), expected);
}

#[test]
fn what_changes_together_elsewhere_is_one_bundle() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.heard();
    let set = |address: &'static str| Message::Set(Set::new(address, RawValue::int(1))).into();
    let parts = vec![set("/osc/a"), set("/osc/b"), set("/elsewhere")];
    let both = Message::Bundle(Bundle { timestamp: None, parts });
    desk.reader.tell(&both, desk.now).unwrap();
    desk.work();
    assert_eq!(desk.heard(), ["9000 [/a Int(1), /b Int(1)]"]);
}

#[test]
fn news_that_osc_has_no_address_for_are_counted_and_not_sent() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.heard();
    desk.set("/osc/my fader", 1);
    assert_eq!((desk.heard(), desk.drops("unsendable")), (vec![], 1.0));
}

#[test]
fn a_get_is_answered_at_the_address_that_was_asked_for() {
    let mut desk = Desk::new();
    desk.set("/osc/ch/1", 7);
    desk.set("/osc/ch/2", 8);
    desk.send(peer(1), "/clasp/get", vec!["/ch/2".into()]);
    assert_eq!(desk.heard(), ["9000 /ch/2 Int(8)"]);
    desk.send(peer(1), "/clasp/get", vec!["/ch/*".into()]);
    let heard = desk.heard().join(" ");
    assert!(heard.contains("/ch/1 Int(7)") && heard.contains("/ch/2 Int(8)"), "{heard}");
    desk.send(peer(1), "/clasp/get", vec!["/ch/3".into()]);
    let heard = desk.heard().join(" ");
    assert!(heard.contains("/clasp/error String(\"/clasp/get\") Int(201)"), "{heard}");
}

#[test]
fn values_are_written_as_the_client_wants_them() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/format", vec!["double".into(), "ints-as-floats".into()]);
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.heard();
    desk.set("/osc/a", 7);
    assert_eq!(desk.heard(), ["9000 /a Double(7.0)"]);
    desk.send(peer(1), "/clasp/format", vec!["single".into(), "octal".into()]);
    assert!(desk.heard()[0].contains("no format octal"));
    desk.set("/osc/a", 8);
    assert_eq!(desk.heard(), ["9000 /a Double(8.0)"], "a bad request changes nothing");
}

#[test]
fn a_state_of_many_params_is_paced_and_in_bundles_that_networks_carry() {
    let mut desk = Desk::new();
    for number in 0..3_000 {
        desk.set(&format!("/osc/channel/{number}/level"), number);
    }
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    assert_eq!(desk.sent.len(), BURST_PACKETS);
    let mut rounds = 0;
    while desk.work().is_some() {
        desk.wait_us(BURST_PAUSE_US);
        rounds += 1;
    }
    assert!(desk.sent.iter().all(|(_, packet)| packet.len() <= BUNDLE_BYTES_MAX));
    assert!(rounds >= desk.sent.len() / BURST_PACKETS - 1, "{rounds}");
    let messages = desk.sent.iter().map(|(_, it)| packet::decode(it).unwrap().messages().count());
    assert_eq!(messages.sum::<usize>(), 3_000 + 1, "the state and its confirmation");
}

#[test]
fn a_destination_is_told_without_asking_at_its_rate_and_of_the_latest_values() {
    let destination = |port: u16, pause: Option<Duration>| Destination {
        address: SocketAddr::from(([10, 0, 0, 9], port)),
        patterns: vec!["/lights/**".into()],
        strip: "/lights".parse().unwrap(),
        pause,
        format: crate::Format::default(),
    };
    let mut desk = Desk::tuned(|tuning| {
        let slow = Some(Duration::from_millis(100));
        tuning.destinations = vec![destination(7_001, None), destination(7_002, slow)];
    });
    for value in 1..=3 {
        desk.set("/lights/1", value);
    }
    desk.set("/lights/2", 9);
    let expected =
        ["7001 /1 Int(1)", "7002 /1 Int(1)", "7001 /1 Int(2)", "7001 /1 Int(3)", "7001 /2 Int(9)"];
    assert_eq!(desk.heard(), expected);
    desk.wait_us(99_000);
    assert_eq!(desk.heard(), Vec::<String>::new());
    desk.wait_us(1_000);
    assert_eq!(desk.heard(), ["7002 [/1 Int(3), /2 Int(9)]"]);
    let host = SocketAddr::from(([10, 0, 0, 9], 50_000));
    desk.send(host, "/x", vec![]);
    assert_eq!(desk.heard(), Vec::<String>::new());
}

#[test]
fn a_destination_does_not_hear_what_its_own_host_wrote() {
    let mut desk = Desk::tuned(|tuning| {
        tuning.destinations = vec![Destination {
            address: SocketAddr::from(([10, 0, 0, 1], 7_001)),
            patterns: vec!["/osc/**".into()],
            strip: "/osc".parse().unwrap(),
            pause: None,
            format: crate::Format::default(),
        }];
    });
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    desk.send(peer(2), "/a", vec![OscType::Int(2)]);
    assert_eq!(desk.heard(), ["7001 /a Int(2)"]);
}

#[test]
fn an_event_without_a_value_is_a_message_without_arguments() {
    use clasp_protocol::message::{Publish, SignalType};
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/go".into()]);
    desk.heard();
    let event = Message::Publish(Publish::new("/osc/go", SignalType::Event));
    for _ in 0..2 {
        desk.reader.tell(&event, desk.now).unwrap();
    }
    desk.work();
    assert_eq!(desk.heard(), ["9000 [/go, /go]"]);
}

#[test]
fn a_client_that_does_not_ask_is_not_told_of_refusals() {
    let mut desk = Desk::new();
    let lock = Set { lock: true, ..Set::new("/osc/a", RawValue::int(1)) };
    desk.reader.tell(&Message::Set(lock), desk.now).unwrap();
    desk.send(peer(1), "/a", vec![OscType::Int(2)]);
    assert_eq!(desk.heard(), Vec::<String>::new());
}
