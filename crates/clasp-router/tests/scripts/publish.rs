//! PUBLISH: who hears it and in which bytes (routing.md 6.1, 6.2, 6.4).

use clasp_protocol::message::{Easing, Keyframe, SignalType, Timeline};
use clasp_protocol::{Frame, Qos, frame};

use crate::support::*;

fn pair() -> World {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world
}

/// What subscribers get when this frame is sent.
fn forwarded(frame: &[u8]) -> Vec<u8> {
    let mut world = pair();
    world.send_bytes("a", frame);
    world.hears_nothing("a");
    let mut frames = world.frames("b");
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

#[test]
fn a_publish_reaches_everyone_but_its_sender_and_is_not_acknowledged() {
    let mut world = pair();
    world.send("a", subscribe(1, "/**"));
    world.send("a", event("/cue", 1));
    world.hears_nothing("a");
    world.sees("b", ["PUBLISH event /cue 1"]);
}

#[test]
fn nothing_is_stored() {
    let mut world = pair();
    for kind in SignalType::ALL {
        world.send("a", signal(kind, "/x", 1));
    }
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 0.0);
}

#[test]
fn late_joiners_get_nothing() {
    let mut world = pair();
    world.send("a", stream("/x", 1));
    world.join("c");
    world.send("c", subscribe(1, "/**"));
    world.hears_nothing("c");
}

#[test]
fn payload_bytes_go_out_as_they_came() {
    let sent = [
        event("/cue", "go").at(123_456),
        event("/cue", map(&[("b", "2"), ("a", "1"), ("b", "3")])),
        stream("/s", narrow(0x0A, &[0, 2, 0x02, 5, 0x06, 0x3F, 0, 0, 0])),
        samples("/s", &[0.25, -0.5, f64::NAN], 48_000),
        signal(SignalType::Timeline, "/t", 1),
        signal(SignalType::Param, "/p", true),
    ];
    for sent in sent {
        let bytes = sent.frame(false);
        assert_eq!(forwarded(&bytes), bytes, "{:?}", sent.message);
    }
}

#[test]
fn the_qos_of_the_input_is_that_of_the_output() {
    for qos in [Qos::Fire, Qos::Confirm, Qos::Commit] {
        let bytes = Sent { qos, ..event("/cue", 1) }.frame(false);
        assert_eq!(Frame::parse(&forwarded(&bytes)).unwrap().qos, qos);
    }
}

#[test]
fn header_timestamps_and_unknown_flags_are_not_forwarded() {
    let plain = event("/cue", 1).frame(false);
    let payload = Frame::parse(&plain).unwrap().payload;
    // Flags: QoS 1, timestamp, encrypted, compressed, and every other bit.
    let mut bytes = vec![frame::MAGIC, 0x7F, plain[2], plain[3]];
    bytes.extend_from_slice(&99_u64.to_be_bytes());
    bytes.extend_from_slice(payload);
    assert_eq!(forwarded(&bytes), plain);
}

#[test]
fn narrow_scalars_are_widened_and_everything_else_in_the_message_stays() {
    let narrow_event = event("/cue", narrow(0x02, &[7])).at(99).frame(false);
    assert_eq!(forwarded(&narrow_event), event("/cue", 7).at(99).frame(false));
}

#[test]
fn a_signal_of_type_param_reaches_those_who_want_params() {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.join("c");
    world.send("b", subscribe(1, "/x").types(&[SignalType::Param]));
    world.send("c", subscribe(1, "/x").types(&[SignalType::Event]));
    world.send("a", signal(SignalType::Param, "/x", 1));
    world.sees("b", ["PUBLISH param /x 1"]);
    world.hears_nothing("c");
}

#[test]
fn the_largest_publish_goes_through_whole() {
    let room = 65_535 - forwarded(&event("/x", "").frame(false)).len() + 4;
    let largest = event("/x", long_text(room)).frame(false);
    assert_eq!(largest.len(), 65_535 + 4);
    assert_eq!(forwarded(&largest), largest);
}

fn keyframes() -> Timeline<'static> {
    let point = |time, value, easing| Keyframe { time, value, easing, bezier: None };
    let curve = Keyframe {
        bezier: Some([0.25, 0.1, 0.25, 1.0]),
        ..point(2_000, 1.0.raw(), Easing::CubicBezier)
    };
    Timeline {
        keyframes: vec![point(0, 0.0.raw(), Easing::EaseIn), curve],
        looped: true,
        start_time: Some(1_000),
        duration: Some(9_000),
    }
}

#[test]
fn keyframes_of_a_messagepack_timeline_survive_in_the_value() {
    let mut world = pair();
    world.join_legacy("old");
    world.send("old", timeline("/fade", keyframes()));
    world.sees(
        "b",
        ["PUBLISH timeline /fade {keyframes: [{time: 0, value: 0.0, easing: \"ease-in\"}, \
          {time: 2000, value: 1.0, easing: \"cubic-bezier\", bezier: [0.25, 0.1, 0.25, 1.0]}], \
          loop: true, startTime: 1000, duration: 9000} at=1000"],
    );
}

/// A MessagePack event whose value is so many small integers: one byte each, nine in binary.
fn legacy_integers(count: u16) -> Vec<u8> {
    let mut payload = b"\x84\xA4type\xA7PUBLISH\xA7address\xA2/x\xA6signal\xA5event".to_vec();
    payload.extend_from_slice(b"\xA5value\xDC");
    payload.extend_from_slice(&count.to_be_bytes());
    payload.extend(std::iter::repeat_n(7, usize::from(count)));
    let mut out = Vec::new();
    frame::write(Qos::Confirm, &payload, &mut out).unwrap();
    out
}

#[test]
fn what_cannot_be_forwarded_is_refused_and_not_swallowed() {
    let mut world = pair();
    world.join_legacy("old");
    for count in [7_000, 7_279, 7_280, 7_281, 7_282, 20_000, 60_000] {
        world.send_bytes("old", &legacy_integers(count));
        let refused = world.told("old");
        let delivered = world.told("b").len();
        assert_eq!(refused.len() + delivered, 1, "{count} integers: {refused:?}");
        world.pass_s(2);
    }
}

#[test]
fn unknown_signal_types_and_phases_are_read_as_event_and_start() {
    let mut world = pair();
    let mut bytes = event("/x", 1).frame(false);
    // Flags of PUBLISH: the signal type is in the upper bits.
    let flags = bytes.iter().position(|byte| *byte == 0x20).unwrap() + 1;
    bytes[flags] |= 0xE0;
    world.send_bytes("a", &bytes);
    let told = world.told("b");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("PUBLISH"), "{told:?}");
}

#[test]
fn a_publish_is_acknowledged_only_where_that_is_chosen() {
    let mut world = World::new();
    world.join("a");
    assert_eq!(world.ask("a", event("/x", 1).commit()), [""; 0]);
    let mut world = World::configured(|config| config.ack_publish = true);
    world.join("a");
    assert_eq!(world.ask("a", event("/x", 1).commit()), ["ACK /x"]);
    assert_eq!(world.ask("a", event("/x", 1).fire()), [""; 0]);
    assert_eq!(world.ask("a", event("/x//y", 1).commit()), ["ERROR 200 /x//y"]);
}
