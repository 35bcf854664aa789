//! Malformed and borderline frames get the verdict that wire.md demands, on a small stack.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/hex.rs"]
mod hex;
#[path = "support/vectors.rs"]
mod vectors;
#[path = "support/view.rs"]
mod view;

use clasp_protocol::limits::{DECODE_DEPTH_MAX, LEGACY_BUNDLE_DEPTH_MAX};
use clasp_protocol::message::Message;
use clasp_protocol::{Frame, codec};
use hex::frame_of;
use serde_json::Value as Json;
use vectors::{load, section};

/// Decoding, comparing and dropping must not need more than this.
const STACK_BYTES: usize = 256 * 1024;

fn on_small_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, run)
            .unwrap()
            .join()
            .unwrap()
    })
}

/// What becomes of a frame; the message is dropped on the small stack too.
fn verdict(frame: &[u8]) -> Result<(), String> {
    on_small_stack(|| {
        let frame = Frame::parse(frame).map_err(|error| error.to_string())?;
        codec::decode(frame.payload).map(drop).map_err(|error| error.to_string())
    })
}

/// A WELCOME without token field: embedded relays send it, so wire.md 5.2 wants it taken.
const TAKEN_ALL_THE_SAME: &str = "truncated/WELCOME_payload_19_of_23";

