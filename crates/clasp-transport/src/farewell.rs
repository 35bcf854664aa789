//! Why a connection ends, for wires that have no Close frame: a last ERROR.

use clasp_protocol::message::ErrorMessage;
use clasp_protocol::{ErrorCode, Message, Qos, codec};
use clasp_router::{Close, Framing};

/// WebSocket's code for an end that is nobody's fault.
const NORMAL: u16 = 1000;

/// Appends an ERROR that says what `close` says, unless one has or nobody needs to know.
pub(crate) fn append(close: &Close, framing: Framing, out: &mut Vec<u8>) {
    if close.told || close.code == NORMAL {
        return;
    }
    let error = Message::Error(ErrorMessage {
        code: error_code(close.code).code(),
        message: (&*close.reason).into(),
        address: None,
        correlation: None,
    });
    let mut frame = Vec::new();
    if codec::encode(&error, Qos::Fire, &mut frame).is_ok() {
        if framing == Framing::LengthPrefixed {
            out.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        }
        out.extend_from_slice(&frame);
    }
}

/// CLASP's nearest word for a WebSocket close code.
fn error_code(close_code: u16) -> ErrorCode {
    match close_code {
        1001 => ErrorCode::ServiceUnavailable,
        1002 | 1009 => ErrorCode::InvalidFrame,
        1008 => ErrorCode::Rejected,
        1013 => ErrorCode::Overloaded,
        _ => ErrorCode::InternalError,
    }
}
