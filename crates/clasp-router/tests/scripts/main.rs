//! Scripts of who sends and who sees, one file per theme, against the rules of routing.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod capacity;
mod conflict;
mod expiry;
mod handshake;
mod locks;
mod pace;
mod set;
mod snapshot;
mod subscribe;