#[test]
fn every_malformed_or_borderline_frame_gets_its_verdict() {
    let file = load("invalid.json");
    let vectors = section(&file, "vectors");
    assert_eq!(vectors.len(), 945);
    let mut wrong = Vec::new();
    for vector in vectors {
        let wanted = vector["new_implementation"].as_str().unwrap();
        match (wanted, verdict(&frame_of(vector))) {
            ("accept", Err(error)) => wrong.push(format!("{}: refused: {error}", vector["name"])),
            ("reject", Ok(())) if vector["name"] == TAKEN_ALL_THE_SAME => {}
            ("reject", Ok(())) => wrong.push(format!("{}: taken", vector["name"])),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_the_reference_reads_in_a_borderline_frame_is_what_we_read() {
    let file = load("invalid.json");
    let mut compared = 0;
    for vector in section(&file, "vectors") {
        let theirs = &vector["clasp-core 4.5.0"]["ok"];
        if vector["new_implementation"] != "accept" || !theirs.is_object() {
            continue;
        }
        let mut theirs = theirs.clone();
        view::canonical(&mut theirs);
        let bytes = frame_of(vector);
        let message = codec::decode(Frame::parse(&bytes).unwrap().payload).unwrap();
        assert_eq!(view::view(&message), theirs, "{}", vector["name"]);
        compared += 1;
    }
    assert!(compared > 200, "{compared} compared");
}

/// A payload as the `construct` rule of an extreme vector says.
fn extreme(vector: &Json) -> Vec<u8> {
    let depth = usize::try_from(vector["depth"].as_u64().unwrap()).unwrap();
    let name = vector["name"].as_str().unwrap();
    match name.split(['/', '_']).nth(1).unwrap() {
        "array" => nested_value(0x0A, &[0, 1, 0x0A], depth),
        "map" => nested_value(0x0B, &[0, 1, 0, 0, 0x0B], depth),
        "bundle" => nested_bundle(depth),
        other => panic!("no rule for {other}"),
    }
}

fn nested_value(kind: u8, level: &[u8], depth: usize) -> Vec<u8> {
    let mut payload = vec![0x21, kind, 0, 2, b'/', b's'];
    payload.extend(level.repeat(depth - 1));
    payload.extend([0, 0]);
    payload
}

fn nested_bundle(depth: usize) -> Vec<u8> {
    (0..depth).fold(vec![0x41], |inner, _| {
        let [high, low] = u16::try_from(inner.len()).unwrap().to_be_bytes();
        let mut bundle = vec![0x30, 0, 0, 1, high, low];
        bundle.extend(inner);
        bundle
    })
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    clasp_protocol::frame::write(clasp_protocol::Qos::Fire, payload, &mut frame).unwrap();
    frame
}

#[test]
fn extreme_nesting_is_refused_without_using_up_the_stack() {
    let file = load("invalid.json");
    let extremes = section(&file, "depth_extremes");
    assert_eq!(extremes.len(), 8);
    for vector in extremes {
        let frame = framed(&extreme(vector));
        assert_eq!(Some(frame.len() as u64), vector["frame_length"].as_u64(), "{}", vector["name"]);
        let error = verdict(&frame).unwrap_err();
        assert!(error.contains("too deep"), "{}: {error}", vector["name"]);
    }
}

#[test]
fn the_deepest_nesting_that_is_allowed_is_taken() {
    let deepest = DECODE_DEPTH_MAX;
    for payload in [
        nested_value(0x0A, &[0, 1, 0x0A], deepest),
        nested_value(0x0B, &[0, 1, 0, 0, 0x0B], deepest),
    ] {
        verdict(&framed(&payload)).unwrap();
        let Message::Set(set) = codec::decode(&payload).unwrap() else {
            panic!("a SET went in");
        };
        assert_eq!(set.value.depth(), deepest);
    }
    verdict(&framed(&nested_bundle(deepest))).unwrap();
    verdict(&framed(&nested_value(0x0A, &[0, 1, 0x0A], deepest + 1))).unwrap_err();
    verdict(&framed(&nested_bundle(deepest + 1))).unwrap_err();
}

#[test]
fn bundles_count_towards_the_depth_of_the_values_inside() {
    let wrapped = |depth| {
        let inner = nested_value(0x0A, &[0, 1, 0x0A], depth);
        let [high, low] = u16::try_from(inner.len()).unwrap().to_be_bytes();
        [&[0x30, 0, 0, 1, high, low][..], &inner].concat()
    };
    verdict(&framed(&wrapped(DECODE_DEPTH_MAX - 1))).unwrap();
    verdict(&framed(&wrapped(DECODE_DEPTH_MAX))).unwrap_err();
}

#[test]
fn deep_values_can_be_looked_into_on_a_small_stack() {
    let payload = nested_value(0x0B, &[0, 1, 0, 0, 0x0B], DECODE_DEPTH_MAX);
    on_small_stack(|| {
        let Message::Set(set) = codec::decode(&payload).unwrap() else {
            panic!("a SET went in");
        };
        let tree = set.value.to_value();
        assert_eq!(clasp_protocol::RawValue::try_from(&tree).unwrap(), set.value);
        assert_eq!(set.value.field_str("no such key"), None);
        let mut legacy = Vec::new();
        codec::encode_legacy(&Message::Set(set), &mut legacy).unwrap();
        codec::decode(&legacy).unwrap();
    });
}

#[test]
fn bytes_too_deep_to_become_a_list_are_not_written_as_messagepack() {
    let set = |depth: usize| {
        let value = [[0x0A, 0, 1].repeat(depth), vec![0x09, 0, 1, 7]].concat();
        [&[0x21, value[0], 0, 2, b'/', b's'][..], &value[1..]].concat()
    };
    for (depth, fits) in [(DECODE_DEPTH_MAX - 1, true), (DECODE_DEPTH_MAX, false)] {
        let payload = set(depth);
        let message = codec::decode(&payload).unwrap();
        let mut legacy = Vec::new();
        assert_eq!(codec::encode_legacy(&message, &mut legacy).is_ok(), fits, "{depth} levels");
        assert!(if fits { codec::decode(&legacy).is_ok() } else { legacy.is_empty() });
    }
}

#[test]
fn deep_bundles_can_be_encoded_on_a_small_stack() {
    let payload = nested_bundle(DECODE_DEPTH_MAX);
    on_small_stack(|| {
        let bundle = codec::decode(&payload).unwrap();
        let mut again = Vec::new();
        codec::encode_payload(&bundle, &mut again).unwrap();
        assert_eq!(again, payload);
    });
}

#[test]
fn many_tiny_bundles_that_claim_many_parts_take_little_memory() {
    let mut payload = vec![0x41];
    for _ in 0..DECODE_DEPTH_MAX {
        let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
        payload = [&[0x30, 0, 0x40, 0, high, low][..], &payload].concat();
    }
    payload.resize(60_000, 0);
    verdict(&framed(&payload)).unwrap_err();
}

#[test]
fn bundles_in_messagepack_nest_a_few_times_only() {
    let nested = |depth| {
        (0..depth).fold(b"\x81\xa4type\xa4PING".to_vec(), |inner, _| {
            [&b"\x82\xa4type\xa6BUNDLE\xa8messages\x91"[..], &inner].concat()
        })
    };
    verdict(&framed(&nested(LEGACY_BUNDLE_DEPTH_MAX))).unwrap();
    let error = verdict(&framed(&nested(LEGACY_BUNDLE_DEPTH_MAX + 1))).unwrap_err();
    assert_eq!(error, "BUNDLE: arrays, maps and bundles nest too deep");
}

#[test]
fn errors_name_the_message_and_the_field() {
    let text = |payload: &[u8]| codec::decode(payload).unwrap_err().to_string();
    assert_eq!(text(&[]), "the payload is empty");
    assert_eq!(text(&[0x7F]), "message type 0x7f is unknown");
    assert_eq!(text(&[0x21, 0x0D, 0, 1, b'/']), "SET: value type 0x0d is unknown");
    assert_eq!(text(&[0x21, 0x05, 0, 1, b'/', 0]), "SET: the bytes end inside the value");
    assert_eq!(text(&[0x22, 0, 1, 0xFF]), "GET: the address is not UTF-8");
    assert_eq!(text(&[0x30, 0, 0, 1, 0, 1, 0x22]), "GET: the bytes end inside the address");
    assert_eq!(text(b"\x81\xa4type\xa3GET"), "GET: address is missing");
    assert_eq!(text(b"\x81\xa4type\xa3GOT"), "the message name in `type` is unknown");
}
