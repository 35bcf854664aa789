//! Where one message of a client ends and the next begins, for every wire over TCP.

use std::borrow::Cow;

use clasp_protocol::Frame;
use clasp_protocol::limits::FRAME_BYTES_MAX;

use crate::websocket::{Decoder, Event, Step, Violation};

/// Bytes of the length before a frame.
const PREFIX_BYTES: usize = 4;

/// Takes the bytes of one connection apart.
#[derive(Debug)]
pub(crate) enum Cutter {
    /// WebSocket messages.
    WebSocket(Decoder),
    /// CLASP frames, each behind its length as u32 (wire.md 15.2).
    Prefixed,
    /// CLASP frames back to back, which tell their length themselves.
    Bare,
    /// Nothing is known of them; all there is goes on.
    Whole,
}

impl Cutter {
    /// Reads the message at the start of `input`, which is not empty; see [`Decoder::next`].
    #[inline]
    pub(crate) fn next<'a>(&mut self, input: &'a mut [u8]) -> Result<Step<'a>, Violation> {
        match self {
            Cutter::WebSocket(decoder) => decoder.next(input),
            Cutter::Prefixed => prefixed(input),
            Cutter::Bare => bare(input),
            Cutter::Whole => Ok(message(input.len(), input)),
        }
    }
}

fn prefixed(input: &[u8]) -> Result<Step<'_>, Violation> {
    let Some((prefix, rest)) = input.split_first_chunk::<PREFIX_BYTES>() else {
        return Ok(Step::Need(PREFIX_BYTES));
    };
    let length = u32::from_be_bytes(*prefix) as usize;
    if length > FRAME_BYTES_MAX {
        let reason = "a length prefix announces more than the 65547 bytes of the largest frame";
        return Err(Violation { code: 1009, reason });
    }
    let used = PREFIX_BYTES + length;
    match rest.get(..length) {
        // Tolerated, since published clients do so, too.
        Some([]) => Ok(Step::Frame { used, event: None }),
        Some(frame) => Ok(message(used, frame)),
        None => Ok(Step::Need(used)),
    }
}

fn bare(input: &[u8]) -> Result<Step<'_>, Violation> {
    let needed = Frame::needed(input).map_err(|_| Violation {
        code: 1002,
        reason: "a frame must begin with 0x53; the stream cannot be understood from here on",
    })?;
    // Four bytes tell the length.
    let needed = needed.unwrap_or(PREFIX_BYTES);
    Ok(input.get(..needed).map_or(Step::Need(needed), |frame| message(needed, frame)))
}

fn message(used: usize, bytes: &[u8]) -> Step<'_> {
    Step::Frame { used, event: Some(Event::Message(Cow::Borrowed(bytes))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages in `input` when it comes in pieces of `size` bytes.
    fn cut(cutter: &mut Cutter, input: &[u8], size: usize) -> Result<Vec<Vec<u8>>, Violation> {
        let (mut held, mut messages) = (Vec::new(), Vec::new());
        for piece in input.chunks(size) {
            held.extend_from_slice(piece);
            while !held.is_empty() {
                let bytes = held.len();
                match cutter.next(&mut held)? {
                    Step::Need(needed) => {
                        assert!(needed > bytes, "{needed} bytes are lacking");
                        break;
                    }
                    Step::Frame { used, event } => {
                        if let Some(Event::Message(message)) = event {
                            messages.push(message.into_owned());
                        }
                        held.drain(..used);
                    }
                }
            }
        }
        assert!(held.is_empty(), "everything is whole");
        Ok(messages)
    }

    #[test]
    fn prefixed_frames_come_out_however_they_are_cut() {
        let input = b"\0\0\0\x05\x53\x01\0\x01A\0\0\0\0\0\0\0\x06\x53\x01\0\x02BC";
        for size in 1..=input.len() {
            let messages = cut(&mut Cutter::Prefixed, input, size).unwrap();
            assert_eq!(messages, [&b"\x53\x01\0\x01A"[..], b"\x53\x01\0\x02BC"], "{size}");
        }
    }

    #[test]
    fn bare_frames_come_out_however_they_are_cut() {
        let input = b"\x53\x01\0\x01A\x53\x21\0\x02\0\0\0\0\0\0\0\x07BC";
        for size in 1..=input.len() {
            let messages = cut(&mut Cutter::Bare, input, size).unwrap();
            assert_eq!(messages, [&input[..5], &input[5..]], "{size}");
        }
    }

    #[test]
    fn the_largest_frame_is_allowed_and_no_larger_one() {
        let mut input = (FRAME_BYTES_MAX as u32).to_be_bytes().to_vec();
        assert_eq!(Cutter::Prefixed.next(&mut input), Ok(Step::Need(4 + 65_547)));
        input.resize(4 + FRAME_BYTES_MAX, 7);
        assert_eq!(cut(&mut Cutter::Prefixed, &input, 50_000).unwrap()[0].len(), 65_547);
        let mut input = (FRAME_BYTES_MAX as u32 + 1).to_be_bytes();
        assert_eq!(Cutter::Prefixed.next(&mut input).unwrap_err().code, 1009);
    }

    #[test]
    fn bare_bytes_that_begin_no_frame_are_a_violation() {
        assert_eq!(Cutter::Bare.next(&mut [0x47]).unwrap_err().code, 1002);
    }
}
