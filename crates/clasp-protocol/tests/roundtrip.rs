//! Whatever can be said is understood again, and nothing that is received makes decoding fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/arbitrary.rs"]
mod arbitrary;

use arbitrary::{message, value};
use clasp_protocol::codec::{self, EncodeError, SnapshotBuilder};
use clasp_protocol::limits::{HEADER_BYTES, PAYLOAD_BYTES_MAX, SNAPSHOT_ENTRY_OVERHEAD_BYTES};
use clasp_protocol::message::*;
use clasp_protocol::{Frame, Qos, RawValue, Value, frame};
use proptest::prelude::*;

/// What binary loses: where a message came from, and fields it has no place for.
fn as_binary(message: &Message<'static>) -> Message<'static> {
    let mut message = message.clone();
    match &mut message {
        Message::Publish(publish) => {
            publish.signal = publish.signal.or(Some(SignalType::Event));
            publish.phase = publish.phase.or(Some(Phase::Start));
            publish.value = publish.value.take().or(publish.payload.take());
            publish.payload = None;
            publish.timeline = None;
            if publish.value.is_some() {
                publish.samples = None;
            }
        }
        Message::Announce(announce) => announce.meta = None,
        Message::Result(result) => result.signals.iter_mut().for_each(|signal| signal.meta = None),
        Message::Subscribe(subscribe) => {
            subscribe.options =
                subscribe.options.filter(|options| *options != SubscribeOptions::default());
        }
        Message::Bundle(bundle) => {
            bundle.parts.iter_mut().for_each(|part| part.message = as_binary(&part.message));
        }
        _ => {}
    }
    message
}

/// What MessagePack loses: byte strings, absent against nil, and the two spellings of every type.
fn as_legacy(message: &Message<'static>) -> Message<'static> {
    let mut message = message.clone();
    let not_null = |value: &RawValue<'_>| *value != RawValue::null();
    match &mut message {
        Message::Publish(publish) => {
            publish.value = publish.value.take().filter(not_null);
            publish.payload = publish.payload.take().filter(not_null);
        }
        Message::Announce(announce) => announce.signals.iter_mut().for_each(drop_null_default),
        Message::Result(result) => result.signals.iter_mut().for_each(drop_null_default),
        Message::Bundle(bundle) => {
            bundle.parts.iter_mut().for_each(|part| part.message = as_legacy(&part.message));
        }
        _ => {}
    }
    message
}

fn drop_null_default(signal: &mut SignalInfo<'_>) {
    if let Some(meta) = &mut signal.meta {
        meta.default = meta.default.take().filter(|value| *value != RawValue::null());
    }
}

/// Forgets the bytes that parts were read from, for comparing.
fn without_wire(message: Message<'_>) -> Message<'_> {
    match message {
        Message::Bundle(mut bundle) => {
            for part in &mut bundle.parts {
                part.wire = None;
                part.message = without_wire(std::mem::replace(&mut part.message, Message::Ping));
            }
            Message::Bundle(bundle)
        }
        other => other,
    }
}

fn param(address: &str, value: RawValue<'static>) -> ParamEntry<'static> {
    ParamEntry {
        address: address.to_owned().into(),
        value,
        revision: 1,
        writer: Some("0".repeat(36).into()),
        timestamp: Some(1),
    }
}

proptest! {
    #[test]
    fn binary_messages_come_back(message in message()) {
        let mut bytes = b"before".to_vec();
        codec::encode(&message, Qos::Confirm, &mut bytes).unwrap();
        prop_assert_eq!(&bytes[..6], b"before");
        let frame = Frame::parse(&bytes[6..]).unwrap();
        prop_assert_eq!(frame.qos, Qos::Confirm);
        prop_assert_eq!(frame.len, bytes.len() - 6);
        let decoded = codec::decode(frame.payload).unwrap();
        prop_assert_eq!(without_wire(decoded), as_binary(&message));
    }

    #[test]
    fn messagepack_messages_come_back(message in message()) {
        let mut payload = Vec::new();
        codec::encode_legacy(&message, &mut payload).unwrap();
        prop_assert!(codec::is_legacy(&payload));
        prop_assert_eq!(codec::decode(&payload).unwrap(), as_legacy(&message));
    }

    #[test]
    fn cutting_a_message_short_never_panics(
        message in message(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut payload = Vec::new();
        codec::encode_payload(&message, &mut payload).unwrap();
        payload.truncate(cut.index(payload.len()));
        let _ = codec::decode(&payload);
        let mut legacy = Vec::new();
        codec::encode_legacy(&message, &mut legacy).unwrap();
        legacy.truncate(cut.index(legacy.len()));
        prop_assert!(codec::decode(&legacy).is_err());
    }

    #[test]
    fn damaging_a_message_never_panics(
        message in message(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut payload = Vec::new();
        codec::encode_payload(&message, &mut payload).unwrap();
        let at = place.index(payload.len());
        payload[at] = byte;
        let _ = codec::decode(&payload);
        let mut legacy = Vec::new();
        codec::encode_legacy(&message, &mut legacy).unwrap();
        let at = place.index(legacy.len());
        legacy[at] = byte;
        let _ = codec::decode(&legacy);
    }

    #[test]
    fn random_bytes_never_panic(
        first in any::<u8>(),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = vec![first];
        bytes.extend(rest);
        let _ = codec::decode(&bytes);
        let _ = Frame::parse(&bytes);
        let _ = Frame::needed(&bytes);
        let _ = RawValue::parse(first, &bytes);
    }

    #[test]
    fn whatever_is_decoded_can_be_encoded_and_decoded_again(
        kind in prop::sample::select(MessageType::ALL.to_vec()),
        rest in prop::collection::vec(prop_oneof![0_u8..3, any::<u8>()], 0..80),
    ) {
        let payload = [&[kind as u8][..], &rest].concat();
        if let Ok(message) = codec::decode(&payload) {
            let mut again = Vec::new();
            codec::encode_payload(&message, &mut again).unwrap();
            let decoded = without_wire(codec::decode(&again).unwrap());
            // Compared as bytes, since NaN differs from itself.
            let mut third = Vec::new();
            codec::encode_payload(&decoded, &mut third).unwrap();
            prop_assert_eq!(again, third);
        }
    }

    #[test]
    fn values_keep_their_order_and_come_back_as_trees(tree in value()) {
        let raw = RawValue::try_from(&tree).unwrap();
        prop_assert_eq!(raw.to_value(), tree);
        let (parsed, used) = RawValue::parse(raw.kind() as u8, raw.data()).unwrap();
        prop_assert_eq!(used, raw.data().len());
        prop_assert_eq!(parsed.borrowed().into_owned(), raw);
    }

    #[test]
    fn snapshots_never_exceed_their_limit(
        limit in 3_usize..3_000,
        sizes in prop::collection::vec((1_usize..60, 0_usize..900), 0..40),
    ) {
        let mut builder = SnapshotBuilder::new(limit);
        let mut expected = Vec::new();
        for (address, value) in sizes {
            let entry = param(&"a".repeat(address), RawValue::bytes(&vec![7; value]).unwrap());
            let before = builder.len();
            let taken = builder.push(&entry);
            prop_assert_eq!(builder.len(), before + usize::from(taken));
            if taken {
                expected.push(entry);
            }
        }
        let mut out = Vec::new();
        builder.finish(&mut out);
        prop_assert!(builder.is_empty());
        let frame = Frame::parse(&out).unwrap();
        prop_assert!(frame.payload.len() <= limit);
        prop_assert_eq!(frame.len, out.len());
        let decoded = codec::decode(frame.payload).unwrap();
        prop_assert_eq!(&decoded, &Message::Snapshot(Snapshot { params: expected }));
        let mut whole = Vec::new();
        codec::encode(&decoded, Qos::Fire, &mut whole).unwrap();
        prop_assert_eq!(whole, out);
    }
}

#[test]
fn the_largest_param_that_may_be_stored_fits_one_snapshot_exactly() {
    let address = "/largest";
    let value = PAYLOAD_BYTES_MAX - SNAPSHOT_ENTRY_OVERHEAD_BYTES - address.len();
    let mut builder = SnapshotBuilder::new(usize::MAX);
    assert!(!builder.push(&param(address, RawValue::bytes(&vec![0; value - 1]).unwrap())));
    assert!(builder.push(&param(address, RawValue::bytes(&vec![0; value - 2]).unwrap())));
    assert!(!builder.push(&param("", RawValue::null())));
    let mut out = Vec::new();
    builder.finish(&mut out);
    assert_eq!(out.len(), HEADER_BYTES + PAYLOAD_BYTES_MAX);
}

#[test]
fn a_builder_starts_anew_after_every_frame() {
    let mut builder = SnapshotBuilder::new(200);
    let mut out = Vec::new();
    for _ in 0..3 {
        assert!(builder.push(&param("/a", RawValue::int(1))));
        builder.finish(&mut out);
    }
    let mut rest = &out[..];
    for _ in 0..3 {
        let frame = Frame::parse(rest).unwrap();
        rest = &rest[frame.len..];
        let Message::Snapshot(snapshot) = codec::decode(frame.payload).unwrap() else {
            panic!("a SNAPSHOT went in");
        };
        assert_eq!(snapshot.params, [param("/a", RawValue::int(1))]);
    }
    assert!(rest.is_empty());
}

#[test]
fn payloads_at_the_limit_are_encoded_and_those_beyond_leave_the_buffer_alone() {
    let set =
        |bytes: usize| Message::Set(Set::new("/s1234", RawValue::str(&"x".repeat(bytes)).unwrap()));
    let mut out = vec![1, 2, 3];
    codec::encode(&set(65_523), Qos::Fire, &mut out).unwrap();
    assert_eq!(out.len(), 3 + HEADER_BYTES + PAYLOAD_BYTES_MAX);
    out.truncate(3);
    let too_large = EncodeError::PayloadTooLarge { bytes: 65_536, bytes_max: 65_535 };
    assert_eq!(codec::encode(&set(65_524), Qos::Fire, &mut out), Err(too_large));
    assert_eq!(out, [1, 2, 3]);
    let long = Message::Get(Get { address: "/".repeat(65_536).into() });
    assert!(matches!(
        codec::encode_payload(&long, &mut out),
        Err(EncodeError::TextTooLong { bytes: 65_536, .. })
    ));
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn values_too_large_for_their_lengths_are_refused() {
    assert!(RawValue::str(&"x".repeat(65_536)).is_err());
    assert!(RawValue::bytes(&vec![0; 65_536]).is_err());
    assert!(RawValue::try_from(&Value::Array(vec![Value::Null; 65_536])).is_err());
    assert!(RawValue::try_from(&Value::Array(vec![Value::Int(0); 10_000])).is_err());
    let deep = |depth| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    assert!(RawValue::try_from(&deep(128)).is_ok());
    assert_eq!(RawValue::try_from(&deep(129)), Err(EncodeError::TooDeep));
}

#[test]
fn messagepack_values_that_outgrow_a_payload_are_refused() {
    let mut payload = b"\x83\xa4type\xa3SET\xa7address\xa2/a\xa5value\xdc".to_vec();
    payload.extend(10_000_u16.to_be_bytes());
    payload.extend([7; 10_000]);
    let error = codec::decode(&payload).unwrap_err();
    assert_eq!(error.to_string(), "SET: value is larger than 65535 bytes");
}

#[test]
fn frames_are_measured_from_their_first_bytes() {
    use clasp_protocol::frame::FrameError;
    assert_eq!(Frame::needed(b""), Ok(None));
    assert_eq!(Frame::needed(b"S\x01\x00"), Ok(None));
    assert_eq!(Frame::needed(b"S\x01\x00\x05"), Ok(Some(9)));
    assert_eq!(Frame::needed(b"S\x21\xFF\xFF"), Ok(Some(65_547)));
    assert_eq!(Frame::needed(b"T"), Err(FrameError::Magic(b'T')));
    assert_eq!(Frame::parse(b"S\x01\x00\x02A"), Err(FrameError::Short { needed: 6, have: 5 }));
    assert_eq!(Frame::parse(b"S\x01\x00\x00"), Err(FrameError::Empty));
    let mut out = Vec::new();
    assert_eq!(frame::write(Qos::Fire, b"", &mut out), Err(EncodeError::PayloadEmpty));
    assert!(frame::write(Qos::Fire, &[0; 65_536], &mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn narrow_scalars_widen_exactly_and_everything_else_stays() {
    let widened = |kind: u8, data: &[u8]| {
        let (value, _) = RawValue::parse(kind, data).unwrap();
        value.widened().into_owned()
    };
    assert_eq!(widened(0x02, &[0xFF]), RawValue::int(-1));
    assert_eq!(widened(0x03, &[0x80, 0]), RawValue::int(-32_768));
    assert_eq!(widened(0x04, &[0x7F, 0xFF, 0xFF, 0xFF]), RawValue::int(2_147_483_647));
    assert_eq!(widened(0x06, &0.1_f32.to_be_bytes()), RawValue::float(f64::from(0.1_f32)));
    assert_eq!(widened(0x0A, &[0, 1, 2, 5]).data(), [0, 1, 2, 5]);
}

#[test]
fn text_fields_of_a_map_are_found_at_its_top_only() {
    let text = |text: &str| Value::String(text.to_owned());
    let entry = |key: &str, value: Value| (key.to_owned(), value);
    let inner = Value::Map(vec![entry("type", text("inner"))]);
    let tree = Value::Map(vec![
        entry("nested", inner.clone()),
        entry("type", text("first")),
        entry("count", Value::Int(1)),
        entry("type", text("offer")),
        entry("list", Value::Array(vec![inner])),
    ]);
    let raw = RawValue::try_from(&tree).unwrap();
    assert_eq!(raw.field_str("type"), Some("offer"));
    assert_eq!(raw.field_str("count"), None);
    assert_eq!(raw.field_str("nested"), None);
    assert_eq!(raw.depth(), 3);
    assert_eq!(RawValue::str("type").unwrap().field_str("type"), None);
}

#[test]
fn parts_of_a_binary_bundle_keep_their_bytes() {
    let set = Message::Set(Set::new("/a", RawValue::int(1)));
    let mut alone = Vec::new();
    codec::encode_payload(&set, &mut alone).unwrap();
    let bundle = Bundle { timestamp: Some(5), parts: vec![set.into(), Message::Ping.into()] };
    let mut payload = Vec::new();
    codec::encode_payload(&Message::Bundle(bundle), &mut payload).unwrap();
    let Message::Bundle(bundle) = codec::decode(&payload).unwrap() else {
        panic!("a BUNDLE went in");
    };
    assert_eq!(bundle.parts[0].wire, Some(&alone[..]));
    assert_eq!(bundle.parts[1].wire, Some(&[0x41][..]));
}
