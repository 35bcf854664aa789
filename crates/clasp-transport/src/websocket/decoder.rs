//! State machine from a client's bytes to messages and control frames.

use std::borrow::Cow;

use tungstenite::protocol::frame::coding::CloseCode;

use super::Violation;
use super::header::{self, Lead, Opcode};
use super::mask::unmask;

/// Something a client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole binary message, borrowed from the input unless it came in fragments.
    Message(Cow<'a, [u8]>),
    /// A Ping with its payload, to be sent back in a Pong.
    Ping(&'a [u8]),
    /// A Pong.
    Pong,
    /// A Close with its code, if it carried one.
    Close(Option<u16>),
}

/// Result of looking at the start of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing can be told before the input holds so many bytes.
    Need(usize),
    /// One frame is read; there is no event for text and for fragments before the last.
    Frame {
        /// Bytes of the input that are done with.
        used: usize,
        /// What the frame completed.
        event: Option<Event<'a>>,
    },
}

/// Reader of one client's frames. Owns memory only while a fragmented message is incomplete.
#[derive(Debug)]
pub struct Decoder {
    message_bytes_max: usize,
    fragments: Fragments,
}

#[derive(Debug)]
enum Fragments {
    None,
    /// Binary message so far.
    Binary(Vec<u8>),
    /// Bytes of a text message so far; text carries no CLASP frames and is thrown away.
    Text(usize),
}

impl Fragments {
    fn bytes(&self) -> usize {
        match self {
            Fragments::None => 0,
            Fragments::Binary(message) => message.len(),
            Fragments::Text(bytes) => *bytes,
        }
    }
}

impl Decoder {
    /// Reader that refuses messages of more than `message_bytes_max` bytes.
    pub fn new(message_bytes_max: usize) -> Decoder {
        Decoder { message_bytes_max, fragments: Fragments::None }
    }

    /// Reads the frame at the start of `input`, unmasking it in place once it is whole.
    ///
    /// Violations are found as early as the bytes allow; after one nothing more can be read.
    pub fn next<'a>(&mut self, input: &'a mut [u8]) -> Result<Step<'a>, Violation> {
        let [first, second, ..] = *input else {
            return Ok(Step::Need(2));
        };
        let lead = Lead::parse(first, second)?;
        self.check_sequence(lead)?;
        let header_bytes = lead.header_bytes();
        if input.len() < header_bytes {
            return Ok(Step::Need(header_bytes));
        }
        let (head, rest) = input.split_at_mut(header_bytes);
        let payload_bytes = self.check_length(lead, lead.payload_bytes(head)?)?;
        let used = header_bytes + payload_bytes;
        let Some(payload) = rest.get_mut(..payload_bytes) else {
            return Ok(Step::Need(used));
        };
        unmask(payload, header::key(head));
        let event = if lead.opcode.is_control() {
            Some(control(lead.opcode, payload)?)
        } else {
            self.data(lead, payload).map(Event::Message)
        };
        Ok(Step::Frame { used, event })
    }

    fn check_sequence(&self, lead: Lead) -> Result<(), Violation> {
        let open = !matches!(self.fragments, Fragments::None);
        match lead.opcode {
            Opcode::Continuation if !open => {
                Err(Violation::protocol("a continuation frame continues nothing"))
            }
            Opcode::Text | Opcode::Binary if open => {
                Err(Violation::protocol("a message begins inside a fragmented one"))
            }
            _ => Ok(()),
        }
    }

    fn check_length(&self, lead: Lead, payload_bytes: u64) -> Result<usize, Violation> {
        let room = self.message_bytes_max.saturating_sub(self.fragments.bytes());
        match usize::try_from(payload_bytes) {
            Ok(bytes) if lead.opcode.is_control() || bytes <= room => Ok(bytes),
            _ => Err(Violation { code: 1009, reason: "message too big" }),
        }
    }

    /// The message this frame completes, if it is a binary one.
    fn data<'a>(&mut self, lead: Lead, payload: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if lead.fin && lead.opcode == Opcode::Binary {
            return Some(Cow::Borrowed(payload));
        }
        match (&mut self.fragments, lead.opcode) {
            (Fragments::Binary(message), _) => message.extend_from_slice(payload),
            (Fragments::Text(bytes), _) => *bytes += payload.len(),
            (none, Opcode::Binary) => *none = Fragments::Binary(payload.to_vec()),
            (none, _) => *none = Fragments::Text(payload.len()),
        }
        if !lead.fin {
            return None;
        }
        match std::mem::replace(&mut self.fragments, Fragments::None) {
            Fragments::Binary(message) => Some(Cow::Owned(message)),
            Fragments::None | Fragments::Text(_) => None,
        }
    }
}

fn control(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, Violation> {
    match opcode {
        Opcode::Ping => Ok(Event::Ping(payload)),
        Opcode::Close => close(payload).map(Event::Close),
        _ => Ok(Event::Pong),
    }
}

fn close(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return match payload {
            [] => Ok(None),
            _ => Err(Violation::protocol("half a close code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !CloseCode::from(code).is_allowed() {
        return Err(Violation::protocol("this close code must not be sent"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation { code: 1007, reason: "the close reason is not UTF-8" });
    }
    Ok(Some(code))
}
