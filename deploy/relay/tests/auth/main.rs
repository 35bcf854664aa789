//! Tests of accounts and tokens from outside: the executable, its files, HTTP and sessions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod attacks;
#[path = "../tls/authority.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod authority;
mod chat;
#[path = "../blackbox/client.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod client;
mod files;
#[path = "../storage/folder.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod folder;
mod guide;
mod hostile;
mod operator;
mod options;
mod secrets;
mod sessions;
#[path = "../blackbox/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
