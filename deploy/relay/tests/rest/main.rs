//! Params, events and subscriptions over plain HTTP: the executable, HTTP by hand, and WebSocket
//! clients beside it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
#[path = "../auth/api.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod api;
mod bounds;
#[path = "../blackbox/client.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod client;
#[path = "../storage/folder.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod folder;
mod guide;
mod hostile;
mod params;
mod ports;
mod resume;
mod stream;
#[path = "../blackbox/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
mod web;
mod writing;
