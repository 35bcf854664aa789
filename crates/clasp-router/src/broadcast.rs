//! One encoded frame that goes to many outboxes.

use std::cell::{Cell, OnceCell};

use bytes::Bytes;
use clasp_protocol::codec::{self, EncodeError};
use clasp_protocol::{Frame, Message, Qos, frame};

use crate::outbox::Run;

/// How a wire delimits frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each frame is a binary WebSocket message of a server: unmasked, so the same for everyone.
    WebSocket,
    /// Each frame follows its length as u32.
    LengthPrefixed,
    /// Frames back to back.
    Bare,
}

/// Room for the longest WebSocket header of a server frame.
const HEADROOM_BYTES: usize = 10;

/// Largest buffer that is kept for the next frame.
const KEPT_BYTES_MAX: usize = 128 << 10;

thread_local! {
    static SPARE: Cell<Option<Box<Body>>> = const { Cell::new(None) };
}

/// An encoded frame, preceded by its WebSocket header. As large as a pointer, since it is handed on
/// several times for each message.
pub(crate) struct Broadcast(Option<Box<Body>>);

#[derive(Default)]
struct Body {
    buffer: Vec<u8>,
    start: usize,
    shared: OnceCell<Bytes>,
    run: Option<Run>,
}

impl Broadcast {
    /// Encodes a message.
    pub(crate) fn new(message: &Message<'_>, qos: Qos) -> Result<Broadcast, EncodeError> {
        Broadcast::build(|out| codec::encode(message, qos, out))
    }

    /// Wraps a payload that is sent on as it came.
    pub(crate) fn from_payload(payload: &[u8], qos: Qos) -> Result<Broadcast, EncodeError> {
        Broadcast::build(|out| frame::write(qos, payload, out))
    }

    /// Wraps a frame that was encoded before.
    pub(crate) fn from_frame(frame: &[u8]) -> Result<Broadcast, EncodeError> {
        Broadcast::build(|out| {
            out.extend_from_slice(frame);
            Ok(())
        })
    }

    /// Lets `encode` append exactly one frame.
    pub(crate) fn build(
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<Broadcast, EncodeError> {
        let mut broadcast = Broadcast(SPARE.take());
        let body = broadcast.0.get_or_insert_default();
        body.buffer.resize(HEADROOM_BYTES, 0);
        encode(&mut body.buffer)?;
        body.start = put_websocket_header(&mut body.buffer);
        Ok(broadcast)
    }

    #[inline]
    fn body(&self) -> &Body {
        self.0.as_deref().expect("only dropping takes it")
    }

    /// The frame without any transport's framing.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.body().buffer[HEADROOM_BYTES..]
    }

    /// The payload inside the frame.
    pub(crate) fn payload(&self) -> &[u8] {
        Frame::parse(self.frame()).map_or(&[], |frame| frame.payload)
    }

    /// Bytes this takes in an outbox, framing included.
    pub(crate) fn len(&self) -> usize {
        self.body().buffer.len() - self.body().start
    }

    /// A shared copy for outboxes that keep it by reference; made at most once.
    pub(crate) fn shared(&self) -> Shared {
        let Body { buffer, start, shared, .. } = self.body();
        let bytes = shared.get_or_init(|| Bytes::copy_from_slice(&buffer[*start..])).clone();
        Shared { bytes, header: (HEADROOM_BYTES - start) as u8 }
    }

    /// Writes the frame down where many outboxes can refer to it.
    pub(crate) fn put_down(&mut self) {
        let run = Run::put(&self.body().buffer[self.body().start..]);
        if let Some(body) = &mut self.0 {
            body.run = run;
        }
    }

    /// Where it was put down, with its WebSocket header.
    #[inline]
    pub(crate) fn run(&self) -> Option<&Run> {
        self.body().run.as_ref()
    }

