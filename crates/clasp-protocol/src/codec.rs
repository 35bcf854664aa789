//! Payloads to messages and back: binary (spec: wire.md section 5) and MessagePack (section 8).

mod bundle;
mod control;
mod error;
mod legacy;
mod reader;
mod session;
mod signal;
mod snapshot;
mod state;
mod writer;

pub use error::{DecodeError, DecodeProblem, EncodeError};
pub use snapshot::SnapshotBuilder;

use crate::frame::{self, Qos};
use crate::message::{Ack, Message, MessageType, Set, SignalType};
use reader::{Read, Reader};
use writer::Writer;

/// Reads a payload, binary or MessagePack by its first byte (spec: wire.md section 2).
///
/// Binary messages borrow everything from the payload.
///
/// # Errors
/// Anything that does not fit the layout of its message; the text names message and field.
pub fn decode(payload: &[u8]) -> Result<Message<'_>, DecodeError> {
    match payload.first() {
        Some(&first) if is_legacy_marker(first) => legacy::decode(payload),
        Some(&first) if first == MessageType::Bundle as u8 => bundle::decode(payload),
        _ => decode_plain(payload, 0),
    }
}

/// Whether a payload is MessagePack (spec: wire.md section 2).
#[inline]
pub fn is_legacy(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| is_legacy_marker(*first))
}

/// Appends the message as one binary frame; `out` is unchanged on error.
///
/// # Errors
/// A text or list too long for its 16-bit length, or a payload beyond 65,535 bytes.
#[inline]
pub fn encode(message: &Message<'_>, qos: Qos, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    framed(qos, out, |out| write(message, 0, out))
}

/// [`encode`] of a SET that is not made a message first.
///
/// # Errors
/// Those of [`encode`].
#[inline]
pub fn encode_set(set: &Set<'_>, qos: Qos, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    framed(qos, out, |out| {
        out.push(MessageType::Set as u8);
        state::write_set(set, &mut Writer { out })
    })
}

/// [`encode`] of an ACK that is not made a message first.
///
/// # Errors
/// Those of [`encode`].
#[inline]
pub fn encode_ack(ack: &Ack<'_>, qos: Qos, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    framed(qos, out, |out| {
        out.push(MessageType::Ack as u8);
        control::write_ack(ack, &mut Writer { out })
    })
}

/// Puts the frame around the payload that `write` appends.
#[inline]
fn framed(
    qos: Qos,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = frame::start(out);
    if let Err(error) = write(out) {
        out.truncate(start);
        return Err(error);
    }
    frame::finish(out, start, qos)
}

/// Appends the message as a binary payload without frame header; `out` is unchanged on error.
///
/// # Errors
/// A text or list too long for its 16-bit length. The size of the whole is checked by
/// [`frame::write`] and [`frame::finish`].
pub fn encode_payload(message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    write(message, 0, out).inspect_err(|_| out.truncate(start))
}

/// Appends the message as a MessagePack payload without frame header; `out` is unchanged on error.
///
/// # Errors
/// Bundles nested beyond what decoders accept.
pub fn encode_legacy(message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    legacy::encode(message, out).inspect_err(|_| out.truncate(start))
}

impl Message<'_> {
    /// The QoS that goes with this message unless the sender asks otherwise (spec: wire.md 9.2).
    pub fn default_qos(&self) -> Qos {
        match self {
            Message::Subscribe(_)
            | Message::Unsubscribe(_)
            | Message::Set(_)
            | Message::Replay(_)
            | Message::FederationSync(_) => Qos::Confirm,
            Message::Bundle(_) => Qos::Commit,
            Message::Publish(publish) => match publish.signal {
                Some(SignalType::Param | SignalType::Event) => Qos::Confirm,
                Some(SignalType::Timeline) => Qos::Commit,
                Some(SignalType::Stream | SignalType::Gesture) | None => Qos::Fire,
            },
            _ => Qos::Fire,
        }
    }
}

