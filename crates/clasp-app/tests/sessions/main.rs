//! App configs at work in a router, asked through sessions with tokens.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../clasp-router/tests/support/mod.rs"]
mod support;

mod agreement;
mod chat;
mod people;
mod replacing;
mod rules;
