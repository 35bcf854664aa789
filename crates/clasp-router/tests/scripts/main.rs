//! Scripts of who sends and who sees, one file per theme, against the rules of routing.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod bundle;
mod capacity;
mod conflict;
mod expiry;
mod gesture;
mod handshake;
mod locks;
mod outbox;
mod pace;
mod publish;
mod replay;
mod schedule;
mod set;
mod snapshot;
mod subscribe;
