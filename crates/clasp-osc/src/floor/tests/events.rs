//! Events of OSC clients, and of others for them.

use clasp_gateway::News;
use clasp_protocol::message::{Publish, SignalType, Subscribe};

use super::*;

impl Desk {
    /// Somebody else sends an event.
    fn emit(&mut self, address: &str, value: i64) {
        let event = Publish::new(address, SignalType::Event);
        let event = Publish { value: Some(RawValue::int(value)), ..event };
        self.reader.tell(&Message::Publish(event), self.now).unwrap();
        self.work();
    }

    /// Makes the reader hear everything.
    fn listen(&mut self) {
        let pattern = "/**".into();
        let subscribe = Subscribe { id: 1, pattern, types: 0xff, options: None };
        self.reader.tell(&Message::Subscribe(subscribe), self.now).unwrap();
        self.told();
    }

    /// What the reader was told since the last time: signal, address and value.
    fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        self.reader.collect_all(self.now, |arrival| {
            if let Arrival::News(News { signal, address, value, .. }) = arrival {
                let value = value.map(|value| value.to_value());
                told.push(format!("{} {address} {value:?}", signal.name()));
            }
        });
        told
    }
}

#[test]
fn an_event_is_passed_on_and_leaves_no_param() {
    let mut desk = Desk::new();
    desk.listen();
    desk.send(peer(2), "/clasp/subscribe", vec!["/go".into()]);
    desk.heard();
    desk.send(peer(1), "/clasp/event", vec!["/go".into()]);
    desk.send(peer(1), "/clasp/event", vec!["/go".into(), 7.into()]);
    desk.send(peer(1), "/clasp/event", vec!["/go".into(), 7.into(), "now".into()]);
    let expected = [
        "event /osc/go None",
        "event /osc/go Some(Int(7))",
        "event /osc/go Some(Array([Int(7), String(\"now\")]))",
    ];
    assert_eq!(desk.told(), expected);
    let expected = ["9000 /go", "9000 /go Int(7)", "9000 /go Int(7) String(\"now\")"];
    assert_eq!(desk.heard(), expected);
    assert_eq!(desk.value("/osc/go"), None);
}

#[test]
fn events_of_a_bundle_come_with_its_params_and_at_its_time() {
    let mut desk = Desk::new();
    desk.listen();
    let tag = TimeTag::from_unix_us(UNIX_US + 500_000).0;
    let at = OscTime { seconds: (tag >> 32) as u32, fractional: tag as u32 };
    let parts = vec![
        message("/level", vec![1.into()]),
        message("/clasp/event", vec!["/go".into(), 2.into()]),
    ];
    desk.packet(peer(1), &bundle(at, parts));
    desk.wait_us(499_000);
    assert_eq!(desk.told(), [""; 0]);
    desk.wait_us(1_000);
    assert_eq!(desk.told(), ["param /osc/level Some(Int(1))", "event /osc/go Some(Int(2))"]);
}

#[test]
fn a_bundle_with_an_event_that_is_refused_has_no_effect_at_all() {
    let mut desk = Desk::new();
    desk.listen();
    let lock = Set { lock: true, ..Set::new("/osc/locked", RawValue::int(1)) };
    desk.reader.tell(&Message::Set(lock), desk.now).unwrap();
    desk.told();
    let parts = vec![
        message("/clasp/event", vec!["/go".into()]),
        message("/locked", vec![OscType::Int(2)]),
    ];
    desk.packet(peer(1), &bundle(AT_ONCE, parts));
    assert_eq!(desk.told(), [""; 0]);
    assert!(desk.heard().concat().contains("/clasp/error"));
}

#[test]
fn an_event_without_a_good_address_is_refused() {
    let mut desk = Desk::new();
    desk.listen();
    for (arguments, reason) in [
        (vec![], "expected an address"),
        (vec!["/go/*".into()], "no '*'"),
        (vec!["go".into()], ""),
        (vec!["/go/".into()], ""),
    ] {
        desk.send(peer(1), "/clasp/event", arguments);
        let heard = desk.heard();
        assert!(
            heard[0].starts_with("9000 /clasp/error") && heard[0].contains(reason),
            "{heard:?}"
        );
    }
    assert_eq!(desk.told(), [""; 0]);
    assert_eq!(desk.drops("address"), 3.0);
}

#[test]
fn every_event_is_told_though_it_has_the_value_of_the_last_one_or_of_an_own_param() {
    let mut desk = Desk::tuned(|tuning| tuning.only_changes = true);
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.send(peer(1), "/go", vec![7.into()]);
    desk.heard();
    desk.emit("/osc/go", 7);
    desk.emit("/osc/go", 7);
    desk.send(peer(1), "/clasp/event", vec!["/go".into(), 7.into()]);
    assert_eq!(desk.heard(), ["9000 /go Int(7)"; 2], "an own event never comes back");
}
