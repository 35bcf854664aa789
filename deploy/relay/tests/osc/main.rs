//! Tests of the OSC door from outside: the executable, datagrams, streams, and liblo's tools.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
#[path = "../blackbox/client.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod client;
mod datagrams;
mod events;
#[path = "../storage/folder.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod folder;
mod hostile;
mod liblo;
mod peer;
mod streams;
#[path = "../blackbox/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
