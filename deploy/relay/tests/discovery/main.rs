//! Tests of how strangers find the relay and what they may browse, from outside and on this machine
//! alone: real processes, real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broadcast;
#[path = "../blackbox/client.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod client;
mod directory;
#[path = "../blackbox/http.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod http;
mod listed;
mod oscquery;
mod oscquery_changes;
mod oscquery_scopes;
#[path = "../blackbox/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
