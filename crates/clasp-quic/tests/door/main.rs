//! The QUIC door over real sockets, with the real router behind it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod datagrams;
mod ending;
mod handshake;
mod messages;
mod support;
#[path = "../../../clasp-transport/tests/door/wire.rs"]
mod wire;