/// First bytes of a MessagePack map.
#[inline]
fn is_legacy_marker(first: u8) -> bool {
    matches!(first, 0x80..=0x8F | 0xDE | 0xDF)
}

/// Reads any binary message but BUNDLE; `bundles` are open around it.
#[inline]
fn decode_plain(payload: &[u8], bundles: usize) -> Result<Message<'_>, DecodeError> {
    let (code, rest) = payload.split_first().ok_or(DecodeProblem::Empty)?;
    let kind = MessageType::from_code(*code).ok_or(DecodeProblem::MessageType(*code))?;
    read(kind, &mut Reader::new(rest, bundles))
        .map_err(|problem| DecodeError::within(kind, problem))
}

#[inline]
fn read<'a>(kind: MessageType, reader: &mut Reader<'a>) -> Read<Message<'a>> {
    Ok(match kind {
        MessageType::Set => Message::Set(state::read_set(reader)?),
        MessageType::Publish => Message::Publish(signal::read_publish(reader)?),
        MessageType::Hello => Message::Hello(session::read_hello(reader)?),
        MessageType::Welcome => Message::Welcome(session::read_welcome(reader)?),
        MessageType::Announce => Message::Announce(session::read_announce(reader)?),
        MessageType::FederationSync => Message::FederationSync(control::read_federation(reader)?),
        MessageType::Subscribe => Message::Subscribe(signal::read_subscribe(reader)?),
        MessageType::Unsubscribe => Message::Unsubscribe(signal::read_unsubscribe(reader)?),
        MessageType::Get => Message::Get(state::read_get(reader)?),
        MessageType::Snapshot => Message::Snapshot(snapshot::read(reader)?),
        MessageType::Replay => Message::Replay(state::read_replay(reader)?),
        MessageType::Sync => Message::Sync(control::read_sync(reader)?),
        MessageType::Ping => Message::Ping,
        MessageType::Pong => Message::Pong,
        MessageType::Ack => Message::Ack(control::read_ack(reader)?),
        MessageType::Error => Message::Error(control::read_error(reader)?),
        MessageType::Query => Message::Query(control::read_query(reader)?),
        MessageType::Result => Message::Result(session::read_result(reader)?),
        // The bundle reader takes these before they come here.
        MessageType::Bundle => return Err(DecodeProblem::Depth),
    })
}

/// Appends a payload; `bundles` are open around it.
#[inline]
fn write(message: &Message<'_>, bundles: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.push(message.kind() as u8);
    let mut writer = Writer { out };
    match message {
        Message::Set(set) => state::write_set(set, &mut writer),
        Message::Publish(publish) => signal::write_publish(publish, &mut writer),
        Message::Hello(hello) => session::write_hello(hello, &mut writer),
        Message::Welcome(welcome) => session::write_welcome(welcome, &mut writer),
        Message::Announce(announce) => session::write_announce(announce, &mut writer),
        Message::FederationSync(sync) => control::write_federation(sync, &mut writer),
        Message::Subscribe(subscribe) => signal::write_subscribe(subscribe, &mut writer),
        Message::Unsubscribe(unsubscribe) => {
            writer.u32(unsubscribe.id);
            Ok(())
        }
        Message::Get(get) => writer.text("the address", &get.address),
        Message::Snapshot(snapshot) => snapshot::write(snapshot, &mut writer),
        Message::Replay(replay) => state::write_replay(replay, &mut writer),
        Message::Bundle(bundle) => bundle::write(bundle, bundles, out),
        Message::Sync(sync) => {
            control::write_sync(sync, &mut writer);
            Ok(())
        }
        Message::Ping | Message::Pong => Ok(()),
        Message::Ack(ack) => control::write_ack(ack, &mut writer),
        Message::Error(error) => control::write_error(error, &mut writer),
        Message::Query(query) => writer.text("the pattern", &query.pattern),
        Message::Result(result) => session::write_result(result, &mut writer),
    }
}
