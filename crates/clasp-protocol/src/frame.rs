//! The frame around every payload (spec: wire.md section 1).

use crate::codec::EncodeError;
use crate::limits::{HEADER_BYTES, HEADER_TIMESTAMP_BYTES, PAYLOAD_BYTES_MAX};

/// First byte of every frame.
pub const MAGIC: u8 = 0x53;

const TIMESTAMP_FLAG: u8 = 0x20;
const ENCODING_BINARY: u8 = 0x01;
const QOS_SHIFT: u8 = 6;

/// What the sender asks for; only ACK depends on it (spec: routing.md 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Qos {
    /// Best effort, no ACK.
    #[default]
    Fire = 0,
    /// The sender wants an ACK.
    Confirm = 1,
    /// As confirm; used for bundles and timelines.
    Commit = 2,
}

impl Qos {
    /// From the flags byte; the reserved value 3 reads as fire.
    #[inline]
    pub fn from_flags(flags: u8) -> Qos {
        match flags >> QOS_SHIFT {
            1 => Qos::Confirm,
            2 => Qos::Commit,
            _ => Qos::Fire,
        }
    }
}

/// One frame, read from a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Bits 7 and 6 of the flags.
    pub qos: Qos,
    /// Header timestamp in microseconds; means nothing to a relay.
    pub timestamp: Option<u64>,
    /// The message, 1 to 65,535 bytes.
    pub payload: &'a [u8],
    /// Bytes of the whole frame, header included.
    pub len: usize,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The buffer ends before the frame does.
    #[error("frame: {needed} bytes are needed, only {have} are there")]
    Short {
        /// Bytes of the header or of the whole frame.
        needed: usize,
        /// Bytes in the buffer.
        have: usize,
    },
    /// The first byte is not the magic byte.
    #[error("frame: starts with 0x{0:02x} instead of 0x53")]
    Magic(u8),
    /// The payload length is zero.
    #[error("frame: the payload is empty")]
    Empty,
}

impl<'a> Frame<'a> {
    /// Reads the frame at the start of `input`; bytes after it are ignored.
    #[inline]
    pub fn parse(input: &'a [u8]) -> Result<Frame<'a>, FrameError> {
        let short = |needed| FrameError::Short { needed, have: input.len() };
        let len = Self::needed(input)?.ok_or(short(HEADER_BYTES))?;
        let frame = input.get(..len).ok_or(short(len))?;
        let flags = frame[1];
        let header = header_bytes(flags);
        let payload = &frame[header..];
        if payload.is_empty() {
            return Err(FrameError::Empty);
        }
        let timestamp = frame[HEADER_BYTES..header].first_chunk().copied().map(u64::from_be_bytes);
        Ok(Frame { qos: Qos::from_flags(flags), timestamp, payload, len })
    }

    /// How many bytes the frame takes whose first bytes these are; `None` until four are there.
    ///
    /// A wrong magic byte is an error as soon as it is seen.
    #[inline]
    pub fn needed(prefix: &[u8]) -> Result<Option<usize>, FrameError> {
        match *prefix {
            [first, ..] if first != MAGIC => Err(FrameError::Magic(first)),
            [_, flags, high, low, ..] => {
                let payload = usize::from(u16::from_be_bytes([high, low]));
                Ok(Some(header_bytes(flags) + payload))
            }
            _ => Ok(None),
        }
    }
}

#[inline]
fn header_bytes(flags: u8) -> usize {
    if flags & TIMESTAMP_FLAG != 0 { HEADER_TIMESTAMP_BYTES } else { HEADER_BYTES }
}

/// Appends a frame with this payload; `out` is unchanged if the payload is empty or too large.
pub fn write(qos: Qos, payload: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let length = payload_length(payload.len())?;
    out.reserve(HEADER_BYTES + payload.len());
    out.extend_from_slice(&header(qos, length));
    out.extend_from_slice(payload);
    Ok(())
}

/// Begins a frame whose payload the caller appends; returns the place for [`finish`].
#[inline]
pub fn start(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    start
}

/// Completes the frame begun at `start`; takes it away again if its payload is empty or too large.
#[inline]
pub fn finish(out: &mut Vec<u8>, start: usize, qos: Qos) -> Result<(), EncodeError> {
    let length = match payload_length(out.len().saturating_sub(start + HEADER_BYTES)) {
        Ok(length) => length,
        Err(error) => {
            out.truncate(start);
            return Err(error);
        }
    };
    out[start..start + HEADER_BYTES].copy_from_slice(&header(qos, length));
    Ok(())
}

#[inline]
fn header(qos: Qos, length: u16) -> [u8; HEADER_BYTES] {
    let [high, low] = length.to_be_bytes();
    [MAGIC, (qos as u8) << QOS_SHIFT | ENCODING_BINARY, high, low]
}

#[inline]
fn payload_length(bytes: usize) -> Result<u16, EncodeError> {
    match u16::try_from(bytes) {
        Ok(0) => Err(EncodeError::PayloadEmpty),
        Ok(length) => Ok(length),
        Err(_) => Err(EncodeError::PayloadTooLarge { bytes, bytes_max: PAYLOAD_BYTES_MAX }),
    }
}
