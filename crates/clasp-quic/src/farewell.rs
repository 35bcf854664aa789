//! Codes by which a connection is closed (adapters.md 3).

use clasp_router::Close;
use quinn::VarInt;

/// As either side wanted it.
pub(crate) const OK: VarInt = VarInt::from_u32(0);
/// The peer broke the protocol.
pub(crate) const PROTOCOL: VarInt = VarInt::from_u32(1);
/// The peer may not be here.
const AUTH: VarInt = VarInt::from_u32(2);
/// There is no room for the peer, or it reads too slowly.
pub(crate) const OVERLOAD: VarInt = VarInt::from_u32(3);
/// The relay ends.
pub(crate) const SHUTDOWN: VarInt = VarInt::from_u32(4);

/// The code for a close in the words of WebSocket.
pub(crate) fn code(close: &Close) -> VarInt {
    match close.code {
        1000 => OK,
        1001 => SHUTDOWN,
        1008 => AUTH,
        1013 => OVERLOAD,
        _ => PROTOCOL,
    }
}
