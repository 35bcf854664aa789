//! The head of a client's frame. Own code because the library's parser reads through a cursor,
//! logs every step and leaves control frames, masking and length limits to its caller.

use super::Violation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Result<Opcode, Violation> {
        Ok(match bits {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err(Violation::protocol("unknown WebSocket opcode")),
        })
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// What the first two bytes of a frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lead {
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    length: u8,
}

impl Lead {
    pub(super) fn parse(first: u8, second: u8) -> Result<Lead, Violation> {
        if first & 0x70 != 0 {
            return Err(Violation::protocol("reserved WebSocket bits are set"));
        }
        let lead = Lead {
            fin: first & 0x80 != 0,
            opcode: Opcode::from_bits(first & 0x0f)?,
            length: second & 0x7f,
        };
        if second & 0x80 == 0 {
            return Err(Violation::protocol("frames of a client must be masked"));
        }
        if lead.opcode.is_control() && !lead.fin {
            return Err(Violation::protocol("control frames must not be fragmented"));
        }
        if lead.opcode.is_control() && lead.length > 125 {
            return Err(Violation::protocol("control frames carry at most 125 bytes"));
        }
        Ok(lead)
    }

    /// Bytes of the whole header, the masking key included.
    pub(super) fn header_bytes(self) -> usize {
        match self.length {
            126 => 8,
            127 => 14,
            _ => 6,
        }
    }

    /// Announced payload bytes; `header` holds [`Self::header_bytes`] bytes.
    pub(super) fn payload_bytes(self, header: &[u8]) -> Result<u64, Violation> {
        let extended = &header[2..header.len() - 4];
        let length = match self.length {
            126 | 127 => extended.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
            short => u64::from(short),
        };
        if length >> 63 != 0 {
            return Err(Violation::protocol("the top bit of a 64-bit length must be 0"));
        }
        Ok(length)
    }
}

/// The masking key at the end of a header.
pub(super) fn key(header: &[u8]) -> [u8; 4] {
    let (_, key) = header.split_last_chunk::<4>().expect("a header ends in its key");
    *key
}
