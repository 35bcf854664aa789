//! The WebSocket door over real sockets, with the real router behind it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admission;
mod bind;
mod closing;
mod crowd;
mod dialect;
mod drain;
mod framed;
mod lasting;
mod liveness;
mod messages;
mod origin;
mod plain_http;
mod slow;
mod socket;
mod support;
mod upgrade;
mod wire;
