//! Scripts of who sends and who sees, one file per theme, against the rules of routing.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod announce;
mod bundle;
mod capacity;
mod conflict;
mod durability;
mod expiry;
mod gate;
mod gesture;
mod handshake;
mod legacy;
mod limits;
mod locks;
mod observation;
mod ordering;
mod outbox;
mod p2p;
mod pace;
mod persistence;
mod policy;
mod publish;
mod replay;
mod schedule;
mod scopes;
mod set;
mod slow_consumers;
mod snapshot;
mod subscribe;
