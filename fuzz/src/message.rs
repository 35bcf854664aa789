//! Messages in both encodings: what can be decoded can be encoded and is the same afterwards.

use clasp_protocol::limits::PAYLOAD_BYTES_MAX;
use clasp_protocol::message::{Part, SubscribeOptions};
use clasp_protocol::{Message, codec};

/// Reads the input as one payload, writes it in both encodings and reads these.
pub fn check(data: &[u8]) {
    if data.len() > PAYLOAD_BYTES_MAX {
        return;
    }
    let Ok(message) = codec::decode(data) else { return };
    let message = plain(message);
    let legacy = codec::is_legacy(data);
    if let Some(binary) = encoded(&message, codec::encode_payload) {
        check_stable(&binary, codec::encode_payload);
        if !legacy {
            assert_eq!(text(&decoded(&binary)), text(&message), "binary loses nothing");
        }
    }
    if let Some(packed) = encoded(&message, codec::encode_legacy) {
        check_stable(&packed, codec::encode_legacy);
    }
}

/// An encoding may lose something, but only once: MessagePack knows no byte strings, and a PUBLISH
/// of null has no value at all.
fn check_stable<E: std::fmt::Debug>(
    payload: &[u8],
    encode: impl Fn(&Message<'_>, &mut Vec<u8>) -> Result<(), E> + Copy,
) {
    let again = encoded(&decoded(payload), encode).expect("what was encoded is encoded again");
    let third = encoded(&decoded(&again), encode).expect("as before");
    assert_eq!(third, again, "encoding is stable");
}

/// The payload of a message; nothing is left behind on error.
fn encoded<E>(
    message: &Message<'_>,
    encode: impl Fn(&Message<'_>, &mut Vec<u8>) -> Result<(), E>,
) -> Option<Vec<u8>> {
    let mut out = vec![0xAA];
    if encode(message, &mut out).is_err() {
        assert_eq!(out, [0xAA], "nothing is written on error");
        return None;
    }
    out.remove(0);
    Some(out)
}

fn decoded(payload: &[u8]) -> Message<'_> {
    match codec::decode(payload) {
        Ok(message) => plain(message),
        Err(error) => panic!("own bytes cannot be decoded: {error}"),
    }
}

/// The message without what is the same in two ways: parts remember the bytes they came in, and
/// options without any option are none.
fn plain(mut message: Message<'_>) -> Message<'_> {
    match &mut message {
        Message::Bundle(bundle) => {
            let parts = std::mem::take(&mut bundle.parts).into_iter();
            bundle.parts = parts.map(|part| Part::from(plain(part.message))).collect();
        }
        Message::Subscribe(subscribe) => {
            let some = |options: &SubscribeOptions| *options != SubscribeOptions::default();
            subscribe.options = subscribe.options.filter(some);
        }
        _ => {}
    }
    message
}

/// Text in which a NaN equals itself.
fn text(message: &Message<'_>) -> String {
    format!("{message:?}")
}
