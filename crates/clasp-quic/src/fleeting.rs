//! Which frames may travel as datagrams: those whose loss the next one makes good.

use clasp_protocol::message::{Phase, SignalType};
use clasp_protocol::{Frame, Message, Qos, codec};

/// Type code of PUBLISH; no other message is fleeting.
const PUBLISH: u8 = 0x20;

/// Whether this frame, and nothing behind it, is a stream's value or a move of a gesture that its
/// sender wants no confirmation for. Start and end of a gesture have to arrive, and in order.
pub(crate) fn is_fleeting(bytes: &[u8]) -> bool {
    let Ok(frame) = Frame::parse(bytes) else { return false };
    if frame.len != bytes.len() || frame.qos != Qos::Fire || frame.payload[0] != PUBLISH {
        return false;
    }
    let Ok(Message::Publish(publish)) = codec::decode(frame.payload) else { return false };
    match publish.signal {
        Some(SignalType::Stream) => true,
        Some(SignalType::Gesture) => publish.phase == Some(Phase::Move),
        _ => false,
    }
}
