//! Payloads in MessagePack, as early clients and some bundles use them (spec: wire.md section 8).

mod fields;
mod input;
mod output;
mod read;
mod read_signal;
mod value;
mod write;
mod write_signal;

use super::error::{DecodeError, EncodeError};
use crate::message::Message;
use input::Input;

/// Reads a MessagePack payload; bytes after the map are ignored.
pub(super) fn decode(payload: &[u8]) -> Result<Message<'_>, DecodeError> {
    read::message(&mut Input::new(payload), 0)
}

/// Appends a MessagePack payload.
pub(super) fn encode(message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut output = output::Output::new(std::mem::take(out));
    let written = write::message(message, 0, &mut output);
    let too_deep = output.too_deep;
    *out = output.into_bytes();
    if too_deep { Err(EncodeError::TooDeep) } else { written }
}
