//! BUNDLE in binary: read without recursion, since bundles may nest (spec: wire.md 5.11).

use super::error::{DecodeError, DecodeProblem, EncodeError};
use super::reader::{Read, Reader};
use super::writer::{Writer, flag};
use crate::limits::DECODE_DEPTH_MAX;
use crate::message::{Bundle, Message, MessageType, Part};

const TIMESTAMP: u8 = 0x80;
/// Length and type code.
const PART_BYTES_MIN: usize = 3;
/// Room made before the parts have shown that they are there.
const PARTS_RESERVED_MAX: usize = 8;

/// A bundle of which some parts are still to be read.
struct Open<'a> {
    wire: &'a [u8],
    reader: Reader<'a>,
    left: usize,
    bundle: Bundle<'a>,
}

/// Reads a payload that begins with the type code of BUNDLE.
pub(super) fn decode(payload: &[u8]) -> Result<Message<'_>, DecodeError> {
    let within = |problem| DecodeError::within(MessageType::Bundle, problem);
    let mut around: Vec<Open<'_>> = Vec::new();
    let mut open = begin(payload).map_err(within)?;
    loop {
        if open.left == 0 {
            let message = Message::Bundle(open.bundle);
            let Some(parent) = around.pop() else {
                return Ok(message);
            };
            let part = Part { message, wire: Some(open.wire) };
            open = parent;
            open.bundle.parts.push(part);
            continue;
        }
        open.left -= 1;
        let wire = part_wire(&mut open.reader).map_err(within)?;
        if wire.first() == Some(&(MessageType::Bundle as u8)) {
            if around.len() + 1 >= DECODE_DEPTH_MAX {
                return Err(within(DecodeProblem::Depth));
            }
            around.push(std::mem::replace(&mut open, begin(wire).map_err(within)?));
        } else {
            let message = super::decode_plain(wire, around.len() + 1)?;
            open.bundle.parts.push(Part { message, wire: Some(wire) });
        }
    }
}

fn begin(wire: &[u8]) -> Read<Open<'_>> {
    let mut reader = Reader::new(wire, 0);
    reader.u8("the message type")?;
    let flags = reader.u8("the flags")?;
    let left = usize::from(reader.u16("the count of messages")?);
    let timestamp = reader.when(flags & TIMESTAMP != 0, |reader| reader.u64("the timestamp"))?;
    if left * PART_BYTES_MIN > reader.left() {
        return Err(DecodeProblem::Count("the count of messages"));
    }
    let parts = Vec::with_capacity(left.min(PARTS_RESERVED_MAX));
    Ok(Open { wire, reader, left, bundle: Bundle { timestamp, parts } })
}

fn part_wire<'a>(reader: &mut Reader<'a>) -> Read<&'a [u8]> {
    let length = usize::from(reader.u16("the length of a message")?);
    reader.bytes("a message", length)
}

/// Appends what follows the type code; `bundles` are open around this one.
pub(super) fn write(
    bundle: &Bundle<'_>,
    bundles: usize,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if bundles >= DECODE_DEPTH_MAX {
        return Err(EncodeError::TooDeep);
    }
    let mut writer = Writer { out };
    writer.u8(flag(bundle.timestamp.is_some(), TIMESTAMP));
    writer.count("the bundle", bundle.parts.len())?;
    if let Some(timestamp) = bundle.timestamp {
        writer.u64(timestamp);
    }
    for part in &bundle.parts {
        let start = out.len();
        out.extend_from_slice(&[0, 0]);
        super::write(&part.message, bundles + 1, out)?;
        let bytes = out.len() - start - 2;
        let length = u16::try_from(bytes)
            .map_err(|_| EncodeError::TextTooLong { field: "a message of the bundle", bytes })?;
        out[start..start + 2].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}
