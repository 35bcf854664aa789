//! The door's suite over TLS, and what only TLS can go wrong in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod records;
mod socket;

#[path = "../door/closing.rs"]
mod closing;
#[path = "../door/crowd.rs"]
mod crowd;
#[path = "../door/dialect.rs"]
mod dialect;
#[path = "../door/drain.rs"]
mod drain;
#[path = "../door/framed.rs"]
mod framed;
#[path = "../door/liveness.rs"]
mod liveness;
#[path = "../door/messages.rs"]
mod messages;
#[path = "../door/plain_http.rs"]
mod plain_http;
#[path = "../door/slow.rs"]
mod slow;
#[path = "../door/support.rs"]
mod support;
#[path = "../door/upgrade.rs"]
mod upgrade;
#[path = "../door/wire.rs"]
mod wire;
