//! What can be wrong with bytes to decode and with messages to encode.

use std::fmt;

use crate::message::MessageType;

/// Why a payload is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError {
    /// The innermost message that was being read, once its type is known.
    pub message: Option<MessageType>,
    /// What is wrong with it.
    pub problem: DecodeProblem,
}

/// What is wrong with a payload. Texts name the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeProblem {
    /// There is no byte at all.
    #[error("the payload is empty")]
    Empty,
    /// No message has this binary code.
    #[error("message type 0x{0:02x} is unknown")]
    MessageType(u8),
    /// No message has the name that the MessagePack map gives as its type.
    #[error("the message name in `type` is unknown")]
    MessageName,
    /// The bytes end inside the field.
    #[error("the bytes end inside {0}")]
    Truncated(&'static str),
    /// More entries are announced than the bytes left could hold.
    #[error("{0} announces more entries than there are bytes")]
    Count(&'static str),
    /// The text is not UTF-8.
    #[error("{0} is not UTF-8")]
    Utf8(&'static str),
    /// No value type has this code.
    #[error("value type 0x{0:02x} is unknown")]
    ValueType(u8),
    /// No federation step has this code.
    #[error("federation op {0} is unknown")]
    FederationOp(u8),
    /// Arrays, maps and bundles nest too deep.
    #[error("arrays, maps and bundles nest too deep")]
    Depth,
    /// A MessagePack field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A MessagePack field is there twice.
    #[error("{0} is given twice")]
    Duplicate(&'static str),
    /// A MessagePack field has the wrong type, or its number does not fit.
    #[error("{0} has the wrong type or is out of range")]
    Kind(&'static str),
    /// A MessagePack field holds a name that is not one of the known ones.
    #[error("{0} holds an unknown name")]
    Name(&'static str),
    /// A MessagePack value needs more than 65,535 bytes in binary.
    #[error("{0} is larger than 65535 bytes")]
    Size(&'static str),
}

impl DecodeError {
    pub(crate) fn within(message: MessageType, problem: DecodeProblem) -> DecodeError {
        DecodeError { message: Some(message), problem }
    }
}

impl From<DecodeProblem> for DecodeError {
    fn from(problem: DecodeProblem) -> DecodeError {
        DecodeError { message: None, problem }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            Some(message) => write!(f, "{}: {}", message.name(), self.problem),
            None => self.problem.fmt(f),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Why a message or value has no encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A string or byte string is longer than a 16-bit length can say.
    #[error("{field} has {bytes} bytes, 65535 are possible")]
    TextTooLong {
        /// Which one.
        field: &'static str,
        /// Its bytes.
        bytes: usize,
    },
    /// A list is longer than a 16-bit count can say.
    #[error("{field} has {count} entries, 65535 are possible")]
    TooManyEntries {
        /// Which one.
        field: &'static str,
        /// Its entries.
        count: usize,
    },
    /// The payload does not fit a frame.
    #[error("the payload has {bytes} bytes, {bytes_max} are possible")]
    PayloadTooLarge {
        /// Its bytes.
        bytes: usize,
        /// What fits.
        bytes_max: usize,
    },
    /// A frame needs at least one byte of payload.
    #[error("the payload is empty")]
    PayloadEmpty,
    /// Arrays, maps or bundles nest deeper than decoders accept.
    #[error("arrays, maps or bundles nest too deep")]
    TooDeep,
}
