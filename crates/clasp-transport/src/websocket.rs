//! WebSocket frames as a server reads and writes them (RFC 6455), without any I/O.

mod decoder;
mod encode;
mod header;
mod mask;

pub use decoder::{Decoder, Event, Step};
pub use encode::{append_close, append_close_reply, append_ping, append_pong, wrap_in_message};

/// A peer broke the protocol; code and reason go into the Close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// WebSocket close code.
    pub code: u16,
    /// For the person who wrote the client.
    pub reason: &'static str,
}

impl Violation {
    const fn protocol(reason: &'static str) -> Violation {
        Violation { code: 1002, reason }
    }
}
