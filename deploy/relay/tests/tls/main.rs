//! Tests of the executable's TLS from outside: real processes, real files, curl and openssl.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod authority;
mod client;
mod guide;
#[path = "../blackbox/http.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod http;
mod mistakes;
mod ports;
mod quic;
mod reload;
#[path = "../blackbox/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
mod tcp;
mod trust;
