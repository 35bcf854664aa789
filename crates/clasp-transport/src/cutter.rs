//! Where one message of a client ends and the next begins, for every wire over TCP.

use std::borrow::Cow;

use clasp_protocol::stream::{Delimiter, Piece, StreamError};

use crate::websocket::{Decoder, Event, Step, Violation};

/// Takes the bytes of one connection apart.
#[derive(Debug)]
pub(crate) enum Cutter {
    /// WebSocket messages.
    WebSocket(Decoder),
    /// CLASP frames without anything around them.
    Frames(Delimiter),
    /// Nothing is known of them; all there is goes on.
    Whole,
}

impl Cutter {
    /// Reads the message at the start of `input`, which is not empty; see [`Decoder::next`].
    #[inline]
    pub(crate) fn next<'a>(&mut self, input: &'a mut [u8]) -> Result<Step<'a>, Violation> {
        match self {
            Cutter::WebSocket(decoder) => decoder.next(input),
            Cutter::Frames(delimiter) => match delimiter.next(input).map_err(violation)? {
                Piece::Need(needed) => Ok(Step::Need(needed)),
                // Published clients tolerate an empty frame, too.
                Piece::Frame { used, frame: [] } => Ok(Step::Frame { used, event: None }),
                Piece::Frame { used, frame } => Ok(message(used, frame)),
            },
            Cutter::Whole => Ok(message(input.len(), input)),
        }
    }
}

fn message(used: usize, bytes: &[u8]) -> Step<'_> {
    Step::Frame { used, event: Some(Event::Message(Cow::Borrowed(bytes))) }
}

fn violation(error: StreamError) -> Violation {
    let (code, reason) = match error {
        StreamError::TooLong(_) => {
            (1009, "a length prefix announces more than the 65547 bytes of the largest frame")
        }
        StreamError::NoFrame(_) => {
            (1002, "a frame must begin with 0x53; the stream cannot be understood from here on")
        }
    };
    Violation { code, reason }
}