    /// Appends the frame as the wire wants it.
    #[inline]
    pub(crate) fn append(&self, framing: Framing, out: &mut Vec<u8>) {
        match framing {
            Framing::WebSocket => out.extend_from_slice(&self.body().buffer[self.body().start..]),
            Framing::LengthPrefixed => append_prefixed(self.frame(), out),
            Framing::Bare => out.extend_from_slice(self.frame()),
        }
    }

    /// The same message in the MessagePack encoding, for clients that opened their session in it.
    pub(crate) fn to_legacy(&self) -> Option<Broadcast> {
        let parsed = Frame::parse(self.frame()).ok()?;
        let message = codec::decode(parsed.payload).ok()?;
        let mut payload = Vec::new();
        codec::encode_legacy(&message, &mut payload).ok()?;
        Broadcast::from_payload(&payload, parsed.qos).ok()
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        let Some(mut body) = self.0.take() else { return };
        if body.buffer.capacity() <= KEPT_BYTES_MAX {
            body.buffer.clear();
            body.shared = OnceCell::new();
            body.run = None;
            SPARE.set(Some(body));
        }
    }
}

/// A frame kept by reference until its turn comes.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    bytes: Bytes,
    header: u8,
}

impl Shared {
    /// Bytes this takes in an outbox.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the frame as the wire wants it.
    pub(crate) fn append(&self, framing: Framing, out: &mut Vec<u8>) {
        let frame = &self.bytes[usize::from(self.header)..];
        match framing {
            Framing::WebSocket => out.extend_from_slice(&self.bytes),
            Framing::LengthPrefixed => append_prefixed(frame, out),
            Framing::Bare => out.extend_from_slice(frame),
        }
    }
}

fn append_prefixed(frame: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(frame.len() as u32).to_be_bytes());
    out.extend_from_slice(frame);
}

/// Writes the header of an unmasked binary message right before the frame; returns its start.
#[inline]
fn put_websocket_header(buffer: &mut [u8]) -> usize {
    const FINAL_BINARY: u8 = 0x82;
    let len = buffer.len() - HEADROOM_BYTES;
    if len < 126 {
        buffer[HEADROOM_BYTES - 2] = FINAL_BINARY;
        buffer[HEADROOM_BYTES - 1] = len as u8;
        HEADROOM_BYTES - 2
    } else if let Ok(short) = u16::try_from(len) {
        buffer[HEADROOM_BYTES - 4] = FINAL_BINARY;
        buffer[HEADROOM_BYTES - 3] = 126;
        buffer[HEADROOM_BYTES - 2..HEADROOM_BYTES].copy_from_slice(&short.to_be_bytes());
        HEADROOM_BYTES - 4
    } else {
        buffer[0] = FINAL_BINARY;
        buffer[1] = 127;
        buffer[2..HEADROOM_BYTES].copy_from_slice(&(len as u64).to_be_bytes());
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(payload_bytes: usize, framing: Framing) -> Vec<u8> {
        let broadcast = Broadcast::from_payload(&vec![0x41; payload_bytes], Qos::Fire).unwrap();
        let mut out = Vec::new();
        broadcast.append(framing, &mut out);
        let mut again = Vec::new();
        broadcast.shared().append(framing, &mut again);
        assert_eq!(out, again, "a frame kept by reference looks the same");
        out
    }

    #[test]
    fn websocket_headers_have_the_shortest_form() {
        assert_eq!(framed(1, Framing::WebSocket)[..2], [0x82, 5]);
        assert_eq!(framed(121, Framing::WebSocket)[..2], [0x82, 125]);
        assert_eq!(framed(122, Framing::WebSocket)[..4], [0x82, 126, 0, 126]);
        assert_eq!(framed(65_531, Framing::WebSocket)[..4], [0x82, 126, 0xFF, 0xFF]);
        assert_eq!(framed(65_532, Framing::WebSocket)[..10], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn other_wires_get_a_prefix_or_nothing() {
        assert_eq!(framed(1, Framing::LengthPrefixed), [0, 0, 0, 5, 0x53, 1, 0, 1, 0x41]);
        assert_eq!(framed(1, Framing::Bare), [0x53, 1, 0, 1, 0x41]);
    }
}
