//! Tests of MQTT from outside: the executable, mosquitto's clients, and bytes that no client sends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
#[path = "../tls/authority.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod authority;
#[path = "../blackbox/client.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod client;
mod clients;
mod encrypted;
#[path = "../storage/folder.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod folder;
mod hostile;
mod options;
mod restart;
#[path = "../blackbox/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;
mod tools;
